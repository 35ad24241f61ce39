/**
 * A whole lock on the air under thousands of connections of a stranger, who writes what was recorded of an
 * owner's visit, bent in every way, or anything else: the bolt never moves, and the next honest phone opens.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CentralConnection, CentralRadio } from "../../../protocols/ports.ts";
import { LOCK, paired, street } from "../../support/lock-street.ts";
import type { Phone, Street } from "../../support/lock-street.ts";
import { FUZZ_CASES, runFuzz } from "../support/harness.ts";
import { must } from "../support/must.ts";

const STRANGER = "c0:00:00:00:00:66";
/** A connection takes some milliseconds of this machine. */
const OPTIONS = { share: 0.2, maxKeptBytes: 96 << 20 };

let world: Street;
let owner: Phone;
/** What the owner's phone wrote, by connection. */
const tape: Uint8Array[][] = [];
let connections = 0;

function recorded(radio: CentralRadio): CentralRadio {
  return {
    scan: (uuid, sighted, signal) => radio.scan(uuid, sighted, signal),
    close: () => radio.close(),
    connect: async (...where) => {
      const link = await radio.connect(...where);
      const values: Uint8Array[] = [];
      tape.push(values);
      return {
        get writeSize() {
          return link.writeSize;
        },
        readInfo: () => link.readInfo(),
        disconnect: () => link.disconnect(),
        write: (value) => {
          values.push(value);
          return link.write(value);
        },
      };
    },
  };
}

async function honest(): Promise<void> {
  const before = opened();
  owner.tap();
  await world.until(() => opened() > before);
  await world.until(() => owner.verdict() === "done");
  // It locks again, and the phone hangs up.
  await world.clock.runFor(60_000);
}

const opened = (): number => world.bolts.filter((to) => to === "unlocked").length;

const value = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      call: fc.nat(5),
      nth: fc.nat(5),
      how: fc.constantFrom("as it was", "turned", "cut", "grown", "twice"),
      at: fc.nat(600),
      byte: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 253 }) },
);
const connection = fc.record({
  readsInfo: fc.boolean(),
  values: fc.array(value, { maxLength: 8 }),
  staysMs: fc.constantFrom(0, 30, 200, 2_500),
});
type Visit = typeof connection extends fc.Arbitrary<infer T> ? T : never;

function bytesOf(one: Visit["values"][number]): Uint8Array[] {
  if (one instanceof Uint8Array) return [one];
  const call = tape[one.call % tape.length]!;
  const value = call[one.nth % call.length]!;
  const at = one.at % value.length;
  switch (one.how) {
    case "as it was":
      return [value];
    case "turned":
      return [value.map((byte, index) => (index === at ? byte ^ one.byte : byte))];
    case "cut":
      return [value.slice(0, Math.max(1, at))];
    case "grown":
      return [Uint8Array.of(...value, one.byte).slice(-253)];
    case "twice":
      return [value, value];
  }
}

async function visit({ readsInfo, values, staysMs }: Visit): Promise<void> {
  const radio = world.air.central(STRANGER);
  const before = opened();
  let link: CentralConnection | undefined;
  const on = { notified: () => undefined, disconnected: () => undefined };
  radio.connect(LOCK, on, 5_000).then(
    (made) => (link = made),
    () => undefined,
  );
  for (let tenths = 0; link === undefined && tenths < 60; tenths++) await world.clock.runFor(100);
  must(link !== undefined, "the lock takes connections");
  connections += 1;
  if (readsInfo) link.readInfo().catch(() => undefined);
  for (const bytes of values.flatMap(bytesOf)) link.write(bytes).catch(() => undefined);
  await world.clock.runFor(staysMs);
  await Promise.all([radio.close(), world.clock.runFor(100)]);
  must(opened() === before, "the bolt stays");
}

beforeAll(async () => {
  world = await street();
  owner = await paired(world, recorded);
  await world.clock.runFor(60_000);
  await honest();
});
afterAll(() => world.close());

describe("a lock on the air", () => {
  const name = "moves for no stranger's connection";
  it(name, { timeout: 60_000 + FUZZ_CASES * 60 }, () => runFuzz(name, connection, visit, OPTIONS));

  it("still opens for the next honest phone", { timeout: 60_000 }, async () => {
    expect(connections).toBeGreaterThanOrEqual(Math.floor(FUZZ_CASES * OPTIONS.share));
    expect(tape.flat().length).toBeGreaterThan(4);
    await honest();
  });
});
