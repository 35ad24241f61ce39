/**
 * The keys of a phone's home in a browser. They are kept in IndexedDB, sealed with the person's passphrase,
 * and once more with a key that the browser does not give out: who copies the store alone has nothing to
 * guess at. A passkey may open the same keys: they are then sealed a second time, with its secret. The
 * owner's words are not kept.
 */
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { z } from "zod";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { hkdf } from "../../protocols/crypto/hkdf.ts";
import { concat, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard, signCard } from "../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { newDeviceKeys, rootFromWords } from "../../protocols/identity/root.ts";
import type { DeviceKeys } from "../../protocols/identity/root.ts";
import { open, readSealed, seal, SEALED } from "../platform/passphrase.ts";
import type { SealParts } from "../platform/passphrase.ts";
import { systemClock } from "../platform/clocks.ts";
import { KEY_LABELS } from "../../protocols/labels.ts";
import { forgetPasskey, makePasskey, usePasskey } from "./passkey.ts";
import type { Passkey } from "./passkey.ts";
import type { PhoneHome } from "./phone-runtime.ts";
import { browserRandom } from "./platform.ts";
import { hasHome, HOME_RECORD, KEYS_DATABASE, readRecord, writeRecord } from "./records.ts";

const NONCE_BYTES = 12;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** As of every device: what ends its rights is revocation. */
const CARD_MS = 10 * 365 * DAY_MS;
const MOST_NAME = 64;
export const LEAST_PASSPHRASE = 8;

const PARTS: SealParts = {
  crypto: portableCrypto,
  random: browserRandom,
  scrypt: (passphrase, salt, { log2N, r, p }, maxmem) =>
    scryptAsync(passphrase, salt, { N: 2 ** log2N, r, p, dkLen: 32, maxmem }),
};

const bytes = z.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array && value.length < 8_192,
);
const passkeySchema = z.strictObject({ id: bytes, salt: bytes, nonce: bytes, sealed: bytes });
const recordSchema = z.strictObject({
  version: z.literal(1),
  /** AES-GCM, not extractable; null where the browser has no Web Crypto. */
  wrapping: z.custom<CryptoKey>((value) => value === null || value instanceof CryptoKey).nullable(),
  nonce: bytes,
  sealed: bytes,
  card: bytes,
  passkey: passkeySchema.optional(),
});
type KeyRecord = z.infer<typeof recordSchema>;

export interface NewHome {
  /** The owner's BIP 39 words: they sign this phone's card, and are forgotten. */
  words: string;
  name: string;
  passphrase: string;
}

/** Makes the home of this browser, and opens it. Errors: words-invalid, option-invalid, home-exists, … */
export async function makeHome({ words, name, passphrase }: NewHome): Promise<PhoneHome> {
  if (await hasHome()) throw new SegmentError("home-exists", "this browser holds a phone's keys already");
  if (passphrase.length < LEAST_PASSPHRASE)
    throw new SegmentError("option-invalid", `the passphrase has fewer than ${LEAST_PASSPHRASE} characters`, {
      where: "passphrase",
    });
  const called = name.trim();
  if (called === "" || called.length > MOST_NAME)
    throw new SegmentError("option-invalid", `a name has 1 to ${MOST_NAME} characters`, { where: "name" });
  const root = rootFromWords(portableCrypto, words);
  const keys = newDeviceKeys(browserRandom);
  const now = systemClock.now();
  const card = signCard(
    {
      root: root.publicKey,
      identity: portableCrypto.ed25519PublicKey(keys.identitySeed),
      sessionKey: portableCrypto.x25519PublicKey(keys.sessionSecret),
      ...{ kind: "phone", name: called },
      // A device whose clock is behind by a day must still believe it.
      ...{ notBefore: now - DAY_MS, notAfter: now + CARD_MS },
    },
    root,
  );
  await writeRecord(KEYS_DATABASE, HOME_RECORD, await sealed(keys, card, passphrase));
  return homeOf(keys, card);
}

/** Errors: home-missing, passphrase-wrong, keystore-damaged, store-failed. */
export async function openHome(passphrase: string): Promise<PhoneHome> {
  const record = await readKeys();
  return homeOf(keysFrom(await opened(record, passphrase)), record.card);
}

/** From a tap. Errors: home-missing, passkey-refused, passkey-unusable, keystore-damaged, store-failed. */
export async function openHomeByPasskey(): Promise<PhoneHome> {
  const record = await readKeys();
  const { passkey } = record;
  if (passkey === undefined) throw new SegmentError("passkey-refused", "no passkey opens these keys");
  const box = await unwrapped(record.wrapping, passkey);
  const secret = await usePasskey(passkey);
  const { key, aad } = passkeySeal(secret, passkey);
  const plain = portableCrypto.chacha20Poly1305.open(key, SINGLE_USE, aad, box);
  if (plain === undefined) throw damaged("the passkey's secret does not open them");
  return homeOf(keysFrom(plain), record.card);
}

/**
 * From a tap, with the passphrase once more: whoever finds the app open cannot add a passkey of their own.
 * One that was there is replaced. Errors: as of `openHome`, and passkey-refused, passkey-unusable.
 */
