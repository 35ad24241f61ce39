import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import type { MemberName } from "../../simulators/worlds/virtual/faults.ts";
import { crashEverywhere } from "../../simulators/worlds/virtual/runs.ts";

/** The other members are killed everywhere by `segment simulate delivery --virtual --each-crash`. */
const KILLED: [name: MemberName, deeds: number][] = [
  ["drone", 70],
  ["phone", 40],
  ["shop", 15],
];

describe("killed right before or right after any single deed of a delivery, and started again,", () => {
  it.each(KILLED)("the %s delivers all the same", { timeout: 600_000 }, async (name, deeds) => {
    const report = await crashEverywhere({ of: [name], seed: 1, loss: 0, crypto: nodeCrypto });
    expect(report.failing).toEqual([]);
    expect(report.runs).toBeGreaterThanOrEqual(2 * deeds);
    expect(report.outcomes).toEqual({ delivered: report.runs, refunded: 0, refused: 0 });
  });
});
