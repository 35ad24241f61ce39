/**
 * Sequence numbers that a reboot never repeats, without a write to flash for each: a device stores a bound
 * first and hands out numbers below it; after a reboot it goes on from the bound.
 */
export interface Sequences {
  /** The next number to hand out. */
  next: number;
  /** Numbers below this may be handed out; durable before the first of them is. */
  reservedUntil: number;
}

/** How many are reserved at once. */
export const SEQUENCE_STRIDE = 64;

/**
 * After a start. `storedBound` is what was stored last (0 on a new device). Store the result's
 * `reservedUntil` first.
 */
export function reserveAtStart(storedBound: number, stride: number = SEQUENCE_STRIDE): Sequences {
  return { next: storedBound, reservedUntil: storedBound + stride };
}

/** Takes one number. Where `store` is given, it must be durable before the number is used. */
export function takeSequence(
  sequences: Sequences,
  stride: number = SEQUENCE_STRIDE,
): { sequence: number; sequences: Sequences; store: number | undefined } {
  const { next, reservedUntil } = sequences;
  if (next < reservedUntil) {
    return { sequence: next, sequences: { next: next + 1, reservedUntil }, store: undefined };
  }
  const bound = next + stride;
  return { sequence: next, sequences: { next: next + 1, reservedUntil: bound }, store: bound };
}
