/** What each template takes in a JSON file, and an example of it. */
import { DAY_MS, isoTime } from "../../calendar.ts";
import type { TimeMs } from "../../ports.ts";
import {
  amount,
  flag,
  hex,
  list,
  metres,
  named,
  object,
  optional,
  party,
  place,
  readAmount,
  readCurrency,
  span,
  text,
  time,
} from "./fields.ts";
import type { Field, Fields, Json } from "./fields.ts";
import { HOUR_MS, MINUTE_MS } from "./params.ts";

const TIMES: Fields = {
  /** From when on the offer is valid, if not from now. */
  validFrom: optional(named("offeredAtMs", time)),
  signBy: time,
  claimMargin: optional(span),
  dispute: optional(span),
  arbitration: optional(span),
};

const service = { party: party, fee: amount };

/** {"party": "ann", "fee": "2.00"} as the keys and the fee of a service. */
function serviceField(more: Fields): Field {
  const fields = object("an object", { ...service, ...more });
  return {
    ...fields,
    optional: true,
    read: (value, context) => {
      const { party: keys, ...rest } = fields.read(value, context) as { party: object };
      return { ...keys, ...rest };
    },
  };
}

/** Of every template: who joins for a fee. */
export const SERVICES_FIELD: Field = object("an object", {
  insurer: serviceField({ cover: amount, insured: list(text, 7) }),
  certifier: serviceField({}),
  payment: serviceField({}),
  recommendation: serviceField({}),
  join: optional(span),
});

export const DELIVERY_FIELDS: Fields = {
  buyer: party,
  drone: party,
  shop: party,
  arbiter: optional(party),
  goods: text,
  address: text,
  place: named("point", place),
  goodsPrice: named("goodsMinor", amount),
  deliveryFee: amount,
  noShowFee: amount,
  noShowPenalty: amount,
  disputedRefund: optional(amount),
  radius: optional(metres),
  maxAge: optional(span),
  orderedAt: optional(time),
  signBy: time,
  landBy: time,
  removeBy: time,
  claimMargin: optional(span),
  dispute: optional(span),
  arbitration: optional(span),
};

export function deliveryExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    buyer: "alice",
    drone: "drone-1",
    shop: "bakery",
    goods: "2 loaves of bread",
    address: "12 rue des Lilas, Clermont-Ferrand",
    place: { latitude: "45.7772", longitude: "3.0870", altitude: "410 m" },
    goodsPrice: "19.90",
    deliveryFee: "5.00",
    noShowFee: "3.00",
    noShowPenalty: "2.00",
    signBy: isoTime(nowMs + 10 * MINUTE_MS),
    landBy: isoTime(nowMs + HOUR_MS),
    removeBy: isoTime(nowMs + 70 * MINUTE_MS),
  };
}

/** A currency and an amount in it. */
const asset: Field = {
  kind: 'an object such as {"currency": "DEED.…", "amount": "1"}',
  suffix: "",
  optional: true,
  read: (value, context) => {
    const any: Field = { kind: "a text", suffix: "", optional: false, read: (one) => one };
    const given = object("an object", { currency: any, amount: any }).read(value, context) as {
      currency: unknown;
      amount: unknown;
    };
    const money = readCurrency(given.currency, `${context.where}.currency`, context);
    const at = { ...context, where: `${context.where}.amount` };
    return { currency: money.id, amountMinor: readAmount(given.amount, at, money) };
  },
};

export const SALE_FIELDS: Fields = {
  buyer: party,
  seller: party,
  arbiter: optional(party),
  goods: text,
  price: amount,
  asset,
  shipBy: time,
  inspectBy: optional(time),
  disputedRefund: optional(amount),
  ...TIMES,
};

export function saleExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    buyer: "alice",
    seller: "bob",
    goods: "a bicycle, blue, frame number 1234",
    price: "149.00",
    signBy: isoTime(nowMs + DAY_MS),
    shipBy: isoTime(nowMs + 4 * DAY_MS),
    inspectBy: isoTime(nowMs + 14 * DAY_MS),
  };
}

export const RENTAL_FIELDS: Fields = {
  guest: party,
  host: party,
  lock: party,
  arbiter: optional(party),
  place: text,
  address: text,
  price: amount,
  deposit: amount,
  cancelFee: optional(amount),
  cancelBy: time,
  arrival: time,
  departure: time,
  shut: optional(span),
  damage: optional(span),
  disputedRefund: optional(amount),
  disputedDamage: optional(amount),
  ...TIMES,
};

export function rentalExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    guest: "alice",
    host: "bob",
    lock: "lock-1",
    place: "the flat under the roof",
    address: "3 place du Marché, Clermont-Ferrand",
    price: "240.00",
    deposit: "100.00",
    cancelFee: "20.00",
    signBy: isoTime(nowMs + DAY_MS),
    cancelBy: isoTime(nowMs + 10 * DAY_MS),
    arrival: isoTime(nowMs + 14 * DAY_MS),
    departure: isoTime(nowMs + 17 * DAY_MS),
  };
}

export const DATA_FIELDS: Fields = {
  reader: party,
  owner: party,
  keeper: optional(party),
  keeperFee: optional(amount),
  arbiter: optional(party),
  stream: text,
  spanFrom: time,
  spanUntil: time,
  price: amount,
  keyDigest: hex,
  approval: optional(flag),
  approveBy: optional(time),
  keyBy: time,
  disputedRefund: optional(amount),
  ...TIMES,
};

export function dataExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    reader: "alice",
    owner: "bob",
    stream: "weather station on the school",
    spanFrom: isoTime(nowMs - 30 * DAY_MS),
    spanUntil: isoTime(nowMs),
    price: "5.00",
    keyDigest: "00".repeat(32),
    approval: true,
    signBy: isoTime(nowMs + DAY_MS),
    approveBy: isoTime(nowMs + 2 * DAY_MS),
    keyBy: isoTime(nowMs + 3 * DAY_MS),
  };
}

const household: Field = object('an object such as {"party": "ann", "cap": "0.50"}', {
  party,
  cap: amount,
  total: optional(amount),
  security: optional(amount),
});

export const ENERGY_FIELDS: Fields = {
  operator: party,
  households: list(household, 7),
  arbiter: optional(party),
  rules: text,
  period: optional(span),
  end: time,
  depositTime: optional(named("depositMs", span)),
  ...without(TIMES, "dispute"),
};

export function energyExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    operator: "hub",
    households: [
      { party: "alice", cap: "0.50" },
      { party: "bob", cap: "0.50" },
    ],
    rules: "each slot at 0.15 EUR a kWh, what is left over to the grid",
    period: "15 min",
    signBy: isoTime(nowMs + DAY_MS),
    end: isoTime(nowMs + 31 * DAY_MS),
  };
}

export const TAB_FIELDS: Fields = {
  payer: party,
  payee: party,
  purpose: text,
  amount,
  until: time,
  offline: optional(span),
  ...without(TIMES, "dispute", "arbitration"),
};

export function tabExample(nowMs: TimeMs): Record<string, Json> {
  return {
    currency: "EUR",
    payer: "alice",
    payee: "bob",
    purpose: "the laundry in the cellar",
    amount: "20.00",
    signBy: isoTime(nowMs + DAY_MS),
    until: isoTime(nowMs + 30 * DAY_MS),
    offline: "7 d",
  };
}

function without(fields: Fields, ...names: string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
