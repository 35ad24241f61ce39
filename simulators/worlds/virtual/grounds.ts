/** Where virtual deliveries play. */
import { offset } from "../delivery/places.ts";

/** The shop's roof, and a garden 150 m from it. */
export const ROOF = { latitudeE7: 473_769_000, longitudeE7: 85_417_000, altitudeMm: 412_000 };
export const GARDEN = offset(ROOF, 110, 100);

/**
 * How old a statement of where somebody is may be when the notaries go by it, by the terms. Less than in a
 * town: some lies take their time.
 */
export const MAX_AGE_MS = 60_000;
