/**
 * Recorded tracks. Rows go through one filter: a row without a position, out of range,
 * out of time or farther away than anything flies is faulty. `strict` refuses the track
 * at its first faulty row; `tolerant` drops such rows and counts them by reason.
 */
import { SegmentError } from "../../protocols/errors.ts";
import { distanceM, feetToMm, fromE7, knotsToMmS, toE7, wrapHeading } from "./geo.ts";

/** One row as it was recorded, whatever the format: undefined is missing, null is not a number. */
export interface RawRow {
  timeMs: number | null | undefined;
  latitude: number | null | undefined;
  longitude: number | null | undefined;
  /** Feet above sea level, as transponders report. */
  altitudeFt: number | null | undefined;
  groundspeedKt: number | null | undefined;
  trackDegrees: number | null | undefined;
  verticalRateFtMin: number | null | undefined;
}

export interface Fix {
  timeMs: number;
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
  /** As recorded; undefined where it was not. */
  speedMmS: number | undefined;
  headingCdeg: number | undefined;
}

export type TrackMode = "strict" | "tolerant";

/** Why a row was dropped. */
export type DropReason = "no-time" | "no-position" | "out-of-range" | "out-of-time" | "impossible-jump";

export interface Track {
  /** The file's name, for messages. */
  name: string;
  /** At least two, in the order of time. */
  fixes: Fix[];
  rows: number;
  dropped: Record<DropReason, number>;
  /** Rows that repeat a position although the aircraft moved: the receiver had heard nothing new. */
  repeated: number;
}

export const MAX_ROWS = 200_000;
/** Faster than this in level flight, or straight up or down, is a fault of the record. */
const MAX_SPEED_M_S = 300;
const MAX_CLIMB_M_S = 50;
/** An hour without a row: the clock has jumped, or it is another flight. */
const MAX_GAP_MS = 3_600_000;
/** Slower than this, an aircraft may really be where it was. */
const MOVES_KT = 5;
const LATEST_MS = 253_402_300_799_999;

const RANGES = [
  ["latitude", "latitude", -90, 90, true],
  ["longitude", "longitude", -180, 180, true],
  ["altitudeFt", "altitude", -2000, 100_000, true],
  ["groundspeedKt", "groundspeed", 0, 2000, false],
  ["trackDegrees", "track", -360, 360, false],
  ["verticalRateFtMin", "vertical_rate", -60_000, 60_000, false],
] as const;

interface Fault {
  reason: DropReason;
  /** "latitude is missing" */
  what: string;
}

/**
 * Turns rows into a track. Row 1 is the first. Throws track-invalid naming file, row and
 * fault (strict), or when fewer than half of the rows are left to fly (tolerant).
 */
export function trackFromRows(name: string, rows: readonly RawRow[], mode: TrackMode): Track {
  if (rows.length > MAX_ROWS) throw invalid(`${name}: ${rows.length} rows; at most ${MAX_ROWS} can be flown`);
  const track: Track = { name, fixes: [], rows: rows.length, dropped: noneDropped(), repeated: 0 };
  const checked = rows.map((row) => checkRow(row));
  const drop = (index: number, fault: Fault): void => {
    if (mode === "strict")
      throw invalid(`${name}, row ${index + 1}: ${fault.what}`, `${name}, row ${index + 1}`);
    track.dropped[fault.reason] += 1;
  };
  const start = mode === "strict" ? 0 : firstPlausible(checked);
  let last: { fix: Fix; heardMs: number } | undefined;
  checked.forEach((row, index) => {
    if (row.fault !== undefined) return drop(index, row.fault);
    if (index < start)
      return drop(index, { reason: "impossible-jump", what: "the flight does not begin here" });
    const fault = last === undefined ? undefined : checkMove(last, row.fix);
    if (fault !== undefined) return drop(index, fault);
    const repeats = last !== undefined && samePlace(last.fix, row.fix);
    if (repeats && (rows[index]?.groundspeedKt ?? 0) > MOVES_KT) {
      track.repeated += 1;
      return;
    }
    track.fixes.push(row.fix);
    last = { fix: row.fix, heardMs: repeats && last !== undefined ? last.heardMs : row.fix.timeMs };
  });
  refuseRuins(track);
  return track;
}

/** One sentence for people: what was flown and what was left out, and why. */
export function describeTrack(track: Track): string {
  const reasons = DROP_WORDS.filter(([reason]) => track.dropped[reason] > 0).map(
    ([reason, words]) => `${track.dropped[reason]} ${words}`,
  );
  const left = reasons.length === 0 ? "" : `; left out: ${reasons.join(", ")}`;
  const repeated = track.repeated === 0 ? "" : `; ${track.repeated} only repeat the last position heard`;
  return `${track.name}: ${track.fixes.length} positions from ${track.rows} rows${left}${repeated}`;
}

const DROP_WORDS: readonly (readonly [DropReason, string])[] = [
  ["no-time", "without a time"],
  ["no-position", "without latitude, longitude or altitude"],
  ["out-of-range", "with a value out of range"],
  ["out-of-time", "with a time that repeats, goes back or leaps"],
  ["impossible-jump", "with an impossible jump"],
];

