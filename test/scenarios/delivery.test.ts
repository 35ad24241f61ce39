/**
 * The seven stories of a delivery, on real parts: broker, notaries, keepers, processes,
 * BLE stacks. Each must end as prescribed, to the cent.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nodeCrypto, nodeRandom } from "../../agent/node/crypto.ts";
import { foundNetwork } from "../../agent/node/committee.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { errorCode } from "../../protocols/errors.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { parseNetwork } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { DeliveryReport } from "../../simulators/worlds/delivery/report.ts";
import type { Scenario } from "../../simulators/worlds/delivery/scenarios.ts";
import { runDelivery, type DeliveryOptions } from "../../simulators/worlds/delivery/world.ts";
import { sharedPath, describeShared } from "../support/shared.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const SPEED = 40;
const STORY_MS = 180_000;

async function play(scenario: Scenario, options: Partial<DeliveryOptions> = {}): Promise<DeliveryReport> {
  const folder = mkdtempSync(join(tmpdir(), "segment-test-"));
  folders.push(folder);
  const whole: DeliveryOptions = {
    scenario,
    seed: 1,
    speed: SPEED,
    folder,
    track: null,
    tolerant: false,
    port: 0,
    sealing: "sealed",
    ...options,
  };
  return runDelivery(whole, () => undefined);
}

function stepNames(report: DeliveryReport): string[] {
  return report.steps.map(({ name }) => name);
}

function sumOf(balances: DeliveryReport["balances"]["before"]): bigint {
  return Object.values(balances).reduce((sum, amounts) => sum + BigInt(amounts["EUR"] ?? "0"), 0n);
}

/** What holds in every story: money is conserved, nothing is left in a hold, the flight can be read back. */
function expectSound(report: DeliveryReport): void {
  expect(sumOf(report.balances.after)).toBe(sumOf(report.balances.before));
  expect(Object.keys(report.balances.after).filter((party) => party.startsWith("hold:"))).toEqual([]);
  const { telemetry } = report;
  expect(telemetry.recovered).toBe(telemetry.records);
  expect(telemetry.plaintextHits).toBe(0);
  if (telemetry.records > 0) expect(telemetry).toMatchObject({ keepers: 7, keepersStopped: 3 });
}

const REFUNDED = {
  buyer: { EUR: "9510" },
  drone: { EUR: "290" },
  shop: { EUR: "200" },
  issuer: { EUR: "0" },
};

