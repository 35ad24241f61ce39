/** Every rental, from offer to settlement: whole agents, real sessions and signatures, four notaries. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto, systemClock } from "../../../agent/node/crypto.ts";
import { runRental } from "./rental.ts";
import type { RentalReport } from "./rental.ts";
import { SCENARIO_NAMES, SCENARIOS } from "./scenarios.ts";
import type { Scenario } from "./scenarios.ts";

/** Days of everybody's timers, on a machine that others use as well. */
const PATIENCE_MS = 120_000;

function rental(scenario: Scenario, currency = "EUR"): Promise<RentalReport> {
  return runRental({
    ...{ scenario, seed: 1, crypto, currency, nowMs: () => systemClock.now(), nodeVersion: process.version },
  });
}

/** In minor units. */
function hostGains({ balances }: RentalReport, code: string): bigint {
  const [, minor = "0"] =
    Object.entries(balances.after["host"] ?? {}).find(([id]) => id.startsWith(code)) ?? [];
  return BigInt(minor);
}

describe("a rental", () => {
  it.each(SCENARIO_NAMES)("%s", { timeout: PATIENCE_MS }, async (scenario) => {
    const report = await rental(scenario);
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.log).toEqual(SCENARIOS[scenario].log);
    expect(report.outcome).toBe(SCENARIOS[scenario].outcome);
    expect(hostGains(report, "EUR")).toBe(SCENARIOS[scenario].hostMinor);
  });

  it("is paid in the currency that the guest chooses", { timeout: PATIENCE_MS }, async () => {
    const report = await rental("cancelled", "CHF");
    expect(hostGains(report, "CHF")).toBe(2_000n);
    expect(hostGains(report, "EUR")).toBe(0n);
  });

  it("is the same again, but for what the machine did", { timeout: PATIENCE_MS }, async () => {
    const [{ host: _, ...first }, { host: __, ...second }] = await Promise.all([
      rental("cancelled"),
      rental("cancelled"),
    ]);
    expect(second).toEqual(first);
  });
});
