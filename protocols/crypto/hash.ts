/** Hashes with a label for their purpose. */
import { concat, utf8 } from "../encoding/bytes.ts";
import { HASH_LABELS } from "../labels.ts";
import type { HashLabel } from "../labels.ts";
import type { Crypto } from "../ports.ts";

const prefixes = new Map<HashLabel, Uint8Array>();

/**
 * SHA-256 of the label's text, a zero byte and the parts, 32 bytes. The parts are
 * joined as they are: at most one of them may vary in length.
 */
export function labelledHash(crypto: Crypto, label: HashLabel, ...parts: Uint8Array[]): Uint8Array {
  let prefix = prefixes.get(label);
  if (prefix === undefined) {
    prefix = concat(utf8(HASH_LABELS[label]), Uint8Array.of(0));
    prefixes.set(label, prefix);
  }
  return crypto.sha256(prefix, ...parts);
}
