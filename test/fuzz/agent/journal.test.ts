/**
 * The journal's file after any damage: what was acknowledged before the first damaged byte is there, or the
 * journal refuses to open. It never opens with something that was never committed.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeHeader,
  encodeRecord,
  HEADER_BYTES,
  RECORD_HEADER_BYTES,
  scanJournal,
} from "../../../agent/node/journal-file.ts";
import { openJournal } from "../../../agent/node/journal-store.ts";
import { concat, equalBytes, toHex, utf8 } from "../../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../../protocols/encoding/cbor.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes, mutatedInside } from "../support/mutate.ts";
import { commonPrefix, scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const path = join(folder, "journal");
const MARKER = Uint8Array.of(0xa1, 0x0b, 0xc2, 0x1d, 0xe3, 0x2f, 0x44, 0x35);

type Commit = [key: string, value: string | null][];
const COMMITS: Commit[] = [
  [
    ["device/state", "idle"],
    ["outbox/1", "order"],
  ],
  [["outbox/1", null]],
  [["device/state", "a".repeat(300)]],
  [
    ["seen/a", ""],
    ["seen/b", "\0\0\0\u0001"],
  ],
  [["device/state", "home"]],
];

const payloads = COMMITS.map((commit) =>
  encodeCbor(commit.map(([key, value]): CborValue => [key, value === null ? null : utf8(value)])),
);
const records = payloads.map((payload) => encodeRecord(MARKER, payload));
const whole = concat(encodeHeader(MARKER), ...records);
/** Where each record ends. */
const ends = records.map(
  (_, index) => HEADER_BYTES + records.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0),
);
const samples = [whole, whole.slice(0, ends[2]), whole.slice(0, ends[0]), encodeHeader(MARKER)];

/** The state after so many commits, as text. */
function stateAfter(count: number): string {
  const state = new Map<string, string>();
  for (const [key, value] of COMMITS.slice(0, count).flat()) {
    if (value === null) state.delete(key);
    else state.set(key, toHex(utf8(value)));
  }
  return JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Which of the samples a mutant stems from is not known: it is owed what it shares with the longest. */
function owed(mutant: Uint8Array): number {
  const shared = commonPrefix(mutant, whole);
  return ends.filter((end) => end <= shared).length;
}

describe("the journal's file", () => {
  fuzz("is read up to its damage", mutatedBytes(samples), (mutant) => {
    const { marker, records: found, end, damagedAt } = scanJournal(mutant);
    let at = HEADER_BYTES;
    for (const { offset, payload } of found) {
      expect(offset).toBe(at);
      const written = mutant.subarray(offset, offset + RECORD_HEADER_BYTES + payload.length);
      expect(equalBytes(encodeRecord(marker!, payload), written)).toBe(true);
      at += written.length;
    }
    if (damagedAt !== undefined) return;
    expect(end).toBe(marker === undefined ? 0 : at);
    const expected = owed(mutant);
    expect(found.length).toBeGreaterThanOrEqual(expected);
    expect(found.slice(0, expected).map(({ payload }) => toHex(payload))).toEqual(
      payloads.slice(0, expected).map(toHex),
    );
  });

  fuzz("opens with what was acknowledged before the damage, and goes on", mutatedBytes(samples), reopen, {
    share: 0.2,
  });

  fuzz(
    "refuses whole records that are no commits",
    fc.tuple(mutatedInside(payloads), fc.boolean()),
    ([payload, isLast]) => {
      const record = encodeRecord(MARKER, payload);
      return reopen(concat(encodeHeader(MARKER), ...(isLast ? [...records, record] : [record, ...records])));
    },
    { share: 0.3 },
  );

  fuzz(
    "outlasts one wrong byte anywhere, or says so",
    fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })),
    ([at, flip]) => {
      const damaged = whole.slice();
      damaged[at]! ^= flip;
      const { records: found, damagedAt } = scanJournal(damaged);
      const hit = at < HEADER_BYTES ? undefined : ends.findIndex((end) => at < end);
      const isMiddle = hit !== undefined && hit < records.length - 1;
      expect(damagedAt !== undefined).toBe(isMiddle);
      if (!isMiddle) expect(found).toHaveLength(hit ?? records.length);
    },
  );

  it("is searched in a time that grows with its length, however many lengths its values look like", () => {
    // Each word reads as a length that lies within the file: the old search took a CRC over each.
    const values = new Uint8Array(8 * 1024 * 1024);
    for (let at = 1; at < values.length; at += 4) values[at] = 0x0f;
    const file = concat(encodeHeader(MARKER), encodeRecord(MARKER, values).slice(0, -1));
    expect(scanJournal(file)).toMatchObject({ records: [], end: HEADER_BYTES, damagedAt: undefined });
  });
});

async function reopen(mutant: Uint8Array): Promise<void> {
  writeFileSync(path, mutant);
  const store = await openJournal(folder).catch((error: unknown) => {
    expect(errorCode(error)).toBe("journal-corrupt");
    expect(equalBytes(readFileSync(path), mutant)).toBe(true);
    throw error;
  });
  const before = store.keys("");
  const read = (key: string): [string, string] => [key, toHex(store.get(key)!)];
  if (equalBytes(mutant, whole)) expect(JSON.stringify(before.map(read))).toBe(stateAfter(COMMITS.length));
  await store.commit(new Map([["zz/fuzz", utf8("goes on")]]));
  const now = store.keys("").map(read);
  await store.close();
  const again = await openJournal(folder);
  expect(again.keys("").map((key) => [key, toHex(again.get(key)!)])).toEqual(now);
  await again.close();
}
