/**
 * SIGKILL for the processes of drone and phone, at the moments that matter: what a process
 * had promised it keeps in its next life, what it had not yet written counts as not having
 * been. The delivery ends as it always does, to the cent, and no reading is lost.
 *
 * Moments that do not disturb one another share a delivery.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { errorCode } from "../../protocols/errors.ts";
import { parseNetwork } from "../../protocols/ledger/network.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { parseKill } from "../../simulators/worlds/delivery/kills.ts";
import type { DeliveryReport } from "../../simulators/worlds/delivery/report.ts";
import type { Scenario } from "../../simulators/worlds/delivery/scenarios.ts";
import { runDelivery } from "../../simulators/worlds/delivery/world.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const STORY_MS = 240_000;
const SPEED = 20;
/** The drone waits 150 s of the world's time for a countersignature; starting a process takes real time. */
const UNHURRIED = 12;
/** Six records a reading, one reading a second; a busy machine drops some between timers. */
const RECORDS_A_SECOND_AT_LEAST = 6 * 0.4;

interface Story {
  report: DeliveryReport;
  /** What was told, in order. */
  steps: string[];
  lines: { worldMs: number; step: string }[];
}

async function play(moments: string[], speed = SPEED, scenario: Scenario = "ok"): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), "segment-test-"));
  folders.push(folder);
  const lines: Story["lines"] = [];
  const report = await runDelivery(
    {
      scenario,
      seed: 1,
      speed,
      folder,
      track: null,
      tolerant: false,
      port: 0,
      sealing: "sealed",
      kills: moments.map(parseKill),
    },
    ({ worldMs, step }) => lines.push({ worldMs, step }),
  );
  return { report, steps: report.steps.map(({ name }) => name), lines };
}

