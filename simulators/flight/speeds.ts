/** Speeds in the plane, and their bounds. */

export function limited(north: number, east: number, most: number): { north: number; east: number } {
  const all = length(north, east);
  const scale = all > most ? most / all : 1;
  return { north: north * scale, east: east * scale };
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

/** As Math.hypot, which is slow because it minds numbers that no drone flies with. */
export function length(north: number, east: number): number {
  return Math.sqrt(north * north + east * east);
}
