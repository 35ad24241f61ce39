/** Demurrage: what lies on an account shrinks by a share in each period, so that money moves on. */
import type { TimeMs } from "../ports.ts";

/** Shares are counted in millionths. */
export const PPM = 1_000_000n;
/** So many periods are rounded down one by one; what has lain still for longer shrinks in one go. */
const EXACT_PERIODS = 400;
const FIXED_POINT_BITS = 96n;
const ONE = 1n << FIXED_POINT_BITS;

/** Which period a time falls into: they are counted from 1970, not from an account's beginning. */
export function periodAt(timeMs: TimeMs, periodMs: number): number {
  return Math.floor(timeMs / periodMs);
}

/**
 * What `periods` leave of `amount` minor units: after each, `(1,000,000 - ppm) / 1,000,000` of it, rounded
 * down. From the 401st on, the factor's power is taken at once, in fixed point with 96 binary places and
 * rounded down, so that no account costs more time than another.
 */
export function decayed(amount: bigint, ppm: number, periods: number): bigint {
  const kept = PPM - BigInt(ppm);
  let left = amount;
  for (let period = 0; period < Math.min(periods, EXACT_PERIODS) && left > 0n; period++) {
    left = (left * kept) / PPM;
  }
  if (periods <= EXACT_PERIODS) return left;
  return (left * power((kept * ONE) / PPM, periods - EXACT_PERIODS)) >> FIXED_POINT_BITS;
}

/** `base` to the power of `exponent` in fixed point, by squaring. */
function power(base: bigint, exponent: number): bigint {
  let result = ONE;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) >> FIXED_POINT_BITS;
    square = (square * square) >> FIXED_POINT_BITS;
  }
  return result;
}
