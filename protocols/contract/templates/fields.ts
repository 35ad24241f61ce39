/**
 * Parameters as people write them in a JSON file: amounts "24.90", times "2026-06-05T15:00:00Z",
 * spans "15 min", lengths "15 m", parties by name or id. Read into the parameters that templates take.
 */
import { SegmentError } from "../../errors.ts";
import { DAY_MS, daysInMonth, daysOf } from "../../calendar.ts";
import { fromHex } from "../../encoding/bytes.ts";
import { parseAmount } from "../../money/amounts.ts";
import type { TimeMs } from "../../ports.ts";
import { MAX_TIME_MS } from "../bounds.ts";
import type { Commission } from "./services.ts";

/** JSON that people fill in. */
export type Json = string | number | boolean | Json[] | { [name: string]: Json };

/** What the reading of parameters needs to know of the network and the people. */
export interface TemplateContext {
  network: string;
  /** The network's part of services' fees, where its genesis has one. */
  commission?: Commission;
  nowMs: TimeMs;
  /** 16 fresh random bytes. */
  nonce: Uint8Array;
  /** The keys of a party by the name or the id that people write; undefined if nobody is called so. */
  party(nameOrId: string): { identity: Uint8Array; account: Uint8Array } | undefined;
  /**
   * A currency by its code or id; undefined if there is none. Where two issuers share a code, it should
   * throw and name their ids.
   */
  currency(codeOrId: string): TemplateCurrency | undefined;
}

export interface TemplateCurrency {
  id: string;
  /** Decimals of an amount in major units. */
  exponent: number;
}

/** Where a value stands, and in which currency its amounts are. */
export interface FieldContext extends TemplateContext {
  where: string;
  money: TemplateCurrency;
}

export interface Field {
  /** What people are told to write: "an amount", "a time". */
  kind: string;
  /** The parameter's name is the field's with this behind it: "Minor", "Ms". */
  suffix: string;
  /** The parameter's name, where it is not made from the field's. */
  param?: string;
  optional: boolean;
  read(value: unknown, context: FieldContext): unknown;
}

export type Fields = Readonly<Record<string, Field>>;

export function optional(field: Field): Field {
  return { ...field, optional: true };
}

/** The field under another name than the parameter's. */
export function named(param: string, field: Field): Field {
  return { ...field, param };
}

export function paramName(name: string, field: Field): string {
  return field.param ?? name + field.suffix;
}

/** Reads an object; unknown and missing names are refused. Throws `terms-invalid` and what readers throw. */
export function readFields(fields: Fields, value: unknown, context: FieldContext): Record<string, unknown> {
  const given = objectOf(value, context.where);
  const at = (name: string): string => (context.where === "" ? name : `${context.where}.${name}`);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name))
      refuse(at(name), `is not known; known are ${Object.keys(fields).join(", ")}`);
  }
  const params: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const one = Object.hasOwn(given, name) ? given[name] : undefined;
    if (one === undefined) {
      if (!field.optional) refuse(at(name), `is missing: ${field.kind}`);
      continue;
    }
    params[paramName(name, field)] = field.read(one, { ...context, where: at(name) });
  }
  return params;
}

/** A plain object, of at most 64 names. */
export function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    refuse(where, "is not an object in { }");
  const names = Object.keys(value);
  if (names.length > 64) refuse(where, "has more than 64 names");
  return value as Record<string, unknown>;
}

function field(kind: string, suffix: string, read: Field["read"]): Field {
  return { kind, suffix, optional: false, read };
}

/** Text; numbers are taken as they are written. */
function textOf(value: unknown, { where }: FieldContext, kind: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value.toString();
  return refuse(where, `is not ${kind}: write it between quotes`);
}

export const text = field("a text", "", (value, context) => textOf(value, context, "a text"));

export const amount = field('an amount such as "24.90"', "Minor", (value, context) =>
  readAmount(value, context, context.money),
);

/** Minor units, of an amount with or without the currency's code. */
export function readAmount(value: unknown, context: FieldContext, money: TemplateCurrency): bigint {
  const written = textOf(value, context, "an amount").trim();
  const code = money.id.slice(0, money.id.indexOf("."));
  const number = written.endsWith(` ${code}`) ? written.slice(0, -code.length - 1).trim() : written;
  try {
    return parseAmount(number, money.exponent);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    throw new SegmentError(error.code, `${context.where}: ${error.message}`, { where: context.where });
  }
}

export const flag = field("true or false", "", (value, { where }) =>
  typeof value === "boolean" ? value : refuse(where, "is neither true nor false"),
);

export const hex = field("hexadecimal digits", "", (value, context) => {
  const digits = textOf(value, context, "hexadecimal digits");
  return /^(?:[0-9a-fA-F]{2}){1,512}$/.test(digits)
    ? fromHex(digits.toLowerCase())
    : refuse(context.where, "is not of hexadecimal digits, two for each byte");
});