/** One after the other, with anything between. */
function expectOrder(steps: readonly string[], order: readonly string[]): void {
  let from = 0;
  for (const step of order) {
    const at = steps.indexOf(step, from);
    expect(at, `"${step}" does not follow in: ${steps.slice(from).join(", ")}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}

function count(steps: readonly string[], step: string): number {
  return steps.filter((name) => name === step).length;
}

/** Delivered, paid once and to the cent; the papers are with the buyer; the flight can be read back whole. */
function expectDelivered({ report, steps, lines }: Story): void {
  expect(report.outcome, steps.join(", ")).toBe("delivered");
  expect(report.balances.after).toEqual({
    buyer: { EUR: "7510" },
    drone: { EUR: "690" },
    shop: { EUR: "1800" },
    issuer: { EUR: "0" },
  });
  for (const once of ["drone-signed", "took-off", "landed", "parcel-taken", "countersigned", "paid"]) {
    expect(count(steps, once), once).toBe(1);
  }
  expectPapers(report);
  const { telemetry } = report;
  expect(telemetry.recovered).toBe(telemetry.records);
  expect(telemetry.shards).toBe(telemetry.chunks * telemetry.keepers);
  expect(telemetry.plaintextHits).toBe(0);
  expect(telemetry.records).toBeGreaterThan(secondsUpInFlight(lines) * RECORDS_A_SECOND_AT_LEAST);
}

function expectPapers({ host, contract }: DeliveryReport): void {
  const network = parseNetwork(readFileSync(host.network, "utf8"));
  const receipt = verifyReceipt(nodeCrypto, new Uint8Array(readFileSync(host.receipt ?? "")), network);
  const end = contractReceipt(receipt)?.transition;
  expect(receipt.outcome).toBe("ok");
  expect(end?.closed).toBe(true);
  expect(end?.payments.map(({ amount }) => amount).sort()).toEqual([1_800n, 690n]);
  const invoice = openInvoice(nodeCrypto, new Uint8Array(readFileSync(host.invoice ?? "")));
  expect(invoice.totalMinor).toBe(2_490n);
  expect(contract).not.toBe(null);
}

/** How long the drone's agent was alive between take-off and home, in the world's time. */
function secondsUpInFlight(lines: Story["lines"]): number {
  let upMs = 0;
  let sinceMs: number | undefined;
  let flies = false;
  for (const { worldMs, step } of lines) {
    if (step === "took-off") flies = true;
    if (sinceMs !== undefined && (step === "drone-killed" || step === "returned")) {
      upMs += worldMs - sinceMs;
      sinceMs = undefined;
    }
    if (flies && (step === "took-off" || step === "drone-back")) sinceMs = worldMs;
    if (step === "returned") break;
  }
  return upMs / 1_000;
}

describe("killed and started again,", () => {
  it(
    "the phone with its deposit under way, the drone in flight, the phone with its invoice not kept yet",
    { timeout: STORY_MS },
    async () => {
      const story = await play(["phone@contract-open", "drone@took-off+20", "phone@before-invoice"]);
      expectDelivered(story);
      // The price was held for a phone that was dead; it learns so when it wakes up.
      expectOrder(story.steps, ["contract-open", "phone-killed", "phone-back", "price-held"]);
      // The autopilot flew on; the agent finds itself on the way, or there.
      expectOrder(story.steps, ["took-off", "drone-killed", "drone-back", "arrived", "met", "landed"]);
      expectOrder(story.steps, ["paid", "phone-killed", "phone-back"]);
      expect(count(story.steps, "drone-killed")).toBe(1);
      expect(count(story.steps, "phone-killed")).toBe(2);
    },
  );

  it(
    "the drone right after its signature, with its evidence at the notaries, with its parcel gone",
    { timeout: STORY_MS },
    async () => {
      const story = await play(["drone@drone-signed", "drone@evidence", "drone@parcel-taken"], UNHURRIED);
      expectDelivered(story);
      expectOrder(story.steps, [
        ...["drone-signed", "drone-killed", "drone-back", "took-off"],
        ...["evidence", "drone-killed", "drone-back"],
        // What the drone said last may be answered before the kill arrives.
        ...["parcel-taken", "drone-killed", "drone-back"],
      ]);
      // The same evidence is submitted again, and counts once.
      expect(count(story.steps, "evidence")).toBe(1);
      expect(count(story.steps, "drone-killed")).toBe(3);
    },
  );

  it(
    "the drone with the command to land given and lost, the phone with its request to take the parcel",
    { timeout: STORY_MS },
    async () => {
      const story = await play(["drone@before-land", "phone@before-take-parcel"]);
      expectDelivered(story);
      expectOrder(story.steps, [
        ...["may-land", "drone-killed", "drone-back", "landed"],
        ...["phone-killed", "phone-back", "parcel-taken"],
      ]);
    },
  );

  it(
    "the phone when the drone has called it, and with its countersignature under way",
    { timeout: STORY_MS },
    async () => {
      const story = await play(["phone@before-come-to-point", "phone@countersigned"], UNHURRIED);
      expectDelivered(story);
      expectOrder(story.steps, [
        ...["phone-killed", "phone-back", "met"],
        // Whether the countersignature has left by then is a matter of microseconds.
        ...["countersigned", "phone-killed", "phone-back"],
      ]);
      expect(count(story.steps, "phone-killed")).toBe(2);
    },
  );
});

describe("a moment to kill at", () => {
  it.each([
    ["drone@arrived", { who: "drone", at: { step: "arrived" }, afterMs: 0 }],
    ["drone@took-off+20", { who: "drone", at: { step: "took-off" }, afterMs: 20_000 }],
    ["phone@before-take-parcel", { who: "phone", at: { before: "take-parcel" }, afterMs: 0 }],
  ])("is written as %s", (text, kill) => {
    expect(parseKill(text)).toMatchObject(kill);
  });

  it.each(["", "shop@signed", "drone", "drone@", "drone@before-land+5", "drone@Arrived", "drone@arrived+x"])(
    "is not written as %j",
    (text) => {
      try {
        parseKill(text);
        expect.unreachable("it was understood");
      } catch (error) {
        expect(errorCode(error)).toBe("option-invalid");
      }
    },
  );

  it("that never comes fails the run", { timeout: STORY_MS }, async () => {
    const failure = { code: "scenario-failed" };
    await expect(play(["drone@took-off"], SPEED, "unfunded")).rejects.toMatchObject(failure);
  });
});
