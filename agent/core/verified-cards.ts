/** Cards whose signature was checked: the same few are shown again and again, and verified once. */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import type { Crypto } from "../../protocols/ports.ts";

/** A verified card, with its signed bytes and their SHA-256. */
export type KnownCard = Readonly<Card & { bytes: Uint8Array; cardHash: Uint8Array }>;

const MAX_VERIFIED = 1_024;

/** For one agent, or for all agents of a process that trust the same `crypto`. */
export class VerifiedCards {
  readonly #crypto: Crypto;
  /** By hash, in hex. */
  readonly #known = new Map<string, KnownCard>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Valid now or not. Errors: card-invalid. */
  open(bytes: Uint8Array): KnownCard {
    const cardHash = this.#crypto.sha256(bytes);
    const name = toHex(cardHash);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const card = { ...openCard(this.#crypto, bytes), bytes: bytes.slice(), cardHash };
    if (this.#known.size >= MAX_VERIFIED) this.#known.clear();
    this.#known.set(name, card);
    return card;
  }
}
