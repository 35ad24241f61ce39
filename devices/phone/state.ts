/** The buyer's phone: one delivery at a time; each state carries what it needs after a crash. */
import type { AgentId } from "../device.ts";
import type { DeliveryPlan, Point } from "../../protocols/delivery/plan.ts";

/** What the person asked for: the agent signs nothing beyond it. Amounts in minor units, as text (plain data). */
export interface Wish {
  orderId: Uint8Array;
  shop: AgentId;
  article: string;
  address: string;
  point: Point;
  slotFrom: number;
  slotUntil: number;
  currency: string;
  maxPriceMinor: string;
}

export interface OpenSession {
  id: string;
  hash: Uint8Array;
}

export type PhoneState =
  | { phase: "idle" }
  | { phase: "ordered"; wish: Wish }
  /** The terms are what was wished for; the notaries examine the wallet. */
  | { phase: "examining"; wish: Wish; plan: DeliveryPlan }
  /** Signed; waits for the contract to be open, then holds the price. */
  | { phase: "signed"; plan: DeliveryPlan }
  | { phase: "held"; plan: DeliveryPlan }
  /** The drone is at the point: go there, meet it over BLE; `shown` once the facts of this session are out. */
  | { phase: "called"; plan: DeliveryPlan; session: OpenSession | null; shown: boolean }
  /** The drone stands on the ground. */
  | { phase: "landed"; plan: DeliveryPlan; session: OpenSession | null; droneFact: Uint8Array | null }
  /** Countersigned; the receipt is awaited. */
  | { phase: "taken"; plan: DeliveryPlan; session: OpenSession | null; fact: Uint8Array }
  | { phase: "done"; plan: DeliveryPlan; delivered: boolean }
  | { phase: "refused"; code: string; message: string };

/** Where the phone is: 1e-7 degree and millimetres. */
export interface PhoneReading {
  timeMs: number;
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
}
