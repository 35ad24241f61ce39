/**
 * The tabs of a running home: what its owner pays goes to the payee over BLE as soon as it is near, and what
 * others pay is taken, kept durably and only then acknowledged. Commands beside it write to the same book.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { sessionEvents } from "../core/session-events.ts";
import type { Errand } from "../core/radio-caller.ts";
import type { RadioUse } from "../core/shared-radio.ts";
import type { DeviceEffect, DeviceEvent } from "../../devices/device.ts";
import type { PayeeState } from "../../devices/tab/payee.ts";
import type { PayerState } from "../../devices/tab/payer.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Clock, Timer } from "../../protocols/ports.ts";
import { voucherRefusedSchema, voucherSchema } from "../../protocols/tab/messages.ts";
import type { Certified } from "../core/ledger-client.ts";
import type { Machine } from "./run-connection.ts";
import { contractOf, refusalText, tabMoney } from "./tab-words.ts";
import { keepRefusal, payerFile, readPayer, TabBook, withBook } from "./tabs.ts";
import type { TabHome } from "./tabs.ts";

export interface HomeTabsParts {
  machine: Machine;
  home: TabHome;
  /** The network's time. */
  clock: Clock;
  /** How long the home may be without a network. */
  longestOfflineMs: number;
  /** Says it in an open session. */
  sayIn: (session: string, bytes: Uint8Array) => void;
  /** Resolves once it is certified. */
  submit: (draft: EntryDraft) => Promise<Certified>;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

type Side = "payer" | "payee";
type Carried = PayerState["tabs"][number];

const TURN_MS = 500;
/** What the payee says is for the payer, and the other way round; nothing else is said. */
const SIDE_OF = new Map<string, Side>([
  ["tab", "payee"],
  ["voucher", "payee"],
  ["voucher-kept", "payer"],
  ["voucher-refused", "payer"],
]);

