/**
 * The tabs of a home: what it pays by voucher, and what it is paid, with no network. The same pure steps as
 * on a lock or a phone; their state is one file each, written durably before anything is shown.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createPayee } from "../../devices/tab/payee.ts";
import type { PayeeState } from "../../devices/tab/payee.ts";
import { payer } from "../../devices/tab/payer.ts";
import type { PayerState } from "../../devices/tab/payer.ts";
import type { Device, DeviceEffect, DeviceEvent } from "../../devices/device.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { Clock, Crypto, TimeMs } from "../../protocols/ports.ts";
import { isFunded, readTab } from "../../protocols/tab/tab.ts";
import { makeFolder, writeFileDurably, writeSharedFile } from "./files.ts";
import { lockHome } from "./home.ts";
import type { Home } from "./home.ts";

const MAX_FILE_BYTES = 16 << 20;
const MAX_RECEIPTS = 64;
/** Another process of the home has the tabs for a step, not for longer. */
const LOCK_PATIENCE_MS = 5_000;
const LOCK_AGAIN_MS = 20;

/** What tabs need of a home. */
export type TabHome = Pick<Home, "folder" | "id" | "keys" | "network">;

/** A tab's terms and the receipt of its deposit, as the home's contracts keep them. */
export interface KeptTab {
  terms: Uint8Array;
  receipt: Uint8Array;
}

/** Finds them by the contract's id in hex. Errors: tab-unknown, tab-unfunded, terms-invalid. */
export function keptTab(home: Home, crypto: Crypto, network: NetworkDescription, termsId: string): KeptTab {
  const folder = join(home.folder, "contracts", termsId);
  const path = join(folder, "terms.cbor");
  if (!/^[0-9a-f]{64}$/.test(termsId) || !existsSync(path))
    throw new SegmentError("tab-unknown", "this home has no contract of that id", { where: termsId });
  const terms = new Uint8Array(readFileSync(path));
  const tab = readTab(crypto, terms);
  const receipts = readdirSync(folder).filter((name) => name.endsWith(".receipt"));
  for (const name of receipts.slice(0, MAX_RECEIPTS)) {
    const receipt = new Uint8Array(readFileSync(join(folder, name)));
    if (isFunded(tab, verifyReceipt(crypto, receipt, network))) return { terms, receipt };
  }
  throw new SegmentError("tab-unfunded", "this home has no receipt of the tab's deposit", { where: folder });
}

interface Surroundings {
  crypto: Crypto;
  network: NetworkDescription;
  now: TimeMs;
}

/**
 * One side's tabs, held by this process until `close`. Errors: home-locked (another command is at it),
 * store-failed.
 */
export class TabBook<State extends PayerState | PayeeState> {
  readonly #device: Device<State>;
  readonly #home: TabHome;
  readonly #around: Surroundings;
  readonly #path: string;
  readonly #unlock: () => void;
  #state: State;

  private constructor(home: TabHome, device: Device<State>, around: Surroundings) {
    const folder = join(home.folder, "tabs");
    makeFolder(folder);
    this.#device = device;
    this.#home = home;
    this.#around = around;
    this.#path = join(folder, `${device.kind}.cbor`);
    this.#unlock = lockHome(folder);
    this.#state = device.initial();
    try {
      if (existsSync(this.#path))
        this.#state = decodeMessage(readFileSync(this.#path), { maxBytes: MAX_FILE_BYTES }) as State;
    } catch (cause) {
      this.#unlock();
      throw new SegmentError("store-failed", "the file of the tabs is damaged", { where: this.#path, cause });
    }
  }

  static ofPayer(home: TabHome, around: Surroundings): TabBook<PayerState> {
    return new TabBook(home, payer, around);
  }

  static ofPayee(home: TabHome, around: Surroundings, longestOfflineMs: number): TabBook<PayeeState> {
    return new TabBook(home, createPayee({ longestOfflineMs }), around);
  }

  get state(): State {
    return this.#state;
  }

  /** What is to be done once the new state is durable, which it then is. Errors: the device's. */
  handle(event: DeviceEvent): DeviceEffect[] {
    const { crypto, network, now } = this.#around;
    const { id, keys } = this.#home;
    const { state, effects } = this.#device.step(this.#state, event, {
      ...{ now, crypto, self: id, signer: keys.signer, card: keys.card },
      ...{ network: network.network, readings: new Map() },
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, network),
    });
    if (state !== this.#state) writeFileDurably(this.#path, encodeMessage(state));
    this.#state = state;
    return effects;
  }

  command(name: string, value: unknown): DeviceEffect[] {
    return this.handle({ kind: "command", name, value });
  }

  close(): void {
    this.#unlock();
  }
}

/**
 * Opens a book, works, and lets others at it again; waits for a moment where another process has it. Errors:
 * home-locked, those of `work`.
 */
export async function withBook<State extends PayerState | PayeeState, T>(
  open: () => TabBook<State>,
  clock: Clock,
  work: (book: TabBook<State>) => T,
): Promise<T> {
  const untilMs = clock.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      const book = open();
      try {
        return work(book);
      } finally {
        book.close();
      }
    } catch (error) {
      if (errorCode(error) !== "home-locked" || clock.now() >= untilMs) throw error;
    }
    await new Promise<void>((resolve) => clock.at(clock.now() + LOCK_AGAIN_MS, resolve));
  }
}

/** What a home pays by, as it stands on disk; changes are made in a book only. Errors: store-failed. */
export function readPayer(home: TabHome): PayerState {
  const path = payerFile(home);
  try {
    if (!existsSync(path)) return payer.initial();
    return decodeMessage(readFileSync(path), { maxBytes: MAX_FILE_BYTES }) as PayerState;
  } catch (cause) {
    throw new SegmentError("store-failed", "the file of the tabs is damaged", { where: path, cause });
  }
}

/** Where that stands: another file each time that it changes. */
export function payerFile({ folder }: TabHome): string {
  return join(folder, "tabs", `${payer.kind}.cbor`);
}

const refusalSchema = z.strictObject({ inAll: z.string(), code: z.string(), message: z.string() });
/** What a payee has answered to a voucher over so much in all. */
export type KeptRefusal = z.infer<typeof refusalSchema>;

/** Told by the running agent to the commands beside it. Errors: store-failed. */
export function keepRefusal({ folder }: TabHome, termsId: string, refusal: KeptRefusal): void {
  writeSharedFile(join(folder, "tabs", `${termsId}.refused`), JSON.stringify(refusal));
}

export function readRefusal({ folder }: TabHome, termsId: string): KeptRefusal | undefined {
  const path = join(folder, "tabs", `${termsId}.refused`);
  if (!existsSync(path)) return undefined;
  try {
    return refusalSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    // Cut short by a power loss: the payee says it again.
    return undefined;
  }
}

/** What a device says over BLE, said by this machine's commands. */
export function saidIn(effects: DeviceEffect[], type: string): unknown {
  const said = effects.find((one) => one.kind === "say" && one.type === type);
  return said?.kind === "say" ? said.body : undefined;
}
