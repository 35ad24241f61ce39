/** The shop's till: what it sells, and the orders under way. */
import type { TimeMs } from "../../protocols/ports.ts";
import type { AgentId } from "../device.ts";

export interface ShopConfig {
  /** As it stands on invoices. */
  name: string;
  /** The drone that flies for the shop, and its signed card. */
  drone: AgentId;
  droneCard: Uint8Array;
  currency: string;
  /** Article to price in minor units. */
  catalogue: Readonly<Record<string, bigint>>;
  deliveryFeeMinor: bigint;
  /** What a buyer who does not come pays: the flight to the drone, the penalty to the shop. */
  noShowFeeMinor: bigint;
  noShowPenaltyMinor: bigint;
  radiusMm: number;
  /** How old a signed position may be when the notaries look at it. */
  maxAgeMs: number;
  timing: ShopTiming;
}

/** Spans in milliseconds of the network's time. */
export interface ShopTiming {
  /** From the order to the deposit. */
  payMs: number;
  /** From the deposit to the meeting: the flight, and how long the drone waits. */
  flyMs: number;
  /** From the meeting's deadline until the parcel must be out. */
  removeMs: number;
  /** Evidence may reach the ledger this much after each deadline; refunds are due as much later again. */
  claimMs: number;
  /** How long the buyer may object to a fact that the drone signed alone. */
  disputeMs: number;
}

export interface ShopOrder {
  orderId: Uint8Array;
  buyer: AgentId;
  buyerCard: Uint8Array;
  article: string;
  address: string;
  terms: Uint8Array;
  termsId: Uint8Array;
  /** The contract must be open by then. */
  signByMs: TimeMs;
  /** What the buyer is to deposit, in minor units, as text (plain data). */
  priceMinor: string;
  /** Who has signed so far: the shop, then the buyer, then the drone. */
  signatures: Uint8Array[];
  /** Written when all have signed. */
  invoice: Uint8Array | null;
  status: OrderStatus;
}

/**
 * `offered`: the buyer's signature is awaited; `assigned`: the drone's; `open`: the notaries open the
 * contract, the deposit is awaited; `held`: the drone flies; `ended` and `refused` are over.
 */
export type OrderStatus = "offered" | "assigned" | "open" | "held" | "ended" | "refused";

export interface ShopState {
  /** The latest orders, oldest first. */
  orders: ShopOrder[];
  nextInvoice: number;
}
