/** Many virtual deliveries, one seed each: `segment simulate delivery --virtual --runs N --seed S`. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Crypto } from "../../../protocols/ports.ts";
import { rememberingCrypto } from "../../remembering-crypto.ts";
import { seededRandom } from "../../random.ts";
import type { Outcome } from "../delivery/scenarios.ts";
import type { Temper } from "./bodies.ts";
import { VirtualDelivery, type RunResult } from "./delivery.ts";
import {
  drawFaults,
  MEMBERS,
  NO_FAULTS,
  type Deeds,
  type FaultKind,
  type Faults,
  type Kill,
  type Lie,
  type MemberName,
} from "./faults.ts";
import { INVARIANTS, type Invariant } from "./invariants.ts";
import type { TraceLine } from "./trace.ts";
import { foundVillage, type Village } from "./village.ts";

export interface RunsOptions {
  runs: number;
  /** Of the first run; each one after it has the next. */
  seed: number;
  /** Chance, 0 to 1, that a message is lost on one way: MQTT repeats it, a BLE connection event is missed. */
  loss: number;
  faults: readonly FaultKind[];
  /** Honest people with this crash, in place of drawn faults. */
  kill?: Kill;
  /** Exactly these lies, in place of drawn faults. */
  lies?: readonly Lie[];
  crypto: Crypto;
  /** After each run; "enough" ends them. */
  told?: (result: RunResult, done: number) => "enough" | undefined;
  trace?: (line: TraceLine) => void;
  /** Where runs are made, side by side; default: here, one after the other. */
  lanes?: readonly Lane[];
}

/** Makes one run at a time. */
export interface Lane {
  run(settings: RunSettings): Promise<RunResult>;
}

/** The same options give the same document, on any machine. */
export interface RunsReport {
  runs: number;
  seed: number;
  outcomes: Record<Outcome, number>;
  /** Runs that did not come to rest. */
  unfinished: number;
  /** In how many runs money appeared or vanished. */
  moneyError: number;
  /** In how many runs each was violated. */
  invariants: Record<Invariant, number>;
  /** Runs with a violation: each replays with `--runs 1 --seed N` or `--crash-at …`, and the same options. */
  failing: { seed: number; crashAt: string | null; violations: string[] }[];
}

/** Told in the report at most; there may be as many as runs. */
const MAX_FAILING = 100;
/** Long enough for sessions to end and others to notice, far from any deadline. */
const CRASH_DOWN_MS = 3_000;
/** Seeds that tell how many deeds a delivery takes belong to nobody's run. */
const MEASURING_SEED = 0;

/** One run for each seed from the first on. */
export async function runDeliveries(options: RunsOptions): Promise<RunsReport> {
  const { runs, seed, loss, faults, trace, kill, lies = [] } = options;
  const worlds = await Worlds.open(options.crypto);
  const kills = kill === undefined ? [] : [kill];
  const isExact = kill !== undefined || lies.length > 0;
  const exactly = isExact ? { temper: HONEST, exactly: { ...NO_FAULTS, kills, lies } } : {};
  const common = { loss, faults, ...exactly, ...(trace === undefined ? {} : { trace }) };
  const settings = Array.from({ length: runs }, (_, at) => ({ ...common, seed: seed + at }));
  return runAll(worlds, settings, options);
}

/** One honest delivery, again and again: each time one agent dies right before or right after one deed. */
export async function crashEverywhere(
  options: Omit<RunsOptions, "runs" | "faults"> & { of: readonly MemberName[] },
): Promise<RunsReport> {
  const { seed, loss, trace } = options;
  const worlds = await Worlds.open(options.crypto);
  const common = { seed, loss, faults: [], temper: HONEST, ...(trace === undefined ? {} : { trace }) };
  const settings: RunSettings[] = [];
  for (const who of options.of) {
    for (let deed = 1; deed <= (worlds.deeds.get(who) ?? 0); deed++) {
      for (const when of ["dies-before", "dies-after"] as const) {
        const kills = [{ who, deed, when, downMs: CRASH_DOWN_MS }];
        settings.push({ ...common, exactly: { ...NO_FAULTS, kills } });
      }
    }
  }
  return runAll(worlds, settings, options);
}

async function runAll(
  worlds: Worlds,
  settings: readonly RunSettings[],
  { seed, told, lanes = [worlds] }: Pick<RunsOptions, "seed" | "told" | "lanes">,
): Promise<RunsReport> {
  const report: RunsReport = {
    ...{ runs: settings.length, seed, outcomes: { delivered: 0, refunded: 0, refused: 0 } },
    ...{ unfinished: 0, moneyError: 0 },
    invariants: Object.fromEntries(Object.keys(INVARIANTS).map((name) => [name, 0])) as Record<
      Invariant,
      number
    >,
    failing: [],
  };
  const arrived = new Map<number, RunResult>();
  let begun = 0;
  let counted = 0;
  let isEnough = false;
  // Counted in the order of the seeds, whoever is faster: the same options give the same document.
  const take = (): void => {
    for (let result = arrived.get(counted); result !== undefined; result = arrived.get(counted)) {
      arrived.delete(counted);
      count(report, result, settings[counted]?.exactly?.kills[0]);
      counted += 1;
      isEnough ||= told?.(result, counted) === "enough";
      if (isEnough) return;
    }
  };
  const work = async (lane: Lane): Promise<void> => {
    while (!isEnough && begun < settings.length) {
      const at = begun++;
      const result = await lane.run(settings[at]!);
      if (isEnough) return;
      arrived.set(at, result);
      take();
    }
  };
  await Promise.all(lanes.map(work));
  return report;
}

