/** The values of deterministic CBOR, and the numbers that its encoder and its decoder share. */

/** A tagged value (RFC 8949 section 3.4). Tags 2 and 3 are bigints here, never a CborTag. */
export class CborTag {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** Numbers are safe integers; -0 encodes as 0. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | CborValue[]
  | Map<CborValue, CborValue>
  | CborTag;

export interface CborLimits {
  /** Default 1 MiB. */
  maxBytes?: number;
  /** Arrays, maps and tags within one another. Default 64 (messages: 32). */
  maxDepth?: number;
  /** All values together, at every level. Default 65,536. */
  maxItems?: number;
  /**
   * Byte strings are views of the given bytes instead of copies: several times faster where they are long,
   * for a caller that never writes to either.
   */
  views?: boolean;
}

/** Major types (RFC 8949 section 3.1). */
export const UNSIGNED = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;
export const TAG = 6;

export const TAG_POSITIVE_BIGNUM = 2;
export const TAG_NEGATIVE_BIGNUM = 3;
export const TWO_TO_32 = 2 ** 32;
