/** Who plays in the deliveries on the stage, where, and how they are set up. */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { START_MS, type Person } from "../../test/ledger/committee.ts";
import { alice, drone, euro, POINT, shop } from "../../test/ledger/village.ts";
import type { DroneConfig, FlightReading } from "../drone/state.ts";
import type { ShopConfig } from "../shop/state.ts";

export { alice, crypto, drone, euro, POINT, shop, START_MS };

export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;

export type Place = typeof POINT;

/** 1 km south of the point. */
export const BASE: Place = {
  latitudeE7: POINT.latitudeE7 - 90_000,
  longitudeE7: POINT.longitudeE7,
  altitudeMm: 15_000,
};

export const idOf = (person: Person): string => agentId(person.device.publicKey);

export const DRONE_CONFIG: DroneConfig = {
  operator: idOf(shop),
  rangeM: 5_000,
  arrivedWithinM: 5,
  pushEveryMs: 5_000,
  countersignWaitMs: 90_000,
  papersWaitMs: 120_000,
};

export const SHOP_CONFIG: ShopConfig = {
  name: "The village bakery",
  drone: idOf(drone),
  droneCard: drone.card,
  currency: euro,
  catalogue: { Bread: 1_990n },
  deliveryFeeMinor: 500n,
  noShowFeeMinor: 300n,
  noShowPenaltyMinor: 200n,
  radiusMm: 15_000,
  maxAgeMs: 5 * MINUTE,
  timing: {
    payMs: 4 * MINUTE,
    flyMs: 10 * MINUTE,
    removeMs: 3 * MINUTE,
    claimMs: 45_000,
    disputeMs: 10 * MINUTE,
  },
};

/** What Alice orders: bread to the point, for at most 24.90. */
export function wish(nonce = 1): Record<string, unknown> {
  return {
    orderId: new Uint8Array(16).fill(nonce),
    shop: idOf(shop),
    shopCard: shop.card,
    article: "Bread",
    address: "1 Village Square",
    point: { ...POINT },
    slotFrom: START_MS,
    slotUntil: START_MS + 120 * MINUTE,
    currency: euro,
    maxPriceMinor: "2490",
  };
}

/** What the flight controller reports in the air, changed. */
export function flightReading(
  timeMs: number,
  place: Place,
  changes: Partial<FlightReading> = {},
): FlightReading {
  return {
    timeMs,
    ...place,
    speedMmS: 0,
    headingCdeg: 0,
    batteryPermille: 900,
    airborne: true,
    motorsOn: true,
    ...changes,
  };
}
