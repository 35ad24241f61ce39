/** Events as a device may meet them, well-formed and not, for tables of phase by event. */
import { deliveryTerms, type DeliveryParams } from "../../protocols/contract/templates/delivery.ts";
import { encodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { signInvoice, type Invoice } from "../../protocols/delivery/invoice.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { Outcome } from "../../protocols/ledger/result.ts";
import type { Signer } from "../../protocols/ports.ts";
import { bank } from "../../test/ledger/village.ts";
import type { DeviceEvent } from "../device.ts";
import { alice, crypto, drone, euro, idOf, MINUTE, POINT, shop, START_MS } from "./cast.ts";

export const stranger = bank;

/** What the shop's till would write, changed. */
export function params(changes: Partial<DeliveryParams> = {}): DeliveryParams {
  const party = ({ device, root }: typeof alice) => ({ identity: device.publicKey, account: root.publicKey });
  const landByMs = START_MS + 14 * MINUTE;
  return {
    network: "village",
    nonce: new Uint8Array(16).fill(1),
    buyer: party(alice),
    drone: party(drone),
    shop: party(shop),
    currency: euro,
    goodsMinor: 1_990n,
    deliveryFeeMinor: 500n,
    noShowFeeMinor: 300n,
    noShowPenaltyMinor: 200n,
    point: POINT,
    radiusMm: 15_000,
    maxAgeMs: 5 * MINUTE,
    address: "1 Village Square",
    goods: "Bread",
    orderedAtMs: START_MS,
    signByMs: START_MS + 4 * MINUTE,
    landByMs,
    removeByMs: landByMs + 3 * MINUTE,
    claimMarginMs: 45_000,
    disputeMs: 10 * MINUTE,
    ...changes,
  };
}

export interface OfferChanges {
  terms?: Uint8Array;
  cards?: Uint8Array[];
  orderId?: Uint8Array;
}

export function offer(changes: Partial<DeliveryParams> = {}, others: OfferChanges = {}): DeviceEvent {
  const body = {
    orderId: new Uint8Array(16).fill(1),
    terms: encodeTerms(deliveryTerms(params(changes))),
    cards: [alice.card, drone.card, shop.card],
    ...others,
  };
  return message(shop, "offer", body);
}

export function idOfTerms(changes: Partial<DeliveryParams> = {}): Uint8Array {
  return termsId(crypto, encodeTerms(deliveryTerms(params(changes))));
}

export function message(from: typeof alice, type: string, body: unknown): DeviceEvent & { kind: "message" } {
  return { kind: "message", from: idOf(from), type, body: encodeMessage(body) };
}

export function invoiceOf(
  id: Uint8Array,
  signer: Signer = shop.device,
  changes: Partial<Invoice> = {},
): Uint8Array {
  return signInvoice(signer, {
    number: "000001",
    termsId: id,
    issuedMs: START_MS,
    seller: "The village bakery",
    buyer: "1 Village Square",
    currency: euro,
    lines: [{ text: "Bread", minor: 2_490n }],
    totalMinor: 2_490n,
    ...changes,
  });
}

export interface Certified {
  kind: "open" | "deposit" | "facts" | "choice" | "expire" | "examine";
  label?: string;
  outcome?: Outcome;
  signer?: Signer;
}

/** What a verified receipt says of a contract, without the ledger behind it. */
export function receipt(
  id: Uint8Array,
  { kind, label, outcome = "ok", signer }: Certified,
): DeviceEvent & { kind: "receipt" } {
  const other = new Uint8Array(32);
  const fields = {
    open: [id, other],
    facts: [id, other],
    deposit: [id, euro, 2_490n],
    examine: [id, euro, 2_490n],
    choice: [id, "cancel", 1n],
    expire: [id, 3, []],
  }[kind];
  const contract = {
    termsId: id,
    seq: 3,
    label: label ?? "closed",
    closed: (label ?? "closed") === "closed",
    payments: kind === "facts" ? [{ account: shop.root.publicKey, currency: euro, amount: 2_490n }] : [],
  };
  const certified = {
    entryId: other,
    kind,
    signer: (signer ?? stranger.device).publicKey,
    outcome,
    result: outcome === "ok" ? { kind, ...contract } : null,
    timeMs: START_MS,
    height: 1,
    entry: { kind, fields },
  };
  return { kind: "receipt", receipt: certified as unknown as VerifiedReceipt, bytes: Uint8Array.of(1) };
}

/** Bodies that are nobody's: no device may do more than refuse them. */
export const GARBAGE: Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(0xff),
  encodeMessage(null),
  encodeMessage({}),
  encodeMessage([1, 2, 3]),
  encodeMessage({ orderId: "no", termsId: 7, fact: new Uint8Array(), receipt: new Uint8Array(9) }),
];

export function garbage(
  kind: "message" | "session-message",
  type: string,
  from: typeof alice,
  session: string,
): DeviceEvent[] {
  return GARBAGE.map((body) =>
    kind === "message"
      ? { kind, from: idOf(from), type, body }
      : { kind, session, peer: idOf(from), type, body },
  );
}

/** Values that a broken driver may report. */
export const BROKEN: unknown[] = [
  undefined,
  null,
  0,
  Number.NaN,
  -1,
  "north",
  true,
  {},
  [],
  { latitudeE7: "x" },
];
