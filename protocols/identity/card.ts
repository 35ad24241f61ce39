/** Cards: the root's signed statement that a device key acts for it. */
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { sign1, verify1 } from "./cose.ts";
import { requirePublicKey } from "./keys.ts";

export interface Card {
  /** Ed25519 key of the owner: owns the accounts, signs and revokes the card. */
  root: Uint8Array;
  /** Ed25519 key of the device. */
  identity: Uint8Array;
  /** X25519 key of the device, for sessions and sealed messages. */
  sessionKey: Uint8Array;
  /** What the device is: "drone", "lock", "phone"; lower-case letters, digits and hyphens, at most 32. */
  kind: string;
  /** What people call it: 1 to 64 characters, no control characters. */
  name: string;
  /** The card holds from notBefore up to, and without, notAfter. */
  notBefore: TimeMs;
  notAfter: TimeMs;
}

const VERSION = 1;
const KIND = /^[a-z0-9-]{1,32}$/;
const CONTROL = /\p{Cc}/u;
/** A card is about 300 bytes. */
const MAX_BYTES = 1024;

/** The card's signed bytes. `rootSigner` must hold `card.root`. Throws `card-invalid`. */
export function signCard(card: Card, rootSigner: Signer): Uint8Array {
  checkCard(card);
  if (!equalBytes(card.root, rootSigner.publicKey)) throw invalid("another key than its root signs it");
  const { root, identity, sessionKey, kind, name, notBefore, notAfter } = card;
  return sign1(
    "card",
    encodeCbor([VERSION, root, identity, sessionKey, kind, name, notBefore, notAfter]),
    rootSigner,
  );
}

/**
 * Verifies a card, and its dates if `now` is given. Whether it was revoked is for the ledger to say.
 * Throws `card-invalid` or `card-expired`.
 */
export function openCard(crypto: Crypto, bytes: Uint8Array, now?: TimeMs): Card {
  if (bytes.length > MAX_BYTES) throw invalid(`it has more than ${MAX_BYTES} bytes`);
  const card = readCard(crypto, bytes);
  checkCard(card);
  if (now !== undefined) checkValidity(card, now);
  return card;
}

/** Throws `card-invalid` before a card's time, and `card-expired` after it. */
export function checkValidity({ name, notBefore, notAfter }: Card, now: TimeMs): void {
  if (now < notBefore) throw invalid("its validity has not begun", "notBefore");
  if (now < notAfter) return;
  throw new SegmentError("card-expired", `the card of "${name}" has expired`, { where: "card.notAfter" });
}

function readCard(crypto: Crypto, bytes: Uint8Array): Card {
  try {
    const { signer, payload } = verify1(crypto, "card", bytes);
    const fields = FieldReader.fromBytes(payload, "card");
    fields.int("version", { min: VERSION, max: VERSION });
    const card: Card = {
      root: fields.bytes("root", { length: 32 }),
      identity: fields.bytes("identity", { length: 32 }),
      sessionKey: fields.bytes("sessionKey", { length: 32 }),
      kind: fields.text("kind"),
      name: fields.text("name"),
      notBefore: fields.int("notBefore"),
      notAfter: fields.int("notAfter"),
    };
    fields.end();
    if (!equalBytes(signer, card.root)) throw invalid("another key than its root has signed it");
    return card;
  } catch (cause) {
    if (!(cause instanceof SegmentError) || cause.code === "card-invalid") throw cause;
    throw new SegmentError("card-invalid", `the card does not verify: ${cause.message}`, { cause });
  }
}

function checkCard(card: Card): void {
  try {
    requirePublicKey(card.root);
    requirePublicKey(card.identity);
  } catch (cause) {
    throw new SegmentError("card-invalid", "the card holds a malformed or weak key", { cause });
  }
  if (card.sessionKey.length !== 32) throw invalid("its session key is not 32 bytes long", "sessionKey");
  if (!KIND.test(card.kind)) throw invalid("its kind is not 1 to 32 of a-z, 0-9 and hyphen", "kind");
  if (card.name.length < 1 || card.name.length > 64 || CONTROL.test(card.name)) {
    throw invalid("its name is not 1 to 64 printable characters", "name");
  }
  const { notBefore, notAfter } = card;
  if (!Number.isSafeInteger(notBefore) || !Number.isSafeInteger(notAfter) || notBefore < 0) {
    throw invalid("its dates are not milliseconds since 1970", "notBefore");
  }
  if (notAfter <= notBefore) throw invalid("it ends before it begins", "notAfter");
}

function invalid(problem: string, field?: string): SegmentError {
  const where = field === undefined ? "card" : `card.${field}`;
  return new SegmentError("card-invalid", `the card is refused: ${problem}`, { where });
}
