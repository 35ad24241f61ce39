/** Fuzz behind the signature: payloads are mutated first and signed afterwards. */
import fc from "fast-check";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { sign1 } from "../../../protocols/identity/cose.ts";
import type { SignatureLabel } from "../../../protocols/labels.ts";
import type { Crypto, Signer } from "../../../protocols/ports.ts";
import { fuzz } from "./harness.ts";
import { mutatedInside, resigned } from "./mutate.ts";

/** Believes every signature, so that ten thousand cases cost no ten thousand signatures. */
export const trusting: Crypto = { ...nodeCrypto, ed25519Verify: () => true };

/** Ed25519 gives the same signature for the same bytes (RFC 8032), so it is made once. */
export function rememberingSigner(signer: Signer): Signer {
  const made = new Map<string, Uint8Array>();
  return {
    publicKey: signer.publicKey,
    sign(message) {
      const key = toHex(message);
      const signature = made.get(key) ?? signer.sign(message);
      if (made.size < 4_096) made.set(key, signature);
      return signature.slice();
    },
  };
}

/** Has the key's name and signs nothing: for what is believed, or only compared. */
export function unsigned({ publicKey }: { publicKey: Uint8Array }): Signer {
  return { publicKey, sign: () => new Uint8Array(64) };
}

/** Signed, as far as `trusting` can tell. */
export function asIfSigned(label: SignatureLabel, payload: Uint8Array, signer: Signer): Uint8Array {
  return sign1(label, payload, unsigned(signer));
}

export interface Signed {
  label: SignatureLabel;
  /** What sound messages sign. */
  payloads: readonly Uint8Array[];
  /** Who may sign, and somebody who may not. */
  signers: readonly Signer[];
  /** Opens; may check what it got, e.g. that it encodes to the payload again. */
  open: (crypto: Crypto, bytes: Uint8Array, payload: Uint8Array | undefined) => unknown;
  /** As in FuzzOptions. */
  accepted?: number;
  share?: number;
}

/** Two `it`s: all cases with signatures taken for granted, and one in fifty really signed. */
export function fuzzSigned(name: string, options: Signed): void {
  const { label, payloads, signers, open, accepted = 0.02, share = 1 } = options;
  const inputs = fc.tuple(mutatedInside(payloads), fc.constantFrom(...signers));
  fuzz(
    `${name}: payloads of every kind`,
    inputs,
    ([payload, signer]) => open(trusting, asIfSigned(label, payload, signer), payload),
    { accepted, share },
  );
  fuzz(
    `${name}: payloads of every kind, signed`,
    resigned(label, payloads, signers),
    (bytes) => open(nodeCrypto, bytes, undefined),
    { accepted, share: share / 50 },
  );
}
