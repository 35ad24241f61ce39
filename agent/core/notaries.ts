/**
 * An agent's line to its network's notaries: it keeps their cards, and asks them how a
 * contract stands, for a device that may have missed their word on it.
 */
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { faultsTolerated, type NetworkDescription } from "../../protocols/ledger/network.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { Store } from "../../protocols/ports.ts";
import type { Messenger } from "./messenger.ts";

/** Cards of peers in the store, by identity in hex. */
export const CARD_PREFIX = "card/";
/** Questions whose answer is awaited; of more the oldest is forgotten, and asked again by its device. */
const MAX_OPEN = 256;

export interface NotariesParts {
  messenger: Messenger;
  network: NetworkDescription;
  store: Store;
  /** The store refuses. */
  failed: (error: unknown) => void;
}

export class Notaries {
  readonly #parts: NotariesParts;
  readonly #ids: readonly string[];
  /** Who was asked about which contract, in the order of asking. */
  readonly #open = new Set<string>();
  #turn = 0;

  constructor(parts: NotariesParts) {
    this.#parts = parts;
    this.#ids = parts.network.notaries.map(({ id }) => id);
  }

  /** A peer has introduced itself. A notary's card is kept: the agent's next life may have to ask it. */
  introduced(from: string, card: Uint8Array): void {
    const { store, failed } = this.#parts;
    if (!this.#ids.includes(from)) return;
    const key = CARD_PREFIX + toHex(publicKeyFromId(from));
    const kept = store.get(key);
    if (kept === undefined || !equalBytes(kept, card)) store.commit(new Map([[key, card]])).catch(failed);
  }

  /**
   * Asks as many notaries as may be faulty, and one more, for the contract's newest receipt: others each
   * time, so that a silent one is not asked for ever. Lost if the bus is away.
   */
  inquire(termsId: Uint8Array): void {
    const { messenger } = this.#parts;
    const known = this.#ids.filter((id) => messenger.cardOf(id) !== undefined);
    const lost = (error: unknown): void => messenger.countDrop(errorCode(error));
    // Those who hear of us show us their cards; the device asks again later.
    if (known.length === 0) messenger.announce().catch(lost);
    const count = Math.min(known.length, faultsTolerated(this.#ids.length) + 1);
    for (let asked = 0; asked < count; asked++) {
      const notary = known[this.#turn++ % known.length]!;
      this.#expect(questionTo(notary, termsId));
      messenger.send(notary, "receipt-wanted", encodeMessage({ termsId })).catch(lost);
    }
  }

  /** Asks all of them for their word on the time, for somebody else; the answers are the device's. */
  askTime(nonce: Uint8Array): void {
    const { messenger } = this.#parts;
    const lost = (error: unknown): void => messenger.countDrop(errorCode(error));
    for (const id of this.#ids) messenger.send(id, "time-wanted", encodeMessage({ nonce })).catch(lost);
  }

  #expect(question: string): void {
    this.#open.add(question);
    const [oldest] = this.#open;
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
  }

  /**
   * Whether a receipt answers a question, once each. The device gets such a receipt even if it had it
   * before: it asks because it does not know how its contract stands.
   */
  answers(from: string, receipt: VerifiedReceipt): boolean {
    const about = contractReceipt(receipt);
    return about?.transition !== undefined && this.#open.delete(questionTo(from, about.termsId));
  }
}

function questionTo(notary: string, termsId: Uint8Array): string {
  return `${notary}/${toHex(termsId)}`;
}
