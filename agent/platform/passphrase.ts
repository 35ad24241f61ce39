/**
 * Bytes sealed with a passphrase: deterministic CBOR
 *
 *     [1, "scrypt", log2 of N, r, p, salt, nonce, ciphertext]   ChaCha20-Poly1305 under scrypt (RFC 7914)
 *
 * The ciphertext authenticates a label, which says what the bytes are for, and all fields before it.
 */
import { concat, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import type { FieldReader } from "../../protocols/encoding/reader.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { KEY_LABELS } from "../../protocols/labels.ts";
import type { KeyLabel } from "../../protocols/labels.ts";
import type { Crypto, Random } from "../../protocols/ports.ts";

const VERSION = 1;
export const SEALED = "scrypt";
const SALT_LENGTH = 16;
const NONCE_LENGTH = 12;

export interface ScryptCost {
  log2N: number;
  r: number;
  p: number;
}

/** What the platform has for it. */
export interface SealParts {
  crypto: Crypto;
  random: Random;
  /** 32 bytes by RFC 7914; `maxMemory` in bytes. */
  scrypt: (
    passphrase: string,
    salt: Uint8Array,
    cost: ScryptCost,
    maxMemoryBytes: number,
  ) => Promise<Uint8Array>;
}

/** 32 MiB, three times over: 0.4 s where it was measured. */
const COST: ScryptCost = { log2N: 15, r: 8, p: 3 };
/**
 * A file may ask for as much as this version writes and no more: opening a stranger's file takes 32 MiB and
 * 0.4 s at most. A version that writes more has to accept more.
 */
const MAX_MEMORY_BYTES = memoryOf(COST);
const MAX_WORK_BYTES = memoryOf(COST) * COST.p;

function memoryOf({ log2N, r }: ScryptCost): number {
  return 128 * r * 2 ** log2N;
}

export interface SealedBox {
  cost: ScryptCost;
  salt: Uint8Array;
  nonce: Uint8Array;
  content: Uint8Array;
}

/** Throws `option-invalid` for an empty passphrase. */
export async function seal(
  parts: SealParts,
  label: KeyLabel,
  plain: Uint8Array,
  passphrase: string,
): Promise<Uint8Array> {
  if (passphrase === "") throw new SegmentError("option-invalid", "the passphrase is empty");
  const salt = parts.random.bytes(SALT_LENGTH);
  const nonce = parts.random.bytes(NONCE_LENGTH);
  const key = await deriveKey(parts, passphrase, salt, COST);
  const header = headerFields({ cost: COST, salt, nonce });
  const content = parts.crypto.chacha20Poly1305.seal(key, nonce, headerAad(label, header), plain);
  return encodeCbor([...header, content]);
}

/**
 * Reads what follows version and method. Throws `cbor-wrong-shape`, or `keystore-damaged` for more memory or
 * work than this version ever asks for.
 */
export function readSealed(fields: FieldReader): SealedBox {
  const cost = {
    log2N: fields.int("log2N", { min: 1, max: 24 }),
    r: fields.int("r", { min: 1, max: 64 }),
    p: fields.int("p", { min: 1, max: 64 }),
  };
  if (memoryOf(cost) > MAX_MEMORY_BYTES || memoryOf(cost) * cost.p > MAX_WORK_BYTES) {
    throw new SegmentError("keystore-damaged", "the file asks for too much memory or work");
  }
  const salt = fields.bytes("salt", { length: SALT_LENGTH });
  const nonce = fields.bytes("nonce", { length: NONCE_LENGTH });
  const content = fields.bytes("content");
  fields.end();
  return { cost, salt, nonce, content };
}

/** Undefined for a wrong passphrase, a wrong label, or a changed byte: nobody can tell which. */
export async function open(
  parts: SealParts,
  label: KeyLabel,
  box: SealedBox,
  passphrase: string,
): Promise<Uint8Array | undefined> {
  const key = await deriveKey(parts, passphrase, box.salt, box.cost);
  const aad = headerAad(label, headerFields(box));
  return parts.crypto.chacha20Poly1305.open(key, box.nonce, aad, box.content);
}

function headerFields({ cost, salt, nonce }: Omit<SealedBox, "content">): CborValue[] {
  const { log2N, r, p } = cost;
  return [VERSION, SEALED, log2N, r, p, salt, nonce];
}

function headerAad(label: KeyLabel, header: CborValue[]): Uint8Array {
  return concat(utf8(KEY_LABELS[label]), Uint8Array.of(0), encodeCbor(header));
}

/** Typed on another keyboard, the same passphrase may come in other code points: NFKC makes them one. */
function deriveKey(
  { scrypt }: SealParts,
  passphrase: string,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<Uint8Array> {
  return scrypt(passphrase.normalize("NFKC"), salt, cost, 2 * MAX_MEMORY_BYTES);
}
