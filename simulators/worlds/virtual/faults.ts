/**
 * What goes wrong in a run, drawn from its seed before it begins: who dies at which deed
 * and for how long, who is cut off when, whose clock is wrong by how much, and who lies.
 * Everything ends: after `FAULTS_END_MS` all are connected and all clocks are right, and whoever dies
 * at some deed lives again half a minute later.
 */
import { SegmentError } from "../../../protocols/errors.ts";
import type { seededRandom } from "../../random.ts";
import type { Fate } from "./life.ts";
import { KEEPERS, NOTARIES, START_MS } from "./village.ts";

export const FAULT_KINDS = ["crash", "partition", "skew", "liars"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const MEMBERS = ["drone", "phone", "shop", ...NOTARIES, ...KEEPERS] as const;
export type MemberName = (typeof MEMBERS)[number];

/** Since the run's start. */
export const FAULTS_END_MS = 15 * 60_000;

export interface Kill {
  who: MemberName;
  /** Counted over all lives, from 1. */
  deed: number;
  when: Exclude<Fate, "lives">;
  downMs: number;
}

export interface Cut {
  who: readonly MemberName[];
  /** The broker falls apart, rather than that they lose it. */
  partition: boolean;
  fromMs: number;
  untilMs: number;
}

/** A clock that is wrong from one moment on, until it is set right. */
export interface Skew {
  who: MemberName;
  fromMs: number;
  untilMs: number;
  byMs: number;
}

export const LIES = [
  "broker-repeats",
  "broker-forges",
  "notary-lies",
  "entries-forged",
  "stranger-replays",
  "buyer-far",
  "buyer-leaves",
  "buyer-forges",
  "drone-claims",
  "shop-greedy",
] as const;
export type Lie = (typeof LIES)[number];

/** The parties themselves: with them few deliveries end well. */
const PARTIES_LIE: readonly Lie[] = [
  "buyer-far",
  "buyer-leaves",
  "buyer-forges",
  "drone-claims",
  "shop-greedy",
];

export interface Faults {
  kills: readonly Kill[];
  cuts: readonly Cut[];
  skews: readonly Skew[];
  lies: readonly Lie[];
}

export const NO_FAULTS: Faults = { kills: [], cuts: [], skews: [], lies: [] };

/** Reads `--faults crash,partition`; "all" names all of them, "" none. Errors: option-invalid. */
export function faultKindsOf(text: string): FaultKind[] {
  const names = text.split(",").filter((name) => name !== "" && name !== "none");
  if (names.includes("all")) return [...FAULT_KINDS];
  return names.map((name) => {
    const kind = FAULT_KINDS.find((one) => one === name);
    if (kind !== undefined) return kind;
    const problem = `there are no faults "${name}": choose from ${FAULT_KINDS.join(", ")}, all`;
    throw new SegmentError("option-invalid", problem, { where: "--faults" });
  });
}

/** Reads "drone,phone"; "all" names everybody. Errors: option-invalid. */
export function membersOf(text: string): MemberName[] {
  if (text === "all") return [...MEMBERS];
  return text.split(",").map((name) => {
    const member = MEMBERS.find((one) => one === name);
    if (member !== undefined) return member;
    const problem = `there is no agent "${name}": choose from ${MEMBERS.join(", ")}, all`;
    throw new SegmentError("option-invalid", problem, { where: "--each-crash" });
  });
}

/** Reads `--lies notary-lies,broker-repeats`. Errors: option-invalid. */
export function liesOf(text: string): Lie[] {
  return text.split(",").map((name) => {
    const lie = LIES.find((one) => one === name);
    if (lie !== undefined) return lie;
    const problem = `nobody lies "${name}": choose from ${LIES.join(", ")}`;
    throw new SegmentError("option-invalid", problem, { where: "--lies" });
  });
}

type Random = ReturnType<typeof seededRandom>;

/** About how many deeds each member does in a delivery without faults. */
export type Deeds = ReadonlyMap<MemberName, number>;

export function drawFaults(kinds: readonly FaultKind[], random: Random, deeds: Deeds): Faults {
  const has = (kind: FaultKind): boolean => kinds.includes(kind);
  return {
    kills: has("crash") ? several(random, 3, () => drawKill(random, deeds)) : [],
    cuts: has("partition") ? several(random, 3, () => drawCut(random)) : [],
    skews: has("skew") ? drawSkews(random) : [],
    lies: has("liars") ? LIES.filter((lie) => random.next() < (PARTIES_LIE.includes(lie) ? 0.08 : 0.4)) : [],
  };
}

/** The devices that people hold are killed more often than each of the others. */
function drawKill(random: Random, deeds: Deeds): Kill {
  const who =
    random.next() < 0.7
      ? pick<MemberName>(random, ["drone", "phone", "shop"])
      : pick<MemberName>(random, MEMBERS);
  const deed = 1 + Math.floor(random.next() * (deeds.get(who) ?? 100));
  const when = random.next() < 0.5 ? "dies-before" : "dies-after";
  return { who, deed, when, downMs: downtime(random) };
}

/** Most restarts are short, some take a while. */
function downtime(random: Random): number {
  return Math.round(random.next() < 0.7 ? 200 + random.next() * 5_000 : 5_000 + random.next() * 25_000);
}

function drawCut(random: Random): Cut {
  const fromMs = Math.round(random.next() * 4 * 60_000);
  const untilMs = fromMs + Math.round(500 + random.next() * 30_000);
  const partition = random.next() < 0.5;
  const who = partition ? MEMBERS.filter(() => random.next() < 0.5) : [pick<MemberName>(random, MEMBERS)];
  return { who, partition, fromMs, untilMs };
}

function drawSkews(random: Random): Skew[] {
  const skews: Skew[] = [];
  for (const who of MEMBERS) {
    if (random.next() < 0.5) continue;
    const byMs = Math.round((random.next() - 0.5) * 4 * 60_000);
    skews.push({ who, fromMs: 0, untilMs: FAULTS_END_MS, byMs });
  }
  // A clock that is set back an hour, and a device that wakes up in 1970.
  for (const byMs of [-60 * 60_000, -START_MS]) {
    if (random.next() < 0.7) continue;
    const fromMs = Math.round(random.next() * 4 * 60_000);
    const untilMs = fromMs + Math.round(random.next() * 5 * 60_000);
    skews.push({ who: pick<MemberName>(random, MEMBERS), fromMs, untilMs, byMs });
  }
  return skews;
}

function several<T>(random: Random, upTo: number, draw: () => T): T[] {
  return Array.from({ length: 1 + Math.floor(random.next() * upTo) }, draw);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random.next() * from.length)]!;
}
