/** `segment simulate rental`: a house let to a visitor, from offer to settlement, in virtual time. */
import type { Command } from "commander";
import { SegmentError } from "../../protocols/errors.ts";
import type { RentalReport } from "../../simulators/worlds/rental/rental.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { numberOf, optionInvalid } from "./options.ts";
import { printDocument, say } from "./output.ts";

interface Flags {
  scenario: string;
  seed: string;
  currency: string;
  json?: boolean;
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const EXAMPLES = `
Examples:
  segment simulate rental
  segment simulate rental --scenario two-guests --currency CHF
  segment simulate rental --scenario offline-lock --seed 7 --json
`;

export function addRental(simulate: Command): void {
  simulate
    .command("rental")
    .description("A lock lets in a guest: terms, hold, opening over BLE, departure, deposit; virtual time.")
    .option(
      "--scenario <name>",
      "ok, early, late, no-show, cancelled, two-guests, offline-lock, walk-up-offline, stolen-recording, " +
        "clock-back, stolen-phone, locked-out or damage",
      "ok",
    )
    .option("--seed <n>", "seed of air, bus and keys", "1")
    .option("--currency <code>", "what the guest pays in: the host accepts EUR and CHF", "EUR")
    .option("--json", "print one JSON document on stdout")
    .addHelpText("after", EXAMPLES)
    .action(rental);
}

/** Errors: option-invalid; scenario-failed unless it ended as prescribed, with all that had to hold. */
async function rental(flags: Flags): Promise<void> {
  const { scenarioOf, SCENARIOS } = await import("../../simulators/worlds/rental/scenarios.ts");
  const { runRental } = await import("../../simulators/worlds/rental/rental.ts");
  const { CURRENCIES } = await import("../../simulators/worlds/rental/money.ts");
  const scenario = scenarioOf(flags.scenario);
  const currency = CURRENCIES.find((code) => code === flags.currency);
  if (currency === undefined) throw optionInvalid("--currency", CURRENCIES.join(" or "), flags.currency);
  const report = await runRental({
    ...{ scenario, currency, crypto: nodeCrypto },
    seed: numberOf("--seed", flags.seed, 0, Number.MAX_SAFE_INTEGER),
    nowMs: () => systemClock.now(),
    nodeVersion: process.version,
    told: ({ atMs, by, text }) => say(`${moment(atMs)}  ${by.padEnd(9)} ${text}`),
  });
  if (flags.json === true) printDocument(report);
  else for (const line of summary(report, currency)) say(line);
  const failed = report.checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (report.outcome === SCENARIOS[scenario].outcome && failed.length === 0) return;
  const problem = failed.length > 0 ? `not so: ${failed.join("; ")}` : "it ended otherwise";
  throw new SegmentError("scenario-failed", `the outcome is "${report.outcome}"; ${problem}`);
}

function summary(report: RentalReport, code: string): string[] {
  const { outcome, reason, balances, log, refused, checks, ble, mqtt, host } = report;
  const money = ["guest", "host"].map((party) => {
    const amount = (side: Record<string, Record<string, string>>): string => {
      const [, minor = "0"] =
        Object.entries(side[party] ?? {}).find(([id]) => id.startsWith(`${code}.`)) ?? [];
      return major(minor).padStart(9);
    };
    return `  ${party.padEnd(10)} ${amount(balances.before)} -> ${amount(balances.after)} ${code}`;
  });
  return [
    ...["", `${outcome.toUpperCase()}: ${reason}`, "", ...money, ""],
    ...log.map((line) => `  the lock's log  ${line}`),
    ...refused.map((line) => `  refused         ${line}`),
    `  checks          ${checks.filter(({ ok }) => ok).length} of ${checks.length} hold`,
    `  BLE             ${ble.reads} reads, ${ble.writes} writes, ${ble.notifications} notifications`,
    `  MQTT            ${mqtt.messages} messages, ${mqtt.bytes} bytes`,
    `  time            ${(host.durationMs / 1_000).toFixed(1)} s for ${days(host.worldMs)} days of the world's time`,
  ];
}

function days(ms: number): string {
  return (ms / (24 * 60 * 60_000)).toFixed(1);
}

function major(minor: string): string {
  const digits = minor.padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Day and time of the world; it begins on a Monday, at eight. */
function moment(ms: number): string {
  const minutes = Math.floor(ms / 60_000) + 8 * 60;
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = DAYS[Math.floor(minutes / 1_440) % 7] ?? "";
  return `${day} ${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}
