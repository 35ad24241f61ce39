/**
 * The delivery's messages, each with its bounds. Over MQTT they travel sealed and
 * signed (protocols/messaging), over BLE inside the Noise session; the bodies are
 * validated here, at the edge, before a device sees them.
 */
import { z } from "zod";

const bytes = (min: number, max: number) =>
  z.instanceof(Uint8Array).refine((value) => value.length >= min && value.length <= max, {
    message: `expected ${min} to ${max} bytes`,
  });
const id16 = bytes(16, 16);
const id32 = bytes(32, 32);
const timeMs = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const factBytes = bytes(1, 2_048);
const cardBytes = bytes(1, 2_048);
const termsBytes = bytes(1, 16_384);
const receiptBytes = bytes(1, 32_768);
const signatureBytes = bytes(1, 512);

/** A place that a drone can fly to: 1e-7 degree and millimetres above the ellipsoid. */
export const pointSchema = z.strictObject({
  latitudeE7: z.number().int().min(-900_000_000).max(900_000_000),
  longitudeE7: z.number().int().min(-1_800_000_000).max(1_800_000_000),
  altitudeMm: z.number().int().min(-500_000).max(10_000_000),
});
export type Point = z.infer<typeof pointSchema>;

/** Buyer to shop: what, where and when. At most for how much is the phone's own business. */
export const orderSchema = z.strictObject({
  orderId: id16,
  article: z.string().min(1).max(64),
  address: z.string().min(1).max(200),
  point: pointSchema,
  slotFrom: timeMs,
  slotUntil: timeMs,
  card: cardBytes,
});
export type Order = z.infer<typeof orderSchema>;

/** Shop to buyer and drone: the terms to sign, and the cards of all who shall sign. */
export const offerSchema = z.strictObject({
  orderId: id16,
  terms: termsBytes,
  cards: z.array(cardBytes).min(1).max(8),
});
export type Offer = z.infer<typeof offerSchema>;

/** A party's signature over the terms; the buyer adds the certified examination of the wallet. */
export const signatureSchema = z.strictObject({
  orderId: id16,
  termsId: id32,
  signature: signatureBytes,
  examination: receiptBytes.nullable(),
});
export type SignedOffer = z.infer<typeof signatureSchema>;

/** Either side steps back before the contract is open. */
export const refusalSchema = z.strictObject({
  orderId: id16,
  code: z.string().min(1).max(64),
  message: z.string().max(300),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Shop to drone: to hand over with the parcel. Shop to buyer: the answer to `invoice-wanted`. */
export const invoiceSchema = z.strictObject({ termsId: id32, invoice: bytes(1, 8_192) });

/** Buyer to shop: the price is paid, and no invoice came with the receipt. */
export const invoiceWantedSchema = z.strictObject({ termsId: id32 });

/**
 * Drone to the other parties while it flies: its position as a signed fact. `arrived` once it hovers at
 * the point.
 */
export const positionSchema = z.strictObject({ termsId: id32, fact: factBytes, arrived: z.boolean() });
export type PositionPush = z.infer<typeof positionSchema>;

/** In the session, both ways: where I am, and that we met in this very session. */
export const meetingSchema = z.strictObject({ position: factBytes, met: factBytes });
export type Meeting = z.infer<typeof meetingSchema>;

/** In the session, drone to phone: it stands on the ground, the parcel may be taken. */
export const landedSchema = z.strictObject({ termsId: id32 });

/** In the session: the parcel left the drone; the drone's fact, or the phone's countersignature of it. */
export const parcelSchema = z.strictObject({ fact: factBytes });

/**
 * A certified entry, passed on by the party that asked for it: the notaries tell each party once, and
 * who was away then hears of it from here. The receiver verifies it like any other receipt.
 */
export const certifiedSchema = z.strictObject({ receipt: receiptBytes });

/**
 * Drone to phone, in the session or, if that is lost, over MQTT: the certified release and the shop's
 * invoice.
 */
export const papersSchema = z.strictObject({ receipt: receiptBytes, invoice: bytes(0, 8_192) });

/** In the session, phone to drone: the papers are saved, you may go. */
export const papersKeptSchema = z.strictObject({ termsId: id32 });
