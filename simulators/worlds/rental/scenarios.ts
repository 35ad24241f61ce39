/** What happens in each rental, and how it must end. */
import { SegmentError } from "../../../protocols/errors.ts";

export type Outcome =
  /** The guest was let in; the price is the host's. */
  | "stayed"
  /** The guest never came; the price is the host's. */
  | "no-show"
  /** Called off in time; the host has the fee. */
  | "cancelled"
  /** All went back to the guest. */
  | "refunded"
  | "unfinished";

export interface Prescribed {
  outcome: Outcome;
  /** What the host has gained at the end, in minor units. */
  hostMinor: bigint;
  tells: string;
  /** The lock's log, line by line: who, what, result, by what right. */
  log: readonly string[];
}

const PAIRED = "host pair ok";
const SHOWN = "guest stay ok by the contract";
const LET_IN = "guest open ok by the contract";
const LEFT = "lock departure ok by the contract";
const PRICE = 24_000n;

export const SCENARIOS = {
  ok: {
    ...{ outcome: "stayed", hostMinor: PRICE, log: [PAIRED, SHOWN, LET_IN, LET_IN, LEFT] },
    tells: "the first opening pays the host; the guest leaves and has the deposit back",
  },
  early: {
    ...{ outcome: "stayed", hostMinor: PRICE },
    log: [PAIRED, SHOWN, "guest open key-not-yet by the contract", LET_IN, LEFT],
    tells: "the guest comes before the arrival: the lock refuses, signed, and that opens no refund",
  },
  late: {
    ...{ outcome: "stayed", hostMinor: PRICE },
    log: [PAIRED, SHOWN, LET_IN, LEFT, "guest open contract-closed by the contract"],
    tells: "the guest shuts the door behind him half an hour late, and cannot come back",
  },
  "no-show": {
    ...{ outcome: "no-show", hostMinor: PRICE, log: [PAIRED] },
    tells: "the guest never comes: by the terms the host has the price, the guest the deposit",
  },
  cancelled: {
    ...{ outcome: "cancelled", hostMinor: 2_000n, log: [PAIRED] },
    tells: "the guest cancels in time, for the fee, and finds the door shut",
  },
  "two-guests": {
    ...{ outcome: "stayed", hostMinor: PRICE },
    log: [
      ...[PAIRED, SHOWN, "guest open key-not-yet by the contract", "friend open key-not-yet by a key"],
      ...[LET_IN, "friend open ok by a key", LEFT, "friend open contract-closed by a key"],
    ],
    tells: "a friend opens by a key that the guest has made; one payment, and both end together",
  },
  "offline-lock": {
    ...{ outcome: "stayed", hostMinor: PRICE, log: [PAIRED, SHOWN, LET_IN, LEFT] },
    tells: "neither lock nor phone has a network at the door; the phone pays later, the lock tells later",
  },
  "walk-up-offline": {
    ...{ outcome: "stayed", hostMinor: 11_000n },
    log: [
      ...[PAIRED, "host let ok by an owner", "guest walk-up ok by the contract", LET_IN, LEFT],
      "guest open contract-closed by the contract",
    ],
    tells: "no network: phone and lock offer, counter and sign over BLE, a voucher pays, settled later",
  },
  "stolen-recording": {
    ...{ outcome: "stayed", hostMinor: PRICE, log: [PAIRED, SHOWN, LET_IN, LEFT] },
    tells: "what the guest's phone said to the lock is played to it again, and nothing opens",
  },
  "clock-back": {
    ...{ outcome: "stayed", hostMinor: PRICE },
    log: [PAIRED, "host open ok", SHOWN, "guest open time-unknown by the contract", LET_IN, LEFT],
    tells: "after a loss of power the lock believes no clock: the guest's phone brings the notaries' time",
  },
  "stolen-phone": {
    ...{ outcome: "refunded", hostMinor: 0n },
    log: [PAIRED, "host revoke ok by an owner", SHOWN, "guest open key-revoked by the contract"],
    tells: "the guest's phone is stolen: the lock refuses it, the root revokes it, the money is the root's",
  },
  "locked-out": {
    ...{ outcome: "refunded", hostMinor: 0n },
    log: [PAIRED, "host revoke ok by an owner", SHOWN, "guest open key-revoked by the contract"],
    tells: "the host locks out a guest who has paid: the lock's signed refusal brings all of it back",
  },
  damage: {
    ...{ outcome: "stayed", hostMinor: PRICE + 4_000n, log: [PAIRED, SHOWN, LET_IN, LEFT] },
    tells: "the host claims 60.00 of the deposit, the guest objects, the arbiter awards 40.00",
  },
} as const satisfies Record<string, Prescribed>;

export type Scenario = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as Scenario[];

/** Errors: option-invalid, with the names that there are. */
export function scenarioOf(name: string): Scenario {
  if (Object.hasOwn(SCENARIOS, name)) return name as Scenario;
  const names = SCENARIO_NAMES.join(", ");
  throw new SegmentError("option-invalid", `there is no scenario "${name}": choose one of ${names}`, {
    where: "--scenario",
  });
}
