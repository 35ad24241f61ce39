/**
 * Lengths that say less: compressed telemetry would show by its length what happened (an idle house
 * compresses well), so that its length is rounded up before it is sealed.
 */

/**
 * The Padmé length of `length` bytes: at most 12 % more, less for large data, and leaks only O(log log
 * length) bits. Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication
 * with PURBs" (PoPETs 2019), section 4.
 */
export function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const mantissaBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - mantissaBits);
  return Math.ceil(length / step) * step;
}
