/**
 * SenML records (RFC 8428): the data model, its JSON form, and how base fields resolve. The CBOR form is in
 * senml-cbor.ts.
 */
import { fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";

/** One record, with the labels of RFC 8428 section 4 as its field names. */
export interface SenmlRecord {
  /** Base name, put before the names of this record and those after it. */
  bn?: string;
  /** Base time, s, added to times. */
  bt?: number;
  /** Base unit, for records without a unit. */
  bu?: string;
  /** Base value, added to values. */
  bv?: number;
  /** Base sum, added to sums. */
  bs?: number;
  /** Version; 10 when absent. */
  bver?: number;
  n?: string;
  u?: string;
  v?: number;
  /** String, boolean and data values: at most one of v, vs, vb, vd. */
  vs?: string;
  vb?: boolean;
  vd?: Uint8Array;
  /** Sum: the integral of the value over time, in the unit times seconds. */
  s?: number;
  /** Time, s since the Unix epoch; below 2^28 it is relative to now (section 4.5.3). */
  t?: number;
  /** Longest time, s, until the next reading of this name. */
  ut?: number;
  /** Fields of extensions, kept and passed on as they are. */
  extra?: ReadonlyMap<string | number, SenmlExtra>;
}

export type SenmlExtra = string | number | boolean | Uint8Array;

/** Records in one pack, at most. */
export const MAX_PACK_RECORDS = 65536;
/** Characters of a name, a unit or a label, at most. */
export const MAX_NAME_LENGTH = 1024;
/** Characters or bytes of one value, at most. */
export const MAX_VALUE_LENGTH = 65536;
/** Fields of one record, at most: the 15 of the RFC, and as many of extensions as anybody would use. */
export const MAX_FIELDS = 64;
/** Times below it are relative to now (RFC 8428, section 4.5.3). */
export const RELATIVE_TIME_BELOW_S = 2 ** 28;

const VERSION = 10;
/** RFC 8428 section 4.5.1. */
const RESOLVED_NAME = /^[A-Za-z0-9][-A-Za-z0-9:./_]*$/;
/** Labels of extensions (RFC 8428, section 11: the CDDL). */
const EXTRA_LABEL = /^[A-Za-z0-9][-_:.A-Za-z0-9]*$/;

const TEXT_FIELDS = ["bn", "bu", "n", "u", "vs"] as const;
const NUMBER_FIELDS = ["bt", "bv", "bs", "v", "s", "t", "ut"] as const;
const KNOWN: ReadonlySet<string> = new Set([...TEXT_FIELDS, ...NUMBER_FIELDS, "bver", "vb", "vd"]);

/** A refusal that names the record, counted from 0. */
export function recordInvalid(index: number, problem: string): SegmentError {
  return new SegmentError("record-invalid", `record ${index}: ${problem}`, { where: `records[${index}]` });
}

/**
 * Sets one field of a record by its label, checked: the one gate for JSON and CBOR.
 * Unknown labels are kept; those that end in "_" must be understood and are refused (section 4.4).
 */
export function setField(record: SenmlRecord, label: string | number, value: unknown, index: number): void {
  const fields = record as Record<string, unknown>;
  if (typeof label === "string" && Object.hasOwn(fields, label) && KNOWN.has(label)) {
    throw recordInvalid(index, `has ${label} twice`);
  }
  if ((TEXT_FIELDS as readonly unknown[]).includes(label)) {
    const limit = label === "vs" ? MAX_VALUE_LENGTH : MAX_NAME_LENGTH;
    if (typeof value !== "string" || value.length > limit)
      throw recordInvalid(index, `${label} is not a text`);
    fields[label] = value;
  } else if ((NUMBER_FIELDS as readonly unknown[]).includes(label)) {
    if (typeof value !== "number" || !Number.isFinite(value))
      throw recordInvalid(index, `${label} is not a number`);
    fields[label] = value;
  } else if (label === "bver") {
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw recordInvalid(index, "bver is not a version");
    if ((value as number) > VERSION)
      throw recordInvalid(index, `version ${String(value)} is newer than ${VERSION}`);
    record.bver = value as number;
  } else if (label === "vb") {
    if (typeof value !== "boolean") throw recordInvalid(index, "vb is not true or false");
    record.vb = value;
  } else if (label === "vd") {
    if (!(value instanceof Uint8Array) || value.length > MAX_VALUE_LENGTH) {
      throw recordInvalid(index, "vd is not data");
    }
    record.vd = value;
  } else {
    setExtra(record, label, value, index);
  }
}

function setExtra(record: SenmlRecord, label: string | number, value: unknown, index: number): void {
  if (record.extra?.has(label) === true) throw recordInvalid(index, `has ${label} twice`);
  if (typeof label === "string") {
    if (label.length > MAX_NAME_LENGTH) throw recordInvalid(index, "has a label that is too long");
    if (label.endsWith("_")) throw recordInvalid(index, `has ${label}, which must be understood and is not`);
    if (!EXTRA_LABEL.test(label)) return;
  }
  const isText = typeof value === "string" && value.length <= MAX_VALUE_LENGTH;
  const isData = value instanceof Uint8Array && value.length <= MAX_VALUE_LENGTH;
  const isNumber = typeof value === "number" && Number.isFinite(value);
  if (!isText && !isData && !isNumber && typeof value !== "boolean") return; // ignored, as section 4.4 asks
  record.extra = new Map([...(record.extra ?? []), [label, value]]);
}

/**
 * A pack in its JSON form (RFC 8428 section 5): an array of 1 to MAX_PACK_RECORDS records, not yet resolved.
 * `json` is the parsed document. Throws `record-invalid`.
 */
export function fromJson(json: unknown): SenmlRecord[] {
  if (!Array.isArray(json) || json.length === 0 || json.length > MAX_PACK_RECORDS) {
    throw new SegmentError("record-invalid", `a pack is an array of 1 to ${MAX_PACK_RECORDS} records`);
  }
  return json.map((item: unknown, index) => {
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw recordInvalid(index, "is not an object");
    const record: SenmlRecord = {};
    const fields = Object.entries(item);
    if (fields.length > MAX_FIELDS) throw recordInvalid(index, "has too many fields");
    for (const [label, value] of fields) {
      setField(record, label, label === "vd" ? dataFromText(value, index) : value, index);
    }
    return record;
  });
}

/** Parses the text of a pack. Throws `record-invalid`. */
export function parseJson(text: string): SenmlRecord[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SegmentError("record-invalid", "the pack is not JSON", { cause });
  }
  return fromJson(json);
}