/** The tabs' share of the radio. */
export class HomeTabs implements RadioUse {
  readonly #parts: HomeTabsParts;
  /** Open sessions, and how much of the tab was shown in each. */
  readonly #sessions = new Map<string, Opened & { shown: string }>();
  /** The payee's, by name. */
  readonly #timers = new Map<string, number>();
  /** By contract: the amount in all that the payee has refused. */
  readonly #refused = new Map<string, string>();
  /** One event after the other. */
  #working: Promise<void> = Promise.resolve();
  #payer: PayerState = { tabs: [] };
  #payerMark = "";
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: HomeTabsParts) {
    this.#parts = parts;
  }

  /** Errors: store-failed. */
  start(): void {
    this.#read();
    if (existsSync(join(this.#parts.home.folder, "tabs"))) this.#post("payee", { kind: "started" });
    this.#turn();
  }

  /** What is under way still ends. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  /** Vouchers that their payees do not have yet. */
  errands(): Errand[] {
    const now = this.#parts.clock.now();
    return this.#payer.tabs
      .filter((one) => this.#isOwed(one) && now <= one.tab.redeemByMs)
      .map(({ tab, signedMinor }) => ({
        ...{ peer: agentId(tab.payee.identity), purpose: tab.termsId },
        ...{ isUrgent: true, stamp: signedMinor, graceMs: 0 },
      }));
  }

  isOpen({ peer, purpose }: Errand): boolean {
    return [...this.#sessions.values()].some((one) => one.peer === peer && equalBytes(one.purpose, purpose));
  }

  /** A certified receipt: it may say that a tab has its deposit, or has ended. */
  receipt(receipt: VerifiedReceipt, bytes: Uint8Array): void {
    if (contractReceipt(receipt)?.transition === undefined) return;
    if (!existsSync(join(this.#parts.home.folder, "tabs"))) return;
    for (const side of ["payer", "payee"] as const) this.#post(side, { kind: "receipt", receipt, bytes });
  }

  // ---------------------------------------------------------------- the radio

  /** Negotiations have another purpose; a tab's is its contract's id. */
  serves(purpose: Uint8Array): boolean {
    return purpose.length === 32;
  }

  opened(session: string, peer: string, purpose: Uint8Array, sessionHash: Uint8Array): void {
    const opened = { session, peer, purpose, sessionHash };
    this.#sessions.set(session, { ...opened, shown: this.#signedIn(purpose) });
    this.#post("payer", { kind: "session-opened", ...opened });
  }

  /** Errors: message-invalid. */
  message(session: string, peer: string, bytes: Uint8Array): void {
    this.#listener.message(session, peer, bytes);
  }

  closed(session: string): void {
    this.#sessions.delete(session);
  }

  readonly #listener = sessionEvents(
    (event) => {
      const side = event.kind === "session-message" ? SIDE_OF.get(event.type) : undefined;
      if (side !== undefined) this.#post(side, event);
    },
    (error) => {
      throw error;
    },
  );

  // ---------------------------------------------------------------- the loop

  #turn(): void {
    const { clock, machine } = this.#parts;
    const { linkClock, failed } = machine;
    if (this.#closed) return;
    try {
      this.#read();
      for (const [name, atMs] of this.#timers) {
        if (clock.now() < atMs) continue;
        this.#timers.delete(name);
        this.#post("payee", { kind: "timer", name });
      }
      this.#showMore();
    } catch (error) {
      failed(error);
    }
    this.#timer = linkClock.at(linkClock.now() + TURN_MS, () => this.#turn());
  }

  /** What a command beside this process, or this one, has written. */
  #read(): void {
    const path = payerFile(this.#parts.home);
    if (!existsSync(path)) return;
    const { ino, mtimeMs, size } = statSync(path);
    const mark = `${ino} ${mtimeMs} ${size}`;
    if (mark === this.#payerMark) return;
    this.#payer = readPayer(this.#parts.home);
    this.#payerMark = mark;
  }

  /** Paid while a session for that tab is open: as if it had just been opened. */
  #showMore(): void {
    for (const opened of this.#sessions.values()) {
      const { session, peer, purpose, sessionHash, shown } = opened;
      const carried = this.#carriedBy(purpose);
      if (carried === undefined || !this.#isOwed(carried) || carried.signedMinor === shown) continue;
      opened.shown = carried.signedMinor;
      this.#post("payer", { kind: "session-opened", session, peer, purpose, sessionHash });
    }
  }

  #post(side: Side, event: DeviceEvent): void {
    if (this.#closed) return;
    this.#working = this.#working
      .then(async () => {
        const effects = await this.#step(side, event);
        this.#read();
        for (const effect of effects) this.#act(side, effect, event);
      })
      .catch((error: unknown) => this.#failed(error));
  }

  /** What a peer has said wrong changes nothing; a store that fails ends the run. */
  #failed(error: unknown): void {
    const code = errorCode(error);
    if (!(error instanceof SegmentError) || code === "internal" || code === "store-failed")
      return this.#parts.machine.failed(error);
    this.#parts.say(`tab: refused: ${error.message} [${code}]`);
  }

  /** Its effects, once the new state is durable. */
  #step(side: Side, event: DeviceEvent): Promise<DeviceEffect[]> {
    const { home, machine, clock, longestOfflineMs } = this.#parts;
    const { network } = home;
    if (network === undefined) return Promise.resolve([]);
    const around = { crypto: machine.crypto, network, now: clock.now() };
    const open = (): TabBook<PayerState | PayeeState> =>
      side === "payer" ? TabBook.ofPayer(home, around) : TabBook.ofPayee(home, around, longestOfflineMs);
    return withBook(open, machine.linkClock, (book) => {
      const before = book.state;
      const effects = book.handle(event);
      this.#tell(side, event, effects, before, book.state);
      return effects;
    });
  }

  #act(side: Side, effect: DeviceEffect, event: DeviceEvent): void {
    switch (effect.kind) {
      case "say": {
        const { session, type, body } = effect;
        return this.#parts.sayIn(session, encodeMessage({ type, body: encodeMessage(body) }));
      }
      case "timer":
        if (effect.atMs === null) this.#timers.delete(effect.name);
        else this.#timers.set(effect.name, effect.atMs);
        return;
      case "submit":
        return this.#submit(effect.entry);
      case "hang-up":
        if (side === "payer" && event.kind === "session-message" && event.type === "voucher-refused")
          this.#giveUp(event.body);
        return;
      default:
        // Who is called and let in follows from the state; receipts are kept with the contract.
        return;
    }
  }

  #submit(draft: EntryDraft): void {
    const { submit, say } = this.#parts;
    submit(draft).then(
      ({ receipt, bytes }) => this.#post("payee", { kind: "receipt", receipt, bytes }),
      (error: unknown) => say(`tab: not redeemed yet: ${(error as Error).message} [${errorCode(error)}]`),
    );
  }

  /** The payee wants this voucher not: it is not shown again, until another is signed. */
  #giveUp(body: Uint8Array): void {
    const { home, say } = this.#parts;
    const { termsId, code, message } = parseBody(voucherRefusedSchema, body);
    const carried = this.#carriedBy(termsId);
    // Refused as known already, it has been kept.
    if (carried === undefined || carried.signedMinor === carried.keptMinor) return;
    const contract = toHex(termsId);
    this.#refused.set(contract, carried.signedMinor);
    keepRefusal(home, contract, { inAll: carried.signedMinor, code, message });
    const before = BigInt(carried.keptMinor);
    say(
      `tab ${shortOf(termsId)}: the payee refuses: ${this.#refusal(carried.tab, before, { code, message })} [${code}]`,
    );
  }

  // ---------------------------------------------------------------- in words

  /** What was paid, or not, and how much in all. */
  #tell(
    side: Side,
    event: DeviceEvent,
    effects: readonly DeviceEffect[],
    before: PayerState | PayeeState,
    after: PayerState | PayeeState,
  ): void {
    if (event.kind !== "session-message") return;
    if (side === "payer") return this.#tellPayer(before as PayerState, after as PayerState);
    const { tabs } = after as PayeeState;
    for (const effect of effects) {
      if (effect.kind !== "say") continue;
      const { termsId } = parseBody(voucherSchema, event.body);
      const held = tabs.find(({ tab }) => equalBytes(tab.termsId, termsId));
      const known = (before as PayeeState).tabs.find(({ tab }) => equalBytes(tab.termsId, termsId));
      const paidBefore = BigInt(known?.paidMinor ?? "0");
      if (effect.type === "voucher-kept" && held !== undefined) {
        const paid = this.#money(held.tab, BigInt(held.paidMinor) - paidBefore);
        const total = this.#money(held.tab, BigInt(held.paidMinor));
        this.#parts.say(`tab ${shortOf(termsId)}: received ${paid} over Bluetooth, ${total} in all`);
      } else if (effect.type === "voucher-refused") {
        const refusal = effect.body as { code: string; message: string };
        const text = held === undefined ? refusal.message : this.#refusal(held.tab, paidBefore, refusal);
        this.#parts.say(`tab ${shortOf(termsId)}: refused a voucher: ${text} [${refusal.code}]`);
      }
    }
  }

  #tellPayer(before: PayerState, after: PayerState): void {
    for (const { tab, keptMinor } of after.tabs) {
      const known = before.tabs.find((one) => contractOf(one.tab) === contractOf(tab));
      if (known === undefined || known.keptMinor === keptMinor) continue;
      const total = this.#money(tab, BigInt(keptMinor));
      this.#parts.say(`tab ${shortOf(tab.termsId)}: the payee has ${total} in all, over Bluetooth`);
    }
  }

  #money(tab: Carried["tab"], minor: bigint): string {
    try {
      return tabMoney(this.#parts.home, tab, minor);
    } catch (error) {
      if (errorCode(error) !== "currency-unknown") throw error;
      return `${minor} minor units of ${tab.currency}`;
    }
  }

  #refusal(tab: Carried["tab"], before: bigint, refusal: { code: string; message: string }): string {
    try {
      return refusalText(this.#parts.home, tab, before, refusal);
    } catch (error) {
      if (errorCode(error) !== "currency-unknown") throw error;
      return refusal.message;
    }
  }

  #isOwed({ tab, signedMinor, keptMinor }: Carried): boolean {
    return signedMinor !== keptMinor && this.#refused.get(contractOf(tab)) !== signedMinor;
  }

  #carriedBy(termsId: Uint8Array): Carried | undefined {
    return this.#payer.tabs.find(({ tab }) => equalBytes(tab.termsId, termsId));
  }

  #signedIn(termsId: Uint8Array): string {
    return this.#carriedBy(termsId)?.signedMinor ?? "";
  }
}

interface Opened {
  session: string;
  peer: string;
  purpose: Uint8Array;
  sessionHash: Uint8Array;
}

/** As contracts are called elsewhere. */
function shortOf(termsId: Uint8Array): string {
  return toHex(termsId).slice(0, 8);
}
