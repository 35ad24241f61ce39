/** Recorded tracks from anywhere: GPX, JSON, pandas columns, gzip; and the player under any commands. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect } from "vitest";
import { utf8 } from "../../../protocols/encoding/bytes.ts";
import { endOf, trackFlight } from "../../../simulators/flight/player.ts";
import type { FlightCommand } from "../../../simulators/flight/source.ts";
import { describeTrack, trackFromRows } from "../../../simulators/flight/track.ts";
import type { Track } from "../../../simulators/flight/track.ts";
import { readTrack } from "../../../simulators/flight/track-file.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { looseJson } from "./scratch.ts";

const START_MS = 1_500_000_000_000;
const records = Array.from({ length: 8 }, (_, i) => ({
  timestamp: START_MS + i * 10_000,
  latitude: 47 + i * 0.001,
  longitude: 8.5,
  altitude: 1_000 + i * 50,
  groundspeed: 22.5,
  track: i === 3 ? null : 0,
  vertical_rate: 300,
}));
const columns = Object.fromEntries(
  Object.keys(records[0]!).map((name) => [
    name,
    Object.fromEntries(records.map((row, i) => [String(i), row[name as keyof typeof row]])),
  ]),
);
const points = records.map(({ timestamp, latitude, longitude, altitude }) => {
  const time = new Date(timestamp).toISOString();
  return `<trkpt lat="${latitude}" lon="${longitude}"><ele>${altitude * 0.3048}</ele><time>${time}</time></trkpt>`;
});
const gpx = `<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a "b">]>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><metadata><name>&lt;a&#x20;&amp;</name></metadata>
<trk><trkseg>${points.join("\n")}</trkseg><trkseg/></trk></gpx>`;
const texts = [gpx, JSON.stringify(records), JSON.stringify(columns)];
const withNaN = JSON.stringify(records).replace("null", "NaN").replace("22.5", "-Infinity");
const files = [...texts, withNaN].map(utf8);
const zipped = files.map((file) => new Uint8Array(gzipSync(file)));

const modes = fc.constantFrom("strict" as const, "tolerant" as const);

function expectFlyable(track: Track): void {
  expect(track.fixes.length).toBeGreaterThanOrEqual(2);
  for (const [index, fix] of track.fixes.entries()) {
    for (const value of [fix.timeMs, fix.latitudeE7, fix.longitudeE7, fix.altitudeMm]) {
      expect(Number.isSafeInteger(value)).toBe(true);
    }
    if (index > 0) expect(fix.timeMs).toBeGreaterThan(track.fixes[index - 1]!.timeMs);
  }
  describeTrack(track);
}

describe("a recorded track", () => {
  fuzz(
    "as bytes",
    fc.tuple(fc.oneof(mutatedBytes(files), mutatedBytes(zipped)), modes),
    ([bytes, mode]) => expectFlyable(readTrack("mutant", bytes, mode)),
    { accepted: 0.02, share: 0.3 },
  );

  fuzz(
    "as JSON of any shape",
    fc.tuple(mutatedValue([records, columns]).map(looseJson), modes),
    ([text, mode]) => expectFlyable(readTrack("mutant", utf8(text), mode)),
    { accepted: 0.02, share: 0.3 },
  );

  const strange = fc.oneof(
    fc.constantFrom(undefined, null, Number.NaN, Infinity, -0, 1e308, 5e-324, 0, 90, -180),
    fc.double({ min: -200, max: 200 }),
  );
  const mostly = (min: number, max: number): fc.Arbitrary<number | null | undefined> =>
    fc.oneof(
      { weight: 20, arbitrary: fc.double({ min, max, noNaN: true }) },
      { weight: 1, arbitrary: strange },
    );
  const row = fc.record({
    timeMs: fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: START_MS, max: START_MS + 60_000 }) },
      { weight: 1, arbitrary: fc.oneof(fc.double(), strange) },
    ),
    ...{ latitude: mostly(46.9, 47), longitude: mostly(8.4, 8.5), altitudeFt: mostly(0, 9_000) },
    ...{ groundspeedKt: mostly(0, 90), trackDegrees: mostly(0, 360), verticalRateFtMin: mostly(-900, 900) },
  });
  const rows = fc
    .tuple(fc.array(row, { maxLength: 6 }), fc.boolean())
    .map(([some, inOrder]) =>
      inOrder ? some.toSorted((a, b) => Number(a.timeMs) - Number(b.timeMs)) : some,
    );
  fuzz(
    "as rows",
    fc.tuple(rows, modes),
    ([some, mode]) => expectFlyable(trackFromRows("mutant", some, mode)),
    { accepted: 0.05 },
  );

  const many = 100_000;
  const deep = (open: string, close: string): string => open.repeat(many) + close.repeat(many);
  const gpxAround = (inside: string): string => `<gpx><trk><trkseg>${inside}</trkseg></trk></gpx>`;
  const hostile = [
    `["${'\\"'.repeat(many)}`,
    `["${"a".repeat(20_000_000)}", NaN]`,
    `[${'"'.repeat(many)}`,
    deep("[", "]"),
    deep('{"timestamp":', "}"),
    deep("<gpx>", "</gpx>"),
    gpxAround(`<trkpt lat="${"1".repeat(many)}x" lon="0"/>`),
    gpxAround(`<trkpt lat="${" ".repeat(many)}x" lon="0"/>`),
    gpxAround(`<trkpt lat="1.${"1".repeat(many)}x" lon="0"/>`),
    gpxAround(`<trkpt lat="0" lon="0"><time>${" ".repeat(many)}</time></trkpt>`),
    gpxAround(`<trkpt lat="0" lon="0"><time>2020-01-01T00:00:00.${"1".repeat(many)}x</time></trkpt>`),
    gpxAround(`<trkpt ${Array.from({ length: 20_000 }, (_, i) => `a${i}="1"`).join(" ")}/>`),
    gpxAround("&amp;".repeat(many)),
    gpxAround("<trkpt/>".repeat(250_000)),
    `<!DOCTYPE gpx [${'<!ENTITY a "&b;&b;">'.repeat(1_000)}]>${gpxAround("<trkpt/>")}`,
    `<gpx><!--${"-".repeat(many)}`,
    `<gpx ${"a ".repeat(many)}`,
    `[${"1,".repeat(250_000)}1]`,
  ];
  bombs(
    "that promises or hides too much",
    [...hostile.map(utf8), new Uint8Array(gzipSync(new Uint8Array(200 * 1024 * 1024)))],
    (bytes) => readTrack("bomb", bytes, "tolerant"),
    () => 512 * 1024 * 1024,
  );
});

describe("a played track", () => {
  const track = readTrack("sound", files[0]!);
  const places = [endOf(track, "home"), endOf(track, "destination")];
  const place = fc.oneof(
    fc.constantFrom(...places),
    fc.record({
      latitudeE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
      longitudeE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
      groundAltitudeMm: fc.integer({ min: -500_000, max: 9_000_000 }),
    }),
  );
  const command: fc.Arbitrary<FlightCommand> = fc.oneof(
    fc.constantFrom<FlightCommand[]>(
      { kind: "takeoff" },
      { kind: "hover" },
      { kind: "land" },
      { kind: "return" },
      { kind: "goto", place: places[1]! },
    ),
    place.map((there) => ({ kind: "goto" as const, place: there })),
  );
  // An hour of hovering is 36,000 steps of the model: rare here.
  const waitMs = fc.oneof(
    { weight: 300, arbitrary: fc.nat(2_000) },
    { weight: 1, arbitrary: fc.constantFrom(-5_000, 0, 3_600_000, 10 ** 12) },
  );

  fuzz(
    "obeys or refuses, and its samples stay in bounds",
    fc.array(fc.tuple(command, waitMs), { minLength: 1, maxLength: 30 }),
    (steps) => {
      const flight = trackFlight(track, 0);
      let now = 0;
      let lastMs = 0;
      for (const [given, ms] of steps) {
        flight.command(given, now);
        now += ms;
        const sample = flight.at(now);
        expect(sample.timeMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = sample.timeMs;
        for (const value of Object.values(sample)) {
          if (typeof value === "number") expect(Number.isSafeInteger(value)).toBe(true);
        }
        expect(sample.headingCdeg >= 0 && sample.headingCdeg < 36_000).toBe(true);
        expect(sample.batteryPermille >= 0 && sample.batteryPermille <= 1_000).toBe(true);
        if (sample.airborne) expect(sample.motorsOn).toBe(true);
      }
    },
    { share: 0.05 },
  );
});
