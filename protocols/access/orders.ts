/**
 * What owners order a lock to do, signed, so that it does not matter who brings it: a session, the bus, or a
 * guest's phone. And what owners confirm: that keys were not revoked at a time.
 *
 * COSE_Sign1, label "lockOrder": [1, lock, tenure, number, timeMs, kind, …]; label "keyRefresh":
 * [1, lock, tenure, timeMs, [id of key, …]].
 */
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { requirePublicKey } from "../identity/keys.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { isCurrencyId } from "../money/currencies.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { KEY_ID_LENGTH } from "./key.ts";
import { openSigned, signFields } from "./signed.ts";
import type { SignedKind } from "./signed.ts";
import { readLockName } from "./tenure.ts";
import type { LockName } from "./tenure.ts";
import { MAX_TIME_MS } from "./times.ts";
import type { Tariff } from "./walk-up.ts";

export interface RevokedKey {
  id: Uint8Array;
  /** The key's end: afterwards the lock may forget that it was revoked. null: never. */
  untilMs: TimeMs | null;
}

export type OrderAct =
  /** The phone of this card becomes an owner, too. */
  | { kind: "add-owner"; card: Uint8Array }
  /** This phone owns no more, and no key that it has made holds. */
  | { kind: "remove-owner"; identity: Uint8Array }
  /** The phone of this card owns the lock alone; all else is forgotten. */
  | { kind: "hand-over"; card: Uint8Array }
  | { kind: "revoke"; keys: readonly RevokedKey[] }
  /** Who walks up may stay, by this tariff; null: not any more. */
  | { kind: "let"; tariff: Tariff | null };

export interface Order extends LockName {
  /** The signer's own count: the lock takes none twice, and none but a revocation that comes too late. */
  number: number;
  timeMs: TimeMs;
  act: OrderAct;
}

export const MAX_ORDER_BYTES = 4_096;
export const MAX_REVOKED_AT_ONCE = 64;
export const MAX_CARD_BYTES = 1_024;

const ORDER: SignedKind<Order> = {
  label: "lockOrder",
  what: "order",
  code: "message-invalid",
  maxBytes: MAX_ORDER_BYTES,
  read: (reader) => ({
    ...readLockName(reader),
    number: reader.int("number", { min: 1 }),
    timeMs: reader.int("timeMs", { min: 0, max: MAX_TIME_MS }),
    act: readAct(reader),
  }),
};

/** By an owner, or the root of one. Throws `message-invalid` for what `openOrder` would refuse. */
export function signOrder({ lock, tenure, number, timeMs, act }: Order, signer: Signer): Uint8Array {
  return signFields(ORDER, [lock, tenure, number, timeMs, act.kind, bodyOf(act)], signer);
}

/** Throws `message-invalid`. Whether `signer` may order is for the lock to say. */
export function openOrder(crypto: Crypto, bytes: Uint8Array): { signer: Uint8Array; order: Order } {
  const { signer, value } = openSigned(crypto, ORDER, bytes);
  return { signer, order: value };
}

function bodyOf(act: OrderAct): CborValue {
  switch (act.kind) {
    case "add-owner":
    case "hand-over":
      return act.card;
    case "remove-owner":
      return act.identity;
    case "revoke":
      return act.keys.map(({ id, untilMs }) => [id, untilMs]);
    case "let":
      return act.tariff && [act.tariff.currency, act.tariff.askedMinor, act.tariff.leastMinor];
  }
}

function readAct(reader: FieldReader): OrderAct {
  const kind = reader.text("kind", { max: 16 });
  switch (kind) {
    case "add-owner":
    case "hand-over":
      return { kind, card: reader.bytes("card", { min: 1, max: MAX_CARD_BYTES }) };
    case "remove-owner": {
      const identity = reader.bytes("identity", { length: 32 });
      requirePublicKey(identity);
      return { kind, identity };
    }
    case "revoke":
      return { kind, keys: readRevoked(reader.list("keys", { max: MAX_REVOKED_AT_ONCE })) };
    case "let":
      return { kind, tariff: reader.nullable("tariff", (fields) => readTariff(fields.list("tariff"))) };
    default:
      throw new SegmentError("message-invalid", "the order is of no known kind", { where: "order.kind" });
  }
}

function readTariff(list: CborValue[]): Tariff {
  const reader = new FieldReader(list, "tariff", 3);
  const currency = reader.text("currency", { max: 64 });
  if (!isCurrencyId(currency))
    throw new SegmentError("message-invalid", "the tariff names no currency", { where: "tariff" });
  const askedMinor = reader.bigint("askedMinor", { min: 1n, max: MAX_AMOUNT / MOST_DAYS });
  return { currency, askedMinor, leastMinor: reader.bigint("leastMinor", { min: 1n, max: askedMinor }) };
}

function readRevoked(list: CborValue[]): RevokedKey[] {
  if (list.length === 0) throw new SegmentError("message-invalid", "the order revokes no key");
  return list.map((value) => {
    const reader = new FieldReader(value, "revoked", 2);
    const id = reader.bytes("id", { length: KEY_ID_LENGTH });
    const bounds = { min: 0, max: MAX_TIME_MS };
    return { id, untilMs: reader.nullable("untilMs", (fields) => fields.int("untilMs", bounds)) };
  });
}

/** "These keys were not revoked at this time." */
export interface Refresh extends LockName {
  timeMs: TimeMs;
  /** Ids: 1 to 5. */
  keys: readonly Uint8Array[];
}

export const MAX_REFRESH_BYTES = 512;
const MAX_REFRESHED = 5;
/** No price of so many days overflows. */
const MOST_DAYS = 1_000n;

const REFRESH: SignedKind<Refresh> = {
  label: "keyRefresh",
  what: "refresh",
  code: "guest-key-invalid",
  maxBytes: MAX_REFRESH_BYTES,
  read: (reader) => ({
    ...readLockName(reader),
    timeMs: reader.int("timeMs", { min: 0, max: MAX_TIME_MS }),
    keys: readIds(reader.list("keys", { max: MAX_REFRESHED })),
  }),
};

/** By an owner. Throws `guest-key-invalid`. */
export function signRefresh({ lock, tenure, timeMs, keys }: Refresh, signer: Signer): Uint8Array {
  return signFields(REFRESH, [lock, tenure, timeMs, [...keys]], signer);
}

/** Throws `guest-key-invalid`. Whether `signer` is an owner is for the lock to say. */
export function openRefresh(crypto: Crypto, bytes: Uint8Array): { signer: Uint8Array; refresh: Refresh } {
  const { signer, value } = openSigned(crypto, REFRESH, bytes);
  return { signer, refresh: value };
}

function readIds(list: CborValue[]): Uint8Array[] {
  if (list.length === 0) throw new SegmentError("guest-key-invalid", "the refresh names no key");
  return list.map((value) => new FieldReader([value], "key").bytes("id", { length: KEY_ID_LENGTH }));
}
