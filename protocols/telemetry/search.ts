/**
 * Searches keepers' files for plaintext: what would stand there if the seal were missing. Names and texts as
 * they are, numbers in every form in which they are likely to be written. It shows presence, not absence;
 * that the seal hides all is the cipher's and the tests' business.
 */
import { utf8 } from "../encoding/bytes.ts";
import type { SenmlRecord } from "./senml.ts";

/** Shorter byte strings would be found by chance. */
export const MIN_NEEDLE_BYTES = 6;

/**
 * What to look for: values of `records`, and `names` (of sensors, streams, people) as they would be written.
 */
export function needles(records: readonly SenmlRecord[], names: readonly string[] = []): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array): void => {
    if (bytes.length >= MIN_NEEDLE_BYTES) found.set(bytes.join(), bytes);
  };
  for (const name of names) add(utf8(name));
  for (const record of records) {
    for (const text of [record.n, record.bn, record.vs]) if (text !== undefined) add(utf8(text));
    if (record.vd !== undefined) add(record.vd);
    for (const value of [record.v, record.t]) if (value !== undefined) numberForms(value).forEach(add);
  }
  return [...found.values()];
}

function numberForms(value: number): Uint8Array[] {
  const forms = [utf8(String(value))];
  // Whole numbers are short in CBOR, or have five zero bytes in a row as a float: found by chance.
  if (!Number.isInteger(value)) {
    for (const littleEndian of [false, true]) {
      const float = new Uint8Array(8);
      new DataView(float.buffer).setFloat64(0, value, littleEndian);
      forms.push(float);
    }
  }
  return forms;
}

/** How many times any of the needles stands in `bytes`. One pass, whatever the number of needles. */
export function countHits(bytes: Uint8Array, sought: readonly Uint8Array[]): number {
  const byStart = new Map<number, Uint8Array[]>();
  for (const needle of sought) {
    if (needle.length < MIN_NEEDLE_BYTES) continue;
    const start = startOf(needle, 0);
    const same = byStart.get(start);
    if (same === undefined) byStart.set(start, [needle]);
    else same.push(needle);
  }
  let hits = 0;
  for (let at = 0; at + MIN_NEEDLE_BYTES <= bytes.length; at += 1) {
    for (const needle of byStart.get(startOf(bytes, at)) ?? []) if (standsAt(bytes, at, needle)) hits += 1;
  }
  return hits;
}

function startOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function standsAt(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  if (at + needle.length > bytes.length) return false;
  for (let offset = 4; offset < needle.length; offset += 1)
    if (bytes[at + offset] !== needle[offset]) return false;
  return true;
}
