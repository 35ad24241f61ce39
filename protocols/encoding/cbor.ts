/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) for everything that is signed or
 * hashed: a value has one encoding, and the decoder accepts only that one.
 * Outside the profile, and refused: floats, undefined, other simple values,
 * indefinite lengths, and bignum tags around what fits in 64 bits.
 */
export { decodeCbor } from "./cbor-decode.ts";
export { encodeCbor } from "./cbor-encode.ts";
export { CborTag } from "./cbor-values.ts";
export type { CborLimits, CborValue } from "./cbor-values.ts";
