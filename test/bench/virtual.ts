/** Deliveries in virtual time, real signatures included, beside the signatures and key agreements alone. */
import { nodeCrypto } from "../../agent/node/crypto.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { Worlds, HONEST } from "../../simulators/worlds/virtual/runs.ts";
import type { Bench } from "./harness.ts";
import { barePrimitives, sumMs } from "./primitives.ts";

const RUNS = 20;
/** V8 compiles 740 functions in the first hundred deliveries, 200 in the second, 100 in the fourth. */
const WARM_UPS = 20;
const MINUTE_MS = 60_000;

/** How often one delivery really asks for each: what several agents ask alike is computed once. */
interface Calls {
  sign: number;
  verify: number;
  agree: number;
  makeKey: number;
  hmac: number;
}

function counting(calls: Calls): Crypto {
  const count =
    <Args extends Uint8Array[], Result>(name: keyof Calls, work: (...args: Args) => Result) =>
    (...args: Args): Result => {
      calls[name] += 1;
      return work(...args);
    };
  return {
    ...nodeCrypto,
    ed25519Sign: count("sign", (seed, message) => nodeCrypto.ed25519Sign(seed, message)),
    ed25519Verify: count("verify", (key, message, signature) =>
      nodeCrypto.ed25519Verify(key, message, signature),
    ),
    x25519: count("agree", (secret, publicKey) => nodeCrypto.x25519(secret, publicKey)),
    x25519PublicKey: count("makeKey", (secret) => nodeCrypto.x25519PublicKey(secret)),
    hmacSha256: count("hmac", (key, ...parts) => nodeCrypto.hmacSha256(key, ...parts)),
  };
}

const calls: Calls = { sign: 0, verify: 0, agree: 0, makeKey: 0, hmac: 0 };
let worlds: Worlds | undefined;
let seed = 1;

export const virtualBench: Bench = {
  name: "virtual: deliveries a minute on one core",
  unit: "deliveries/min",
  better: "more",
  rounds: 5,
  warmUps: WARM_UPS,
  async open() {
    worlds = await Worlds.open(counting(calls));
  },
  async run() {
    for (const name of Object.keys(calls) as (keyof Calls)[]) calls[name] = 0;
    const before = process.cpuUsage();
    for (let run = 0; run < RUNS; run++) {
      await worlds?.run({ seed: (seed += 1), loss: 0, faults: [], temper: HONEST });
    }
    const { user, system } = process.cpuUsage(before);
    return (RUNS * MINUTE_MS) / ((user + system) / 1_000);
  },
  limit: {
    name: "its signatures, key agreements and MACs alone",
    run() {
      const bare = barePrimitives();
      const block = new Uint8Array(64);
      const { sign, verify, agree, makeKey, hmac } = calls;
      const perRunMs =
        sumMs(
          [sign, bare.sign],
          [verify, bare.verify],
          [agree, bare.agree],
          [makeKey, bare.makeKey],
          [hmac, () => bare.hmac(block)],
        ) / RUNS;
      return MINUTE_MS / perRunMs;
    },
  },
};
