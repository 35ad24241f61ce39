/**
 * Reads recorded tracks from files: a JSON array of records, the column-oriented dump of
 * pandas ({"latitude":{"0":…},…}), or GPX 1.1; each also gzipped. Fields beyond those of
 * RawRow are ignored. What comes from outside is bounded before it is parsed: the file,
 * what it inflates to, and the rows.
 */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { rowsFromGpx } from "./gpx.ts";
import { invalid, MAX_ROWS, trackFromRows } from "./track.ts";
import type { RawRow, Track, TrackMode } from "./track.ts";

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_INFLATED_BYTES = 128 * 1024 * 1024;

/** Column of the record -> field of the row. */
const COLUMNS = [
  ["timestamp", "timeMs"],
  ["latitude", "latitude"],
  ["longitude", "longitude"],
  ["altitude", "altitudeFt"],
  ["groundspeed", "groundspeedKt"],
  ["track", "trackDegrees"],
  ["vertical_rate", "verticalRateFtMin"],
] as const;

/** Reads a track from a file. Throws track-invalid. */
export function readTrackFile(path: string, mode: TrackMode = "strict"): Track {
  const name = basename(path);
  let bytes: Uint8Array;
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES)
      throw invalid(`${name}: ${size} bytes; at most ${MAX_FILE_BYTES} are read`, name);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "syscall" in error)
      throw invalid(`${path}: cannot be read (${error.message})`, path);
    throw error;
  }
  return readTrack(name, bytes, mode);
}

/** Reads a track from a file's bytes; `name` is for messages. Throws track-invalid. */
export function readTrack(name: string, bytes: Uint8Array, mode: TrackMode = "strict"): Track {
  if (bytes.length > MAX_FILE_BYTES)
    throw invalid(`${name}: ${bytes.length} bytes; at most ${MAX_FILE_BYTES} are read`, name);
  const content = textOf(name, bytes);
  const rows = content.trimStart().startsWith("<") ? rowsFromGpx(name, content) : rowsFromJson(name, content);
  return trackFromRows(name, rows, mode);
}

function textOf(name: string, bytes: Uint8Array): string {
  const inflated = bytes[0] === 0x1f && bytes[1] === 0x8b ? inflate(name, bytes) : bytes;
  if (inflated.length > MAX_INFLATED_BYTES)
    throw invalid(`${name}: more than ${MAX_INFLATED_BYTES} bytes`, name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(inflated);
  } catch {
    throw invalid(`${name}: not text in UTF-8`, name);
  }
}

function inflate(name: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw invalid(
      `${name}: ${tooLarge ? `inflates to more than ${MAX_INFLATED_BYTES} bytes` : "damaged gzip"}`,
      name,
    );
  }
}

function rowsFromJson(name: string, content: string): RawRow[] {
  const value = parseJson(name, content);
  if (Array.isArray(value)) {
    boundRows(name, value.length);
    return value.map(rowFromRecord);
  }
  if (isRecord(value) && COLUMNS.some(([column]) => isRecord(value[column])))
    return rowsFromColumns(name, value);
  throw invalid(`${name}: neither a JSON array of records, nor columns by name, nor GPX`, name);
}

/** Python writes NaN and Infinity, which JSON has not: they count as missing. */
function parseJson(name: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    try {
      return JSON.parse(withoutNaN(content));
    } catch (error) {
      throw invalid(`${name}: not JSON (${error instanceof Error ? error.message : "unreadable"})`, name);
    }
  }
}

/** Strings stay as they are. By hand, because a regular expression runs out of stack on a long string. */
function withoutNaN(content: string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < content.length) {
    const quote = content.indexOf('"', at);
    const end = quote < 0 ? content.length : quote;
    parts.push(content.slice(at, end).replace(/-?\b(?:NaN|Infinity)\b/g, "null"));
    at = quote < 0 ? content.length : endOfString(content, quote);
    parts.push(content.slice(end, at));
  }
  return parts.join("");
}

/** Just after the quote that closes the string, or the end of the text. */
function endOfString(content: string, quote: number): number {
  let at = quote + 1;
  while (at < content.length && content[at] !== '"') at += content[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, content.length);
}

/** What is no record has no time, and is refused or dropped for that. */
function rowFromRecord(record: unknown): RawRow {
  const fields = isRecord(record) ? record : {};
  return rowFrom((column) => (Object.hasOwn(fields, column) ? fields[column] : undefined));
}

/** The rows are those of the index that `timestamp` has, in its order. */
function rowsFromColumns(name: string, columns: Record<string, unknown>): RawRow[] {
  const column = (key: string): Record<string, unknown> => {
    const values = Object.hasOwn(columns, key) ? columns[key] : undefined;
    return isRecord(values) ? values : {};
  };
  const index = Object.keys(column("timestamp"));
  if (index.length === 0) throw invalid(`${name}: has no column "timestamp"`, name);
  boundRows(name, index.length);
  const byName = new Map(COLUMNS.map(([key]) => [key, column(key)]));
  return index.map((key) =>
    rowFrom((field) => {
      const values = byName.get(field);
      return values !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
    }),
  );
}

function rowFrom(read: (column: (typeof COLUMNS)[number][0]) => unknown): RawRow {
  const row: Partial<Record<keyof RawRow, number | null | undefined>> = {};
  for (const [column, field] of COLUMNS) {
    const value = read(column);
    // pandas writes a missing value as null; anything else that is no number is a fault.
    row[field] = value === undefined || value === null ? undefined : typeof value === "number" ? value : null;
  }
  return row as RawRow;
}

function boundRows(name: string, count: number): void {
  if (count > MAX_ROWS) throw invalid(`${name}: ${count} rows; at most ${MAX_ROWS} can be flown`, name);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
