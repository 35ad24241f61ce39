/**
 * Rentals that a phone's owner has signed as the guest: once the notaries have opened one, its keyring takes
 * the stay, so that the contract is the guest's key with nobody doing anything. What the notaries say of it
 * later, while the keyring was not there to hear it, the phone's contracts have heard.
 */
import type { Command } from "../../devices/keyring/commands.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { isFollowed } from "../../devices/keyring/stays.ts";
import { readStay } from "../../protocols/access/stay.ts";
import type { AgentId, Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { RENTAL_TEMPLATE } from "../../protocols/contract/templates/rental.ts";
import { partyOf } from "../../protocols/contract/terms.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { Clock, Crypto } from "../../protocols/ports.ts";
import type { Agent } from "../core/agent.ts";
import type { Negotiator } from "../core/negotiator.ts";

/** The most of a name that a keyring takes. */
const MAX_NAME = 64;

type Rental = Pick<Negotiation, "terms" | "termsBytes" | "isOpened">;

export function isGuest({ terms }: Pick<Rental, "terms">, self: AgentId): boolean {
  const guest = terms.template === RENTAL_TEMPLATE ? partyOf(terms, "guest") : undefined;
  return guest !== undefined && agentId(guest.identity) === self;
}

/**
 * What the keyring's command "stay" takes. `cardOf` gives the signed card of an agent that has shown one.
 * Errors: key-not-holder (another is the guest), contract-not-expected (not opened yet), card-invalid (the
 * lock has not shown its card), terms-invalid.
 */
export function stayCommand(
  rental: Rental,
  self: AgentId,
  cardOf: (id: AgentId) => Uint8Array | undefined,
): Command<"stay"> {
  const { terms, termsBytes, isOpened } = rental;
  if (!isGuest(rental, self))
    throw new SegmentError("key-not-holder", "the contract is no rental in which you are the guest");
  if (!isOpened)
    throw new SegmentError("contract-not-expected", "the notaries have not opened the contract yet");
  const lock = partyOf(terms, "lock");
  if (lock === undefined) throw new SegmentError("terms-invalid", "the rental names no lock");
  const card = cardOf(agentId(lock.identity));
  if (card === undefined)
    throw new SegmentError("card-invalid", "the lock has not shown its card here yet: go online once");
  const place = terms.details.find(([name]) => name === "place")?.[1];
  return { terms: termsBytes, card, name: shortened(typeof place === "string" ? place : "") };
}

/** Whole characters, some of which count as two. */
function shortened(name: string): string {
  return name.length <= MAX_NAME ? name : [...name].slice(0, MAX_NAME / 2).join("");
}

/** What certified last how a contract stands, if that was after the step of this number. */
export type ReceiptAfter = (
  termsId: Uint8Array,
  seq: number,
) => { seq: number; receipt: Uint8Array } | undefined;

type Keyring = Pick<Agent<KeyringState>, "state" | "command">;

/** Hands over what a keyring has missed; `told` holds for each contract what it was handed before. */
export function tellStays(
  keyring: Keyring,
  receiptAfter: ReceiptAfter,
  told = new Map<string, number>(),
): void {
  for (const { termsId, seq } of keyring.state.stays.filter(isFollowed)) {
    const id = toHex(termsId);
    const missed = receiptAfter(termsId, Math.max(seq, told.get(id) ?? -1));
    if (missed === undefined) continue;
    told.set(id, missed.seq);
    keyring.command("certified", { receipt: missed.receipt });
  }
}

export interface StayTakerParts {
  crypto: Crypto;
  self: AgentId;
  clock: Clock;
  negotiator: Pick<Negotiator, "all">;
  cardOf: (id: AgentId) => Uint8Array | undefined;
}

export class StayTaker {
  readonly #parts: StayTakerParts;
  /** Each is handed over once in a life: a person may make the keyring forget it. */
  readonly #handed = new Set<string>();

  constructor(parts: StayTakerParts) {
    this.#parts = parts;
  }

  /** Hands over what the keyring lacks; may be asked as often as one likes. */
  look(keyring: Keyring): void {
    const { crypto, self, clock, negotiator, cardOf } = this.#parts;
    for (const [id, one] of negotiator.all) {
      if (!one.isOpened || this.#handed.has(id) || !isGuest(one, self)) continue;
      const isKnown = keyring.state.stays.some(({ termsId }) => equalBytes(termsId, one.termsId));
      try {
        const isOver = clock.now() >= readStay(crypto, one.termsBytes).departureMs;
        if (!isKnown && !isOver) keyring.command("stay", stayCommand(one, self, cardOf));
        this.#handed.add(id);
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
        // The lock's card comes as soon as the two are online together; other terms are never a stay.
        if (error.code !== "card-invalid") this.#handed.add(id);
      }
    }
  }
}
