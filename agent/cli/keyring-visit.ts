/** What the commands of locks and keys have in common: a phone's keyring, opened for one command. */
import type { Command } from "commander";
import { nodeRandom } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { openKeyring } from "../node/keyring-home.ts";
import type { KeyringOptions, RunningKeyring } from "../node/keyring-home.ts";
import type { KeyringState, KnownLock, Outcome } from "../../devices/keyring/state.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { brokerOf, gather, loadHome, networkOf, thisMachine, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { radioOf } from "./radio.ts";

/** How long a lock that is in reach gets to hear of an order. */
const HEARD_MS = 6_000;

export interface KeyringFlags extends NetworkFlags {
  radio?: string[];
}

/** For what reaches a lock by either way. */
export interface WayFlags extends KeyringFlags {
  far?: boolean;
}

/** Whether over Bluetooth. Errors: option-invalid. */
export function wayOf({ far, radio }: WayFlags): boolean {
  if (far !== true && radio === undefined)
    throw new SegmentError(
      "option-invalid",
      "say by which way: --radio for Bluetooth, --far for the network",
    );
  return far !== true;
}

export function withKeyringOptions(command: Command): Command {
  return withNetwork(command).option(
    "--radio <radio>",
    "hci for the machine's Bluetooth adapter, or a radio of `segment simulate air`",
    gather,
  );
}

/** Opens the home's keyring, and closes it again. Errors: home-locked, radio-unavailable, those of `work`. */
export async function withKeyring<T>(
  flags: KeyringFlags,
  work: (keyring: RunningKeyring, home: Home) => Promise<T>,
  watched?: KeyringOptions["watched"],
): Promise<T> {
  const home = await loadHome(flags);
  const network = networkOf(home);
  let fault: Error | undefined;
  const machine = thisMachine((error) => {
    fault ??= error instanceof Error ? error : new SegmentError("internal", String(error));
  });
  const radio = await radioOf(flags.radio ?? [], "phone");
  const keyring = await openKeyring(machine, home, {
    ...{ network, broker: brokerOf(flags, home), radio },
    ...(watched === undefined ? {} : { watched }),
  });
  try {
    const result = await work(keyring, home);
    if (fault !== undefined) throw fault;
    return result;
  } finally {
    await keyring.close();
  }
}

/**
 * A lock by its name, its id or the beginning of one; the only one if none is given. Errors: key-foreign,
 * option-invalid (several).
 */
export function lockNamed({ locks }: KeyringState, name: string | undefined): KnownLock {
  const exact = locks.filter((lock) => lock.name === name || lock.id === name);
  const near = name === undefined ? locks : locks.filter(({ id }) => id.startsWith(name));
  const [found, ...others] = exact.length > 0 ? exact : near;
  if (found === undefined) {
    const problem = name === undefined ? "this phone knows no lock" : `this phone knows no lock "${name}"`;
    throw new SegmentError("key-foreign", problem);
  }
  if (others.length === 0) return found;
  const list = [found, ...others].map((lock) => `${lock.name} (${lock.id})`).join(", ");
  throw new SegmentError("option-invalid", `several locks are meant: ${list}`);
}

/**
 * Whether the lock has heard the orders that wait: over the bus that happens by itself, over the radio in a
 * session, which asking how the lock stands opens.
 */
export async function heard(keyring: RunningKeyring, flags: KeyringFlags): Promise<boolean> {
  const [order] = keyring.state.orders;
  if (order !== undefined && flags.radio !== undefined)
    await keyring.run("look", { lock: order.lock, nonce: nodeRandom.bytes(16), isNear: true });
  return keyring.ordersHeard(HEARD_MS);
}

/** Throws why a lock did not do what was asked, in its words. */
export function requireDone(outcome: Outcome | null): void {
  if (outcome === null || outcome.code === null) return;
  throw new SegmentError(outcome.code as ErrorCode, outcome.message);
}
