/** A running lock's word on what it is offered: it signs its owners' rentals, and says what it leaves. */
import type { Negotiator } from "../core/negotiator.ts";
import { whyUnsigned } from "../platform/rental-consent.ts";
import type { AgentId, Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { contractName } from "./contracts-run.ts";

export interface LockSignerParts {
  crypto: Crypto;
  self: AgentId;
  negotiator: Pick<Negotiator, "all" | "statusOf" | "sign">;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

export class LockSigner {
  readonly #parts: LockSignerParts;
  /** By contract: what was known when it was judged. */
  #judged = new Map<string, string>();
  readonly #said = new Map<string, string>();

  constructor(parts: LockSignerParts) {
    this.#parts = parts;
  }

  /** Signs what may be signed now; may be asked as often as one likes. Errors: store-failed. */
  look(owners: readonly AgentId[]): void {
    const { negotiator } = this.#parts;
    const waiting = [...negotiator.all].filter(([, one]) => negotiator.statusOf(one) === "waits-for-you");
    const judged = new Map<string, string>();
    for (const [id, one] of waiting) {
      const known = [...one.signatures.keys(), "", ...owners].join();
      judged.set(id, known);
      if (this.#judged.get(id) !== known) this.#judge(one, owners);
    }
    this.#judged = judged;
    for (const id of this.#said.keys()) if (!judged.has(id)) this.#said.delete(id);
  }

  #judge(one: Negotiation, owners: readonly AgentId[]): void {
    const { crypto, self, negotiator } = this.#parts;
    const reason = whyUnsigned(crypto, one, self, owners);
    if (reason !== undefined) return this.#say(one, `left unsigned: ${reason}`);
    try {
      negotiator.sign(one.termsId, false);
      this.#say(one, "the lock has signed it, as its owner has");
    } catch (error) {
      const code = errorCode(error);
      if (code === "store-failed" || code === "internal") throw error;
      this.#say(one, `left unsigned: ${(error as Error).message} [${code}]`);
    }
  }

  #say(one: Negotiation, text: string): void {
    const id = toHex(one.termsId);
    if (this.#said.get(id) === text) return;
    this.#said.set(id, text);
    this.#parts.say(`${contractName(one)}: ${text}`);
  }
}
