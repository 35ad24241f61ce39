/**
 * GPX 1.1 tracks: every trkpt of every trk and trkseg, in the order of the file.
 * The parser expands no entities but XML's own five, and skips the DOCTYPE, so that a
 * small file cannot grow into a large one.
 */
import { parseXml, XmlElement } from "@rgrove/parse-xml";
import { invalid, MAX_ROWS } from "./track.ts";
import type { RawRow } from "./track.ts";

const FEET_PER_M = 1 / 0.3048;

/** The rows of a GPX document. Throws track-invalid when it is not GPX or has no track. */
export function rowsFromGpx(name: string, xml: string): RawRow[] {
  const root = rootOf(name, xml);
  if (localName(root) !== "gpx") throw invalid(`${name}: the XML is <${root.name}>, not <gpx>`, name);
  const rows: RawRow[] = [];
  for (const track of childrenNamed(root, "trk"))
    for (const segment of childrenNamed(track, "trkseg"))
      for (const point of childrenNamed(segment, "trkpt")) {
        if (rows.length === MAX_ROWS) throw invalid(`${name}: more than ${MAX_ROWS} rows`, name);
        rows.push(rowOf(point));
      }
  if (rows.length === 0) throw invalid(`${name}: the GPX file has no track (trk, trkseg, trkpt)`, name);
  return rows;
}

function rootOf(name: string, xml: string): XmlElement {
  try {
    const { root } = parseXml(xml);
    if (root !== null) return root;
  } catch (error) {
    // Also a RangeError: the parser recurses, and a hostile file may nest deeper than the stack.
    const why = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "unreadable";
    throw invalid(`${name}: not XML (${why.slice(0, 160)})`, name);
  }
  throw invalid(`${name}: the XML is empty`, name);
}

function rowOf(point: XmlElement): RawRow {
  const metres = numberIn(textOf(point, "ele"));
  return {
    timeMs: timeIn(textOf(point, "time")),
    latitude: numberIn(point.attributes["lat"]),
    longitude: numberIn(point.attributes["lon"]),
    altitudeFt: typeof metres === "number" ? metres * FEET_PER_M : metres,
    groundspeedKt: undefined,
    trackDegrees: undefined,
    verticalRateFtMin: undefined,
  };
}

function localName(element: XmlElement): string {
  return element.name.slice(element.name.indexOf(":") + 1);
}

function childrenNamed(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter(
    (child): child is XmlElement => child instanceof XmlElement && localName(child) === name,
  );
}

function textOf(parent: XmlElement, name: string): string | undefined {
  return childrenNamed(parent, name)[0]?.text;
}

/** xsd:decimal; null when it is something else. */
function numberIn(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  // One way only to read any digits: a long text that is no number must not cost the square of its length.
  return /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*$/.test(text) ? Number(text) : null;
}

const DATE_TIME = /^\s*(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))?\s*$/;

/** xsd:dateTime as milliseconds since 1970; GPX times are UTC unless they say otherwise. */
function timeIn(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Six;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60) return null;
  const offset = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * (match[8] === "-" ? -1 : 1);
  const minutes = (daysFrom1970(year, month, day) * 24 + hour) * 60 + minute - offset;
  return Math.round((minutes * 60 + second + Number(match[7] ?? 0)) * 1000);
}

type Six = [number, number, number, number, number, number];

/** The proleptic Gregorian calendar, counted from March so that the leap day comes last (H. Hinnant). */
function daysFrom1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
