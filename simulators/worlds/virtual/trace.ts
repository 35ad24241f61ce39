/** What happened in a run, as people read it: who did what when. */
import { START_MS } from "./village.ts";

export interface TraceLine {
  atMs: number;
  who: string;
  what: string;
  /** One deed among many: for those who want all of them. */
  isDeed?: boolean;
}

/** "00:42.137  drone      actuates land" */
export function traceText({ atMs, who, what }: TraceLine): string {
  const ms = Math.round(atMs - START_MS);
  const minutes = String(Math.floor(ms / 60_000)).padStart(2, "0");
  const seconds = ((ms % 60_000) / 1_000).toFixed(3).padStart(6, "0");
  return `${minutes}:${seconds}  ${who.padEnd(10)} ${what}`;
}
