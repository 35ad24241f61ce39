/**
 * A benchmark stands beside the limit that it could reach at best (the bare hash, the
 * bare disk, the bare socket), measured in the same run and in turn with it, so that a
 * busy machine slows both. The ratio says more than either figure.
 */
import { cpus } from "node:os";

export interface Bench {
  /** What people filter by, e.g. "unlock: BLE round trip". */
  name: string;
  /** Of the figure and its limit alike, e.g. "steps/s" or "ms". */
  unit: string;
  /** Whether more is better (a rate) or less (a duration). */
  better: "more" | "less";
  /** One round: the figure, in `unit`. */
  run(): number | Promise<number>;
  limit: {
    /** What the limit is, in a few words. */
    name: string;
    run(): number | Promise<number>;
  };
  /** Called once before the first round and after the last. */
  open?(): void | Promise<void>;
  close?(): void | Promise<void>;
  /** Rounds of this bench, for those that take long; 5 unless told. */
  rounds?: number;
  /** Rounds that are not counted, because the compiler still works on what runs; 1 unless told. */
  warmUps?: number;
}

export interface Spread {
  min: number;
  median: number;
  max: number;
}

export interface BenchResult {
  name: string;
  unit: string;
  better: "more" | "less";
  rounds: number;
  figure: Spread;
  limit: Spread & { name: string };
  /** The share of the limit that is reached, 1 at best; each round's own figure and limit are compared. */
  ratio: Spread;
}

const ROUNDS = 5;

/** Runs one bench, figure and limit in turn; the first rounds of each warm up and are not counted. */
export async function measure(bench: Bench, rounds = bench.rounds ?? ROUNDS): Promise<BenchResult> {
  const figures: number[] = [];
  const limits: number[] = [];
  await bench.open?.();
  try {
    for (let round = 0; round < (bench.warmUps ?? 1); round++) {
      await bench.run();
      await bench.limit.run();
    }
    for (let round = 0; round < rounds; round++) {
      // Each goes first in every other round: whatever the first pays for, both pay.
      if (round % 2 === 0) figures.push(await bench.run());
      limits.push(await bench.limit.run());
      if (round % 2 === 1) figures.push(await bench.run());
    }
  } finally {
    await bench.close?.();
  }
  const share = (figure: number, limit: number): number =>
    bench.better === "more" ? figure / limit : limit / figure;
  return {
    name: bench.name,
    unit: bench.unit,
    better: bench.better,
    rounds,
    figure: spread(figures),
    limit: { name: bench.limit.name, ...spread(limits) },
    ratio: spread(figures.map((figure, i) => share(figure, limits[i] ?? Number.NaN))),
  };
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { min: sorted[0] ?? Number.NaN, median, max: sorted.at(-1) ?? Number.NaN };
}

/** A clock by which work is measured, in ms. */
type Stopwatch = () => number;

const wallMs: Stopwatch = () => performance.now();

/** What this process has used of all cores: for work on one core, whoever else keeps that one busy. */
export const cpuMs: Stopwatch = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** How often a second `work` runs: for at least `forMs`, `batch` times between looks at the clock. */
export function perSecond(work: () => void, forMs = 200, batch = 1, clock = wallMs): number {
  const begun = clock();
  for (let count = batch; ; count += batch) {
    for (let i = 0; i < batch; i++) work();
    const passedMs = clock() - begun;
    if (passedMs >= forMs) return (count * 1000) / passedMs;
  }
}

/** How many milliseconds `work` takes, once. */
export async function elapsedMs(work: () => void | Promise<unknown>, clock = wallMs): Promise<number> {
  const begun = clock();
  await work();
  return clock() - begun;
}

/** The table for people. */
export function table(results: readonly BenchResult[]): string {
  const rows = results.map((result) => [
    `${result.name} [${result.unit}]`,
    spreadText(result.figure),
    `${result.limit.name}: ${spreadText(result.limit)}`,
    spreadText(result.ratio),
  ]);
  const all = [["bench", "figure: median (min..max)", "limit", "share of the limit"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function spreadText({ min, median, max }: Spread): string {
  return `${figureText(median)} (${figureText(min)}..${figureText(max)})`;
}

/** Three significant digits are as many as a benchmark has. */
function figureText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? rounded.toLocaleString("en-US") : String(rounded);
}

/**
 * Runs the benches whose name holds one of the words (all without words) and prints a
 * table, or with --json one document. Returns the exit code.
 */
export async function runBenches(benches: readonly Bench[], args: readonly string[]): Promise<number> {
  const words = args.filter((arg) => !arg.startsWith("--")).map((word) => word.toLowerCase());
  const flags = args.filter((arg) => arg.startsWith("--"));
  const unknown = flags.filter((flag) => flag !== "--json" && !/^--rounds=[1-9]\d{0,2}$/.test(flag));
  const chosen = benches.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word)),
  );
  if (unknown.length > 0 || chosen.length === 0) {
    const names = benches.map((bench) => `  ${bench.name}`).join("\n");
    console.error(`usage: npm run bench -- [--json] [--rounds=N] [words of a name]\nbenches:\n${names}`);
    return 2;
  }
  const roundsFlag = flags.find((flag) => flag.startsWith("--rounds="));
  const rounds = roundsFlag === undefined ? undefined : Number(roundsFlag.slice("--rounds=".length));
  const results: BenchResult[] = [];
  for (const bench of chosen) {
    console.error(`measuring ${bench.name} …`);
    results.push(await measure(bench, rounds));
  }
  const host = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpus: cpus().length,
  };
  if (flags.includes("--json")) console.log(JSON.stringify({ benches: results, host }, null, 2));
  else console.log(`${table(results)}\nNode ${host.node}, ${host.platform}, ${host.cpus} CPUs`);
  return 0;
}
