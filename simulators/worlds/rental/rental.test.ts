/** Every rental, from offer to settlement: whole agents, real sessions and signatures, four notaries. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { runRental } from "./rental.ts";
import type { RentalReport } from "./rental.ts";
import { SCENARIO_NAMES, SCENARIOS } from "./scenarios.ts";
import type { Scenario } from "./scenarios.ts";

const told: string[] = [];

function rental(scenario: Scenario, seed = 1, currency = "EUR"): Promise<RentalReport> {
  told.length = 0;
  return runRental({
    ...{ scenario, seed, crypto, currency, nowMs: () => Date.now(), nodeVersion: process.version },
    told: ({ atMs, by, text }) => void told.push(`${(atMs / 3_600_000).toFixed(2)} ${by}: ${text}`),
  });
}

describe("a rental", () => {
  it.each(SCENARIO_NAMES)("%s", async (scenario) => {
    const report = await rental(scenario);
    if (process.env["RENTAL_TOLD"]) console.log([...told, JSON.stringify({ ...report, steps: 0 }, null, 1)].join("\n"));
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.log).toEqual(SCENARIOS[scenario].log);
    expect(report.outcome).toBe(SCENARIOS[scenario].outcome);
  });
});