function count(report: RunsReport, { seed, outcome, violations }: RunResult, kill: Kill | undefined): void {
  if (outcome === undefined) report.unfinished += 1;
  else report.outcomes[outcome] += 1;
  for (const invariant of new Set(violations.map((one) => one.invariant))) report.invariants[invariant] += 1;
  report.moneyError = report.invariants["money-conserved"];
  if (violations.length === 0 || report.failing.length >= MAX_FAILING) return;
  const told = violations.map(({ invariant, atMs, detail }) => `${invariant} at ${atMs} ms: ${detail}`);
  report.failing.push({ seed, crashAt: kill === undefined ? null : crashText(kill), violations: told });
}

/** As `--crash-at` takes it: "drone:33:before". */
function crashText({ who, deed, when }: Kill): string {
  return `${who}:${deed}:${when === "dies-before" ? "before" : "after"}`;
}

/** Reads `--crash-at drone:33:before`. Errors: option-invalid. */
export function parseCrash(text: string): Kill {
  const [name, deed, when] = text.split(":");
  const who = MEMBERS.find((one) => one === name);
  const number = Number(deed);
  if (
    who === undefined ||
    !Number.isSafeInteger(number) ||
    number < 1 ||
    (when !== "before" && when !== "after")
  ) {
    const problem = `"${text}" is not <agent>:<deed>:before or after, with one of ${MEMBERS.join(", ")}`;
    throw new SegmentError("option-invalid", problem, { where: "--crash-at" });
  }
  return { who, deed: number, when: `dies-${when}`, downMs: CRASH_DOWN_MS };
}

export interface RunSettings {
  seed: number;
  loss: number;
  /** Drawn from the seed. */
  faults: readonly FaultKind[];
  /** In place of what the seed would draw. */
  exactly?: Faults;
  temper?: Temper;
  trace?: ((line: TraceLine) => void) | undefined;
}

/** The villages, founded once, and what has been measured of a delivery in them. */
export class Worlds {
  readonly #rich: Village;
  readonly #poor: Village;
  readonly deeds: Deeds;

  private constructor(rich: Village, poor: Village, deeds: Deeds) {
    this.#rich = rich;
    this.#poor = poor;
    this.deeds = deeds;
  }

  static async open(crypto: Crypto): Promise<Worlds> {
    const remembering = rememberingCrypto(crypto);
    const rich = await foundVillage(remembering, true);
    const poor = await foundVillage(remembering, false);
    const settings = { village: rich, seed: MEASURING_SEED, loss: 0, faults: NO_FAULTS };
    const { deeds } = await new VirtualDelivery({ ...settings, temper: HONEST }).run();
    return new Worlds(rich, poor, deeds);
  }

  run(settings: RunSettings): Promise<RunResult> {
    const { seed, loss, trace } = settings;
    const people = seededRandom(seed, "people");
    const drawn = drawTemper(people);
    const isPoor = people.next() < POOR_SHARE && settings.temper === undefined;
    const temper = settings.temper ?? drawn;
    const village = isPoor ? this.#poor : this.#rich;
    const faults = settings.exactly ?? drawFaults(settings.faults, seededRandom(seed, "faults"), this.deeds);
    const options = { village, seed, loss, faults, temper: temperUnder(faults.lies, temper) };
    return new VirtualDelivery(trace === undefined ? options : { ...options, trace }).run();
  }
}

export const HONEST: Temper = { walksAfterMs: 3_000, stopsAtM: 2, takesParcel: true, leavesAfterMs: null };
/** Buyers whose wallet does not hold the price. */
const POOR_SHARE = 0.03;
const NO_SHOW_SHARE = 0.06;
const KEEPS_SHARE = 0.05;

/** Within the radio's reach, beyond the terms' radius. */
const FAR_M = 25;
/** At the point by then; what is signed there is stale when it is shown. */
const LEAVES_AFTER_MS = 45_000;

/** A phone that lies needs a person who goes along with it. */
function temperUnder(lies: readonly Lie[], temper: Temper): Temper {
  const comes = { ...temper, walksAfterMs: 0 };
  if (lies.includes("buyer-far")) return { ...comes, stopsAtM: FAR_M };
  if (lies.includes("buyer-leaves")) return { ...comes, leavesAfterMs: LEAVES_AFTER_MS };
  if (lies.includes("buyer-forges")) return { ...temper, walksAfterMs: null };
  return lies.includes("drone-claims") ? { ...temper, takesParcel: false } : temper;
}

/** Most people come, at their own pace, and take their parcel. */
function drawTemper(random: { next(): number }): Temper {
  const comes = random.next() >= NO_SHOW_SHARE;
  return {
    walksAfterMs: comes ? Math.round(random.next() * 60_000) : null,
    stopsAtM: random.next() * 10,
    takesParcel: random.next() >= KEEPS_SHARE,
    leavesAfterMs: null,
  };
}
