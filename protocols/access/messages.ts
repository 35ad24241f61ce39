/** What phones and a lock say to each other, in a session or over the bus; validated here, at the edge. */
import { z } from "zod";
import { MAX_TERMS_BYTES } from "../contract/bounds.ts";
import { MAX_FACT_BYTES } from "../contract/facts.ts";
import { MAX_STATEMENT_BYTES } from "../messaging/carried-time.ts";
import { MAX_GRANT_BYTES } from "../telemetry/grant.ts";
import { MAX_CHAIN } from "./chain.ts";
import { NONCE_LENGTH, MAX_REQUEST_BYTES } from "./command.ts";
import { KEY_ID_LENGTH, MAX_GUEST_KEY_BYTES } from "./key.ts";
import { MAX_CARD_BYTES, MAX_ORDER_BYTES, MAX_REFRESH_BYTES } from "./orders.ts";
import { ACTIONS, TARGET } from "./rights.ts";
import { TENURE_LENGTH } from "./tenure.ts";
import { MAX_TIME_MS } from "./times.ts";

const bytes = (min: number, max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `expected ${min} to ${max} bytes`,
  );
const exactly = (length: number) => bytes(length, length);
const time = z.number().int().min(0).max(MAX_TIME_MS);
const code = z.string().min(1).max(64);
const message = z.string().max(300);
const name = z.string().regex(TARGET);
const link = z.strictObject({ key: bytes(1, MAX_GUEST_KEY_BYTES), claim: bytes(1, 256).nullable() });
const links = z.array(link).max(MAX_CHAIN);

/** How the lock stands, for whoever has a key of it. null: it has no such sensor, or that is silent. */
const stateSchema = z.strictObject({
  tenure: exactly(TENURE_LENGTH).nullable(),
  timeMs: time,
  isTimeKnown: z.boolean(),
  isLocked: z.boolean().nullable(),
  isOpen: z.boolean().nullable(),
  /** null from the mains, too. */
  batteryPermille: z.number().int().min(0).max(1_000).nullable(),
  targets: z.array(z.strictObject({ name, role: name, actions: z.array(z.enum(ACTIONS)).max(6) })).max(32),
});
export type LockStanding = z.infer<typeof stateSchema>;

