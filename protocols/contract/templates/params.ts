/** What the templates' parameters have in common: the checks, and the refusal that names the parameter. */
import { z } from "zod";
import { DAY_MS } from "../../calendar.ts";
import { SegmentError } from "../../errors.ts";
import { MAX_AMOUNT } from "../../money/amounts.ts";
import { isCurrencyId } from "../../money/currencies.ts";
import { MAX_TIME_MS } from "../bounds.ts";
import { SHORTEST_DISPUTE_MS } from "../check.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

export function bytesOf(length: number) {
  return z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length === length,
    `must be ${length} bytes`,
  );
}

/** The device that signs, and the root key that owns the money. */
export const party = z.object({ identity: bytesOf(32), account: bytesOf(32) });
export type PartyKeys = z.output<typeof party>;

/** Milliseconds since the Unix epoch. */
export const timeMs = z.int().min(0).max(MAX_TIME_MS);
/** Minor units, 0 or more. */
export const minor = z.bigint().min(0n).max(MAX_AMOUNT);
/** Minor units, above zero. */
export const paidMinor = z.bigint().min(1n).max(MAX_AMOUNT);
export const currency = z.string().refine(isCurrencyId, "must be a currency's id");
/** A line that people read. */
export const line = z.string().min(1).max(300);

/** How long somebody may take to object, or an arbiter to decide. */
export function window(defaultMs: number, longestMs: number) {
  return z.int().min(SHORTEST_DISPUTE_MS).max(longestMs).default(defaultMs);
}

/** Parameters of every template but delivery, which names its own times. */
export const common = {
  network: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** 16 random bytes: the same terms twice are two contracts. */
  nonce: bytesOf(16),
  currency,
  /** The offer is valid from here … */
  offeredAtMs: timeMs,
  /** … and all must have signed by then. */
  signByMs: timeMs,
  /** How long after a deadline evidence may still reach the log; again as long until refunds begin. */
  claimMarginMs: z.int().min(1_000).max(DAY_MS).default(120_000),
  /** How long whoever is concerned may object to another's word. */
  disputeMs: window(DAY_MS, 30 * DAY_MS),
  /** How long the arbiter may take. */
  arbitrationMs: window(7 * DAY_MS, 90 * DAY_MS),
};

/** Says that a parameter is wrong; for `superRefine`. */
export function problemIn(context: z.RefinementCtx): (path: string, message: string) => void {
  return (path, message) => context.addIssue({ code: "custom", path: path.split("."), message });
}

/** The parameters, checked. Throws `terms-invalid` with `where` = the parameter. */
export function checkedParams<T>(template: string, schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".") ?? "";
  throw new SegmentError("terms-invalid", `${template} ${where}: ${issue?.message}`, { where });
}
