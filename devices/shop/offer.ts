/** From an order to terms: the shop's prices and the shop's times, in the delivery template. */
import { deliveryPlan, deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import type { DeliveryParams } from "../../protocols/contract/templates/delivery.ts";
import { servicesSchema, withServices } from "../../protocols/contract/templates/services.ts";
import type { Services } from "../../protocols/contract/templates/services.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import type { Order } from "../../protocols/delivery/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard, type Card } from "../../protocols/identity/card.ts";
import type { DeviceContext } from "../device.ts";
import type { ShopConfig, ShopServices } from "./state.ts";

/** Goods, delivery and services' fees, in minor units. Errors: terms-invalid, if it is not sold. */
export function priceOf(config: ShopConfig, article: string): bigint {
  const fees = feesOf(config).reduce((sum, { minor }) => sum + minor, 0n);
  return goodsPrice(config, article) + config.deliveryFeeMinor + fees;
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
  const arbiter = config.arbiterCard && openCard(crypto, config.arbiterCard, now);
  const signByMs = now + timing.payMs;
  const landByMs = Math.min(signByMs + timing.flyMs, order.slotUntil);
  if (landByMs < order.slotFrom)
    throw new SegmentError("terms-invalid", "it is too early to order for that slot");
  const params: DeliveryParams = {
    network,
    // The order's own random id: the same order twice is one contract.
    nonce: order.orderId,
    buyer: { identity: buyer.identity, account: buyer.root },
    drone: { identity: drone.identity, account: drone.root },
    shop: { identity: shop.identity, account: shop.root },
    ...(arbiter === undefined ? {} : { arbiter: { identity: arbiter.identity, account: arbiter.root } }),
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
  };
  if (config.services === undefined) return deliveryTerms(params);
  return withServices(deliveryPlan(params), joined(config.services, context), config.services.commission);
}

/** Errors: card-invalid, card-expired, terms-invalid. */
function joined(services: ShopServices, context: DeviceContext): Services {
  const { joinMs, commission: _commission, ...members } = services;
  const named = Object.entries(members).map(([name, { card, ...rest }]) => {
    const { identity, root } = openCard(context.crypto, card, context.now);
    return [name, { ...rest, identity, account: root }];
  });
  const parsed = servicesSchema.safeParse({
    ...Object.fromEntries(named),
    ...(joinMs === undefined ? {} : { joinMs }),
  });
  if (parsed.success) return parsed.data;
  throw new SegmentError("terms-invalid", `the shop's services: ${parsed.error.issues[0]?.message ?? ""}`);
}

/** What the services of a delivery cost, as lines of the invoice. */
export function feesOf({ services }: ShopConfig): { text: string; minor: bigint }[] {
  if (services === undefined) return [];
  const named = [
    ["Insurance", services.insurer],
    ["Certification", services.certifier],
    ["Payment service", services.payment],
    ["Recommendation", services.recommendation],
  ] as const;
  return named.flatMap(([text, one]) => (one === undefined ? [] : [{ text, minor: one.feeMinor }]));
}

/** The cards of those who take part besides buyer, drone and shop. */
export function othersCards({ arbiterCard, services }: ShopConfig): Uint8Array[] {
  const joined = [services?.insurer, services?.certifier, services?.payment, services?.recommendation];
  return [arbiterCard, ...joined.map((one) => one?.card)].filter((card) => card !== undefined);
}