export async function addPasskey(passphrase: string): Promise<void> {
  const record = await readKeys();
  const plain = await opened(record, passphrase);
  const { name } = openCard(portableCrypto, record.card);
  const { passkey, secret } = await makePasskey(name);
  const { key, aad } = passkeySeal(secret, passkey);
  const box = portableCrypto.chacha20Poly1305.seal(key, SINGLE_USE, aad, plain);
  const kept = { ...passkey, ...(await wrapped(record.wrapping, new Uint8Array(box))) };
  await writeRecord(KEYS_DATABASE, HOME_RECORD, { ...record, passkey: kept } satisfies KeyRecord);
  if (record.passkey !== undefined) await forgetPasskey(record.passkey);
}

/** The passphrase opens the keys as before. Errors: home-missing, keystore-damaged, store-failed. */
export async function removePasskey(): Promise<void> {
  const { passkey, ...record } = await readKeys();
  await writeRecord(KEYS_DATABASE, HOME_RECORD, record satisfies KeyRecord);
  if (passkey !== undefined) await forgetPasskey(passkey);
}

/** Errors: home-missing, keystore-damaged, store-failed. */
async function readKeys(): Promise<KeyRecord> {
  const found = await readRecord(KEYS_DATABASE, HOME_RECORD);
  if (found === undefined) throw new SegmentError("home-missing", "this browser holds no keys");
  const record = recordSchema.safeParse(found);
  if (!record.success) throw damaged("the record has another shape");
  return record.data;
}

/** Each salt is fresh, and so the key that comes of it seals once. */
const SINGLE_USE = new Uint8Array(NONCE_BYTES);

function passkeySeal(secret: Uint8Array, { id, salt }: Passkey): { key: Uint8Array; aad: Uint8Array } {
  const label = utf8(KEY_LABELS.passkey);
  return {
    key: hkdf(portableCrypto, secret, salt, label, 32),
    aad: concat(label, Uint8Array.of(0), encodeCbor([1, id, salt])),
  };
}

function keysFrom(plain: Uint8Array): DeviceKeys {
  const fields = FieldReader.fromBytes(plain, "secrets");
  fields.int("version", { min: 1, max: 1 });
  const keys = {
    identitySeed: fields.bytes("identitySeed", { length: 32 }),
    sessionSecret: fields.bytes("sessionSecret", { length: 32 }),
  };
  fields.end();
  return keys;
}

function homeOf(keys: DeviceKeys, bytesOfCard: Uint8Array): PhoneHome {
  const signer = signerFromSeed(portableCrypto, keys.identitySeed);
  const card = openCard(portableCrypto, bytesOfCard);
  return {
    ...{ id: agentId(signer.publicKey), name: card.name, card },
    keys: { signer, sessionSecret: keys.sessionSecret, card: bytesOfCard },
  };
}

async function sealed(keys: DeviceKeys, card: Uint8Array, passphrase: string): Promise<KeyRecord> {
  const plain = encodeCbor([1, keys.identitySeed, keys.sessionSecret]);
  const box = new Uint8Array(await seal(PARTS, "keystore", plain, passphrase));
  const wrapping =
    (await webCrypto()?.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])) ?? null;
  return { version: 1, wrapping, card: new Uint8Array(card), ...(await wrapped(wrapping, box)) };
}

async function opened(record: KeyRecord, passphrase: string): Promise<Uint8Array> {
  const box = await unwrapped(record.wrapping, record);
  const fields = FieldReader.fromBytes(box, "keys");
  fields.int("version", { min: 1, max: 1 });
  if (fields.text("method") !== SEALED) throw damaged("the method is unknown");
  const plain = await open(PARTS, "keystore", readSealed(fields), passphrase);
  if (plain === undefined)
    throw new SegmentError("passphrase-wrong", "the passphrase does not open the keys");
  return plain;
}

/** As it lies in the store. */
type Wrapped = Pick<KeyRecord, "nonce" | "sealed">;

async function wrapped(wrapping: CryptoKey | null, box: Uint8Array<ArrayBuffer>): Promise<Wrapped> {
  const nonce = new Uint8Array(browserRandom.bytes(NONCE_BYTES));
  if (wrapping === null) return { nonce, sealed: box };
  const content = await webCrypto()!.encrypt({ name: "AES-GCM", iv: nonce }, wrapping, box);
  return { nonce, sealed: new Uint8Array(content) };
}

async function unwrapped(
  wrapping: CryptoKey | null,
  { nonce, sealed: content }: Wrapped,
): Promise<Uint8Array> {
  if (wrapping === null) return content;
  try {
    const box = await webCrypto()!.decrypt({ name: "AES-GCM", iv: nonce }, wrapping, content);
    return new Uint8Array(box);
  } catch (cause) {
    throw damaged("the browser's own key does not open them", cause);
  }
}

function webCrypto(): SubtleCrypto | undefined {
  return (crypto as { subtle?: SubtleCrypto }).subtle;
}

function damaged(problem: string, cause?: unknown): SegmentError {
  return new SegmentError("keystore-damaged", `the keys in this browser are damaged: ${problem}`, { cause });
}
