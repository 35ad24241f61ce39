/** What a running home deals in with others, contracts and tabs, and the radio that leads to them. */
import type { LedgerClient } from "../core/ledger-client.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { readContacts } from "./contacts.ts";
import { runContracts } from "./contracts-run.ts";
import type { RunningContracts } from "./contracts-run.ts";
import { openHomeRadio } from "./radio-run.ts";
import type { HomeRadio, RadioOpeners } from "./radio-run.ts";
import type { Connection, Machine } from "./run-connection.ts";
import { HomeTabs } from "./tabs-run.ts";

/** Between two attempts to open a radio that was lost. */
const REOPEN_MS = 3_000;

export interface DealingsOptions {
  ledger: LedgerClient;
  /** How long the home may be without a network: what others pay it offline must be redeemed by then. */
  longestOfflineMs: number;
  /** How to open the machine's radio; absent: none is used. */
  radio: RadioOpeners | undefined;
  /** Lines for people who watch. */
  say: (line: string) => void;
  /** The radio is on again, or gone. Must not throw. */
  radioChanged: () => void;
}

/** Needs no network. Errors: store-failed, module-missing, radio-unavailable. */
export async function runDealings(
  machine: Machine,
  connection: Connection,
  options: DealingsOptions,
): Promise<Dealings> {
  const dealings = new Dealings(machine, connection, options);
  try {
    await dealings.openRadio();
    return dealings;
  } catch (error) {
    await dealings.close();
    throw error;
  }
}

export class Dealings {
  readonly #machine: Machine;
  readonly #connection: Connection;
  readonly #options: DealingsOptions;
  readonly #contracts: RunningContracts;
  readonly #tabs: HomeTabs;
  #radio: HomeRadio | undefined;
  #reopening: Promise<void> | undefined;
  /** Ends the pause before the next attempt. */
  #wake: () => void = () => undefined;
  #isOnline = false;
  #begun = false;
  #closed = false;

  constructor(machine: Machine, connection: Connection, options: DealingsOptions) {
    const { ledger, longestOfflineMs, say } = options;
    const { home, clock, bus } = connection;
    this.#machine = machine;
    this.#connection = connection;
    this.#options = options;
    bus.onConnected((connected) => {
      this.#isOnline = connected;
    });
    this.#tabs = new HomeTabs({
      ...{ machine, home, clock, longestOfflineMs, say },
      sayIn: (session, bytes) => this.#radio?.send(session, bytes),
      submit: (draft) => ledger.submit(draft),
    });
    this.#contracts = runContracts(machine, connection, {
      ...{ ledger, say },
      direct: (to, kind, body) => this.#radio?.tell(to, kind, body),
      certified: (receipt, bytes) => this.#tabs.receipt(receipt, bytes),
    });
  }

  get negotiator(): Negotiator {
    return this.#contracts.negotiator;
  }

  /** Which parts its radio plays, if it has one. */
  get radio(): { isFound: boolean; looks: boolean } | undefined {
    return this.#radio?.plays;
  }

  /** Errors: module-missing, radio-unavailable. */
  async openRadio(): Promise<void> {
    const openers = this.#options.radio;
    if (openers === undefined) return;
    const { home, clock, messenger } = this.#connection;
    const { say } = this.#options;
    const { negotiator } = this.#contracts;
    const parts = {
      ...{ machine: this.#machine, home, clock, tabs: this.#tabs, negotiator, say },
      cardOf: (id: string) => messenger.cardOf(id),
      isOnline: () => this.#isOnline,
    };
    let isLost = false;
    const radio = await openHomeRadio(parts, openers, () => {
      // A stack that is being closed goes off as well.
      if (isLost || this.#closed) return;
      isLost = true;
      this.#reopening = this.#reopenRadio(this.#radio);
    });
    this.#radio = radio;
    radio.meet(readContacts(home.folder, this.#machine.crypto).map((card) => this.#idOf(card)));
    const found = openers.peripheral === undefined ? [] : ["contacts find it"];
    const looks = openers.central === undefined ? [] : ["it looks for those for whom something waits"];
    say(`radio: on; ${[...found, ...looks].join(", and ")}`);
    if (this.#begun) radio.start();
    this.#options.radioChanged();
  }

  /** An adapter that was pulled out, or an air that is served anew, comes back. */
  async #reopenRadio(gone: HomeRadio | undefined): Promise<void> {
    const { linkClock } = this.#machine;
    const { say } = this.#options;
    say("radio: gone [radio-unavailable]; goes on looking for it");
    this.#radio = undefined;
    this.#options.radioChanged();
    await gone?.close().catch((error: unknown) => say(`radio: ${(error as Error).message}`));
    while (!this.#closed && this.#radio === undefined) {
      await new Promise<void>((resolve) => {
        const timer = linkClock.at(linkClock.now() + REOPEN_MS, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
      // It is not there yet: `gone` was said already.
      if (!this.#closed) await this.openRadio().catch(() => undefined);
    }
  }

  /** From here on they speak, by whatever way there is. Once. Errors: store-failed. */
  begin(): void {
    if (this.#begun || this.#closed) return;
    this.#begun = true;
    this.#contracts.begin();
    this.#tabs.start();
    this.#radio?.start();
  }

  /** Takes in a message; returns whether it was for contracts alone. Errors: message-invalid, offer-*, … */
  received(from: string, kind: string, body: Uint8Array): boolean {
    return this.#contracts.received(from, kind, body);
  }

  /** The network is there (again). */
  reachable(): void {
    this.#contracts.reachable();
  }

  /** A contact may find this home from now on. Errors: card-invalid. */
  met(card: Uint8Array): void {
    this.#radio?.meet([this.#idOf(card)]);
  }

  #idOf(card: Uint8Array): string {
    return agentId(openCard(this.#machine.crypto, card).identity);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#reopening;
    await this.#radio?.close();
    this.#contracts.close();
    await this.#tabs.close();
  }
}
