/** Whom an entry's receipt concerns. */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import type { Contract } from "../contract/terms.ts";
import type { Entry } from "./entry.ts";
import { jointRule } from "./joint.ts";
import type { OwnersDevices } from "./owners-devices.ts";
import type { EntryResult } from "./result.ts";
import type { StateReader } from "./state.ts";

/** One entry's receipt goes to no more devices than these, besides its signer and a contract's parties. */
const MAX_OWNERS_DEVICES = 128;

/** Device keys: of a contract all parties' devices, and the signer unless it is a notary's expiry. */
export function partyKeys(
  entry: Pick<Entry, "signer" | "kind">,
  contract: Contract | undefined,
): Uint8Array[] {
  const keys = (contract?.terms.parties ?? []).map((party) => party.identity);
  const known = entry.kind === "expire" || keys.some((key) => equalBytes(key, entry.signer));
  return known ? keys : [entry.signer, ...keys];
}

/**
 * Device keys of those whose accounts somebody else has changed by a transfer or an entry of legs, payers
 * first, and of the members of a joint account. Others learn of it from the account's history.
 */
export function ownersKeys(
  result: EntryResult | null,
  devices: OwnersDevices,
  state: StateReader,
): Uint8Array[] {
  if (result?.kind === "joint") return rootsKeys(result.members, devices, state);
  if (result?.kind === "transfer")
    return rootsKeys(jointRule(state, result.to)?.members ?? [result.to], devices, state);
  if (result?.kind !== "legs") return [];
  const legs = result.legs.toSorted((a, b) => Number(a.change > 0n) - Number(b.change > 0n));
  const accounts = new Map(legs.map(({ account }) => [toHex(account), account]));
  const roots = [...accounts.values()].flatMap((account) => jointRule(state, account)?.members ?? [account]);
  return rootsKeys(roots, devices, state);
}

function rootsKeys(roots: Uint8Array[], devices: OwnersDevices, state: StateReader): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (const root of roots) {
    if (keys.size >= MAX_OWNERS_DEVICES) break;
    for (const identity of devices.newest(root, state)) keys.set(toHex(identity), identity);
  }
  return [...keys.values()].slice(0, MAX_OWNERS_DEVICES);
}