export const time = field('a time such as "2026-06-05T15:00:00Z"', "Ms", (value, context) =>
  readTime(textOf(value, context, "a time"), context.where),
);

const SPANS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

export const span = field('a span of time such as "15 min", "2 h" or "3 d"', "Ms", (value, context) => {
  const parts = /^([0-9]{1,9}) ?(ms|s|min|h|d)$/.exec(textOf(value, context, "a span of time"));
  if (parts === null) return refuse(context.where, 'is not a span of time such as "15 min", "2 h" or "3 d"');
  return Number(parts[1]) * SPANS.get(parts[2]!)!;
});

export const metres = field('a length such as "15 m"', "Mm", (value, context) => {
  const parts = /^(.*?) ?m$/.exec(textOf(value, context, "a length"));
  if (parts === null) return refuse(context.where, 'is not a length such as "15 m"');
  return decimal(parts[1]!, 3, context.where);
});

export const party = field("a name from your contacts, or an id z6Mk…", "", (value, context) => {
  const name = textOf(value, context, "a name or an id");
  const found = context.party(name);
  if (found === undefined)
    return refuse(context.where, `nobody is called ${JSON.stringify(name.slice(0, 80))}`);
  return { identity: found.identity, account: found.account };
});

/** Latitude and longitude in degrees as text, altitude above the ellipsoid as a length. */
export const place = field("a place", "", (value, context) => {
  const degrees = field('degrees such as "45.7772"', "E7", (one, at) =>
    decimal(textOf(one, at, "degrees"), 7, at.where),
  );
  return readFields({ latitude: degrees, longitude: degrees, altitude: metres }, value, context);
});

export function object(kind: string, fields: Fields): Field {
  return field(kind, "", (value, context) => readFields(fields, value, context));
}

export function list(of: Field, most: number): Field {
  return field(`a list in [ ], each ${of.kind}`, "", (value, context) => {
    if (!Array.isArray(value)) return refuse(context.where, "is not a list in [ ]");
    if (value.length > most) return refuse(context.where, `has more than ${most} members`);
    return value.map((one, index) => of.read(one, { ...context, where: `${context.where}[${index}]` }));
  });
}

/** A currency, by its code or id. Throws `currency-unknown`. */
export function readCurrency(value: unknown, where: string, context: TemplateContext): TemplateCurrency {
  if (typeof value !== "string")
    return refuse(where, 'is not a currency such as "EUR": write it between quotes');
  const found = context.currency(value);
  if (found !== undefined) return found;
  const name = JSON.stringify(value.slice(0, 40));
  throw new SegmentError("currency-unknown", `${where}: this network has no currency ${name}`, { where });
}

/** A decimal number in units of 10^-decimals; more decimals are refused. */
function decimal(written: string, decimals: number, where: string): number {
  const parts = /^(-?)([0-9]{1,7})(?:\.([0-9]{1,9}))?$/.exec(written);
  if (parts === null)
    return refuse(where, `is not a decimal number: ${JSON.stringify(written.slice(0, 40))}`);
  const [, sign, whole = "", fraction = ""] = parts;
  if (fraction.length > decimals) return refuse(where, `has more than ${decimals} decimals`);
  const scaled = Number(whole + fraction.padEnd(decimals, "0"));
  return sign === "-" && scaled !== 0 ? -scaled : scaled;
}

/** ISO 8601 with its distance from UTC ("Z", "+02:00"); a day alone begins at midnight UTC. */
function readTime(written: string, where: string): TimeMs {
  const clock = "T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\\.([0-9]{1,3}))?)?(Z|[+-][0-9]{2}:[0-9]{2})";
  const parts = new RegExp(`^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:${clock})?$`).exec(written);
  if (parts === null)
    refuse(where, 'is not a time such as "2026-06-05T15:00:00Z" or "2026-06-05T17:00+02:00"');
  const [year, month, day, hours, minutes, seconds] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Number((parts[7] ?? "").padEnd(3, "0"));
  const zone = parts[8] ?? "Z";
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  if (!isDay || hours > 23 || minutes > 59 || seconds > 59)
    refuse(where, `there is no such time: ${written}`);
  const local = daysOf({ year, month, day }) * DAY_MS + (hours * 3_600 + minutes * 60 + seconds) * 1_000 + ms;
  const at = local - zoneMs(zone, where);
  return at >= 0 && at <= MAX_TIME_MS ? at : refuse(where, "is before 1970");
}

function zoneMs(zone: string, where: string): number {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 14 || minutes > 59) refuse(where, `no clock is ${zone} from UTC`);
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

export function refuse(where: string, problem: string): never {
  const place_ = where === "" ? "the parameters" : where;
  throw new SegmentError("terms-invalid", `${place_}: ${problem}`, { where });
}
