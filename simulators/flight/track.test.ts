import { gzipSync } from "node:zlib";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SegmentError } from "../../protocols/errors.ts";
import { describeShared } from "../../test/support/shared.ts";
import { describeTrack } from "./track.ts";
import { readTrack, readTrackFile } from "./track-file.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));

type Row = Record<string, unknown>;

/** A steady flight north at about 11 m/s, a row a second. */
function rows(count = 10): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: 1_558_732_719_000 + i * 1000,
    latitude: 47.3665 + i * 0.0001,
    longitude: 8.5,
    altitude: 1950,
    groundspeed: 21.6,
    track: 0,
    vertical_rate: 0,
    callsign: "REGA1",
  }));
}

function withRow(index: number, change: Row): Row[] {
  return rows().map((row, i) => (i === index ? { ...row, ...change } : row));
}

function columns(records: Row[]): Record<string, Row> {
  const names = Object.keys(records[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, Object.fromEntries(records.map((row, i) => [String(i), row[name] ?? null]))]),
  );
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SegmentError && error.code === "track-invalid") return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a sound track", () => {
  it("becomes fixes in the units of the samples", () => {
    const track = readTrack("rega.json", json(rows()));
    expect(track.fixes).toHaveLength(10);
    expect(track.fixes[1]).toEqual({
      timeMs: 1_558_732_720_000,
      latitudeE7: 473_666_000,
      longitudeE7: 85_000_000,
      altitudeMm: 594_360,
      speedMmS: 11_112,
      headingCdeg: 0,
    });
    expect(describeTrack(track)).toBe("rega.json: 10 positions from 10 rows");
  });

  it("reads the same from records and columns, plain and gzipped", () => {
    const plain = readTrack("t", json(rows()));
    expect(readTrack("t", json(columns(rows())))).toEqual(plain);
    expect(readTrack("t", gzipSync(json(rows())))).toEqual(plain);
    expect(readTrack("t", gzipSync(json(columns(rows()))))).toEqual(plain);
  });

  it("needs no speed, heading or climb", () => {
    const bare = rows().map(({ timestamp, latitude, longitude, altitude }) => ({
      timestamp,
      latitude,
      longitude,
      altitude,
    }));
    expect(readTrack("t", json(bare)).fixes[0]).toMatchObject({
      speedMmS: undefined,
      headingCdeg: undefined,
    });
  });

  it("keeps a hover and passes over what a receiver repeats", () => {
    const hover = rows().map((row) => ({ ...row, latitude: 47, groundspeed: 0 }));
    expect(readTrack("t", json(hover)).fixes).toHaveLength(10);
    const stale = rows().map((row, i) => (i === 5 ? { ...row, latitude: 47.3669 } : row));
    const track = readTrack("t", json(stale));
    expect(track.fixes).toHaveLength(9);
    expect(track.repeated).toBe(1);
  });

  it("measures a jump from when the position was heard, not from when it was repeated", () => {
    // 1 km in one second by the rows, but in five seconds by what was heard.
    const catchingUp = rows().map((row, i) => ({
      ...row,
      groundspeed: null,
      latitude: i < 5 ? 47 : 47.009 + i * 0.0001,
    }));
    expect(readTrack("t", json(catchingUp)).fixes).toHaveLength(10);
  });
});

