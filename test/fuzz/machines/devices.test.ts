/**
 * Drone, phone and shop under any sequence of events, from any moment of a delivery: they refuse with a code
 * or go on, their state can be written and read back, and the rules that protect people hold after every
 * step.
 */
import { afterAll, describe, expect } from "vitest";
import { createDrone } from "../../../devices/drone/drone.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { phone } from "../../../devices/phone/phone.ts";
import type { PhoneState, Wish } from "../../../devices/phone/state.ts";
import { createShop } from "../../../devices/shop/shop.ts";
import type { ShopState } from "../../../devices/shop/state.ts";
import {
  alice,
  crypto,
  drone,
  DRONE_CONFIG,
  idOf,
  shop,
  SHOP_CONFIG,
} from "../../../devices/testing/cast.ts";
import {
  decodeTerms,
  verifyTermsSignature,
  verifyTermsSignatures,
} from "../../../protocols/contract/terms.ts";
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import { decodeOpenAttachment } from "../../../protocols/ledger/record.ts";
import { encodeSenml } from "../../../protocols/telemetry/senml-cbor.ts";
import { fuzz } from "../support/harness.ts";
import { certifiedBy, certifies, disturb, LABELS, recordAll, sequencesFor } from "./recorded.ts";
import type { Done } from "./recorded.ts";

const recorded = recordAll();
/** A sequence is 30 steps on average, many of which verify signatures. */
const SHARE = { share: 0.05 };

/** What the sequences have led to: a rule that was never put to the test says nothing. */
const reached = new Set<string>();
afterAll(() => {
  const needed = [
    "land",
    "fly-to",
    "drone signed",
    "phone signed",
    "deposit",
    "countersigned",
    "opened",
    "held",
  ];
  expect(needed.filter((one) => !reached.has(one))).toEqual([]);
});

interface Signed {
  termsId: Uint8Array;
  signature: Uint8Array;
}

function signatureIn(effect: Done<unknown>["effects"][number]): Signed | undefined {
  return effect.kind === "send" && effect.type === "signature" ? (effect.body as Signed) : undefined;
}

describe("the drone", () => {
  const device = createDrone(DRONE_CONFIG);
  fuzz(
    "flies only when the price is held, and lands only where it may",
    sequencesFor(recorded.drone, "drone"),
    (sequence) => disturb<DroneState>(device, drone, recorded.drone, sequence, checkDrone),
    SHARE,
  );
});

function checkDrone({ after, effects, met, context, event }: Done<DroneState>): void {
  for (const effect of effects) {
    if (effect.kind === "record") encodeSenml(effect.records);
    if (effect.kind === "actuate" && (effect.name === "land" || effect.name === "fly-to")) {
      reached.add(effect.name);
      const { termsId } = (after as DroneState & { phase: "landing" }).mission.plan;
      const label = effect.name === "land" ? "may-land" : "in-flight";
      expect(met.some((one) => certifies(one, termsId, label, context))).toBe(true);
    }
    const signed = signatureIn(effect);
    if (signed === undefined) continue;
    reached.add("drone signed");
    // Only its operator's offer makes it sign, and only what is then its own mission.
    expect(event).toMatchObject({ kind: "message", from: DRONE_CONFIG.operator, type: "offer" });
    const { plan } = (after as DroneState & { phase: "signed" }).mission;
    expect(toHex(plan.termsId)).toBe(toHex(signed.termsId));
    expect([plan.drone, plan.shop]).toEqual([idOf(drone), idOf(shop)]);
    expect(
      equalBytes(verifyTermsSignature(crypto, signed.termsId, signed.signature), drone.device.publicKey),
    ).toBe(true);
  }
  expect(after.awaited.length).toBeLessThanOrEqual(16);
}

describe("the phone", () => {
  fuzz(
    "signs and pays nothing beyond its wish, and countersigns nothing that is not in hand",
    sequencesFor(recorded.phone, "phone"),
    (sequence) => disturb<PhoneState>(phone, alice, recorded.phone, sequence, checkPhone),
    SHARE,
  );
});

function checkPhone({ before, after, effects, event, met, context }: Done<PhoneState>): void {
  for (const effect of effects) {
    const signed = signatureIn(effect);
    if (signed !== undefined) {
      reached.add("phone signed");
      const { wish, plan } = after as PhoneState & { phase: "signed" };
      expect(toHex(plan.termsId)).toBe(toHex(signed.termsId));
      expectWithin(wish, plan.priceMinor);
      expect([plan.buyer, plan.shop]).toEqual([idOf(alice), wish.shop]);
      expect(certifiedBy(event, context)).toMatchObject({ kind: "examine", outcome: "ok" });
      expect(before.phase).toBe("examining");
    }
    if (effect.kind === "submit" && effect.entry.body.kind === "deposit") {
      reached.add("deposit");
      const { wish, plan } = after as PhoneState & { phase: "signed" };
      expectWithin(wish, effect.entry.body.amount.toString());
      expect(certifies(event, plan.termsId, "awaiting-deposit", context)).toBe(true);
    }
    if (effect.kind === "say" && effect.type === "parcel") expect(after.phase).toBe("taken");
  }
  if (after.phase !== "taken" || before.phase === "taken") return;
  reached.add("countersigned");
  const inHand = met.filter((one) => one.kind === "sensor" && one.name === "parcel-in-hand").at(-1);
  expect(inHand).toMatchObject({ value: true });
}

function expectWithin(wish: Wish, priceMinor: string): void {
  expect(BigInt(priceMinor)).toBeLessThanOrEqual(BigInt(wish.maxPriceMinor));
}

describe("the shop", () => {
  const device = createShop(SHOP_CONFIG);
  fuzz(
    "opens what all have signed, and counts as held what is certified",
    sequencesFor(recorded.shop, "shop"),
    (sequence) => disturb<ShopState>(device, shop, recorded.shop, sequence, checkShop),
    SHARE,
  );
});

const laterThanDeposit = LABELS.filter((label) => label !== "awaiting-deposit" && label !== "closed");

function checkShop({ before, after, effects, event, context }: Done<ShopState>): void {
  expect(after.orders.length).toBeLessThanOrEqual(100);
  expect(after.nextInvoice - before.nextInvoice).toBe(
    effects.filter((effect) => effect.kind === "submit").length,
  );
  for (const effect of effects) {
    if (effect.kind !== "submit") continue;
    reached.add("opened");
    const { terms, signatures } = decodeOpenAttachment(effect.entry.attachment!);
    verifyTermsSignatures(crypto, terms, signatures);
    expect(decodeTerms(terms).parties.map(({ identity }) => toHex(identity))).toContain(
      toHex(shop.device.publicKey),
    );
  }
  for (const order of after.orders) {
    const was = before.orders.find(({ orderId }) => equalBytes(orderId, order.orderId))?.status;
    if (order.status === "held" && was !== "held") {
      reached.add("held");
      // Any later stage says too that the price was held.
      expect(laterThanDeposit.some((label) => certifies(event, order.termsId, label, context))).toBe(true);
    }
    // Over is over.
    if (was === "ended" || was === "refused") expect(order.status).toBe(was);
  }
}
