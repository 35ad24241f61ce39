import { describe, expect, it } from "vitest";
import { contractBenches } from "./contract.ts";
import { openStreet } from "./door.ts";
import { measure } from "./harness.ts";
import { sealingBenches } from "./sealing.ts";
import { settlementBenches } from "./settlement.ts";
import { unlockBenches } from "./unlock.ts";

const benches = [...unlockBenches, ...settlementBenches, ...sealingBenches, ...contractBenches];
const quick = benches.filter(({ name }) => !/BLE|session/.test(name));

describe("the benches", () => {
  it("have names of their own", () => {
    expect(new Set(benches.map(({ name }) => name)).size).toBe(benches.length);
    expect(quick.length).toBeGreaterThan(8);
  });

  it.each(quick.map((bench) => [bench.name, bench] as const))(
    "%s",
    async (_name, bench) => {
      const { figure, limit } = await measure(bench, 1);
      expect(figure.median).toBeGreaterThan(0);
      expect(limit.median).toBeGreaterThan(0);
      // A figure far beyond its limit would be measuring something else.
      const share = bench.better === "more" ? figure.median / limit.median : limit.median / figure.median;
      expect(share).toBeLessThan(10);
    },
    60_000,
  );

  it("unlock over the real stacks", async () => {
    const street = await openStreet(0);
    try {
      const visit = await street.unlock();
      await visit.ask();
      await visit.ask();
      await visit.leave();
      const bare = await street.echo();
      await bare.ask();
      await bare.leave();
    } finally {
      await street.close();
    }
  }, 60_000);
});