function noneDropped(): Record<DropReason, number> {
  return { "no-time": 0, "no-position": 0, "out-of-range": 0, "out-of-time": 0, "impossible-jump": 0 };
}

export function invalid(message: string, where?: string): SegmentError {
  return new SegmentError("track-invalid", message, where === undefined ? {} : { where });
}

type Checked = { fix: Fix; fault?: undefined } | { fix?: undefined; fault: Fault };

function checkRow(row: RawRow): Checked {
  const { timeMs } = row;
  if (timeMs === undefined) return faulty("no-time", "timestamp is missing");
  if (timeMs === null || !Number.isFinite(timeMs)) return faulty("no-time", "timestamp is not a number");
  if (timeMs < 0 || timeMs > LATEST_MS) return faulty("out-of-range", `timestamp ${timeMs} is out of range`);
  for (const [field, name, least, most, needed] of RANGES) {
    const value = row[field];
    if (value === undefined && !needed) continue;
    if (value === undefined) return faulty("no-position", `${name} is missing`);
    const reason = needed ? "no-position" : "out-of-range";
    if (value === null || Number.isNaN(value)) return faulty(reason, `${name} is not a number`);
    if (value < least || value > most)
      return faulty("out-of-range", `${name} ${value} is out of range (${least} to ${most})`);
  }
  return { fix: fixOf(row, Math.round(timeMs)) };
}

function faulty(reason: DropReason, what: string): Checked {
  return { fault: { reason, what } };
}

/** The checks above have seen to it that the position is there. */
function fixOf(row: RawRow, timeMs: number): Fix {
  const { groundspeedKt: speed, trackDegrees: heading } = row;
  return {
    timeMs,
    latitudeE7: toE7(row.latitude ?? 0),
    longitudeE7: toE7(row.longitude ?? 0),
    altitudeMm: Math.round(feetToMm(row.altitudeFt ?? 0)),
    speedMmS: typeof speed === "number" ? Math.round(knotsToMmS(speed)) : undefined,
    headingCdeg: typeof heading === "number" ? Math.round(wrapHeading(heading) * 100) % 36_000 : undefined,
  };
}

/** `heardMs`: when the last position was first heard; receivers repeat it until they hear another. */
function checkMove(last: { fix: Fix; heardMs: number }, fix: Fix): Fault | undefined {
  const afterMs = fix.timeMs - last.fix.timeMs;
  if (afterMs === 0) return { reason: "out-of-time", what: "timestamp repeats that of the row before" };
  if (afterMs < 0) return { reason: "out-of-time", what: `timestamp goes back by ${-afterMs / 1000} s` };
  if (afterMs > MAX_GAP_MS)
    return { reason: "out-of-time", what: `timestamp leaps by ${Math.round(afterMs / 60_000)} minutes` };
  const metres = distanceM(pointOfFix(last.fix), pointOfFix(fix));
  const heardS = (fix.timeMs - last.heardMs) / 1000;
  if (metres / heardS > MAX_SPEED_M_S) {
    const jump = `impossible jump of ${Math.round(metres)} m in ${heardS} s`;
    return { reason: "impossible-jump", what: `${jump} (over ${MAX_SPEED_M_S} m/s)` };
  }
  const climbM = (fix.altitudeMm - last.fix.altitudeMm) / 1000;
  if (Math.abs(climbM) / heardS <= MAX_CLIMB_M_S) return undefined;
  const jump = `impossible jump of ${Math.round(climbM)} m in altitude in ${heardS} s`;
  return { reason: "impossible-jump", what: `${jump} (over ${MAX_CLIMB_M_S} m/s)` };
}

/**
 * The first sound row whose next sound row is within reach. Without it, one wild first
 * position would make every later row the one that jumps.
 */
function firstPlausible(rows: readonly Checked[]): number {
  const sound = rows.flatMap((row, index) => (row.fix === undefined ? [] : [{ fix: row.fix, index }]));
  for (let i = 0; i + 1 < sound.length; i++) {
    const here = sound[i];
    const next = sound[i + 1];
    if (here === undefined || next === undefined) break;
    if (checkMove({ fix: here.fix, heardMs: here.fix.timeMs }, next.fix) === undefined) return here.index;
  }
  return 0;
}

/** What is left of a track with more faults than positions is nobody's flight. */
function refuseRuins(track: Track): void {
  const faults = Object.values(track.dropped).reduce((sum, count) => sum + count, 0);
  if (track.fixes.length >= 2 && faults * 2 <= track.rows) return;
  if (faults === 0)
    throw invalid(`${track.name}: a track needs two positions, this has ${track.fixes.length}`);
  throw invalid(`too little is left to fly of ${describeTrack(track)}`, track.name);
}

function samePlace(a: Fix, b: Fix): boolean {
  return a.latitudeE7 === b.latitudeE7 && a.longitudeE7 === b.longitudeE7;
}

export function pointOfFix(fix: Fix): { latitude: number; longitude: number } {
  return { latitude: fromE7(fix.latitudeE7), longitude: fromE7(fix.longitudeE7) };
}
