/**
 * Ed25519 signatures on which libraries disagree, each with the one answer that SEGMENT gives
 * (protocols/crypto/ed25519.ts). They are built from the group's arithmetic, not copied.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, fromHex, utf8 } from "../../protocols/encoding/bytes.ts";

export interface Ed25519Case {
  name: string;
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
  valid: boolean;
}

type Point = InstanceType<typeof ed25519.Point>;

const { Point } = ed25519;
const L = Point.Fn.ORDER;
const P = Point.Fp.ORDER;
const a = 0x1234_5678_9abc_def0_1234_5678_9abc_def1n;
const A = Point.BASE.multiply(a);
const TORSION_8 = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa");
const IDENTITY = fromHex(`01${"00".repeat(31)}`);
/** y = p + 1: another spelling of the identity. */
const IDENTITY_NOT_CANONICAL = littleEndian(P + 1n);
const IDENTITY_NEGATIVE = fromHex(`01${"00".repeat(30)}80`);

export function ed25519Cases(): Ed25519Case[] {
  return [...keyCases(), ...scalarCases(), ...nonceCases(), ...mixedOrderCases(), ...lengthCases()];
}

/** The eight points of small order in every encoding: 14 keys by which anybody could sign. */
export function smallOrderKeys(): Uint8Array[] {
  const yCoordinates = new Set<bigint>();
  for (let i = 0n; i < 8n; i++) yCoordinates.add(times(TORSION_8, i).toAffine().y);
  const keys: Uint8Array[] = [];
  for (const y of yCoordinates) {
    for (const encodable of [y, y + P]) {
      if (encodable >= 1n << 255n) continue;
      keys.push(littleEndian(encodable), littleEndian(encodable | (1n << 255n)));
    }
  }
  return keys;
}

function keyCases(): Ed25519Case[] {
  const cases: Ed25519Case[] = [];
  for (const publicKey of smallOrderKeys()) {
    // With r = S, S·B = R + k·A holds as soon as k·A vanishes: for one message in eight at least.
    for (let i = 0; i < 8; i++) {
      const r = BigInt(1000 + i);
      const signature = concat(Point.BASE.multiply(r).toBytes(), littleEndian(r));
      cases.push({
        name: `small order key, message ${i}`,
        publicKey,
        message: text(i),
        signature,
        valid: false,
      });
    }
  }
  const honest = sign(a, A, A.toBytes(), 77n, Point.ZERO, text(0));
  cases.push({ ...honest, name: "an honest signature", valid: true });
  cases.push({ ...honest, name: "another message", message: text(1), valid: false });
  const otherSign = Uint8Array.from(honest.publicKey);
  otherSign[31]! ^= 0x80;
  cases.push({ ...honest, name: "the negated key", publicKey: otherSign, valid: false });
  for (let y = 2n; y < 19n; y++) {
    // p + y for small y: those on the curve are another spelling of a good key, the others no key at all.
    cases.push({ ...honest, name: `key with y = p + ${y}`, publicKey: littleEndian(P + y), valid: false });
    cases.push({ ...honest, name: `key with y = ${y}`, publicKey: littleEndian(y), valid: false });
  }
  return cases;
}

function scalarCases(): Ed25519Case[] {
  const honest = sign(a, A, A.toBytes(), 78n, Point.ZERO, text(2));
  const r = honest.signature.slice(0, 32);
  const s = fromLittleEndian(honest.signature.slice(32));
  const scalars: [string, bigint][] = [
    ["S + L", s + L],
    ["S + 2L", s + 2n * L],
    ["S + 8L", s + 8n * L],
    ["S = L", L],
    ["S = 0", 0n],
    ["S = 2^256 - 1", (1n << 256n) - 1n],
    ["S with its top bit set", s | (1n << 255n)],
  ];
  return scalars.map(([name, scalar]) => ({
    ...honest,
    name,
    signature: concat(r, littleEndian(scalar)),
    valid: false,
  }));
}

