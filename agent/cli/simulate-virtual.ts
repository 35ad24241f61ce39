/** `segment simulate delivery --virtual`: many deliveries in virtual time, and what must hold in each. */
import { SegmentError } from "../../protocols/errors.ts";
import type { RunResult } from "../../simulators/worlds/virtual/delivery.ts";
import type { RunsOptions, RunsReport } from "../../simulators/worlds/virtual/runs.ts";
import type { TraceLine } from "../../simulators/worlds/virtual/trace.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { numberOf, optionInvalid } from "./options.ts";
import { print, printDocument, say } from "./output.ts";

export interface VirtualFlags {
  runs: string;
  seed: string;
  loss: string;
  faults: string;
  eachCrash?: string | true;
  crashAt?: string;
  lies?: string;
  jobs: string;
  untilFailure?: boolean;
  trace?: string | true;
  json?: boolean;
}

const TELL_EVERY_MS = 5_000;
const FAILING_SHOWN = 10;

/** Errors: option-invalid; scenario-failed if anything that must hold did not. */
export async function simulateVirtually(flags: VirtualFlags): Promise<void> {
  const startedMs = systemClock.now();
  const report = await run(flags);
  const durationMs = systemClock.now() - startedMs;
  const finished = sum(Object.values(report.outcomes)) + report.unfinished;
  const host = { durationMs, perMinute: Math.round((finished * 60_000) / Math.max(durationMs, 1)) };
  if (flags.json === true) printDocument({ ...report, host });
  else for (const line of summary(report, flags, host)) print(line);
  if (report.failing.length === 0) return;
  const first = report.failing[0];
  throw new SegmentError(
    "scenario-failed",
    `${report.failing.length} of ${finished} runs broke what must hold; replay the first one: ${replay(first, flags)}`,
  );
}

async function run(flags: VirtualFlags): Promise<RunsReport> {
  const { faultKindsOf, liesOf, membersOf } = await import("../../simulators/worlds/virtual/faults.ts");
  const { crashEverywhere, parseCrash, runDeliveries } =
    await import("../../simulators/worlds/virtual/runs.ts");
  const { traceText } = await import("../../simulators/worlds/virtual/trace.ts");
  if (
    flags.trace !== undefined &&
    flags.trace !== true &&
    flags.trace !== "all" &&
    flags.trace !== "people"
  ) {
    throw optionInvalid("--trace", "nothing, people or all", flags.trace);
  }
  const trace = (line: TraceLine): void => {
    if (line.isDeed && flags.trace !== "all") return;
    say(traceText(line));
  };
  const options: RunsOptions = {
    runs: numberOf("--runs", flags.runs, 1, 1_000_000),
    seed: numberOf("--seed", flags.seed, 0, Number.MAX_SAFE_INTEGER / 2_000_000),
    loss: numberOf("--loss", flags.loss, 0, 0.5),
    faults: faultKindsOf(flags.faults),
    crypto: nodeCrypto,
    ...(flags.lies === undefined ? {} : { lies: liesOf(flags.lies) }),
    told: teller(flags.untilFailure === true),
    ...(flags.trace === undefined ? {} : { trace }),
  };
  const { crashAt, eachCrash } = flags;
  if (crashAt !== undefined) return runDeliveries({ ...options, runs: 1, kill: parseCrash(crashAt) });
  return sideBySide(jobsOf(flags), (lanes) =>
    eachCrash === undefined
      ? runDeliveries({ ...options, ...lanes })
      : crashEverywhere({ ...options, ...lanes, of: membersOf(eachCrash === true ? "all" : eachCrash) }),
  );
}

/** Errors: option-invalid. */
function jobsOf({ jobs, trace }: VirtualFlags): number {
  const count = numberOf("--jobs", jobs, 1, 64);
  if (count > 1 && trace !== undefined) throw optionInvalid("--jobs", "1, to tell a trace in order", jobs);
  return count;
}

async function sideBySide(
  jobs: number,
  work: (lanes: Pick<RunsOptions, "lanes">) => Promise<RunsReport>,
): Promise<RunsReport> {
  if (jobs === 1) return work({});
  const { openLanes } = await import("./virtual-lanes.ts");
  const threads = openLanes(jobs);
  try {
    return await work({ lanes: threads.lanes });
  } finally {
    await threads.close();
  }
}

/** A line every few seconds, and one for each run that fails. */
function teller(untilFailure: boolean): NonNullable<RunsOptions["told"]> {
  const outcomes = new Map<string, number>();
  let failing = 0;
  let toldMs = systemClock.now();
  return ({ seed, outcome, violations }: RunResult, done) => {
    const name = outcome ?? "unfinished";
    outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    if (violations.length > 0) {
      failing += 1;
      if (failing <= FAILING_SHOWN)
        say(`seed ${seed}: ${violations[0]?.invariant}: ${violations[0]?.detail}`);
      if (untilFailure) return "enough";
    }
    if (systemClock.now() - toldMs < TELL_EVERY_MS) return undefined;
    toldMs = systemClock.now();
    const counts = [...outcomes].map(([one, count]) => `${count} ${one}`).join(", ");
    say(`${done} runs: ${counts}; ${failing} failing`);
    return undefined;
  };
}

function summary(
  report: RunsReport,
  flags: VirtualFlags,
  host: { durationMs: number; perMinute: number },
): string[] {
  const { outcomes, unfinished, invariants, failing } = report;
  const broken = Object.entries(invariants).filter(([, count]) => count > 0);
  return [
    `${outcomes.delivered} delivered, ${outcomes.refunded} refunded, ${outcomes.refused} refused, ${unfinished} unfinished`,
    ...(broken.length === 0
      ? [`all ${Object.keys(invariants).length} invariants held after every step`]
      : broken.map(([name, count]) => `VIOLATED in ${count} runs: ${name}`)),
    ...failing.slice(0, FAILING_SHOWN).map((one) => `  ${replay(one, flags)}`),
    `${(host.durationMs / 1_000).toFixed(1)} s, ${host.perMinute} deliveries a minute`,
  ];
}

/** The command that runs it again and tells what happens. */
function replay(one: RunsReport["failing"][number] | undefined, flags: VirtualFlags): string {
  if (one === undefined) return "";
  const drawn = flags.faults === "" ? "" : ` --faults ${flags.faults}`;
  const faults = flags.lies === undefined ? drawn : ` --lies ${flags.lies}`;
  const what = one.crashAt === null ? `--runs 1${faults}` : `--crash-at ${one.crashAt}`;
  return `segment simulate delivery --virtual ${what} --seed ${one.seed} --loss ${flags.loss} --trace`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
