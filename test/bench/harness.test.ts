import { describe, expect, it, vi } from "vitest";
import { measure, perSecond, runBenches, spread, table } from "./harness.ts";
import type { Bench } from "./harness.ts";

/** A bench that returns these figures round after round; the first of each is the warm-up. */
function scripted(better: "more" | "less", figures: number[], limits: number[], log: string[] = []): Bench {
  const next = (values: number[], name: string) => () => {
    log.push(name);
    return values.shift() ?? 0;
  };
  return {
    name: "scripted: one",
    unit: "op/s",
    better,
    run: next(figures, "figure"),
    limit: { name: "the limit", run: next(limits, "limit") },
  };
}

describe("the harness", () => {
  it("alternates, leaves out the warm-up and compares round by round", async () => {
    const log: string[] = [];
    const result = await measure(scripted("more", [9, 1, 2, 3], [9, 10, 10, 10], log), 3);
    expect(log.join(" ")).toBe("figure limit figure limit limit figure figure limit");
    expect(result).toMatchObject({
      rounds: 3,
      figure: { min: 1, median: 2, max: 3 },
      limit: { name: "the limit", median: 10 },
      ratio: { min: 0.1, median: 0.2, max: 0.3 },
    });
  });

  it("takes the share of a duration the other way round", async () => {
    const result = await measure(scripted("less", [0, 20, 40], [0, 10, 10]), 2);
    expect(result.ratio).toEqual({ min: 0.25, median: 0.375, max: 0.5 });
  });

  it("closes a bench that fails", async () => {
    const close = vi.fn();
    const bench = { ...scripted("more", [], []), close };
    await expect(
      measure({
        ...bench,
        run: () => {
          throw new Error("broken");
        },
      }),
    ).rejects.toThrow("broken");
    expect(close).toHaveBeenCalledOnce();
  });

  it("counts what runs in a second", () => {
    let runs = 0;
    const rate = perSecond(() => (runs += 1), 20, 10);
    expect(runs % 10).toBe(0);
    expect(rate).toBeGreaterThan(runs);
    expect(spread([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
  });

  it("prints a table, or one JSON document", async () => {
    const out = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const err = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const bench = (): Bench => scripted("more", [1, 1234, 1234], [1, 2468, 2468]);
      expect(await runBenches([bench()], ["SCRIPT", "--rounds=2"])).toBe(0);
      expect(out.mock.lastCall?.[0]).toContain("scripted: one [op/s]");
      expect(out.mock.lastCall?.[0]).toContain("1,230 (1,230..1,230)");
      expect(out.mock.lastCall?.[0]).toContain("0.5 (0.5..0.5)");
      expect(await runBenches([bench()], ["--json", "--rounds=2"])).toBe(0);
      const document = JSON.parse(String(out.mock.lastCall?.[0])) as { benches: { name: string }[] };
      expect(document.benches.map(({ name }) => name)).toEqual(["scripted: one"]);
      expect(await runBenches([bench()], ["unheard-of"])).toBe(2);
      expect(await runBenches([bench()], ["--colour"])).toBe(2);
      expect(err.mock.lastCall?.[0]).toContain("benches:\n  scripted: one");
    } finally {
      out.mockRestore();
      err.mockRestore();
    }
  });

  it("lines its columns up", async () => {
    const lines = table([await measure(scripted("more", [1, 1], [1, 1]), 1)]).split("\n");
    expect(lines[1]?.indexOf("1 (1..1)")).toBe(lines[0]?.indexOf("figure"));
  });
});
