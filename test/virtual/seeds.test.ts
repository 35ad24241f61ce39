import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { FAULT_KINDS, type FaultKind } from "../../simulators/worlds/virtual/faults.ts";
import { runDeliveries } from "../../simulators/worlds/virtual/runs.ts";
import { traceText } from "../../simulators/worlds/virtual/trace.ts";

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
