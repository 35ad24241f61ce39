/** The bakery that sells, and the drone that flies for it: how they are set up in every world. */
import type { DroneConfig } from "../../../devices/drone/state.ts";
import type { ShopConfig } from "../../../devices/shop/state.ts";

export const PRICES = {
  article: "A box of pastries",
  goods: 1_800n,
  delivery: 690n,
  noShowFee: 290n,
  noShowPenalty: 200n,
};
export const PRICE_MINOR = PRICES.goods + PRICES.delivery;
const MINUTE = 60_000;

/** What differs between worlds. `flightMs`: about how long the flight to the point takes. */
export function bakery(
  setup: Pick<ShopConfig, "drone" | "droneCard" | "currency"> & { flightMs: number },
): ShopConfig {
  const { flightMs, ...known } = setup;
  return {
    ...known,
    name: "The village bakery",
    catalogue: { [PRICES.article]: PRICES.goods },
    deliveryFeeMinor: PRICES.delivery,
    noShowFeeMinor: PRICES.noShowFee,
    noShowPenaltyMinor: PRICES.noShowPenalty,
    radiusMm: 15_000,
    maxAgeMs: 5 * MINUTE,
    timing: {
      payMs: 4 * MINUTE,
      flyMs: flightMs + 4 * MINUTE,
      removeMs: 3 * MINUTE,
      claimMs: 45_000,
      disputeMs: 10 * MINUTE,
    },
  };
}

export function courier(operator: string): DroneConfig {
  return {
    operator,
    rangeM: 60_000,
    arrivedWithinM: 5,
    pushEveryMs: 5_000,
    countersignWaitMs: 150_000,
    papersWaitMs: 120_000,
  };
}
