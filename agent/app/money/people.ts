/** What those with whom the phone deals call themselves. A name is whatever its bearer likes: never proof. */
import { text, utf8 } from "../../../protocols/encoding/bytes.ts";
import type { Card } from "../../../protocols/identity/card.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import type { Kept } from "./kept.ts";

/** Of an agent, and of the account of its owner. */
export type Person = Pick<Card, "identity" | "root" | "name">;

const MOST = 1_000;

export class People {
  readonly #kept: Kept;
  readonly #known: () => ReadonlyMap<string, Card>;

  /** `known`: cards that are kept elsewhere, by id. */
  constructor(kept: Kept, known: () => ReadonlyMap<string, Card>) {
    this.#kept = kept;
    this.#known = known;
  }

  /** Remembers the name on a verified card. */
  met({ identity, root, name }: Person): void {
    for (const id of [agentId(identity), agentId(root)]) {
      const before = this.#kept.get(id);
      if (before === undefined && this.#kept.keys("").length >= MOST) return;
      if (before === undefined || text(before) !== name) this.#kept.set(id, utf8(name));
    }
  }

  /** Of an agent or an account; undefined where nobody has shown a card. */
  nameOf(id: string): string | undefined {
    const known = this.#known();
    const card = known.get(id) ?? [...known.values()].find(({ root }) => agentId(root) === id);
    if (card !== undefined) return card.name;
    const kept = this.#kept.get(id);
    return kept && text(kept);
  }

  all(): ReadonlyMap<string, Person> {
    return this.#known();
  }
}
