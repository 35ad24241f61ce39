/** From an order to terms: the shop's prices and the shop's times, in the delivery template. */
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import type { Order } from "../../protocols/delivery/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import type { DeviceContext } from "../device.ts";
import type { ShopConfig } from "./state.ts";

/** Goods and delivery, in minor units. Errors: terms-invalid, if the shop does not sell it. */
export function priceOf(config: ShopConfig, article: string): bigint {
  return goodsPrice(config, article) + config.deliveryFeeMinor;
}

function goodsPrice(config: ShopConfig, article: string): bigint {
  const price = Object.hasOwn(config.catalogue, article) ? config.catalogue[article] : undefined;
  if (price === undefined) throw new SegmentError("terms-invalid", `the shop does not sell "${article}"`);
  return price;
}

/** Errors: terms-invalid, if it is not sold or the slot is too short for the flight; card-expired. */
export function makeTerms(config: ShopConfig, order: Order, buyer: Card, context: DeviceContext): Terms {
  const { crypto, network } = context;
  // People read these times: whole seconds.
  const now = Math.floor(context.now / 1_000) * 1_000;
  const { timing } = config;
  const drone = openCard(crypto, config.droneCard, now);
  const shop = openCard(crypto, context.card, now);
  const signByMs = now + timing.payMs;
  const landByMs = Math.min(signByMs + timing.flyMs, order.slotUntil);
  if (landByMs < order.slotFrom)
    throw new SegmentError("terms-invalid", "it is too early to order for that slot");
  return deliveryTerms({
    network,
    // The order's own random id: the same order twice is one contract.
    nonce: order.orderId,
    buyer: { identity: buyer.identity, account: buyer.root },
    drone: { identity: drone.identity, account: drone.root },
    shop: { identity: shop.identity, account: shop.root },
    currency: config.currency,
    goodsMinor: goodsPrice(config, order.article),
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
