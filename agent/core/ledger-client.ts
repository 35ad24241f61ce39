/** Entries for the ledger from an agent without a device: submit, repeat, wait for the certified receipt. */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError, errorCode } from "../../protocols/errors.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { isFinal } from "../../protocols/ledger/receipt-view.ts";
import { verifyReceipt, type VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { OpenedEnvelope } from "../../protocols/messaging/envelope.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Clock, Crypto, Random, Signer } from "../../protocols/ports.ts";
import type { Messenger } from "./messenger.ts";

const REPEAT_MS = 1_000;
const DEFAULT_PATIENCE_MS = 15_000;

export interface Certified {
  receipt: VerifiedReceipt;
  bytes: Uint8Array;
}

export interface LedgerClientParts {
  messenger: Messenger;
  network: NetworkDescription;
  crypto: Crypto;
  random: Random;
  signer: Signer;
  clock: Clock;
  linkClock: Clock;
}

export class LedgerClient {
  readonly #parts: LedgerClientParts;
  readonly #waiting = new Map<string, (certified: Certified) => void>();

  constructor(parts: LedgerClientParts) {
    this.#parts = parts;
  }

  /** Takes in a message; returns whether it was a receipt. Errors: message-invalid, receipt-*. */
  received(message: Pick<OpenedEnvelope, "kind" | "body">): boolean {
    if (message.kind !== "receipt") return false;
    const { receipt: bytes } = parseBody(LEDGER_SCHEMAS.receipt, message.body);
    const receipt = verifyReceipt(this.#parts.crypto, bytes, this.#parts.network);
    if (isFinal(receipt)) this.#waiting.get(toHex(receipt.entryId))?.({ receipt, bytes });
    return true;
  }

  /**
   * Errors: the ledger's refusal by its code; `quorum-missing` when no receipt comes in time. Until its
   * validity has passed (10 minutes unless told otherwise) such an entry may still be executed.
   */
  async submit(
    draft: EntryDraft,
    options: { signer?: Signer; patienceMs?: number; validityMs?: number } = {},
  ): Promise<Certified> {
    const { network, crypto, random, clock, linkClock, messenger } = this.#parts;
    const signer = options.signer ?? this.#parts.signer;
    const maker = { crypto, random, network, signer };
    const { id, record } = makeSubmission(maker, clock.now(), draft, options.validityMs);
    const key = toHex(id);
    const patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    const cast = (): void => {
      // What does not leave now leaves with the next repetition.
      messenger.cast("entry", record).catch((error: unknown) => messenger.countDrop(errorCode(error)));
    };
    const certified = await new Promise<Certified>((resolve, reject) => {
      const deadline = linkClock.at(linkClock.now() + patienceMs, () => {
        repeat.cancel();
        this.#waiting.delete(key);
        const problem = `the notaries have not certified the entry within ${patienceMs} ms`;
        reject(new SegmentError("quorum-missing", problem, { where: `entry ${key}` }));
      });
      const again = (): void => {
        cast();
        repeat = linkClock.at(linkClock.now() + REPEAT_MS, again);
      };
      let repeat = linkClock.at(linkClock.now() + REPEAT_MS, again);
      this.#waiting.set(key, (value) => {
        deadline.cancel();
        repeat.cancel();
        this.#waiting.delete(key);
        resolve(value);
      });
      cast();
    });
    const { outcome, kind } = certified.receipt;
    if (outcome !== "ok")
      throw new SegmentError(outcome, `the ledger refused the entry "${kind}"`, { where: kind });
    return certified;
  }
}