function dataFromText(value: unknown, index: number): Uint8Array {
  if (typeof value !== "string" || value.length > 2 * MAX_VALUE_LENGTH)
    throw recordInvalid(index, "vd is not a text");
  try {
    return fromBase64Url(value);
  } catch {
    throw recordInvalid(index, "vd is not base64url");
  }
}

/** The JSON form of records, as plain objects. */
export function toJson(records: readonly SenmlRecord[]): Record<string, string | number | boolean>[] {
  return records.map((record) => {
    const { extra, vd, ...plain } = record;
    const json: Record<string, string | number | boolean> = { ...plain };
    if (vd !== undefined) json["vd"] = toBase64Url(vd);
    for (const [label, value] of extra ?? []) {
      json[String(label)] = value instanceof Uint8Array ? toBase64Url(value) : value;
    }
    return json;
  });
}

/**
 * Applies the base fields and makes every time absolute (RFC 8428 section 4.6). Records of base fields alone
 * are dropped. The order stays. Versions up to 10 mean the same and are left out, as in the RFC's own
 * resolved examples. `nowS` is the time, s, that relative times refer to. Throws `record-invalid`.
 */
export function resolve(pack: readonly SenmlRecord[], nowS: number): SenmlRecord[] {
  const base: Pick<SenmlRecord, "bn" | "bt" | "bu" | "bv" | "bs"> = {};
  const resolved: SenmlRecord[] = [];
  pack.forEach((record, index) => {
    for (const label of ["bn", "bt", "bu", "bv", "bs"] as const) {
      if (record[label] !== undefined) (base as Record<string, unknown>)[label] = record[label];
    }
    if (holdsOnlyBase(record)) return;
    resolved.push(resolveOne(record, base, nowS, index));
  });
  return resolved;
}

function holdsOnlyBase(record: SenmlRecord): boolean {
  return Object.keys(record).every((label) => label.startsWith("b"));
}

function resolveOne(record: SenmlRecord, base: SenmlRecord, nowS: number, index: number): SenmlRecord {
  const n = (base.bn ?? "") + (record.n ?? "");
  if (!RESOLVED_NAME.test(n) || n.length > 2 * MAX_NAME_LENGTH)
    throw recordInvalid(index, "its name is not allowed");
  const one: SenmlRecord = { n };
  const u = record.u ?? base.bu;
  if (u !== undefined) one.u = u;
  one.t = (base.bt ?? 0) + (record.t ?? 0);
  if (one.t < RELATIVE_TIME_BELOW_S) one.t += nowS;

  const others = [record.vs, record.vb, record.vd].filter((value) => value !== undefined).length;
  if (others === 0 && (record.v !== undefined || base.bv !== undefined))
    one.v = (base.bv ?? 0) + (record.v ?? 0);
  if (record.vs !== undefined) one.vs = record.vs;
  if (record.vb !== undefined) one.vb = record.vb;
  if (record.vd !== undefined) one.vd = record.vd;
  if (record.s !== undefined || base.bs !== undefined) one.s = (base.bs ?? 0) + (record.s ?? 0);
  if (record.ut !== undefined) one.ut = record.ut;
  if (record.extra !== undefined) one.extra = withoutBaseExtras(record.extra);

  if (others + (record.v === undefined ? 0 : 1) > 1) throw recordInvalid(index, "has more than one value");
  if (others === 0 && one.v === undefined && one.s === undefined) throw recordInvalid(index, "has no value");
  if (![one.t, one.v ?? 0, one.s ?? 0].every(Number.isFinite))
    throw recordInvalid(index, "a sum is out of range");
  return one;
}

/** Base fields of extensions that nobody here knows how to resolve do not stay in a resolved record. */
function withoutBaseExtras(
  extra: ReadonlyMap<string | number, SenmlExtra>,
): ReadonlyMap<string | number, SenmlExtra> {
  return new Map(
    [...extra].filter(([label]) => (typeof label === "string" ? !label.startsWith("b") : label >= 0)),
  );
}

/** One resolved record: a number in a unit (RFC 8428 section 12.1) at a time, ms. */
export function reading(name: string, unit: string, value: number, timeMs: number): SenmlRecord {
  return { n: name, u: unit, v: value, t: timeMs / 1000 };
}

/** The time of a resolved record, ms. */
export function recordTimeMs(record: SenmlRecord): number {
  return Math.round((record.t ?? 0) * 1000);
}
