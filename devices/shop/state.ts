/** The shop's till: what it sells, and the orders under way. */
import type { Commission } from "../../protocols/contract/templates/services.ts";
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
  /** The signed card of who decides disputes; without one a dispute shares the loss. */
  arbiterCard?: Uint8Array;
  /** Those who take part in each delivery for a fee, which the buyer pays besides the price. */
  services?: ShopServices;
}

export interface ShopService {
  card: Uint8Array;
  feeMinor: bigint;
}

/** See contract/templates/services.ts; amounts in minor units, spans in ms. */
export interface ShopServices {
  /** Loses its cover to the insured where an ending is their loss (only an arbiter can find one). */
  insurer?: ShopService & { coverMinor: bigint; insured: string[] };
  certifier?: ShopService;
  payment?: ShopService;
  recommendation?: ShopService;
  /** How long each of insurer and certifier may take before the flight. */
  joinMs?: number;
  /** The network's part of the fees, as its genesis has it. */
  commission?: Commission;
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
  /** Who has signed so far: the shop, then the buyer, then the drone and the services. */
  signatures: Uint8Array[];
  /** Written when all have signed. */
  invoice: Uint8Array | null;
  status: OrderStatus;
}

/**
 * `offered`: the buyer's signature is awaited; `assigned`: the drone's (and services'); `open`: the notaries
 * open the contract, deposit (and services) are awaited; `held`: the drone flies; `ended` and `refused` are
 * over.
 */
export type OrderStatus = "offered" | "assigned" | "open" | "held" | "ended" | "refused";

export interface ShopState {
  /** The latest orders, oldest first. */
  orders: ShopOrder[];
  nextInvoice: number;
}
