/**
 * Where radios stand and how well they hear one another. Log-distance path loss:
 * -50 dBm at one metre, exponent 2.5, silence below -95 dBm, so about 63 m of range.
 */

/** Metres in a local frame. */
export interface Position {
  x: number;
  y: number;
  z: number;
}

export const ORIGIN: Position = { x: 0, y: 0, z: 0 };

const RSSI_AT_ONE_METRE_DBM = -50;
const PATH_LOSS_EXPONENT = 2.5;
const SENSITIVITY_DBM = -95;

export function distanceM(a: Position, b: Position): number {
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

/** What is received over that distance, in whole dBm; undefined when it is too far to be heard. */
export function rssiOver(distance: number): number | undefined {
  const rssi = RSSI_AT_ONE_METRE_DBM - 10 * PATH_LOSS_EXPONENT * Math.log10(Math.max(distance, 0.1));
  return rssi < SENSITIVITY_DBM ? undefined : Math.round(rssi);
}

/** Positions by radio address; a radio that was never placed stands at the origin. */
export class Space {
  readonly #positions = new Map<string, Position>();

  place(address: string, position: Position): void {
    this.#positions.set(address, position);
  }

  rssiDbm(a: string, b: string): number | undefined {
    return rssiOver(distanceM(this.#positions.get(a) ?? ORIGIN, this.#positions.get(b) ?? ORIGIN));
  }
}
