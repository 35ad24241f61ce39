/** One rental from offer to settlement: the story is played, then all that must hold is looked at. */
import type { LockConfig } from "../../../devices/lock/state.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { Crypto } from "../../../protocols/ports.ts";
import { PRICE_MINOR, FEE_MINOR } from "./booking.ts";
import type { Booking } from "./booking.ts";
import { START_MS } from "./people.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Outcome, Prescribed, Scenario } from "./scenarios.ts";
import { STORIES } from "./stories.ts";
import { CURRENCIES, GUEST_HAS_MINOR } from "./money.ts";
import { Street } from "./street.ts";

/** Minor units as text, by party and currency; what a contract holds is a party named `contract`. */
export type Balances = Record<string, Record<string, string>>;

export interface RentalReport {
  scenario: Scenario;
  seed: number;
  outcome: Outcome;
  /** In a sentence. */
  reason: string;
  /** The contract's id in hex, and where it ended. */
  contract: string | null;
  state: string;
  steps: { atMs: number; by: string; text: string }[];
  balances: { before: Balances; after: Balances };
  /** The lock's log: who, what, result, by what right. */
  log: string[];
  /** What the notaries refused: who, what, code. */
  refused: string[];
  /** What had to hold, and whether it did. */
  checks: { name: string; ok: boolean }[];
  ble: { reads: number; writes: number; notifications: number; bytes: number };
  mqtt: { messages: number; bytes: number };
  host: { durationMs: number; worldMs: number; node: string };
}

export interface RentalOptions {
  scenario: Scenario;
  seed: number;
  crypto: Crypto;
  /** "EUR" or "CHF": the host takes both. */
  currency: string;
  /** Milliseconds of the machine's time, for `host`. */
  nowMs: () => number;
  nodeVersion: string;
  told?: (line: { atMs: number; by: string; text: string }) => void;
}

const CONFIG: LockConfig = {
  door: { pulseMs: 500, relockMs: 5_000, hasContact: true, hasBoltSensor: false, openAlarmMs: 7_200_000 },
  ...{ home: {}, resetHoldMs: 10_000, keepsTime: false },
};
const PARTIES = ["guest", "host", "friend", "issuer"];

export async function runRental(options: RentalOptions): Promise<RentalReport> {
  const { scenario, seed, crypto, currency, nowMs, told } = options;
  const beganMs = nowMs();
  const steps: RentalReport["steps"] = [];
  const checks: RentalReport["checks"] = [];
  const street: Street = new Street({
    ...{ crypto, seed, config: CONFIG },
    say: (by, text) => {
      const line = { atMs: street.clock.now() - START_MS, by, text };
      steps.push(line);
      told?.(line);
    },
  });
  const check = (name: string, ok: boolean): void => {
    checks.push({ name, ok });
    if (!ok) street.say("world", `NOT SO: ${name}`);
  };
  await street.begin();
  const before = balancesOf(street, undefined);
  const booking = await STORIES[scenario]({ street, crypto, code: currency, check });
  await street.clock.runFor(60_000);
  const after = balancesOf(street, booking);
  const log = logOf(street);
  const outcome = outcomeOf(street, booking, gainOf(street, after, before, currency));
  const prescribed: Prescribed = SCENARIOS[scenario];
  const gain = gainOf(street, after, before, currency);
  check(`the host has gained ${prescribed.hostMinor} minor units`, gain === prescribed.hostMinor);
  check("the log is as it must be", JSON.stringify(log) === JSON.stringify(prescribed.log));
  check("the contract is closed, and holds nothing", booking.label === "closed" && booking.pot.length === 0);
  for (const code of CURRENCIES)
    check(`all ${code} is still there`, sumOf(after, street.currency(code)) === GUEST_HAS_MINOR);
  check("all notaries agree", agree(street));
  check("no agent has failed", street.failures.length === 0);
  const { messages, bytes } = street.net.counters();
  const worldMs = street.clock.now() - START_MS;
  const ble = street.radioCounts();
  await street.end();
  return {
    ...{ scenario, seed, outcome, reason: prescribed.tells, contract: toHex(booking.termsId) },
    ...{ state: booking.label, steps, balances: { before, after }, log, refused: booking.refused, checks },
    ...{ ble, mqtt: { messages, bytes } },
    host: { durationMs: nowMs() - beganMs, worldMs, node: options.nodeVersion },
  };
}

function balancesOf(street: Street, booking: Booking | undefined): Balances {
  const core = street.notaries[0]!.core;
  const named = PARTIES.map((name): [string, [string, bigint][]] => {
    return [name, [...core.accountBalances(street.person(name).root.publicKey)]];
  });
  const held: [string, [string, bigint][]][] = booking === undefined ? [] : [["contract", [...booking.pot]]];
  return Object.fromEntries(
    [...named, ...held].map(([name, all]) => [
      name,
      Object.fromEntries(all.map(([id, minor]) => [id, String(minor)])),
    ]),
  );
}

function gainOf(street: Street, after: Balances, before: Balances, code: string): bigint {
  const id = street.currency(code);
  return BigInt(after["host"]?.[id] ?? 0) - BigInt(before["host"]?.[id] ?? 0);
}

function sumOf(balances: Balances, currency: string): bigint {
  return Object.values(balances).reduce((sum, one) => sum + BigInt(one[currency] ?? 0), 0n);
}

function outcomeOf(street: Street, booking: Booking, hostMinor: bigint): Outcome {
  if (booking.label !== "closed") return "unfinished";
  if (street.lock.state.stays.some(({ opening }) => opening !== null) && hostMinor > FEE_MINOR)
    return "stayed";
  if (hostMinor === PRICE_MINOR) return "no-show";
  return hostMinor === FEE_MINOR ? "cancelled" : "refunded";
}

/** Who, what, result, by what right. */
function logOf(street: Street): string[] {
  const { audit, stays } = street.lock.state;
  const names = new Map(
    ["host", "guest", "friend", "stranger", "guest-new-phone"].map((name) => [street.person(name).id, name]),
  );
  const contracts = new Set(stays.map(({ termsId }) => toHex(termsId)));
  return audit.map(({ who, what, action, key, code }) => {
    const name = who === null ? "lock" : (names.get(who) ?? "somebody");
    const right = key === null ? "" : contracts.has(toHex(key)) ? " by the contract" : " by a key";
    const owners = key === null && (what === "revoke" || what === "let") ? " by an owner" : right;
    return `${name} ${action ?? what} ${code ?? "ok"}${owners}`;
  });
}

function agree(street: Street): boolean {
  const views = street.notaries.map(({ core }) =>
    PARTIES.map((name) =>
      JSON.stringify(
        [...core.accountBalances(street.person(name).root.publicKey)].map(([id, minor]) => [
          id,
          String(minor),
        ]),
      ),
    ).join(),
  );
  return new Set(views).size === 1;
}
