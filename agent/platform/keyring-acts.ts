/** What a person does with a keyring, each act to its end: refused at once, or answered by the lock. */
import type { CommandName } from "../../devices/keyring/commands.ts";
import { keyring } from "../../devices/keyring/keyring.ts";
import { WISH_MS } from "../../devices/keyring/state.ts";
import type { KeyringState, Outcome } from "../../devices/keyring/state.ts";
import type { DeviceContext } from "../../devices/device.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock, Crypto } from "../../protocols/ports.ts";
import type { Agent } from "../core/agent.ts";
import type { AgentKeys } from "../core/messenger.ts";

export interface KeyringActsParts {
  agent: Agent<KeyringState>;
  keys: AgentKeys;
  network: string;
  crypto: Crypto;
  clock: Clock;
  linkClock: Clock;
  /** Whether the broker is there. */
  isConnected: () => boolean;
  /** As the network's notaries sign; absent: what needs a receipt ("walk-up") cannot be run. */
  verifyReceipt?: DeviceContext["verifyReceipt"];
}

const LOOK_EVERY_MS = 20;
/** How long the broker may take before an act goes on without it. */
const CONNECT_MS = 3_000;
/** How long somebody who has not been heard yet may take to show its card, once the broker is there. */
const CARD_MS = 10_000;

export class KeyringActs {
  readonly #parts: KeyringActsParts;

  constructor(parts: KeyringActsParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when it is durable; for what a lock answers (pair, ask, look, read-log) with the outcome, or
   * with null if the person wished something else meanwhile. Throws what the keyring refuses.
   */
  async run(name: CommandName, value: unknown): Promise<Outcome | null> {
    const { agent } = this.#parts;
    const { wish: before } = agent.state;
    // The same pure step, to hear what it refuses: the agent would only count that.
    const { wish } = keyring.step(agent.state, { kind: "command", name, value }, this.#context()).state;
    const isWish = wish !== null && wish !== before;
    // Over the bus only somebody whose card is known can be written to; it shows it when this phone comes.
    if (isWish && !wish.isNear) {
      await this.until(() => this.#parts.isConnected(), CONNECT_MS);
      if (this.#parts.isConnected()) await this.until(() => this.isReachable(wish.lock), CARD_MS);
    }
    // The notaries are asked at once how it stands.
    if (name === "stay") await this.until(() => this.#parts.isConnected(), CONNECT_MS);
    agent.command(name, value);
    await agent.idle();
    if (!isWish) return null;
    const { about } = wish;
    const isUnderWay = (): boolean => agent.state.wish !== null && equalBytes(agent.state.wish.about, about);
    await this.until(() => !isUnderWay(), WISH_MS + 1_000);
    // What the answer brought has been acted on as well.
    await agent.idle();
    const { outcome } = agent.state;
    return outcome !== null && equalBytes(outcome.about, about) ? outcome : null;
  }

  /** Whether the lock can be written to over the bus. */
  isReachable(lock: string): boolean {
    const { agent, isConnected } = this.#parts;
    return isConnected() && agent.messenger.cardOf(lock) !== undefined;
  }

  /** Waits until locks have answered all orders, at most so long; returns whether none waits. */
  async ordersHeard(atMostMs: number): Promise<boolean> {
    const { agent } = this.#parts;
    await this.until(() => agent.state.orders.length === 0, atMostMs);
    return agent.state.orders.length === 0;
  }

  async until(isSo: () => boolean, atMostMs: number): Promise<void> {
    const { linkClock } = this.#parts;
    const endsMs = linkClock.now() + atMostMs;
    while (!isSo() && linkClock.now() < endsMs) {
      await new Promise<void>((resolve) => void linkClock.at(linkClock.now() + LOOK_EVERY_MS, resolve));
    }
  }

  #context(): DeviceContext {
    const { crypto, clock, agent, keys, network } = this.#parts;
    return {
      ...{ now: clock.now(), self: agent.id, signer: keys.signer, crypto, card: keys.card },
      ...{ network, readings: new Map() },
      verifyReceipt: this.#parts.verifyReceipt ?? noReceipts,
    };
  }
}

function noReceipts(): never {
  throw new SegmentError("network-invalid", "receipts cannot be checked: no network is known here");
}
