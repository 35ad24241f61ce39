/** What a guest key lets somebody do: at which target, which actions. */
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";

/** In the order of their bits on the wire; append only. "watch" moves nothing: it lets somebody look on. */
export const ACTIONS = ["open", "close", "lock", "unlock", "on", "off", "watch"] as const;
export type Action = (typeof ACTIONS)[number];

export interface Right {
  /** The device's name for it ("door", "shutter-2"): 1 to 32 of a-z, 0-9 and hyphen, a letter first. */
  target: string;
  /** At least one, none twice. */
  actions: readonly Action[];
}

export const MAX_RIGHTS = 16;
export const TARGET = /^[a-z][a-z0-9-]{0,31}$/;

/** [[target, bits of its actions], …], by target. */
export function encodeRights(rights: readonly Right[]): CborValue[] {
  const ordered = rights.toSorted((a, b) => (a.target < b.target ? -1 : 1));
  return ordered.map(({ target, actions }) => [target, bitsOf(actions)]);
}

/** Each target once, in order. Throws `cbor-wrong-shape` or `guest-key-invalid`. */
export function readRights(list: readonly CborValue[]): Right[] {
  if (list.length < 1 || list.length > MAX_RIGHTS) throw invalid(`it names ${list.length} targets`);
  const rights = list.map((value) => {
    const reader = new FieldReader(value, "right", 2);
    const target = reader.text("target", { max: 32 });
    const bits = reader.int("actions", { min: 1, max: 2 ** ACTIONS.length - 1 });
    if (!TARGET.test(target)) throw invalid("a target is not of a-z, 0-9 and hyphen");
    return { target, actions: ACTIONS.filter((_, index) => (bits >> index) & 1) };
  });
  for (let at = 1; at < rights.length; at++) {
    if (rights[at - 1]!.target >= rights[at]!.target) throw invalid("its targets are not in order");
  }
  return rights;
}

/** Whether the rights hold this one. */
export function allows(rights: readonly Right[], target: string, action: Action): boolean {
  return rights.some((right) => right.target === target && right.actions.includes(action));
}

export function rightsWithin(inner: readonly Right[], outer: readonly Right[]): boolean {
  return inner.every(({ target, actions }) => actions.every((action) => allows(outer, target, action)));
}

function bitsOf(actions: readonly Action[]): number {
  return ACTIONS.reduce((bits, action, index) => (actions.includes(action) ? bits | (1 << index) : bits), 0);
}

function invalid(problem: string): SegmentError {
  return new SegmentError("guest-key-invalid", `the key's rights are refused: ${problem}`, {
    where: "rights",
  });
}
