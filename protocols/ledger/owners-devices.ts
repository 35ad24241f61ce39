/** Which devices were ever registered for each root: an owner who has lost one wants to see them all. */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { Draft } from "./draft.ts";
import type { EntryResult } from "./result.ts";
import type { StateReader } from "./state.ts";

/** A device of a root; the times are those of its card, ms. */
export interface OwnersDevice {
  identity: Uint8Array;
  notBefore: number;
  notAfter: number;
  isRevoked: boolean;
}

/** Of each root, so many are kept at hand, because they are looked for again and again. */
const MAX_NEWEST = 16;

export class OwnersDevices {
  /** By root in hex, then by identity in hex. */
  readonly #identities = new Map<string, Map<string, Uint8Array>>();
  /** By root in hex; those whose cards came last. */
  readonly #newest = new Map<string, Uint8Array[]>();

  note(result: EntryResult): void {
    if (result.kind !== "card") return;
    const root = toHex(result.root);
    const known = this.#identities.get(root);
    if (known === undefined) this.#identities.set(root, new Map([[toHex(result.identity), result.identity]]));
    else known.set(toHex(result.identity), result.identity);
    const others = this.#newest.get(root)?.filter((identity) => !equalBytes(identity, result.identity)) ?? [];
    this.#newest.set(root, [...others, result.identity].slice(-MAX_NEWEST));
  }

  /** Identities of the devices that came last and are the root's at this state, without revoked ones. */
  newest(root: Uint8Array, state: StateReader): Uint8Array[] {
    const draft = new Draft(state, 0);
    return (this.#newest.get(toHex(root)) ?? []).filter((identity) => {
      const device = draft.device(identity);
      return device !== undefined && !device.isRevoked && equalBytes(device.root, root);
    });
  }

  /** Those that are the root's at this state, revoked ones too, in the order of their coming. */
  of(root: Uint8Array, state: StateReader): OwnersDevice[] {
    const draft = new Draft(state, 0);
    const rootHex = toHex(root);
    return [...(this.#identities.get(rootHex)?.values() ?? [])].flatMap((identity) => {
      const device = draft.device(identity);
      // It may have moved to another root since.
      if (device === undefined || toHex(device.root) !== rootHex) return [];
      const { notBefore, notAfter, isRevoked } = device;
      return [{ identity, notBefore, notAfter, isRevoked }];
    });
  }
}
