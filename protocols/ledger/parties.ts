/** Whom an entry's receipt concerns. */
import { equalBytes } from "../encoding/bytes.ts";
import type { Contract } from "../contract/terms.ts";
import type { Entry } from "./entry.ts";

/** Device keys: of a contract all parties' devices, and the signer unless it is a notary's expiry. */
export function partyKeys(
  entry: Pick<Entry, "signer" | "kind">,
  contract: Contract | undefined,
): Uint8Array[] {
  const keys = (contract?.terms.parties ?? []).map((party) => party.identity);
  const known = entry.kind === "expire" || keys.some((key) => equalBytes(key, entry.signer));
  return known ? keys : [entry.signer, ...keys];
}
