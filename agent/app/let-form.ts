/** The form by which a host lets the place behind a lock, and what it asks of the rental's template; pure. */
import { isoTime } from "../../protocols/calendar.ts";
import type { Json } from "../../protocols/contract/templates/index.ts";
import type { AcceptedMoney } from "../platform/offers.ts";
import { momentOf } from "../platform/wall-clock.ts";
import type { Zone } from "../platform/wall-clock.ts";
import { fieldTime } from "./times.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** What the template leaves between its deadlines, so that all of them can be kept. */
const APART_MS = 5 * MINUTE_MS;
/** How long the guest gets to sign, where there is so much time. */
const SIGN_MS = DAY_MS;

/** As the fields hold it: texts. */
export interface LetForm {
  /** The guest's id. */
  guest: string;
  place: string;
  address: string;
  /** Id of the currency in which the offer is made. */
  currency: string;
  price: string;
  deposit: string;
  cancelFee: string;
  /** In which others the host accepts it, by their ids. */
  others: Readonly<Record<string, OtherMoney>>;
  arrival: string;
  departure: string;
  cancelBy: string;
  note: string;
}

export type OtherMoney = Pick<AcceptedMoney, "price" | "deposit" | "cancelFee">;

/** A weekend in a week's time, to be cancelled until two days before. */
export function freshLet(now: number, place: string): LetForm {
  const arrivalMs = Math.ceil((now + 7 * DAY_MS) / HOUR_MS) * HOUR_MS;
  return {
    ...{ guest: "", place, address: "", currency: "", price: "", deposit: "", cancelFee: "", others: {} },
    arrival: fieldTime(arrivalMs),
    departure: fieldTime(arrivalMs + 2 * DAY_MS),
    cancelBy: fieldTime(arrivalMs - 2 * DAY_MS),
    note: "",
  };
}

/**
 * As a person would write them in a file. Errors: option-invalid with `where` the field (a time that no clock
 * shows).
 */
export function letParams(form: LetForm, lock: string, zone: Zone, now: number): Record<string, Json> {
  const at = (field: "arrival" | "departure" | "cancelBy"): number => momentOf(field, form[field], zone);
  const cancelByMs = at("cancelBy");
  return {
    ...{ host: "me", guest: form.guest, lock, currency: form.currency },
    ...{ place: form.place.trim(), address: form.address.trim() },
    ...amounts(form),
    signBy: isoTime(signByMs(now, cancelByMs)),
    ...{
      cancelBy: isoTime(cancelByMs),
      arrival: isoTime(at("arrival")),
      departure: isoTime(at("departure")),
    },
  };
}

/** Those others in which something is asked. */
export function acceptedOf({ others, currency }: LetForm): AcceptedMoney[] {
  return Object.entries(others)
    .filter(([id, { price }]) => id !== currency && price.trim() !== "")
    .map(([id, other]) => ({ currency: id, ...amounts(other) }));
}

/** Nothing of what is left empty but the price. */
function amounts({ price, deposit, cancelFee }: OtherMoney): OtherMoney {
  return { price: typed(price), deposit: typed(deposit) || "0", cancelFee: typed(cancelFee) || "0" };
}

/** With the decimal mark of either language. */
function typed(text: string): string {
  return text.trim().replace(",", ".");
}

/** A day; less where it must be cancelled sooner. */
function signByMs(now: number, cancelByMs: number): number {
  return Math.floor(Math.min(now + SIGN_MS, cancelByMs - APART_MS) / 1_000) * 1_000;
}
