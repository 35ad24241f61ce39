/** The orders under way: bounded, and each told when it is refused. */
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { DeviceEffect, Step } from "../device.ts";
import { progress, send, timer } from "../effects.ts";
import { inquiryTimer } from "../inquiry.ts";
import type { ShopConfig, ShopOrder, ShopState } from "./state.ts";

/** Older orders that are over are forgotten; their contracts live on the ledger. */
export const MAX_ORDERS = 100;

export function isOver(order: ShopOrder): boolean {
  return order.status === "ended" || order.status === "refused";
}

/** Forgets the oldest order that is over, if there must be room. Errors: queue-full when none is. */
export function withRoom(orders: ShopOrder[]): ShopOrder[] {
  if (orders.length < MAX_ORDERS) return orders;
  const oldest = orders.find(isOver);
  if (oldest === undefined)
    throw new SegmentError("queue-full", "the shop has too many orders: come again later");
  return orders.filter((order) => order !== oldest);
}

/** Both sides may still count on the order: both are told. */
export function refuseOrder(
  config: ShopConfig,
  state: ShopState,
  order: ShopOrder,
  code: string,
  message: string,
): Step<ShopState> {
  const refusal = { orderId: order.orderId, code, message };
  const droneKnows = order.status !== "offered";
  return {
    state: replace(state, { ...order, status: "refused" }),
    effects: [
      timer(signTimer(order), null),
      timer(inquiryTimer(order.termsId), null),
      progress("order-refused", `the shop refuses the order: ${message}`),
      refusalTo(order.buyer, refusal),
      ...(droneKnows ? [refusalTo(config.drone, refusal)] : []),
    ],
  };
}

export function refusalTo(
  to: string,
  refusal: { orderId: Uint8Array; code: string; message: string },
): DeviceEffect {
  const { orderId, code, message } = refusal;
  return send(`refusal/${toHex(orderId)}/${to}`, to, "refusal", {
    orderId,
    code,
    message: message.slice(0, 300),
  });
}

export function signTimer(order: ShopOrder): string {
  return `sign/${toHex(order.orderId)}`;
}

export function replace(state: ShopState, order: ShopOrder): ShopState {
  return {
    ...state,
    orders: state.orders.map((one) => (equalBytes(one.orderId, order.orderId) ? order : one)),
  };
}