describe("a faulty row", () => {
  const faults: [string, Row[], string, string][] = [
    ["latitude null", withRow(4, { latitude: null }), "row 5: latitude is missing", "no-position"],
    ["longitude absent", withRow(4, { longitude: undefined }), "row 5: longitude is missing", "no-position"],
    ["altitude null", withRow(4, { altitude: null }), "row 5: altitude is missing", "no-position"],
    ["latitude text", withRow(4, { latitude: "47" }), "row 5: latitude is not a number", "no-position"],
    [
      "latitude 91",
      withRow(4, { latitude: 91 }),
      "row 5: latitude 91 is out of range (-90 to 90)",
      "out-of-range",
    ],
    ["speed -1", withRow(4, { groundspeed: -1 }), "row 5: groundspeed -1 is out of range", "out-of-range"],
    ["no time", withRow(4, { timestamp: null }), "row 5: timestamp is missing", "no-time"],
    ["time 1e30", withRow(4, { timestamp: 1e30 }), "row 5: timestamp 1e+30 is out of range", "out-of-range"],
    [
      "time back",
      withRow(4, { timestamp: 1_558_732_720_000 }),
      "row 5: timestamp goes back by 2 s",
      "out-of-time",
    ],
    [
      "time repeated",
      withRow(4, { timestamp: 1_558_732_722_000 }),
      "row 5: timestamp repeats",
      "out-of-time",
    ],
    [
      "time leaps",
      withRow(4, { timestamp: 1_558_740_000_000 }),
      "row 5: timestamp leaps by 121 min",
      "out-of-time",
    ],
    ["jump", withRow(4, { longitude: 8.6 }), "row 5: impossible jump of 75", "impossible-jump"],
    [
      "climb",
      withRow(4, { altitude: 36_000 }),
      "row 5: impossible jump of 10378 m in altitude",
      "impossible-jump",
    ],
    [
      "no record",
      [...rows(4), 7 as unknown as Row, ...rows().slice(5)],
      "row 5: timestamp is missing",
      "no-time",
    ],
  ];
  for (const [name, damaged, message, reason] of faults) {
    it(`${name}: refused when strict, dropped and counted when tolerant`, () => {
      expect(messageOf(() => readTrack("rega.json", json(damaged)))).toContain(`rega.json, ${message}`);
      const track = readTrack("rega.json", json(damaged), "tolerant");
      expect(track.fixes).toHaveLength(9);
      expect(track.dropped).toMatchObject({ [reason]: 1 });
      expect(describeTrack(track)).toContain("9 positions from 10 rows; left out: 1 with");
    });
  }

  it("is named in the columns' format too", () => {
    const damaged = json(columns(withRow(4, { latitude: null })));
    expect(messageOf(() => readTrack("n.json", damaged))).toContain("n.json, row 5: latitude is missing");
  });

  it("may be written NaN, as Python does", () => {
    const damaged = bytes(
      JSON.stringify(rows())
        .replace(/47\.3668\d*/, "NaN")
        .replace("REGA1", 'NaN \\" Infinity'),
    );
    expect(messageOf(() => readTrack("n.json", damaged))).toBe("n.json, row 4: latitude is missing");
  });

  it("does not take the sound rows with it when it comes first", () => {
    const track = readTrack("t", json(withRow(0, { latitude: 0, longitude: 0 })), "tolerant");
    expect(track.fixes).toHaveLength(9);
    expect(track.dropped["impossible-jump"]).toBe(1);
  });

  it("among too many others leaves nothing to fly", () => {
    const ruin = rows().map((row, i) => (i % 3 === 0 ? row : { ...row, latitude: null }));
    expect(messageOf(() => readTrack("t", json(ruin), "tolerant"))).toContain("6 without latitude");
  });
});

