/**
 * A party that was away learns how its contract stands. The notaries tell each party once; a
 * lost message, a crash, a network that was gone or a clock that was wrong may have kept that
 * from it. So it asks when it wakes with a contract open, a little after each stage that
 * should have ended unheard, and then every minute until it has heard. A day after the
 * contract's last deadline it asks once more and stops: the ledger knows how it ended, its
 * owner can look there. Once more, because it may only seem to be a day, by a clock that
 * leaps: nobody stops who has not asked.
 */
import type { DeliveryPlan } from "../protocols/delivery/plan.ts";
import { toHex } from "../protocols/encoding/bytes.ts";
import type { TimeMs } from "../protocols/ports.ts";
import type { DeviceEffect } from "./device.ts";
import { timer } from "./effects.ts";

/** The notaries' word on a deadline comes a little after it. */
export const ANSWER_MS = 60_000;
export const ASK_EVERY_MS = 60_000;
const ASK_FOR_MS = 24 * 60 * 60_000;

export function inquire(termsId: Uint8Array): DeviceEffect {
  return { kind: "inquire", termsId };
}

/** One for each contract: a shop has many. */
export function inquiryTimer(termsId: Uint8Array): string {
  return `inquire/${toHex(termsId)}`;
}

/** Runs after the last question. */
export function unheardTimer(termsId: Uint8Array): string {
  return `unheard/${toHex(termsId)}`;
}

/**
 * To ask at that time. If it has passed, in a minute: an answer that says nothing new must not lead to the
 * next question at once.
 */
export function inquireAt(termsId: Uint8Array, atMs: TimeMs, now: TimeMs): DeviceEffect {
  return timer(inquiryTimer(termsId), Math.max(atMs, now + ASK_EVERY_MS));
}

/** Now, and again in a minute; or for the last time. */
export function inquireOn(termsId: Uint8Array, endsMs: TimeMs, now: TimeMs): DeviceEffect[] {
  const next = isInVain(endsMs, now) ? unheardTimer(termsId) : inquiryTimer(termsId);
  return [inquire(termsId), timer(next, now + ASK_EVERY_MS)];
}

/** When a contract with this label has moved on, and the parties have been told. */
export function toldByMs(plan: DeliveryPlan, label: string): TimeMs {
  switch (label) {
    case "awaiting-deposit":
    case "awaiting-cover":
    case "awaiting-certificate":
      return plan.payEndsMs + ANSWER_MS;
    case "in-flight":
    case "may-land":
      return plan.landingEndsMs + ANSWER_MS;
    default:
      return plan.endsMs + ANSWER_MS;
  }
}

/** Whether a contract with this label may still come to the flight: deposit or services are awaited. */
export function isBeforeFlight(label: string): boolean {
  return ["awaiting-deposit", "awaiting-cover", "awaiting-certificate"].includes(label);
}

/** It is a day since the contract has ended, however it went. */
export function isInVain(endsMs: TimeMs, now: TimeMs): boolean {
  return now > endsMs + ASK_FOR_MS;
}
