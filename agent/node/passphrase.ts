/** Bytes sealed with a passphrase, on Node's own scrypt. The format: agent/platform/passphrase.ts. */
import { scrypt } from "node:crypto";
import { SegmentError } from "../../protocols/errors.ts";
import type { KeyLabel } from "../../protocols/labels.ts";
import { open, seal } from "../platform/passphrase.ts";
import type { SealedBox, SealParts } from "../platform/passphrase.ts";
import { nodeCrypto, nodeRandom } from "./crypto.ts";

export { readSealed, SEALED } from "../platform/passphrase.ts";
export type { SealedBox } from "../platform/passphrase.ts";

const PARTS: SealParts = {
  crypto: nodeCrypto,
  random: nodeRandom,
  scrypt: (passphrase, salt, { log2N, r, p }, maxmem) =>
    new Promise((resolve, reject) => {
      scrypt(passphrase, salt, 32, { N: 2 ** log2N, r, p, maxmem }, (error, key) => {
        if (error === null) resolve(key);
        else reject(new SegmentError("internal", "scrypt failed", { cause: error }));
      });
    }),
};

/** Throws `option-invalid` for an empty passphrase. */
export function sealWithPassphrase(
  label: KeyLabel,
  plain: Uint8Array,
  passphrase: string,
): Promise<Uint8Array> {
  return seal(PARTS, label, plain, passphrase);
}

/** Undefined for a wrong passphrase, a wrong label, or a changed byte: nobody can tell which. */
export function openSealed(
  label: KeyLabel,
  box: SealedBox,
  passphrase: string,
): Promise<Uint8Array | undefined> {
  return open(PARTS, label, box, passphrase);
}
