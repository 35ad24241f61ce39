/**
 * The part of the Ed25519 rule that no library checks by itself.
 *
 * One rule everywhere (RFC 8032 section 5.1.7, cofactorless): A and R canonical and
 * not of small order, S < L, and encode(S·B - k·A) equal to the bytes of R.
 * OpenSSL does not check A; @noble verifies with the cofactor; and OpenSSL 3.5 (Node 24)
 * refuses an R that is the identity, which OpenSSL 3.0 (Node 20) accepts. A key of small
 * order would let anybody sign, no honest signature has an R of small order, and two
 * machines that differ on one signature would differ on the ledger's state.
 */

/**
 * The y coordinates of the eight points whose order divides 8, little-endian,
 * without the sign bit: 1 (order 1), -1 (order 2), 0 (order 4) and the two of order 8.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** First and last byte of each of the above: tells nearly every key apart without making its hex form. */
const SMALL_ORDER_ENDS: ReadonlySet<number> = new Set(
  [...SMALL_ORDER_Y].map((hex) => Number.parseInt(hex.slice(0, 2) + hex.slice(-2), 16)),
);

/**
 * True for 32 bytes, a key or a signature's R, that encode a y below p and no point of
 * small order; they may still miss the curve.
 */
export function isCanonicalStrongKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const top = publicKey[31]! & 0x7f;
  if (!isBelowFieldPrime(publicKey, top)) return false;
  if (!SMALL_ORDER_ENDS.has((publicKey[0]! << 8) | top)) return true;
  let hex = "";
  for (let i = 0; i < 31; i++) hex += publicKey[i]!.toString(16).padStart(2, "0");
  hex += top.toString(16).padStart(2, "0");
  return !SMALL_ORDER_Y.has(hex);
}

/** What must hold of a signature's 64 bytes and of the key, before any library is asked. */
export function isWorthVerifying(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isCanonicalStrongKey(publicKey)) return false;
  return isCanonicalStrongKey(signature.subarray(0, 32));
}

/** RFC 8032 section 5.1.3: y is below p = 2^255 - 19. */
function isBelowFieldPrime(publicKey: Uint8Array, top: number): boolean {
  if (top !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (publicKey[i] !== 0xff) return true;
  return publicKey[0]! < 0xed;
}
