/** `segment simulate`: worlds of agents on simulated hardware. The worlds are loaded only here. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { SegmentError } from "../../protocols/errors.ts";
import type { DeliveryReport } from "../../simulators/worlds/delivery/report.ts";
import { languageOf, numberOf } from "./options.ts";
import { decodeTerms } from "../../protocols/contract/terms.ts";
import { terminalWidth } from "./layout.ts";
import { printDocument, say } from "./output.ts";
import { simulateVirtually, type VirtualFlags } from "./simulate-virtual.ts";
import { addAir } from "./simulate-air.ts";
import { addRental } from "./simulate-rental.ts";
import { addSimulateLock } from "./simulate-lock.ts";
import { termsLines } from "./terms-lines.ts";

/** The terms stand apart from the story. */
const TERMS_INDENT = "       | ";

interface DeliveryFlags {
  scenario: string;
  seed: string;
  speed: string;
  out?: string;
  track?: string;
  tolerant?: boolean;
  port: string;
  lang: string;
  kill?: string[];
  json?: boolean;
}

/** Both kinds of delivery: with real parts, and in virtual time. */
type Flags = DeliveryFlags & VirtualFlags & { virtual?: boolean };

export function addSimulate(program: Command): void {
  const simulate = program.command("simulate").description("Run a world of agents on simulated hardware.");
  simulate
    .command("delivery")
    .description("A drone delivers a parcel: order, terms, hold, flight, meeting over BLE, release, receipt.")
    .option(
      "--scenario <name>",
      "ok, no-show, wrong-phone, unfunded, parcel-kept, spoofed-position or replay",
      "ok",
    )
    .option("--seed <n>", "seed of wind and air", "1")
    .option("--speed <x>", "world seconds per second, 1 to 60; radio and broker keep real time", "30")
    .option("--out <dir>", "where homes, receipt and invoice go (default: a new folder for temporary files)")
    .option(
      "--track <file>",
      "fly a recorded track: JSON records, .gz of them, or GPX; its last fix is the destination",
    )
    .option("--tolerant", "leave out faulty rows of the track instead of refusing it")
    .option("--port <n>", "port of the broker on the loopback interface, 0 for a free one", "0")
    .option("--lang <language>", "language of the terms: en or fr", "en")
    .option(
      "--kill <moments...>",
      "kill -9 a process and start it again: drone@arrived, phone@took-off+20, drone@before-land",
    )
    .option("--json", "print one JSON document on stdout")
    .option("--virtual", "many deliveries in virtual time, in one process, with the options below")
    .option("--runs <n>", "virtual: how many, each with the next seed", "100")
    .option("--loss <share>", "virtual: chance that a message is lost on its way, 0 to 0.5", "0")
    .option("--faults <kinds>", "virtual: crash, partition, skew, liars, or all", "")
    .option(
      "--each-crash [agents]",
      "virtual: one agent dies around each single deed (all agents, or drone,phone)",
    )
    .option("--crash-at <deed>", "virtual: one crash, as --each-crash reports it: drone:33:before")
    .option(
      "--lies <lies>",
      "virtual: exactly these, such as notary-lies or broker-repeats, and no other faults",
    )
    .option("--jobs <n>", "virtual: on so many cores side by side; the document stays the same", "1")
    .option("--until-failure", "virtual: stop at the first run that fails")
    .option("--trace [detail]", "virtual: tell what happens (people, or all)")
    .addHelpText("after", EXAMPLES)
    .action((flags: Flags) => (flags.virtual === true ? simulateVirtually(flags) : delivery(flags)));
  addRental(simulate);
  addAir(simulate);
  addSimulateLock(simulate);
}

const EXAMPLES = `
Examples:
  segment simulate delivery --scenario no-show --speed 40
  segment simulate delivery --virtual --runs 1000 --loss 0.05 --faults all
  segment simulate delivery --virtual --runs 1 --seed 42 --loss 0.05 --faults all --trace
`;

async function delivery(flags: DeliveryFlags): Promise<void> {
  const world = await import("../../simulators/worlds/delivery/world.ts");
  const scenarios = await import("../../simulators/worlds/delivery/scenarios.ts");
  const kills = await import("../../simulators/worlds/delivery/kills.ts");
  const scenario = scenarios.scenarioOf(flags.scenario);
  const options = {
    scenario,
    seed: numberOf("--seed", flags.seed, 0, Number.MAX_SAFE_INTEGER),
    speed: numberOf("--speed", flags.speed, 1, 60),
    folder: flags.out === undefined ? mkdtempSync(join(tmpdir(), "segment-delivery-")) : resolve(flags.out),
    track: flags.track === undefined ? null : resolve(flags.track),
    tolerant: flags.tolerant === true,
    port: numberOf("--port", flags.port, 0, 65_535),
    sealing: "sealed" as const,
    kills: (flags.kill ?? []).map(kills.parseKill),
  };
  const language = languageOf(flags.lang);
  const report = await world.runDelivery(options, ({ worldMs, by, text, terms }) => {
    say(`${clock(worldMs)}  ${by.padEnd(9)} ${text}`);
    if (terms === undefined) return;
    const width = terminalWidth() - TERMS_INDENT.length;
    for (const line of ["", ...termsLines(decodeTerms(terms), language, width), ""]) say(TERMS_INDENT + line);
  });
  const expected = scenarios.SCENARIOS[scenario].outcome;
  if (flags.json === true) printDocument(report);
  else for (const line of summary(report)) say(line);
  if (report.outcome !== expected) {
    throw new SegmentError(
      "scenario-failed",
      `the outcome is "${report.outcome}", prescribed is "${expected}"`,
    );
  }
}

function summary(report: DeliveryReport): string[] {
  const { outcome, reason, balances, telemetry, ble, mqtt, host } = report;
  const parties = new Set([...Object.keys(balances.before), ...Object.keys(balances.after)]);
  const money = [...parties].map((party) => {
    const amount = (side: Record<string, Record<string, string>>): string => side[party]?.["EUR"] ?? "0";
    return `  ${party.padEnd(22)} ${major(amount(balances.before)).padStart(9)} -> ${major(amount(balances.after)).padStart(9)} EUR`;
  });
  return [
    "",
    `${outcome.toUpperCase()}: ${reason}`,
    "",
    ...money,
    "",
    `  telemetry  ${telemetry.records} records in ${telemetry.chunks} chunks, ${telemetry.shards} shards; ` +
      `${telemetry.keepersStopped} of ${telemetry.keepers} keepers stopped, ${telemetry.recovered} records read back; ` +
      `${telemetry.plaintextHits} traces of plaintext`,
    `  BLE        ${ble.reads} reads, ${ble.writes} writes, ${ble.notifications} notifications, ${ble.bytes} bytes`,
    `  MQTT       ${mqtt.messages} messages, ${mqtt.bytes} bytes`,
    `  time       ${(host.durationMs / 1_000).toFixed(1)} s for ${clock(host.worldMs)} of the world's time`,
    ...(host.receipt === null
      ? []
      : [
          "",
          "Check the receipt with the committee's keys alone:",
          `  npx segment verify ${host.receipt} --network ${host.network}`,
        ]),
  ];
}

function major(minor: string): string {
  const digits = minor.padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Minutes and seconds of the world's time since the start. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