describe("a file that is no track", () => {
  const refused: [string, Uint8Array, string][] = [
    ["nothing", bytes(""), "not JSON"],
    ["text", bytes("hello"), "not JSON"],
    ["a number", bytes("7"), "neither a JSON array"],
    ["an empty array", bytes("[]"), "a track needs two positions"],
    ["one row", json(rows(1)), "a track needs two positions"],
    ["columns without time", json({ latitude: { 0: 1 } }), 'no column "timestamp"'],
    ["damaged gzip", gzipSync(json(rows())).subarray(0, 60), "damaged gzip"],
    ["no UTF-8", Uint8Array.of(0x5b, 0xff, 0x5d), "not text in UTF-8"],
    ["deep nesting", bytes("[".repeat(2_000_000)), "not JSON"],
    ["deep XML", bytes("<a>".repeat(200_000)), "not XML"],
    ["a gzip bomb", gzipSync(new Uint8Array(129 * 1024 * 1024)), "inflates to more than"],
    ["too many rows", json(Array.from({ length: 200_001 }, () => 0)), "at most 200000"],
  ];
  for (const [name, content, message] of refused) {
    it(name, () => {
      expect(messageOf(() => readTrack("x.json", content))).toContain(message);
      expect(messageOf(() => readTrack("x.json", content, "tolerant"))).toContain("x.json");
    });
  }

  it("is named when it cannot be read", () => {
    expect(messageOf(() => readTrackFile("/no/such/track.json"))).toContain(
      "/no/such/track.json: cannot be read",
    );
    const folder = mkdtempSync(join(tmpdir(), "segment-track-"));
    try {
      writeFileSync(join(folder, "t.json"), json(rows()));
      expect(readTrackFile(join(folder, "t.json")).name).toBe("t.json");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("never causes anything but a refusal", () => {
    const sound = json(rows(4));
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), fc.boolean(), (at, value, tolerant) => {
        const damaged = sound.slice();
        damaged[at] = value;
        try {
          readTrack("t", damaged, tolerant ? "tolerant" : "strict");
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("GPX", () => {
  const gpx = (points: string): Uint8Array =>
    bytes(
      `<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">` +
        `<metadata><time>2019-01-01T00:00:00Z</time></metadata><trk><name>a &amp; b</name>` +
        `<trkseg>${points}</trkseg></trk></gpx>`,
    );
  const point = (lat: string, time: string, ele = "<ele>100.5</ele>"): string =>
    `<trkpt lat="${lat}" lon="8.5">${ele}<time>${time}</time></trkpt>`;

  it("is read with its times and metres", () => {
    const track = readTrack(
      "t.gpx",
      gpx(point("47.3665", "2019-05-24T21:18:39Z") + point("47.3666", "2019-05-24T23:18:40.250+02:00")),
    );
    expect(track.fixes.map((fix) => fix.timeMs)).toEqual([1_558_732_719_000, 1_558_732_720_250]);
    expect(track.fixes[0]).toMatchObject({
      latitudeE7: 473_665_000,
      altitudeMm: 100_500,
      speedMmS: undefined,
    });
  });

  it("agrees with the calendar of the platform", () => {
    const date = fc.date({ min: new Date(0), max: new Date("2999-12-31T00:00:00Z"), noInvalidDate: true });
    fc.assert(
      fc.property(date, (when) => {
        const next = new Date(when.getTime() + 1000);
        const track = readTrack(
          "t.gpx",
          gpx(point("47", when.toISOString()) + point("47.0001", next.toISOString())),
        );
        expect(track.fixes[0]?.timeMs).toBe(when.getTime());
      }),
    );
  });

  it("has its faulty rows named", () => {
    const good = point("47", "2019-05-24T21:18:39Z");
    const message = (bad: string): string => messageOf(() => readTrack("t.gpx", gpx(good + bad)));
    expect(message(point("47", "2019-05-24T21:18:40Z", ""))).toBe("t.gpx, row 2: altitude is missing");
    expect(message(point("NaN", "2019-05-24T21:18:40Z"))).toBe("t.gpx, row 2: latitude is not a number");
    expect(message(point("47", "yesterday"))).toBe("t.gpx, row 2: timestamp is not a number");
    expect(message(point("47", "2019-13-24T21:18:40Z"))).toBe("t.gpx, row 2: timestamp is not a number");
  });

  it("expands no entities", () => {
    const entities = `<!DOCTYPE gpx [<!ENTITY a "47"><!ENTITY b "&a;&a;">]>`;
    const bomb = `${entities}<gpx><trk><name>&b;</name></trk></gpx>`;
    expect(messageOf(() => readTrack("t.gpx", bytes(bomb)))).toContain("not XML");
    expect(messageOf(() => readTrack("t.gpx", bytes("<kml/>")))).toContain("<kml>, not <gpx>");
    expect(messageOf(() => readTrack("t.gpx", bytes("<gpx/>")))).toContain("no track");
  });
});

describeShared("recorded flights: rega_zh", "drone/tracks/rega_zh.json.gz", (recorded) => {
  it("is sound", () => {
    const track = readTrack("rega_zh.json.gz", recorded);
    expect([track.rows, track.fixes.length + track.repeated]).toEqual([339, 339]);
    expect(track.fixes.at(-1)).toMatchObject({ latitudeE7: 473_968_506, longitudeE7: 86_380_692 });
  });
});

describeShared("recorded flights: samu31", "drone/tracks/samu31.json.gz", (recorded) => {
  it("is sound, though the receiver repeats 100 positions", () => {
    const track = readTrack("samu31.json.gz", recorded);
    expect([track.rows, track.fixes.length, track.repeated]).toEqual([378, 278, 100]);
  });
});

describeShared("recorded flights: texas", "drone/tracks/texas.json.gz", (recorded) => {
  it("is sound", () => {
    expect(readTrack("texas.json.gz", recorded).fixes).toHaveLength(703);
  });
});

describeShared("recorded flights: noisy_takeoff", "drone/tracks/noisy_takeoff.json.gz", (recorded) => {
  // On the ground the transponder often gives no altitude (130 rows), or that of another
  // aircraft: 36,000 ft between rows of 1,525 ft, and 38,000 ft twice in the climb.
  it("is refused when strict, naming its first faulty row", () => {
    const message = messageOf(() => readTrack("noisy_takeoff.json.gz", recorded));
    expect(message).toBe("noisy_takeoff.json.gz, row 4: altitude is missing");
  });

  it("leaves a flight that climbs without a leap when tolerant", () => {
    const track = readTrack("noisy_takeoff.json.gz", recorded, "tolerant");
    expect(track.rows).toBe(730);
    expect(track.dropped["no-position"]).toBe(130);
    expect(track.dropped["impossible-jump"]).toBeGreaterThan(50);
    expect(track.fixes.length).toBeGreaterThan(350);
    expect(Math.max(...track.fixes.map((fix) => fix.altitudeMm))).toBeLessThan(22_500 * 304.8);
    expect(describeTrack(track)).toContain("130 without latitude, longitude or altitude");
  });
});
