/** From an order to terms: the shop's prices and the shop's times, in the delivery template. */
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import type { Order } from "../../protocols/delivery/messages.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import type { DeviceContext } from "../device.ts";
import type { ShopConfig } from "./state.ts";

/** Errors: terms-invalid, if the slot is too short for the flight. */
export function makeTerms(
  config: ShopConfig,
  order: Order,
  goodsMinor: bigint,
  buyer: Card,
  context: DeviceContext,
): Terms {
  const { now, crypto, network } = context;
  const { timing } = config;
  const drone = openCard(crypto, config.droneCard, now);
  const shop = openCard(crypto, context.card, now);
  const signByMs = now + timing.payMs;
  const landByMs = Math.min(signByMs + timing.flyMs, order.slotUntil);
  return deliveryTerms({
    network,
    // The order's own random id: the same order twice is one contract.
    nonce: order.orderId,
    buyer: { identity: buyer.identity, account: buyer.root },
    drone: { identity: drone.identity, account: drone.root },
    shop: { identity: shop.identity, account: shop.root },
    currency: config.currency,
    goodsMinor,
    deliveryFeeMinor: config.deliveryFeeMinor,
    noShowFeeMinor: config.noShowFeeMinor,
    noShowPenaltyMinor: config.noShowPenaltyMinor,
    point: order.point,
    radiusMm: config.radiusMm,
    maxAgeMs: config.maxAgeMs,
    address: order.address,
    goods: order.article,
    orderedAtMs: now,
    signByMs,
    landByMs,
    removeByMs: landByMs + timing.removeMs,
    claimMarginMs: timing.claimMs,
    disputeMs: timing.disputeMs,
  });
}
