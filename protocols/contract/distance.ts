/**
 * Distance over ground in integers alone: the same to the last bit on every machine, which floating
 * point sines are not.
 *
 * Both points are placed on the WGS84 ellipsoid at altitude zero; the result is the straight line
 * between them. It is exact to a few millimetres; shorter than the way over ground by less than
 * 0.001 % under 100 km, and 0.1 % at 1,000 km.
 */

/** 2^64 stands for one. */
const SCALE_BITS = 64n;
const ONE = 1n << SCALE_BITS;
/** pi * 2^64, rounded. */
const PI = 57_952_155_664_616_982_739n;
/** WGS84: equatorial radius in mm, and the square of the eccentricity, f(2 - f) with f = 1/298.257223563. */
const RADIUS_MM = 6_378_137_000n;
const ECCENTRICITY_SQUARED = (669_437_999_014n * ONE) / 100_000_000_000_000n;
const HALF_TURN_E7 = 1_800_000_000n;

export interface GroundPoint {
  /** 1e-7 degree, -90 to 90 degrees. */
  latitudeE7: number;
  /** 1e-7 degree, -180 to 180 degrees. */
  longitudeE7: number;
}

/** Millimetres between two points, altitude left aside, rounded down. */
export function distanceMm(a: GroundPoint, b: GroundPoint): number {
  const from = onEllipsoid(a);
  const to = onEllipsoid(b);
  const dx = from.x - to.x;
  const dy = from.y - to.y;
  const dz = from.z - to.z;
  return Number(squareRoot(dx * dx + dy * dy + dz * dz) >> EXTRA_BITS);
}

/** Coordinates carry 16 bits below the millimetre, so that rounding does not add up. */
const EXTRA_BITS = 16n;

/** Earth-centred coordinates of a point at altitude zero, in 2^-16 mm. */
function onEllipsoid(point: GroundPoint): { x: bigint; y: bigint; z: bigint } {
  const latitude = sineAndCosine(BigInt(point.latitudeE7));
  const longitude = sineAndCosine(BigInt(point.longitudeE7));
  // Radius of curvature in the prime vertical: N = a / sqrt(1 - e² sin² latitude).
  const sineSquared = (latitude.sine * latitude.sine) >> SCALE_BITS;
  const flattened = squareRoot((ONE - ((ECCENTRICITY_SQUARED * sineSquared) >> SCALE_BITS)) << SCALE_BITS);
  const normal = ((RADIUS_MM << EXTRA_BITS) << SCALE_BITS) / flattened;
  const fromAxis = (normal * latitude.cosine) >> SCALE_BITS;
  return {
    x: (fromAxis * longitude.cosine) >> SCALE_BITS,
    y: (fromAxis * longitude.sine) >> SCALE_BITS,
    z: (((normal * (ONE - ECCENTRICITY_SQUARED)) >> SCALE_BITS) * latitude.sine) >> SCALE_BITS,
  };
}

/** Taylor series of an angle between -180 and 180 degrees; terms below 2^-64 end them, after 23 at most. */
function sineAndCosine(angleE7: bigint): { sine: bigint; cosine: bigint } {
  const angle = (angleE7 * PI) / HALF_TURN_E7;
  let sine = 0n;
  let cosine = 0n;
  let term = ONE;
  for (let n = 0n; term !== 0n; n++) {
    // term = angle^n / n!; the signs run + + - - : cosine, sine, cosine, sine.
    const signed = n % 4n < 2n ? term : -term;
    if (n % 2n === 0n) cosine += signed;
    else sine += signed;
    term = (term * angle) / (ONE * (n + 1n));
  }
  return { sine, cosine };
}

/** Floor of the square root of a non-negative integer (Newton). */
export function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt(value.toString(16).length * 2);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}
