/** Fuzz: signatures, seals and ciphers. node:crypto and @noble must agree on every mutated case. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { hpkeOpen, hpkeSeal } from "../../../protocols/crypto/hpke.ts";
import { equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { Aead } from "../../../protocols/ports.ts";
import { ed25519Cases } from "../../compliance/ed25519-cases.ts";
import { seededRandom } from "../../ledger/committee.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";

const random = seededRandom(5);
const seed = random.bytes(32);
const message = utf8("a message");
const honest = {
  publicKey: nodeCrypto.ed25519PublicKey(seed),
  message,
  signature: nodeCrypto.ed25519Sign(seed, message),
};
/** Keys and nonces with torsion parts, of small order, not canonical: mutated they stay near the edges. */
const EDGES = [honest, ...ed25519Cases()];

describe("Ed25519", () => {
  // Half of the signature, the key or the message of one case meets the rest of another.
  const pick = fc.nat(EDGES.length - 1);
  const keys = fc.oneof(
    pick.map((i) => EDGES[i]!.publicKey),
    mutatedBytes(EDGES.map((one) => one.publicKey)),
  );
  const signatures = fc.oneof(
    pick.map((i) => EDGES[i]!.signature),
    mutatedBytes(EDGES.map((one) => one.signature)),
  );
  const mixed = fc.oneof(
    pick.map((i) => EDGES[i]!),
    fc.tuple(pick, keys).map(([i, publicKey]) => ({ ...EDGES[i]!, publicKey })),
    fc.tuple(pick, signatures).map(([i, signature]) => ({ ...EDGES[i]!, signature })),
  );

  fuzz(
    "ed25519Verify says the same on both platforms, and never throws",
    mixed,
    ({ publicKey, message: text, signature }) => {
      const byNode = nodeCrypto.ed25519Verify(publicKey, text, signature);
      const byNoble = portableCrypto.ed25519Verify(publicKey, text, signature);
      must(byNode === byNoble, `node says ${byNode}, noble says ${byNoble}`);
    },
    // @noble takes some two milliseconds.
    { share: 0.1, accepted: 1 },
  );

  fuzz(
    "no mutant of an honest signature verifies",
    fc.tuple(mutatedBytes([honest.publicKey]), mutatedBytes([honest.signature])),
    ([publicKey, signature]) => {
      if (!nodeCrypto.ed25519Verify(publicKey, message, signature)) return;
      mustEqual(signature, honest.signature, "the signature");
      mustEqual(publicKey, honest.publicKey, "the key");
    },
    { accepted: 1 },
  );
});

describe("X25519", () => {
  const edges = [0, 1, 2 ** 255 - 19].map((_, i) =>
    new Uint8Array(32).fill(i === 2 ? 0xff : 0, i === 1 ? 1 : 0),
  );
  const point = nodeCrypto.x25519PublicKey(seed);
  fuzz(
    "x25519 gives or refuses the same on both platforms",
    fc.tuple(mutatedBytes([seed]), mutatedBytes([point, ...edges])),
    ([secret, publicKey]) => {
      const byNode = answerOf(() => nodeCrypto.x25519(secret, publicKey));
      const byNoble = answerOf(() => portableCrypto.x25519(secret, publicKey));
      if (byNode instanceof SegmentError || byNoble instanceof SegmentError) {
        must(byNode instanceof SegmentError && byNoble instanceof SegmentError, "both refuse");
        must(byNode.code === byNoble.code, `${byNode.code} and ${byNoble.code}`);
      } else mustEqual(byNode, byNoble, "the shared secret");
    },
    { share: 0.5, accepted: 1 },
  );
});

function answerOf(compute: () => Uint8Array): Uint8Array | SegmentError {
  try {
    return compute();
  } catch (error) {
    if (error instanceof SegmentError) return error;
    throw error;
  }
}

describe("ciphers", () => {
  const key = random.bytes(32);
  const nonce = random.bytes(12);
  const aad = utf8("aad");
  for (const name of ["chacha20Poly1305", "aes256Gcm"] as const) {
    const sealed = nodeCrypto[name].seal(key, nonce, aad, message);
    fuzz(
      `${name} opens nothing that was changed, on either platform`,
      mutatedBytes([sealed]),
      (input) => {
        const open = (aead: Aead): Uint8Array | undefined => aead.open(key, nonce, aad, input);
        const byNode = open(nodeCrypto[name]);
        const byNoble = open(portableCrypto[name]);
        const isSound = equalBytes(input, sealed);
        must(
          (byNode !== undefined) === isSound && (byNoble !== undefined) === isSound,
          "only what was sealed",
        );
      },
      { accepted: 1 },
    );
  }
});

describe("HPKE", () => {
  const secret = random.bytes(32);
  const info = utf8("info");
  const aad = utf8("aad");
  const sealed = hpkeSeal(nodeCrypto, random, nodeCrypto.x25519PublicKey(secret), info, aad, message);
  fuzz(
    "hpkeOpen opens what was sealed and nothing else",
    mutatedBytes([sealed]),
    (input) => {
      const opened = hpkeOpen(nodeCrypto, secret, info, aad, input);
      mustEqual(opened, message, "the plaintext");
      mustEqual(input, sealed, "the sealed bytes");
    },
    { share: 0.3, accepted: 0.05 },
  );
});
