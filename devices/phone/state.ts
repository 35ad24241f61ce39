/** The buyer's phone: one delivery at a time; each state carries what it needs after a crash. */
import type { AgentId } from "../device.ts";
import type { OpenSession } from "../delivery.ts";
import type { DeliveryPlan, Point } from "../../protocols/delivery/plan.ts";
import type { TimeMs } from "../../protocols/ports.ts";

/**
 * What the person asked for: the agent signs nothing beyond it. Amounts in minor units, as text (plain
 * data).
 */
export interface Wish {
  orderId: Uint8Array;
  shop: AgentId;
  article: string;
  address: string;
  point: Point;
  slotFrom: TimeMs;
  slotUntil: TimeMs;
  currency: string;
  maxPriceMinor: string;
}

/** From the drone's call until the papers: the phone looks for the drone over BLE. */
interface AtThePoint {
  plan: DeliveryPlan;
  session: OpenSession | null;
}

export type PhoneState =
  | { phase: "idle" }
  | { phase: "ordered"; wish: Wish; answerByMs: TimeMs }
  /** The terms are what was wished for; the notaries examine the wallet. */
  | { phase: "examining"; wish: Wish; plan: DeliveryPlan }
  /** Signed; waits for the contract to be open, then holds the price: `deposited` once that is asked for. */
  | { phase: "signed"; wish: Wish; plan: DeliveryPlan; deposited: boolean }
  | { phase: "held"; plan: DeliveryPlan }
  /**
   * The drone is at the point: go there, meet it over BLE; `shown` once the facts of this session are
   * out.
   */
  | ({ phase: "called"; shown: boolean; inHand: boolean } & AtThePoint)
  /** The drone stands on the ground; `inHand` once the person says so. */
  | ({ phase: "landed"; droneFact: Uint8Array | null; inHand: boolean } & AtThePoint)
  /** Countersigned; receipt and invoice are awaited. */
  | ({ phase: "taken"; fact: Uint8Array; hasReceipt: boolean } & AtThePoint)
  /** The drone alone has stated that the parcel was taken: accept it, object, or be silent, which accepts. */
  | { phase: "disputable"; plan: DeliveryPlan; answer: "none" | "accept" | "object" }
  /** `awaitsInvoice`: it was paid for, and the shop was asked for the invoice. */
  | { phase: "done"; plan: DeliveryPlan; delivered: boolean; awaitsInvoice: boolean }
  | { phase: "refused"; code: string; message: string };

export type PhonePhase = PhoneState["phase"];
export type InPhase<Phase extends PhonePhase> = Extract<PhoneState, { phase: Phase }>;
export type WithPlan = Extract<PhoneState, { plan: DeliveryPlan }>;
export type InReach = Extract<PhoneState, AtThePoint>;
