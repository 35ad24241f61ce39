/**
 * A track as a drawing: metres on a plain grid, north up. Within some kilometres a degree of longitude is as
 * long everywhere on it; over the date line the shorter way counts.
 */
import type { Track, TrackFix } from "./tracks.ts";

/** Metres of a degree of latitude, as good as a drawing needs. */
const METRES_OF_DEGREE = 111_320;
const E7 = 10_000_000;
/** Sides of the square, and room around what is drawn, in its units. */
export const SIDE = 320;
const MARGIN = 32;
/** What a grid's lines may be apart, in metres: 1, 2 or 5 of each power of ten. */
const STEPS = [1, 2, 5];

interface Place {
  latitudeE7: number;
  longitudeE7: number;
}

export interface Drawing {
  /** Of the drawing's units, which grow right and down. */
  line: readonly { x: number; y: number }[];
  goal: { x: number; y: number };
  /** Where grid lines stand; the same in both directions. */
  grid: { x: readonly number[]; y: readonly number[] };
  /** Between two lines of the grid. */
  gridMetres: number;
  /** From the newest position to the goal, whole metres; undefined where nothing was heard. */
  metresToGoal: number | undefined;
  newest: TrackFix | undefined;
}

export function drawTrack({ fixes }: Pick<Track, "fixes">, goal: Place): Drawing {
  const points = fixes.map((fix) => metresFrom(goal, fix));
  const all = [...points, { east: 0, north: 0 }];
  const [west, east] = extent(all.map((point) => point.east));
  const [south, north] = extent(all.map((point) => point.north));
  // Nobody needs to see a metre as large as a kilometre.
  const span = Math.max(east - west, north - south, 20);
  const unit = (SIDE - 2 * MARGIN) / span;
  const middle = { east: (west + east) / 2, north: (south + north) / 2 };
  const place = (point: { east: number; north: number }) => ({
    x: round(SIDE / 2 + (point.east - middle.east) * unit),
    y: round(SIDE / 2 - (point.north - middle.north) * unit),
  });
  const gridMetres = stepFor(span / 5);
  const at = place({ east: 0, north: 0 });
  const lines = (from: number): number[] => {
    const apart = gridMetres * unit;
    const found: number[] = [];
    for (let line = from % apart; line <= SIDE; line += apart) found.push(round(line));
    return found;
  };
  const last = points.at(-1);
  return {
    ...{ line: points.map(place), goal: at, gridMetres, newest: fixes.at(-1) },
    grid: { x: lines(at.x), y: lines(at.y) },
    metresToGoal: last === undefined ? undefined : Math.round(Math.hypot(last.east, last.north)),
  };
}

function metresFrom(goal: Place, { latitudeE7, longitudeE7 }: Place): { east: number; north: number } {
  const turn = 360 * E7;
  const ahead = (((longitudeE7 - goal.longitudeE7) % turn) + turn + turn / 2) % turn;
  const degreesEast = (ahead - turn / 2) / E7;
  const narrower = Math.cos((goal.latitudeE7 / E7) * (Math.PI / 180));
  return {
    east: degreesEast * narrower * METRES_OF_DEGREE,
    north: ((latitudeE7 - goal.latitudeE7) / E7) * METRES_OF_DEGREE,
  };
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** The smallest that is at least as long. */
function stepFor(metres: number): number {
  for (let power = 1; ; power *= 10) {
    const step = STEPS.map((one) => one * power).find((one) => one >= metres);
    if (step !== undefined) return step;
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** "850 m", "1.2 km", "1,2 km". */
export function metresText(metres: number, language: "en" | "fr"): string {
  if (metres < 1_000) return `${Math.round(metres)} m`;
  const tenths = Math.round(metres / 100);
  return `${Math.floor(tenths / 10)}${language === "fr" ? "," : "."}${tenths % 10} km`;
}
