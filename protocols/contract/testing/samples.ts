/**
 * Parameters of every template, all in one village on one day, and everybody who could join: for the
 * tests of templates. Keys are from fixed seeds.
 */
import { toHex } from "../../encoding/bytes.ts";
import { OPENED, openedBody, VOUCHER, voucherBody } from "../templates/fact-kinds.ts";
import type { Terms } from "../terms.ts";
import { Walker } from "./walk.ts";
import type { Village } from "./walk.ts";
import { dataPlan } from "../templates/data.ts";
import type { DataParams } from "../templates/data.ts";
import { deliveryPlan } from "../templates/delivery.ts";
import { energyPlan } from "../templates/energy.ts";
import type { EnergyParams } from "../templates/energy.ts";
import type { Plan } from "../templates/plan.ts";
import { rentalPlan } from "../templates/rental.ts";
import type { RentalParams } from "../templates/rental.ts";
import { salePlan } from "../templates/sale.ts";
import type { SaleParams } from "../templates/sale.ts";
import type { ServicesInput } from "../templates/services.ts";
import { tabPlan } from "../templates/tab.ts";
import type { TabParams } from "../templates/tab.ts";
import { contractOf, crypto, DELIVERY, EUR, MINUTE, ORDERED_AT, signerOf } from "./delivery.ts";

const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Keys {
  identity: Uint8Array;
  account: Uint8Array;
}

/** Keys of the device `seed`; its root is that of device `root`. */
export function keys(seed: number, root = seed): Keys {
  return { identity: signerOf(seed).publicKey, account: signerOf(root + 100).publicKey };
}

export const GUEST = keys(11);
export const HOST = keys(12);
export const LOCK = keys(13, 12);
export const SELLER = keys(14);
export const OWNER = keys(15);
export const KEEPER = keys(16);
export const OPERATOR = keys(17);
export const ARBITER = keys(4);
export const INSURER = keys(18);
export const CERTIFIER = keys(19);
export const PAYMENT_SERVICE = keys(20);
export const RECOMMENDER = keys(21);
export const household = (index: number): Keys => keys(30 + index);

/** The wrapped key that a data contract waits for. */
export const WRAPPED_KEY = new Uint8Array(80).fill(0x77);
export const DEED = "DEED.0123456789abcdef";

const common = {
  network: "village",
  nonce: new Uint8Array(16).fill(7),
  currency: EUR,
  offeredAtMs: ORDERED_AT,
  signByMs: ORDERED_AT + DAY,
};

export const RENTAL: RentalParams = {
  ...common,
  guest: GUEST,
  host: HOST,
  lock: LOCK,
  place: "the flat under the roof",
  address: "3 place du Marché, Clermont-Ferrand",
  priceMinor: 24_000n,
  depositMinor: 10_000n,
  cancelFeeMinor: 2_000n,
  cancelByMs: ORDERED_AT + 10 * DAY,
  arrivalMs: ORDERED_AT + 14 * DAY,
  departureMs: ORDERED_AT + 17 * DAY,
};

export const SALE: SaleParams = {
  ...common,
  buyer: GUEST,
  seller: SELLER,
  goods: "a bicycle, blue",
  priceMinor: 14_900n,
  shipByMs: ORDERED_AT + 4 * DAY,
};

export const DEED_SALE: SaleParams = {
  ...SALE,
  goods: "the garden behind the mill",
  asset: { currency: DEED, amountMinor: 1n },
};

export const DATA: DataParams = {
  ...common,
  reader: GUEST,
  owner: OWNER,
  stream: "weather station on the school",
  spanFromMs: ORDERED_AT - 30 * DAY,
  spanUntilMs: ORDERED_AT,
  priceMinor: 500n,
  keyDigest: crypto.sha256(WRAPPED_KEY),
  keyByMs: ORDERED_AT + 3 * DAY,
};

export const ENERGY: EnergyParams = {
  ...common,
  operator: OPERATOR,
  households: [1, 2, 3].map((index) => ({
    party: household(index),
    capMinor: 50n,
    securityMinor: BigInt(1_000 * index),
  })),
  rules: "each slot at 0.15 EUR a kWh, what is left over to the grid",
  endMs: ORDERED_AT + 31 * DAY,
};

export const TAB: TabParams = {
  ...common,
  payer: GUEST,
  payee: SELLER,
  purpose: "the laundry in the cellar",
  amountMinor: 2_000n,
  untilMs: ORDERED_AT + 30 * DAY,
};

/** All four at once; whom a cover is for depends on the template. */
export function allServices(insured: string[]): ServicesInput {
  return {
    insurer: { ...INSURER, feeMinor: 200n, coverMinor: 5_000n, insured },
    certifier: { ...CERTIFIER, feeMinor: 150n },
    payment: { ...PAYMENT_SERVICE, feeMinor: 33n },
    recommendation: { ...RECOMMENDER, feeMinor: 101n },
    joinMs: 2 * MINUTE,
  };
}

/** The plan of every template and variant, by name, with whom an insurer could insure. */
export const PLANS: readonly [name: string, plan: () => Plan, insured: string[]][] = [
  ["delivery", () => deliveryPlan(DELIVERY), []],
  ["delivery with an arbiter", () => deliveryPlan({ ...DELIVERY, arbiter: ARBITER }), ["shop", "buyer"]],
  ["rental", () => rentalPlan(RENTAL), ["guest"]],
  ["rental with an arbiter", () => rentalPlan({ ...RENTAL, arbiter: ARBITER }), ["guest", "host"]],
  ["rental without a deposit", () => rentalPlan({ ...RENTAL, depositMinor: 0n }), ["guest"]],
  ["sale", () => salePlan(SALE), []],
  ["sale with an arbiter", () => salePlan({ ...SALE, arbiter: ARBITER }), ["seller"]],
  ["sale of a deed", () => salePlan(DEED_SALE), []],
  ["data", () => dataPlan(DATA), ["reader"]],
  [
    "data with approval, a keeper and an arbiter",
    () =>
      dataPlan({
        ...DATA,
        approval: true,
        approveByMs: ORDERED_AT + 2 * DAY,
        keeper: KEEPER,
        keeperFeeMinor: 50n,
        arbiter: ARBITER,
      }),
    ["reader"],
  ],
  ["energy", () => energyPlan(ENERGY), []],
  [
    "energy with an arbiter",
    () => energyPlan({ ...ENERGY, households: ENERGY.households.slice(0, 2), arbiter: ARBITER }),
    ["operator"],
  ],
  [
    "energy without securities",
    () =>
      energyPlan({ ...ENERGY, households: ENERGY.households.map(({ party }) => ({ party, capMinor: 50n })) }),
    [],
  ],
  ["tab", () => tabPlan(TAB), []],
];

/** 2 % of each fee, to the network's common fund. */
export const COMMISSION = { account: keys(90).account, ppm: 20_000 };

/** Everybody in the village can sign, and knows the data's key. */
export const VILLAGE: Village = {
  signers: new Map(
    Array.from({ length: 60 }, (_, seed) => [toHex(signerOf(seed).publicKey), signerOf(seed)] as const),
  ),
  preimages: [WRAPPED_KEY],
  bodies: {
    [OPENED]: [openedBody({ label: "may-open", sessionHash: new Uint8Array(32) })],
    [VOUCHER]: [1n, 777n, 2_000n, 2_001n].map(voucherBody),
  },
};

/** A village's walk through these terms. */
export function walkerOf(terms: Terms): Walker {
  return new Walker(contractOf(terms), VILLAGE);
}