/** R of small order is refused, however it is spelled: libraries and their versions differ on it. */
function nonceCases(): Ed25519Case[] {
  const encodings: [string, Uint8Array, boolean][] = [
    ["R = identity", IDENTITY, false],
    ["R = identity, y = p + 1", IDENTITY_NOT_CANONICAL, false],
    ["R = identity, sign bit set", IDENTITY_NEGATIVE, false],
  ];
  return encodings.map(([name, encodedR, valid]) => {
    const message = text(3);
    const k = challenge(encodedR, A.toBytes(), message);
    const signature = concat(encodedR, littleEndian((k * a) % L));
    return { name, publicKey: A.toBytes(), message, signature, valid };
  });
}

/** Keys and nonces with a torsion part: the cofactorless equation alone decides. */
function mixedOrderCases(): Ed25519Case[] {
  const cases: Ed25519Case[] = [];
  for (let torsion = 1n; torsion < 8n; torsion++) {
    const mixedKey = A.add(times(TORSION_8, torsion));
    const encodedKey = mixedKey.toBytes();
    for (let i = 0; i < 8; i++) {
      for (const nonceTorsion of [Point.ZERO, TORSION_8]) {
        const name = `key with torsion ${torsion}, message ${i}, nonce torsion ${nonceTorsion.is0() ? 0 : 1}`;
        const made = sign(a, mixedKey, encodedKey, BigInt(500 + i), nonceTorsion, text(i));
        cases.push({ ...made, name });
      }
    }
  }
  const pureKeyMixedNonce = sign(a, A, A.toBytes(), 79n, TORSION_8, text(4));
  cases.push({ ...pureKeyMixedNonce, name: "a torsion part in R only: valid for the cofactored equation" });
  return cases;
}

function lengthCases(): Ed25519Case[] {
  const honest = sign(a, A, A.toBytes(), 80n, Point.ZERO, text(5));
  const longKey = concat(honest.publicKey, Uint8Array.of(0));
  const { signature, publicKey } = honest;
  return [
    { ...honest, name: "key of 31 bytes", publicKey: publicKey.slice(0, 31), valid: false },
    { ...honest, name: "key of 33 bytes", publicKey: longKey, valid: false },
    { ...honest, name: "no key", publicKey: new Uint8Array(0), valid: false },
    { ...honest, name: "signature of 63 bytes", signature: signature.slice(0, 63), valid: false },
    {
      ...honest,
      name: "signature of 65 bytes",
      signature: concat(signature, Uint8Array.of(0)),
      valid: false,
    },
    { ...honest, name: "no signature", signature: new Uint8Array(0), valid: false },
    { ...honest, name: "zeros", signature: new Uint8Array(64), valid: false },
  ];
}

/**
 * Signs with the secret `secret`, the nonce r·B + nonceTorsion, and a key that may hold a torsion part.
 * Whether S·B - k·A gives R exactly is computed here by plain point arithmetic.
 */
function sign(
  secret: bigint,
  key: Point,
  encodedKey: Uint8Array,
  r: bigint,
  nonceTorsion: Point,
  message: Uint8Array,
): Omit<Ed25519Case, "name"> {
  const pointR = Point.BASE.multiply(r).add(nonceTorsion);
  const encodedR = pointR.toBytes();
  const k = challenge(encodedR, encodedKey, message);
  const s = (r + k * secret) % L;
  const valid = times(Point.BASE, s).subtract(times(key, k)).equals(pointR);
  return { publicKey: encodedKey, message, signature: concat(encodedR, littleEndian(s)), valid };
}

function challenge(encodedR: Uint8Array, encodedKey: Uint8Array, message: Uint8Array): bigint {
  return fromLittleEndian(sha512(concat(encodedR, encodedKey, message))) % L;
}

/** Double and add: slow, but with no assumption about the point's order. */
function times(point: Point, scalar: bigint): Point {
  let sum = Point.ZERO;
  for (let bit = scalar.toString(2).length - 1; bit >= 0; bit--) {
    sum = sum.double();
    if ((scalar >> BigInt(bit)) & 1n) sum = sum.add(point);
  }
  return sum;
}

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0")).reverse();
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(
    `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
      .toReversed()
      .join("")}`,
  );
}

function text(number: number): Uint8Array {
  return utf8(`message ${number}`);
}
