/** The phone's contracts in its store: `<terms id>/<name>`. */
import type { ContractShelf } from "../../platform/contract-store.ts";
import type { Kept } from "./kept.ts";

const ID_LENGTH = 64;

export function keptShelf(kept: Kept): ContractShelf {
  const keyOf = (termsId: string, name: string): string => `${termsId}/${name}`;
  const names = (termsId: string): string[] =>
    kept.keys(`${termsId}/`).map((key) => key.slice(ID_LENGTH + 1));
  return {
    ids: () => [...new Set(kept.keys("").map((key) => key.slice(0, ID_LENGTH)))],
    names,
    read: (termsId, name) => kept.get(keyOf(termsId, name)),
    add: (termsId, name, bytes) => {
      if (kept.get(keyOf(termsId, name)) === undefined) kept.set(keyOf(termsId, name), bytes);
    },
    replace: (termsId, name, bytes) => kept.set(keyOf(termsId, name), bytes),
    remove: (termsId, name) => kept.set(keyOf(termsId, name), undefined),
    drop: (termsId) => {
      for (const name of names(termsId)) kept.set(keyOf(termsId, name), undefined);
    },
  };
}
