/**
 * What follows a negotiation: a contract that all have signed is opened by whoever can reach the ledger,
 * then followed to its end. How it stands is what 2f+1 notaries say alike, or a certified receipt; nobody
 * polls without a reason: it is asked when the agent wakes or is back, and when a deadline should have
 * moved it. The owner's deposit follows by itself where the owner has said so by signing.
 */
import { dueDeposit, stepAt } from "../../protocols/contract/negotiation-next.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { partyByIdentity } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { LedgerBody } from "../../protocols/ledger/messages.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Clock, Crypto, Timer } from "../../protocols/ports.ts";
import type { Certified } from "./ledger-client.ts";
import type { Negotiator } from "./negotiator.ts";

export type ContractInfo = LedgerBody<"contract">;

/** How a contract stands by a certified receipt. */
export interface Progress {
  seq: number;
  label: string;
  closed: boolean;
  timeMs: number;
}

export type FollowNews =
  | { what: "moved"; label: string }
  | { what: "ended" }
  | { what: "deposited"; currency: string; minor: bigint }
  | { what: "not-opened" | "not-deposited"; code: ErrorCode; message: string; isFinal: boolean };

export interface FollowParts {
  negotiator: Negotiator;
  crypto: Crypto;
  self: string;
  /** Ids of the network's notaries. */
  notaries: readonly string[];
  /** Rejects when the notary cannot be reached now. */
  send: (to: string, kind: string, body: Uint8Array) => Promise<void>;
  /** Resolves once it is certified. Rejects with the ledger's refusal, or `quorum-missing`. */
  submit: (draft: EntryDraft) => Promise<Certified>;
  /** Keeps a certified receipt of a contract. */
  keep: (termsId: Uint8Array, progress: Progress, receipt: Uint8Array) => void;
  news: (news: FollowNews, one: Negotiation) => void;
  /** The network's time, in which deadlines are. */
  clock: Clock;
  linkClock: Clock;
  failed: (error: unknown) => void;
}

const TURN_MS = 1_000;
/** The parties open it in their order, so that the ledger is asked once. */
const OPEN_TURN_MS = 3_000;
const AGAIN_MS = 30_000;
/** The notaries' word on a deadline comes a little after it. */
const AFTER_DEADLINE_MS = 15_000;
const ASK_EVERY_MS = 60_000;
/** How long the newest receipt of an ended contract may take. */
const RECEIPT_MS = 3_000;
/** What may pass by itself. */
const PASSING: readonly ErrorCode[] = [
  "quorum-missing",
  "funds-short",
  "contract-too-early",
  "entry-expired",
  "account-unknown",
];

interface Followed {
  /** By link time; 0 for at once. */
  nextAskMs: number;
  /** What each notary says, in bytes, since the last question. */
  answers: Map<string, string>;
  seq: number;
  /** By link time: when to try to deposit (again), and for which state of the contract. */
  deposit: { seq: number; nextMs: number } | undefined;
  isBusy: boolean;
  /** The newest receipt is asked for, once for each state that was learned without one. */
  receiptSeq: number;
  /** What the owner has been told last of what does not go on, not to be told again every half minute. */
  told: ErrorCode | undefined;
}

