/** What tests of negotiations share: a store in memory, which lives on when its agent has died. */
import type { NegotiationStore } from "../../agent/core/negotiator.ts";
import type { Negotiation, Negotiations } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";

export class MemoryContracts implements NegotiationStore {
  readonly kept = new Map<string, Negotiation>();
  readonly settled = new Set<string>();

  load(): Negotiations {
    const live = [...this.kept].filter(([id]) => !this.settled.has(id));
    return new Map(live.map(([id, one]) => [id, { ...one, heldBy: new Map() }]));
  }

  read(id: string): Negotiation | undefined {
    return this.settled.has(id) ? undefined : this.kept.get(id);
  }

  save(one: Negotiation): void {
    this.kept.set(toHex(one.termsId), one);
  }

  /** What is saved replaces all that was. */
  withdrawDeposit(): void {}

  forget(id: Uint8Array): void {
    this.kept.delete(toHex(id));
  }

  settle(id: Uint8Array): void {
    this.settled.add(toHex(id));
  }

  isSettled(id: Uint8Array): boolean {
    return this.settled.has(toHex(id));
  }

  changed(): string[] {
    return [];
  }
}
