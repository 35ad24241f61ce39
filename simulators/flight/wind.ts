/** Gusts: a first-order (Ornstein-Uhlenbeck) noise in each direction, from injected randomness. */
import type { Random } from "../../protocols/ports.ts";

export interface Gust {
  northMS: number;
  eastMS: number;
}

export const STILL_AIR: Gust = { northMS: 0, eastMS: 0 };

/** How long a gust lasts. */
const GUST_S = 2;

/** The gust `dtS` seconds later; `deviationMS` is its standard deviation in the long run. */
export function nextGust(gust: Gust, deviationMS: number, dtS: number, random: Random): Gust {
  if (deviationMS === 0) return STILL_AIR;
  const keeps = keptAfter(dtS);
  const fresh = deviationMS * Math.sqrt(1 - keeps * keeps);
  const bytes = random.bytes(8);
  return {
    northMS: gust.northMS * keeps + fresh * normal(bytes, 0),
    eastMS: gust.eastMS * keeps + fresh * normal(bytes, 4),
  };
}

/** Of steps that are all alike. */
let lastKept = { dtS: 0, keeps: 1 };

function keptAfter(dtS: number): number {
  if (lastKept.dtS !== dtS) lastKept = { dtS, keeps: Math.exp(-dtS / GUST_S) };
  return lastKept.keeps;
}

/** About standard normal: the sum of four uniform bytes, scaled to variance 1. */
function normal(bytes: Uint8Array, from: number): number {
  let sum = -510;
  for (let i = from; i < from + 4; i++) sum += bytes[i] ?? 0;
  return sum / 147.8;
}
