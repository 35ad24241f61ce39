/**
 * Standing orders in a home: what the owner ordered (standing.json, written by commands) and what has
 * become of it (standing-state.json, written by the running home alone).
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { MAX_AMOUNT } from "../../protocols/money/amounts.ts";
import { isCurrencyId } from "../../protocols/money/currencies.ts";
import { MAX_COUNT, MAX_DAYS, NO_STATE } from "../../protocols/money/standing.ts";
import type { StandingOrder, StandingState } from "../../protocols/money/standing.ts";
import { writeFileDurably } from "./files.ts";

const ORDERS_FILE = "standing.json";
const STATE_FILE = "standing-state.json";
const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_ORDERS = 256;

const minor = z
  .string()
  .regex(/^[0-9]{1,19}$/)
  .transform(BigInt)
  .refine((value) => value <= MAX_AMOUNT, "expected at most 2^63 - 1");
const time = z.number().int().min(0).max(Date.UTC(9999, 0));
const hexOf = (length: number): z.ZodType<Uint8Array, string> => {
  return z
    .string()
    .regex(new RegExp(`^([0-9a-f]{2}){0,${length}}$`))
    .transform((text) => fromHex(text));
};
const every = z.discriminatedUnion("unit", [
  z.strictObject({ unit: z.literal("month") }),
  z.strictObject({ unit: z.literal("day"), days: z.number().int().min(1).max(MAX_DAYS) }),
]);
const occasion = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("every"),
    minor,
    every,
    fromMs: time,
    count: z.number().int().min(1).max(MAX_COUNT).nullable(),
  }),
  z.strictObject({ kind: z.literal("above"), minor, fromMs: time }),
]);

const orderSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  network: z.string().max(64),
  to: z.string().max(64),
  /** How the currency is written, to be shown without asking anybody. */
  code: z.string().max(16),
  exponent: z.number().int().min(0).max(18),
  currency: z.string().refine(isCurrencyId, "expected a currency's id"),
  memo: hexOf(64),
  occasion,
});
const ordersSchema = z.strictObject({ version: z.literal(1), orders: z.array(orderSchema).max(MAX_ORDERS) });

const stateSchema = z.strictObject({
  period: z.number().int().min(0),
  attempt: z.strictObject({ slot: z.number().int().min(0), minor }).nullable(),
  closedSlots: z.number().int().min(0),
  /** What happened last, in words, and when; null before anything did. */
  last: z.strictObject({ atMs: time, text: z.string().max(500) }).nullable(),
});
const statesSchema = z.strictObject({ version: z.literal(1), states: z.record(z.string(), stateSchema) });

export interface KeptOrder extends StandingOrder {
  network: string;
  code: string;
  exponent: number;
}

export interface KeptState extends StandingState {
  last: { atMs: number; text: string } | null;
}

/** Errors: option-invalid when the file is damaged: an order must not be forgotten in silence. */
export function readOrders(folder: string): KeptOrder[] {
  const { orders } = readJson(join(folder, ORDERS_FILE), ordersSchema) ?? { orders: [] };
  return orders.map((order) => ({ ...order, id: fromHex(order.id), to: publicKeyFromId(order.to) }));
}

/** Errors: store-failed. */
export function writeOrders(folder: string, orders: readonly KeptOrder[]): void {
  const plain = orders.map((order) => {
    return { ...order, id: toHex(order.id), to: agentId(order.to), memo: toHex(order.memo) };
  });
  writeJson(join(folder, ORDERS_FILE), { version: 1, orders: plain });
}

/** By order id in hex. Errors: option-invalid. */
export function readStates(folder: string): Map<string, KeptState> {
  const { states } = readJson(join(folder, STATE_FILE), statesSchema) ?? { states: {} };
  return new Map(Object.entries(states));
}

/** Errors: store-failed. */
export function writeStates(folder: string, states: ReadonlyMap<string, KeptState>): void {
  writeJson(join(folder, STATE_FILE), { version: 1, states: Object.fromEntries(states) });
}

export function stateOf(states: ReadonlyMap<string, KeptState>, order: StandingOrder): KeptState {
  return states.get(toHex(order.id)) ?? { ...NO_STATE, last: null };
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  let value: unknown;
  try {
    value = text.length > MAX_FILE_BYTES ? undefined : JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  const problem = `the file of standing orders is damaged: ${field}${issue?.message ?? "not JSON"}`;
  throw new SegmentError("option-invalid", problem, { where: path });
}

function writeJson(path: string, value: unknown): void {
  const text = JSON.stringify(
    value,
    (_, one: unknown) => (typeof one === "bigint" ? one.toString() : one),
    2,
  );
  writeFileDurably(path, `${text}\n`);
}
