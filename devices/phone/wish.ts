/** What the person orders, checked where it enters. */
import { z } from "zod";
import { pointSchema } from "../../protocols/delivery/messages.ts";

export const wishSchema = z.strictObject({
  orderId: z.instanceof(Uint8Array).refine((bytes) => bytes.length === 16, "expected 16 bytes"),
  shop: z.string().max(100),
  shopCard: z.instanceof(Uint8Array),
  /** Whom the person lets decide a dispute. */
  arbiter: z.string().max(100).optional(),
  article: z.string().min(1).max(64),
  address: z.string().min(1).max(200),
  point: pointSchema,
  slotFrom: z.number().int().nonnegative(),
  slotUntil: z.number().int().nonnegative(),
  currency: z.string().min(1).max(64),
  maxPriceMinor: z.string().regex(/^[0-9]{1,19}$/, "expected minor units in digits"),
});
