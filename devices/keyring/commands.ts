/** What the person asks of the phone, as the app or the command line hands it in; random bytes come along. */
import { z } from "zod";
import { NONCE_LENGTH } from "../../protocols/access/command.ts";
import { MAX_DEPTH, MAX_REFRESH_MS, MAX_USES, MIN_REFRESH_MS } from "../../protocols/access/key.ts";
import { MAX_CARD_BYTES } from "../../protocols/access/orders.ts";
import { ACTIONS, MAX_RIGHTS, TARGET } from "../../protocols/access/rights.ts";
import { MAX_TERMS_BYTES } from "../../protocols/contract/bounds.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { MAX_RECEIPT_BYTES } from "../../protocols/ledger/receipt.ts";

const bytes = (min: number, max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `expected ${min} to ${max} bytes`,
  );
const lock = z.string().min(1).max(64);
const name = z.string().max(64);
const nonce = bytes(NONCE_LENGTH, NONCE_LENGTH);
const isNear = z.boolean();
const minor = z.string().regex(/^[1-9][0-9]{0,18}$/, "expected minor units above zero");
const time = z.number().int().min(0);

/** Of a key; the windows, hours and offsets are checked where the key is made. */
const keyContent = {
  nonce,
  name,
  /** Of a phone that is known; null for a link. */
  holder: bytes(32, 32).nullable(),
  /** 32 random bytes for a link; null where the holder is named. */
  secret: bytes(32, 32).nullable(),
  rights: z
    .array(z.strictObject({ target: z.string().regex(TARGET), actions: z.array(z.enum(ACTIONS)).min(1) }))
    .min(1)
    .max(MAX_RIGHTS),
  windows: z.array(z.strictObject({ fromMs: time, untilMs: time })),
  week: z.array(
    z.strictObject({ days: z.number().int(), fromMinute: z.number().int(), toMinute: z.number().int() }),
  ),
  offsets: z.array(z.strictObject({ fromMs: time, minutes: z.number().int() })),
  uses: z.number().int().min(1).max(MAX_USES).nullable(),
  depth: z.number().int().min(0).max(MAX_DEPTH),
  refreshMs: z.number().int().min(MIN_REFRESH_MS).max(MAX_REFRESH_MS).nullable(),
};

export const COMMANDS = {
  /** Become the owner of the lock that shows this code. */
  pair: z.strictObject({ code: z.string().max(512), name, nonce, isNear: z.boolean().default(true) }),
  /** One tap: over Bluetooth, or (not near) over the bus. */
  ask: z.strictObject({ lock, nonce, target: z.string().regex(TARGET), action: z.enum(ACTIONS), isNear }),
  look: z.strictObject({ lock, nonce, isNear }),
  /** To be told how the lock stands, now and for two minutes whenever that changes. */
  watch: z.strictObject({ lock, nonce, isNear }),
  "read-log": z.strictObject({ lock, nonce, from: time, isNear }),
  /** As an owner. */
  give: z.strictObject({ lock, ...keyContent }),
  /** A part of a key that this phone holds. */
  "pass-on": z.strictObject({ key: bytes(32, 32), ...keyContent }),
  /** A key that came as a link or QR code. */
  take: z.strictObject({ link: z.string().max(32_768), name }),
  /** A rental that all have signed, and the card of its lock. */
  stay: z.strictObject({ terms: bytes(1, MAX_TERMS_BYTES), card: bytes(1, MAX_CARD_BYTES), name }),
  /** How a rental stands, as the notaries have certified it. */
  certified: z.strictObject({ receipt: bytes(1, MAX_RECEIPT_BYTES) }),
  /** To stay without having rented, paid from a tab for this lock; amounts in minor units, as text. */
  "walk-up": z.strictObject({
    ...{ card: bytes(1, MAX_CARD_BYTES), name, untilMs: time, bidMinor: minor, mostMinor: minor },
    ...{ terms: bytes(1, MAX_TERMS_BYTES), receipt: bytes(1, 8_192) },
  }),
  /** As an owner: who walks up may stay by this tariff a day, or (null) not any more. */
  let: z.strictObject({
    lock,
    tariff: z.strictObject({ currency: z.string().max(64), askedMinor: minor, leastMinor: minor }).nullable(),
  }),
  revoke: z.strictObject({ key: bytes(32, 32) }),
  /** As the owner of its lock: nobody is let in by this rental any more. */
  "revoke-stay": z.strictObject({ lock, stay: bytes(32, 32), untilMs: time }),
  "add-owner": z.strictObject({ lock, card: bytes(1, MAX_CARD_BYTES) }),
  "hand-over": z.strictObject({ lock, card: bytes(1, MAX_CARD_BYTES) }),
  /** Become an owner by the link that another one has made. */
  own: z.strictObject({ link: z.string().max(8_192), name }),
  "remove-owner": z.strictObject({ lock, identity: bytes(32, 32) }),
  rename: z.strictObject({ lock, name }),
  /** The phone forgets a lock; nothing happens at the lock. */
  forget: z.strictObject({ lock }),
} as const;

export type CommandName = keyof typeof COMMANDS;
export type Command<Name extends CommandName> = z.infer<(typeof COMMANDS)[Name]>;
export type KeyContentCommand = Omit<Command<"give">, "lock">;

/** Errors: message-invalid. */
export function parsed<Name extends CommandName>(command: Name, value: unknown): Command<Name> {
  const result = COMMANDS[command].safeParse(value);
  if (result.success) return result.data as Command<Name>;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new SegmentError("message-invalid", `${command} ${where}: ${issue?.message}`, { where });
}
