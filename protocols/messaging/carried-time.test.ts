/** Notaries' words on the time, carried by a third: how many count, and which do not. */
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import type { NetworkDescription } from "../ledger/network.ts";
import { carriedNonce, carriedTime, signTimeStatement } from "./carried-time.ts";

const signer = (seed: number) => signerFromSeed(crypto, new Uint8Array(32).fill(seed));
const TERMS = [1, 2, 3, 4].map(signer);
const NETWORK: NetworkDescription = {
  ...{ version: 1, network: "village", zone: "main", term: 1, sealKey: "A".repeat(43) },
  notaries: TERMS.map(({ publicKey }, at) => ({
    id: agentId(signer(at + 11).publicKey),
    termKey: agentId(publicKey),
  })),
};
const NONCE = carriedNonce(crypto, new Uint8Array(32).fill(9));
const states = (at: number, timeMs: number, nonce = NONCE, network = "village"): Uint8Array =>
  signTimeStatement(TERMS[at]!, network, { nonce, timeMs });

describe("the time that somebody carries", () => {
  it("is the median of three of four, whatever the fourth says", () => {
    const honest = [states(0, 1_000), states(1, 1_010), states(2, 1_020)];
    expect(carriedTime(crypto, NETWORK, NONCE, honest)).toBe(1_010);
    const lied = [states(3, 9_999_999), ...honest];
    expect(carriedTime(crypto, NETWORK, NONCE, lied)).toBeLessThanOrEqual(1_020);
    expect(carriedTime(crypto, NETWORK, NONCE, lied)).toBeGreaterThanOrEqual(1_000);
  });

  it("needs three notaries: the first word of each, with this nonce and of this network", () => {
    const two = [states(0, 1_000), states(1, 1_010)];
    const other = carriedNonce(crypto, new Uint8Array(32).fill(8));
    const stranger = signTimeStatement(signer(77), "village", { nonce: NONCE, timeMs: 1_000 });
    for (const third of [states(1, 5), states(2, 1_000, other), states(2, 1_000, NONCE, "town"), stranger])
      expect(carriedTime(crypto, NETWORK, NONCE, [...two, third])).toBeUndefined();
    expect(carriedTime(crypto, NETWORK, NONCE, [...two, states(2, 1_005)])).toBe(1_005);
  });

  it("takes nothing that was changed, and never fails", () => {
    const bytes = states(2, 1_005);
    const two = [states(0, 1_000), states(1, 1_010)];
    const flips = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(flips, ([at, by]) => {
        const changed = bytes.slice();
        changed[at]! ^= by;
        expect(carriedTime(crypto, NETWORK, NONCE, [...two, changed])).toBeUndefined();
      }),
    );
  });
});