describe("a delivery", () => {
  it("ok: is paid, with receipt and invoice that check", { timeout: STORY_MS }, async () => {
    const report = await play("ok");
    expectSound(report);
    expect(report.outcome).toBe("delivered");
    expect(report.balances.after).toEqual({
      buyer: { EUR: "7510" },
      drone: { EUR: "690" },
      shop: { EUR: "1800" },
      issuer: { EUR: "0" },
    });
    // "price-held" is told by the phone, which races with the drone's "took-off".
    expect(stepNames(report)).toContain("price-held");
    const order = [
      "wallet-examined",
      "took-off",
      "arrived",
      "met",
      "may-land",
      "landed",
      "countersigned",
      "paid",
      "papers",
    ];
    expect(stepNames(report).filter((name) => order.includes(name))).toEqual(order);
    expect(report.telemetry.records).toBeGreaterThan(500);
    expect(report.ble.writes).toBeGreaterThan(0);
    await expectPapersSound(report);
  });

  it("no-show: the buyer pays fee and penalty and gets the rest back", { timeout: STORY_MS }, async () => {
    const report = await play("no-show");
    expectSound(report);
    expect(report).toMatchObject({ outcome: "refunded", ble: { writes: 0 }, balances: { after: REFUNDED } });
    expect(stepNames(report)).not.toContain("may-land");
  });

  it(
    "wrong-phone: an impostor at the point is turned away, the drone does not land",
    { timeout: STORY_MS },
    async () => {
      const report = await play("wrong-phone");
      expectSound(report);
      expect(report).toMatchObject({ outcome: "refunded", balances: { after: REFUNDED } });
      expect(stepNames(report)).toContain("impostor-refused");
      for (const never of ["impostor-in", "met", "may-land", "landed"])
        expect(stepNames(report)).not.toContain(never);
    },
  );

  it("unfunded: is refused before anything flies", { timeout: STORY_MS }, async () => {
    const report = await play("unfunded");
    expectSound(report);
    expect(report).toMatchObject({ outcome: "refused", contract: null, telemetry: { records: 0 } });
    expect(report.balances.after).toEqual(report.balances.before);
    expect(stepNames(report)).not.toContain("took-off");
  });

  it("parcel-kept: the drone lands, waits, and returns with the parcel", { timeout: STORY_MS }, async () => {
    const report = await play("parcel-kept");
    expectSound(report);
    expect(report).toMatchObject({ outcome: "refunded", balances: { after: REFUNDED } });
    expect(stepNames(report)).toContain("landed");
    expect(stepNames(report)).not.toContain("parcel-taken");
  });

  it("spoofed-position: made-up evidence is refused by the notaries", { timeout: STORY_MS }, async () => {
    const report = await play("spoofed-position");
    expectSound(report);
    expect(report).toMatchObject({ outcome: "refunded", ble: { writes: 0 }, balances: { after: REFUNDED } });
    expect(stepNames(report)).toEqual(expect.arrayContaining(["position-spoofed", "lie-refused"]));
    expect(stepNames(report)).not.toContain("may-land");
  });

  it("replay: a recorded session opens nothing the second time", { timeout: 2 * STORY_MS }, async () => {
    const report = await play("replay");
    expectSound(report);
    expect(report.outcome).toBe("refunded");
    expect(stepNames(report)).toEqual(expect.arrayContaining(["stranger-refused", "replay-played"]));
    for (const never of ["met", "may-land", "landed"]) expect(stepNames(report)).not.toContain(never);
  });
});

describe("the search for plaintext", () => {
  it("finds it when sealing is switched off", { timeout: STORY_MS }, async () => {
    const report = await play("ok", { sealing: "unsealed-for-the-plaintext-search-test" });
    expect(report.outcome).toBe("delivered");
    expect(report.telemetry.plaintextHits).toBeGreaterThan(100);
  });
});

describeShared("a recorded flight", "drone/tracks/rega_zh.json.gz", () => {
  it("is delivered with --track", { timeout: STORY_MS }, async () => {
    const report = await play("ok", { track: sharedPath("drone/tracks/rega_zh.json.gz"), speed: 60 });
    expectSound(report);
    expect(report.outcome).toBe("delivered");
  });
});

/** Changing any byte of the receipt makes it invalid; another committee does not accept it. */
async function expectPapersSound(report: DeliveryReport): Promise<void> {
  const network = parseNetwork(readFileSync(report.host.network, "utf8"));
  const receipt = new Uint8Array(readFileSync(report.host.receipt ?? ""));
  const verified = verifyReceipt(nodeCrypto, receipt, network);
  expect(verified.outcome).toBe("ok");
  for (let at = 0; at < receipt.length; at++) {
    const changed = Uint8Array.from(receipt);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    expect(() => verifyReceipt(nodeCrypto, changed, network), `byte ${at}`).toThrow();
  }
  const impostors = [1, 2, 3, 4].map((n) =>
    agentId(signerFromSeed(nodeCrypto, new Uint8Array(32).fill(n)).publicKey),
  );
  const selfMade = foundNetwork(nodeCrypto, nodeRandom, network.network, impostors).network;
  try {
    verifyReceipt(nodeCrypto, receipt, selfMade);
    expect.unreachable("another committee accepted the receipt");
  } catch (error) {
    expect(errorCode(error)).toBe("receipt-foreign");
  }
  const invoice = openInvoice(nodeCrypto, new Uint8Array(readFileSync(report.host.invoice ?? "")));
  expect(invoice.totalMinor).toBe(2_490n);
}
