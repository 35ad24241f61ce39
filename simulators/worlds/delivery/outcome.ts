/** How a delivery ended, told from its certified receipt, and the report of all of it. */
import { join } from "node:path";
import { nodeCrypto, systemClock } from "../../../agent/node/crypto.ts";
import type { Home } from "../../../agent/node/home.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { contractReceipt } from "../../../protocols/ledger/receipt-view.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import type { Stopped } from "./device-host.ts";
import type { DeliveryReport } from "./report.ts";
import type { Outcome } from "./scenarios.ts";
import { documentPath } from "./stage.ts";
import type { DeliveryOptions } from "./world.ts";

/** What the phone has kept for the buyer. */
export interface Documents {
  receipt: Uint8Array | undefined;
  invoice: Uint8Array | undefined;
  terms: Uint8Array | undefined;
}

export interface End {
  outcome: Outcome;
  /** In a sentence. */
  reason: string;
}

/** Errors: receipt-invalid, receipt-foreign, quorum-missing, scenario-failed. */
export function outcomeOf(
  network: NetworkDescription,
  buyer: Home,
  seen: { contract: Uint8Array | null; receipt: Uint8Array | undefined; reason: string },
): End {
  const { contract, receipt, reason } = seen;
  if (receipt === undefined || contract === null) return { outcome: "refused", reason };
  const about = contractReceipt(verifyReceipt(nodeCrypto, receipt, network));
  if (about?.transition?.closed !== true || toHex(about.termsId) !== toHex(contract)) {
    throw new SegmentError("scenario-failed", "the receipt is not of this contract's end");
  }
  const root = toHex(buyer.card.root);
  const toBuyer = about.transition.payments.some(({ account }) => toHex(account) === root);
  if (toBuyer) return { outcome: "refunded", reason };
  return { outcome: "delivered", reason: "the buyer took the parcel, and the price was released" };
}

export interface Played {
  options: DeliveryOptions;
  startedMs: number;
  end: End;
  contract: Uint8Array | null;
  steps: DeliveryReport["steps"];
  balances: DeliveryReport["balances"];
  telemetry: DeliveryReport["telemetry"];
  mqtt: DeliveryReport["mqtt"];
  lastWords: readonly { by: string; words: Stopped }[];
  documents: Documents;
}

export function reportOf(played: Played): DeliveryReport {
  const { options, startedMs, end, contract, documents, lastWords } = played;
  const { scenario, folder, track, speed } = options;
  const path = (name: keyof Documents): string | null =>
    documents[name] === undefined ? null : documentPath(folder, name);
  const durationMs = systemClock.now() - startedMs;
  return {
    scenario,
    outcome: end.outcome,
    reason: end.reason,
    contract: end.outcome === "refused" || contract === null ? null : toHex(contract),
    steps: played.steps,
    balances: played.balances,
    telemetry: played.telemetry,
    ble: bleCounts(lastWords),
    mqtt: { messages: played.mqtt.messages, bytes: played.mqtt.bytes },
    host: {
      folder,
      receipt: path("receipt"),
      invoice: path("invoice"),
      terms: path("terms"),
      network: join(folder, "network.json"),
      track,
      durationMs,
      worldMs: Math.round(durationMs * speed),
      speed,
      node: process.version,
      dropped: droppedCounts(lastWords),
    },
  };
}

/** The central's side counts each value once; the drone's would count it again. */
function bleCounts(lastWords: Played["lastWords"]): DeliveryReport["ble"] {
  const ble = { reads: 0, writes: 0, notifications: 0, bytes: 0 };
  for (const { by, words } of lastWords) {
    if (by === "drone") continue;
    ble.reads += words.radio.reads;
    ble.writes += words.radio.writes;
    ble.notifications += words.radio.notifications;
    ble.bytes += words.radio.bytes;
  }
  return ble;
}

function droppedCounts(lastWords: Played["lastWords"]): Record<string, number> {
  const dropped: Record<string, number> = {};
  for (const { words } of lastWords) {
    for (const [code, count] of words.dropped) dropped[code] = (dropped[code] ?? 0) + count;
  }
  return dropped;
}
