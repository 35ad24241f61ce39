/**
 * Distances, bearings and moves on the WGS 84 ellipsoid, in floating point degrees
 * and metres. Good to 0.1 % under 50 km away from the poles, which is finer than any
 * wind the simulator blows. Only the simulator calculates with it: what the contract
 * decides, it decides in integers (protocols/contract).
 */

/** Degrees; latitude -90..90, longitude -180..180. */
export interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

const EQUATOR_M = 6_378_137;
const FLATTENING = 1 / 298.257223563;
const ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING);
const RADIANS = Math.PI / 180;

/** Units of recorded tracks, exact by definition: 1 ft = 304.8 mm, 1 kt = 1852 m/h. */
export function feetToMm(feet: number): number {
  return (feet * 3048) / 10;
}

export function knotsToMmS(knots: number): number {
  return (knots * 1_852_000) / 3600;
}

/** Degrees to integers of 1e-7 degree, which is how positions leave the simulator. */
export function toE7(degrees: number): number {
  return Math.round(degrees * 1e7);
}

export function fromE7(e7: number): number {
  return e7 / 1e7;
}

/** A longitude in -180..180: crossing the date line goes on at the other end. */
export function wrapLongitude(longitude: number): number {
  if (longitude >= -180 && longitude <= 180) return longitude;
  return ((((longitude + 180) % 360) + 360) % 360) - 180;
}

/** A heading in 0..360 degrees, 360 excluded. */
export function wrapHeading(degrees: number): number {
  return ((degrees % 360) + 360) % 360;
}

/** Metres along the ellipsoid by Lambert's formula (reduced latitudes, first order in flattening). */
export function distanceM(from: Point, to: Point): number {
  const reducedFrom = reduced(from.latitude);
  const reducedTo = reduced(to.latitude);
  const halfLatitude = Math.sin((reducedTo - reducedFrom) / 2);
  const halfLongitude = Math.sin(((to.longitude - from.longitude) * RADIANS) / 2);
  const h = halfLatitude ** 2 + Math.cos(reducedFrom) * Math.cos(reducedTo) * halfLongitude ** 2;
  const angle = 2 * Math.asin(Math.sqrt(Math.min(1, h)));
  // At the same place, and at the antipode, the correction would divide by zero.
  if (angle === 0 || angle > Math.PI - 1e-3) return EQUATOR_M * angle;
  const p = (reducedFrom + reducedTo) / 2;
  const q = (reducedTo - reducedFrom) / 2;
  const x = (angle - Math.sin(angle)) * ((Math.sin(p) * Math.cos(q)) / Math.cos(angle / 2)) ** 2;
  const y = (angle + Math.sin(angle)) * ((Math.cos(p) * Math.sin(q)) / Math.sin(angle / 2)) ** 2;
  return EQUATOR_M * (angle - (FLATTENING / 2) * (x + y));
}

function reduced(latitude: number): number {
  const atPole = Math.abs(latitude) >= 90;
  return atPole
    ? Math.sign(latitude) * (Math.PI / 2)
    : Math.atan((1 - FLATTENING) * Math.tan(latitude * RADIANS));
}

/** The point that lies so many metres north and east of another; for steps under 50 km. */
export function moved(from: Point, northM: number, eastM: number): Point {
  const latitude = clampLatitude(from.latitude + northM / metresPerDegree(from.latitude).north);
  // The circles of latitude shrink on the way, so the middle one measures the way east.
  const middle = metresPerDegree((from.latitude + latitude) / 2);
  return { latitude, longitude: wrapLongitude(from.longitude + eastM / middle.east) };
}

/** Metres north and east from one point to another: the inverse of `moved`. */
export function offsetM(from: Point, to: Point): { northM: number; eastM: number } {
  const scale = metresPerDegree((from.latitude + to.latitude) / 2);
  return {
    northM: (to.latitude - from.latitude) * metresPerDegree(from.latitude).north,
    eastM: wrapLongitude(to.longitude - from.longitude) * scale.east,
  };
}

/** The heading from one point towards another, degrees clockwise from north; 0 at the same place. */
export function headingDegrees(from: Point, to: Point): number {
  const { northM, eastM } = offsetM(from, to);
  return wrapHeading(Math.atan2(eastM, northM) / RADIANS);
}

/** The point at a fraction (0..1) of the way, along the shorter way around the globe. */
export function between(from: Point, to: Point, fraction: number): Point {
  const longitude = from.longitude + wrapLongitude(to.longitude - from.longitude) * fraction;
  return {
    latitude: from.latitude + (to.latitude - from.latitude) * fraction,
    longitude: wrapLongitude(longitude),
  };
}

/** More than a degree of latitude or longitude measures anywhere, in metres. */
const LONGEST_DEGREE_M = 111_700;

/** No less than `distanceM`, at a fraction of its price: along the two sides instead of across. */
export function distanceAtMostM(from: Point, to: Point): number {
  const north = Math.abs(to.latitude - from.latitude);
  return LONGEST_DEGREE_M * (north + Math.abs(wrapLongitude(to.longitude - from.longitude)));
}

interface Scale {
  north: number;
  east: number;
}

/** A step asks twice for the latitude it starts from. */
let lastScale: { latitude: number; scale: Scale } = { latitude: Number.NaN, scale: { north: 0, east: 0 } };

/** One degree of latitude and of longitude in metres, from the two radii of curvature. */
function metresPerDegree(latitude: number): Scale {
  if (latitude === lastScale.latitude) return lastScale.scale;
  const scale = scaleAt(latitude);
  lastScale = { latitude, scale };
  return scale;
}

function scaleAt(latitude: number): Scale {
  const sine = Math.sin(latitude * RADIANS);
  const w = 1 - ECCENTRICITY_SQUARED * sine * sine;
  const north = (EQUATOR_M * (1 - ECCENTRICITY_SQUARED)) / (w * Math.sqrt(w));
  // Never zero: within a metre of a pole every direction is a circle around it.
  const cosine = Math.max(Math.cos(latitude * RADIANS), 1e-7);
  return { north: north * RADIANS, east: (EQUATOR_M / Math.sqrt(w)) * cosine * RADIANS };
}

function clampLatitude(latitude: number): number {
  return Math.max(-90, Math.min(90, latitude));
}