export class ContractFollower {
  readonly #parts: FollowParts;
  readonly #followed = new Map<string, Followed>();
  readonly #opening = new Map<Timer, Negotiation>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: FollowParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#turn();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const timer of this.#opening.keys()) timer.cancel();
  }

  /** The network is there again: much may have happened. */
  reachable(): void {
    for (const followed of this.#followed.values()) followed.nextAskMs = 0;
    for (const [timer, one] of [...this.#opening]) {
      timer.cancel();
      this.#opening.delete(timer);
      this.open(one);
    }
  }

  /** All have signed. */
  open(one: Negotiation): void {
    const { self, linkClock } = this.#parts;
    const rank = one.terms.parties.findIndex(
      ({ identity }) => toHex(identity) === toHex(publicKeyFromId(self)),
    );
    this.#openAt(one, linkClock.now() + Math.max(rank, 0) * OPEN_TURN_MS);
  }

  /** Looks at every certified receipt that comes in; it may be about a contract of this agent. */
  receipt(receipt: VerifiedReceipt, bytes: Uint8Array): void {
    const about = contractReceipt(receipt);
    const one = about === undefined ? undefined : this.#known(about.termsId);
    if (about?.transition === undefined || one === undefined) return;
    const { negotiator, keep, news } = this.#parts;
    const { seq, label, closed } = about.transition;
    const followed = this.#follow(one);
    const isNew = seq > followed.seq;
    keep(one.termsId, { seq, label, closed, timeMs: receipt.timeMs }, bytes);
    if (!one.isOpened) negotiator.opened(one.termsId);
    if (!isNew) return;
    followed.seq = seq;
    followed.receiptSeq = seq;
    followed.nextAskMs = 0;
    if (closed) this.#ended(one);
    else news({ what: "moved", label }, one);
  }

  /** A notary's answer on a contract; null for other messages. Errors: message-invalid. */
  answered(from: string, kind: string, body: Uint8Array): boolean {
    if (kind !== "contract" || !this.#parts.notaries.includes(from)) return false;
    const info = parseBody(LEDGER_SCHEMAS.contract, body);
    const one = this.#known(info.termsId);
    const followed = one === undefined ? undefined : this.#followed.get(toHex(one.termsId));
    if (one === undefined || followed === undefined) return true;
    const content = toHex(encodeCbor(contractContent(info)));
    followed.answers.set(from, content);
    const alike = [...followed.answers.values()].filter((other) => other === content).length;
    if (alike === quorum(this.#parts.notaries.length)) this.#learned(one, followed, info);
    return true;
  }

  #known(termsId: Uint8Array): Negotiation | undefined {
    return this.#parts.negotiator.all.get(toHex(termsId));
  }

  #follow(one: Negotiation): Followed {
    const key = toHex(one.termsId);
    const known = this.#followed.get(key);
    if (known !== undefined) return known;
    const fresh: Followed = {
      ...{ nextAskMs: 0, answers: new Map(), seq: -1, receiptSeq: -1 },
      ...{ deposit: undefined, isBusy: false, told: undefined },
    };
    this.#followed.set(key, fresh);
    return fresh;
  }

  #turn(): void {
    if (this.#closed) return;
    const { negotiator, self, linkClock, failed } = this.#parts;
    try {
      const now = linkClock.now();
      for (const one of negotiator.all.values()) {
        // What this agent has not signed is no contract of its own.
        if (!one.signatures.has(self)) continue;
        const followed = this.#follow(one);
        if (now >= followed.nextAskMs) this.#ask(one, followed);
        if (followed.deposit !== undefined && now >= followed.deposit.nextMs) this.#deposit(one, followed);
      }
      for (const key of this.#followed.keys()) if (!negotiator.all.has(key)) this.#followed.delete(key);
    } catch (error) {
      failed(error);
    }
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => this.#turn());
  }

  /** All of them: what counts is what 2f+1 say alike. */
  #ask(one: Negotiation, followed: Followed): void {
    const { linkClock, clock } = this.#parts;
    const { termsId, terms, isOpened } = one;
    followed.answers.clear();
    // Of what may never be opened only if somebody could have opened it since.
    const waitMs = isOpened ? ASK_EVERY_MS : Math.max(ASK_EVERY_MS, terms.offerExpires - clock.now());
    followed.nextAskMs = linkClock.now() + waitMs;
    this.#askAll("contract-wanted", termsId);
  }

  #askAll(kind: "contract-wanted" | "receipt-wanted", termsId: Uint8Array): void {
    const { notaries, send } = this.#parts;
    const body = encodeMessage({ termsId });
    for (const notary of notaries) send(notary, kind, body).catch(() => undefined);
  }

  #learned(one: Negotiation, followed: Followed, info: ContractInfo): void {
    const { negotiator, self, clock, linkClock, news } = this.#parts;
    if (!one.isOpened) negotiator.opened(one.termsId);
    if (info.seq > followed.receiptSeq) {
      // What certifies it was missed; what the notaries do not have any more is not asked for twice.
      followed.receiptSeq = info.seq;
      this.#askAll("receipt-wanted", one.termsId);
      if (info.closed) {
        followed.nextAskMs = linkClock.now() + RECEIPT_MS;
        return;
      }
    }
    if (info.closed) return this.#ended(one);
    if (info.seq > followed.seq) news({ what: "moved", label: info.label }, one);
    followed.seq = Math.max(followed.seq, info.seq);
    const step = stepAt(one.terms, info.path);
    const role = partyByIdentity(one.terms, publicKeyFromId(self))?.role;
    if (step === undefined || role === undefined || info.seq < followed.seq) return;
    const now = linkClock.now();
    const leftMs = step.refundFrom + AFTER_DEADLINE_MS - clock.now();
    followed.nextAskMs = now + (leftMs > 0 ? leftMs : ASK_EVERY_MS);
    const may = one.mayDeposit && !negotiator.isReplaced(one);
    const due = may && clock.now() <= step.actBy && dueDeposit(step, role) !== undefined;
    if (!due) followed.deposit = undefined;
    else if (followed.deposit?.seq !== info.seq) followed.deposit = { seq: info.seq, nextMs: now };
    if (followed.deposit !== undefined && now >= followed.deposit.nextMs) this.#deposit(one, followed, step);
  }

  #ended(one: Negotiation): void {
    const { negotiator, news } = this.#parts;
    news({ what: "ended" }, one);
    negotiator.settled(one.termsId);
    this.#followed.delete(toHex(one.termsId));
  }

  // ---------------------------------------------------------------- what this agent does

  #openAt(one: Negotiation, atMs: number): void {
    const { linkClock, failed } = this.#parts;
    const timer = linkClock.at(atMs, () => {
      this.#opening.delete(timer);
      this.#openNow(one).catch(failed);
    });
    this.#opening.set(timer, one);
  }

  async #openNow(one: Negotiation): Promise<void> {
    const { negotiator, crypto, submit, clock, linkClock } = this.#parts;
    const known = this.#known(one.termsId);
    if (this.#closed || known === undefined || known.isOpened) return;
    const { termsId, termsBytes, terms, signatures } = known;
    if (clock.now() > terms.offerExpires) return;
    try {
      await submit(draftOpen(crypto, termsId, termsBytes, [...signatures.values()]));
    } catch (error) {
      const code = errorCode(error);
      // Another party was first.
      if (code !== "contract-not-expected") {
        const isFinal = !PASSING.includes(code);
        this.#tell(known, { what: "not-opened", code, message: (error as Error).message, isFinal });
        if (!isFinal && !this.#closed) this.#openAt(one, linkClock.now() + AGAIN_MS);
        return;
      }
    }
    if (this.#known(termsId)?.isOpened === false) negotiator.opened(termsId);
    this.#follow(known).nextAskMs = 0;
  }

  /** Trouble: once, as long as it stays the same. */
  #tell(one: Negotiation, trouble: FollowNews & { code: ErrorCode }): void {
    const followed = this.#follow(one);
    if (followed.told !== trouble.code) this.#parts.news(trouble, one);
    followed.told = trouble.code;
  }

  /** The step is known only while the contract has not moved since. */
  #deposit(one: Negotiation, followed: Followed, step?: ReturnType<typeof stepAt>): void {
    const { self, submit, news, linkClock, failed } = this.#parts;
    if (step === undefined) {
      // Asked anew before anything is paid.
      followed.deposit = undefined;
      return this.#ask(one, followed);
    }
    const role = partyByIdentity(one.terms, publicKeyFromId(self))?.role ?? "";
    const due = dueDeposit(step, role);
    if (due === undefined || followed.isBusy) return;
    const { currency, amount } = due;
    followed.isBusy = true;
    submit({ body: { kind: "deposit", termsId: one.termsId, currency, amount } })
      .then(
        () => news({ what: "deposited", currency, minor: amount }, one),
        (error: unknown) => {
          const code = errorCode(error);
          const isFinal = !PASSING.includes(code);
          // By another device, or a command beside this process.
          const isDone = code === "contract-not-expected";
          if (!isDone)
            this.#tell(one, { what: "not-deposited", code, message: (error as Error).message, isFinal });
          const nextMs = linkClock.now() + (isFinal ? Infinity : AGAIN_MS);
          if (followed.deposit !== undefined) followed.deposit = { ...followed.deposit, nextMs };
        },
      )
      .finally(() => {
        followed.isBusy = false;
      })
      .catch(failed);
  }
}

/** What has to be the same in the notaries' answers. */
export function contractContent(info: ContractInfo): CborValue {
  const { termsId, seq, label, closed, pot, path, mandates = [] } = info;
  const held = pot.map(({ currency, minor }) => [currency, minor]);
  return [termsId, seq, label, closed, held, path, mandates.map((one) => Object.values(one))];
}
