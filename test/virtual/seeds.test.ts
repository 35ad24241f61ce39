import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { FAULT_KINDS, type FaultKind } from "../../simulators/worlds/virtual/faults.ts";
import { runDeliveries, Worlds } from "../../simulators/worlds/virtual/runs.ts";
import type { Lane } from "../../simulators/worlds/virtual/runs.ts";
import { traceText } from "../../simulators/worlds/virtual/trace.ts";
import { document } from "../cli/segment.ts";

const LONG = { timeout: 600_000 };

interface Batch {
  runs: number;
  seed: number;
  loss: number;
  faults: readonly FaultKind[];
  /** So many at least must be delivered: a world that refuses everything would be safe too. */
  delivered: number;
}

const BATCHES: [name: string, batch: Batch][] = [
  ["without faults", { runs: 40, seed: 1, loss: 0, faults: [], delivered: 34 }],
  [
    "with crashes and partitions",
    { runs: 80, seed: 1_000, loss: 0.05, faults: ["crash", "partition"], delivered: 62 },
  ],
  ["with wrong clocks", { runs: 50, seed: 2_000, loss: 0.05, faults: ["skew"], delivered: 38 }],
  ["with liars", { runs: 40, seed: 3_000, loss: 0.05, faults: ["liars"], delivered: 15 }],
  ["with all faults", { runs: 50, seed: 4_000, loss: 0.1, faults: FAULT_KINDS, delivered: 15 }],
];

describe("deliveries in virtual time keep every invariant", () => {
  it.each(BATCHES)("%s", LONG, async (_name, { delivered, ...batch }) => {
    const report = await runDeliveries({ ...batch, crypto: nodeCrypto });
    expect(report.failing).toEqual([]);
    expect(report.unfinished).toBe(0);
    expect(report.outcomes.delivered).toBeGreaterThanOrEqual(delivered);
  });
});

describe("a seed", () => {
  async function traceOf(seed: number): Promise<{ lines: string[]; document: unknown }> {
    const lines: string[] = [];
    const trace = (line: Parameters<typeof traceText>[0]): void => void lines.push(traceText(line));
    const options = { runs: 1, seed, loss: 0.1, faults: FAULT_KINDS, crypto: nodeCrypto };
    return { document: await runDeliveries({ ...options, trace }), lines };
  }

  it("replays exactly, deed by deed, and another seed gives another story", LONG, async () => {
    const [first, again, other] = [await traceOf(7), await traceOf(7), await traceOf(8)];
    expect(first.lines.length).toBeGreaterThan(300);
    expect(again).toEqual(first);
    expect(other.lines).not.toEqual(first.lines);
  });
});

describe("runs side by side", () => {
  const options = { runs: 6, seed: 30, loss: 0.05, faults: FAULT_KINDS, crypto: nodeCrypto };

  it("are counted in the order of the seeds, whichever lane is the first to finish", LONG, async () => {
    const worlds = await Worlds.open(nodeCrypto);
    const alone: number[] = [];
    const report = await runDeliveries({ ...options, told: ({ seed }) => void alone.push(seed) });
    const ended: number[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const quick: Lane = {
      run: async (settings) => {
        const result = await worlds.run(settings);
        if (ended.push(result.seed) === 5) release();
        return result;
      },
    };
    // Has the first seed, and keeps it until the other lane has made all others.
    const slow: Lane = {
      run: async (settings) => {
        const result = await worlds.run(settings);
        await held;
        return result;
      },
    };
    const told: number[] = [];
    const both = {
      ...options,
      lanes: [slow, quick],
      told: ({ seed }: { seed: number }) => void told.push(seed),
    };
    expect(await runDeliveries(both)).toEqual(report);
    expect([ended, told]).toEqual([[31, 32, 33, 34, 35], alone]);
    expect(alone).toEqual([30, 31, 32, 33, 34, 35]);
  });

  it("end at the same run, whoever is ahead", LONG, async () => {
    const worlds = await Worlds.open(nodeCrypto);
    const untilThird = (): { told: () => "enough" | undefined } => {
      let count = 0;
      return { told: () => ((count += 1) === 3 ? "enough" : undefined) };
    };
    const report = await runDeliveries({ ...options, ...untilThird(), lanes: [worlds, worlds] });
    expect(report).toEqual(await runDeliveries({ ...options, ...untilThird() }));
  });

  it("give the same document on threads of their own: --jobs", LONG, async () => {
    const args = ["simulate", "delivery", "--virtual", "--runs", "6", "--seed", "30", "--faults", "all"];
    const [one, two] = [await document<object>(args), await document<object>([...args, "--jobs", "2"])];
    expect({ ...two, host: null }).toEqual({ ...one, host: null });
    expect(one).toMatchObject({ runs: 6, unfinished: 0, failing: [] });
  });
});