/** One line of the log: who asked for what, by which key, and what came of it. */
const auditEntrySchema = z.strictObject({
  number: z.number().int().min(1),
  timeMs: time,
  isTimeKnown: z.boolean(),
  /** Identity, z6Mk…; null where nobody asked. */
  who: z.string().max(64).nullable(),
  /** What the key's issuer calls them. */
  name: z.string().max(64),
  /** "request", "claim", "add-owner", "left-open", … */
  what: name,
  target: name.nullable(),
  action: z.enum(ACTIONS).nullable(),
  /** Id of the guest key; null from an owner. */
  key: exactly(KEY_ID_LENGTH).nullable(),
  /** Why not; null if it was done. */
  code: code.nullable(),
  /** SHA-256 of what was signed; that itself is in the sealed log. */
  evidence: exactly(32).nullable(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

const MAX_RECEIPT_BYTES = 8_192;
const MAX_KEEPERS = 64;

/** Most entries in one answer. */
export const MAX_AUDIT_PAGE = 20;

/** By the type of the message. */
export const ACCESS_SCHEMAS = {
  /** Phone to lock, once, in a session that proved the pairing code, or with a proof of that: its card. */
  "lock-pair": z.strictObject({
    card: bytes(1, MAX_CARD_BYTES),
    proof: exactly(32).nullable(),
  }),
  /** Phone to lock: `request` as signed, the chain that gives the right, and what keeps it fresh. */
  "lock-request": z.strictObject({
    request: bytes(1, MAX_REQUEST_BYTES),
    links,
    refreshes: z.array(bytes(1, MAX_REFRESH_BYTES)).max(MAX_CHAIN),
    /** By a rental's guest, with the first opening: its word on it. */
    opened: bytes(1, MAX_FACT_BYTES).nullable(),
  }),
  /** A rental's guest to lock: the terms, and the newest certified receipt of the contract. */
  "lock-stay": z.strictObject({ terms: bytes(1, MAX_TERMS_BYTES), receipt: bytes(1, MAX_RECEIPT_BYTES) }),
  /** Phone to lock: binds a link's key to the phone before it is used. */
  "lock-claim": z.strictObject({ links }),
  /** Guest to lock, which was shown a tab ("tab"): until when, and for how much; signed. */
  "walk-up": z.strictObject({ offer: bytes(1, MAX_FACT_BYTES) }),
  /** Lock to guest: the same, signed, which is agreed; or what the lock asks. */
  "walk-up-offer": z.strictObject({
    offer: bytes(1, MAX_FACT_BYTES),
    isAgreed: z.boolean(),
    currency: z.string().max(64),
    tenure: exactly(TENURE_LENGTH).nullable(),
  }),
  /** Anybody to lock, in a session: a notary's word on the time, with the nonce of the session. */
  "lock-time": z.strictObject({ statement: bytes(1, MAX_STATEMENT_BYTES) }),
  /** Anybody to lock: what an owner has signed. */
  "lock-order": z.strictObject({ order: bytes(1, MAX_ORDER_BYTES) }),
  /** Owner or guest to lock. */
  "lock-status": z.strictObject({ nonce: exactly(NONCE_LENGTH) }),
  /** Whoever may watch, to the lock: how it stands, now and for a while whenever that changes. */
  "lock-watch": z.strictObject({
    nonce: exactly(NONCE_LENGTH),
    links,
    refreshes: z.array(bytes(1, MAX_REFRESH_BYTES)).max(MAX_CHAIN),
  }),
  /** Lock to who watches; `about` is the nonce of the question. */
  "lock-watched": z.strictObject({
    about: exactly(NONCE_LENGTH),
    state: stateSchema,
    /** Who was last let in: what the issuer of their key calls them; empty for an owner. */
    last: z.strictObject({ name: z.string().max(64), target: name, timeMs: time }).nullable(),
  }),
  /** Owner to lock. */
  "lock-audit": z.strictObject({ nonce: exactly(NONCE_LENGTH), from: z.number().int().min(0) }),
  /**
   * Lock to phone. `about` is the nonce of the request or question; of a claim, an order or a pairing the
   * first 16 bytes of the SHA-256 of the last key, the order, the card; of a stay those of its id. `code` is
   * null when it was done.
   */
  "lock-answer": z.strictObject({
    about: exactly(NONCE_LENGTH),
    code: code.nullable(),
    message,
    /** After a refusal for too many attempts: how long to wait. */
    waitMs: z.number().int().min(0),
    state: stateSchema.nullable(),
    /** To a rental's guest: the lock's word on the first opening, or on its refusal. */
    fact: bytes(1, MAX_FACT_BYTES).nullable(),
  }),
  /** Lock to owner: from the oldest asked for; `next` is where to go on, null at the end. */
  "lock-log": z.strictObject({
    about: exactly(NONCE_LENGTH),
    entries: z.array(auditEntrySchema).max(MAX_AUDIT_PAGE),
    next: z.number().int().min(1).nullable(),
  }),
  /** Owner to lock, over the bus: the key to its sealed log, as far as that goes today. */
  "lock-grant-ask": z.strictObject({ nonce: exactly(NONCE_LENGTH) }),
  /** Lock to owner: sealed to the owner's key, and who keeps the shards, in their order. */
  "lock-grant": z.strictObject({
    about: exactly(NONCE_LENGTH),
    grant: bytes(1, MAX_GRANT_BYTES),
    keepers: z.array(z.string().max(64)).min(1).max(MAX_KEEPERS),
  }),
  /** Lock to owners. */
  "lock-alert": z.strictObject({
    kind: z.enum(["left-open", "bolt-jammed", "reset", "many-failures", "battery-low"]),
    timeMs: time,
  }),
  /** Guest to owner, who gave the key: please confirm these. */
  "key-refresh-ask": z.strictObject({ links }),
  /** Owner to guest. */
  "key-refreshed": z.strictObject({ refresh: bytes(1, MAX_REFRESH_BYTES) }),
} as const;

export type AccessMessage = keyof typeof ACCESS_SCHEMAS;
export type AccessBody<Type extends AccessMessage> = z.infer<(typeof ACCESS_SCHEMAS)[Type]>;
