/** Mutants of plain values (message bodies, parsed JSON): what a schema must withstand. */
import fc from "fast-check";

type Container = Record<string, unknown> | unknown[];
type Change = [kind: number, at: number, by: number];

const NUMBER = fc.nat(0x7fff_ffff);
const CHANGES: fc.Arbitrary<Change[]> = fc.array(fc.tuple(fc.nat(0xffff), NUMBER, NUMBER), { maxLength: 4 });

/** In place of any field. Functions, so that no case can change another's. */
const STRANGE: readonly (() => unknown)[] = [
  ...[null, undefined, true, false, 0, -0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308].map(
    constant,
  ),
  ...[2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 53, -(2 ** 53), Number.MIN_VALUE].map(constant),
  ...[0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 64n), 2n ** 600n].map(constant),
  ...["", " ", "\0", "__proto__", "constructor", "\ud800", "x\udfff", "-1", "1e999", "NaN"].map(constant),
  ...["z6Mk", "../../etc/passwd", "segment/1/#", "\u202e", "é", "0".repeat(48)].map(constant),
  () => "x".repeat(70_000),
  ...[() => [], () => ({}), () => [[[[]]]], () => new Array<number>(2_000).fill(0)],
  ...[0, 1, 31, 32, 33, 64, 5_000].map((length) => () => new Uint8Array(length)),
  () => new Date(0),
  () => new Map([["a", 1]]),
  () => withProto({}),
  () => JSON.parse('{"length": 4294967295}') as unknown,
];

function constant(value: unknown): () => unknown {
  return () => value;
}

/** The samples with up to four changes: fields dropped, added, exchanged, of other types, at bounds. */
export function mutatedValue(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  if (samples.length === 0) throw new Error("nothing to mutate");
  return fc.tuple(fc.nat(samples.length - 1), CHANGES).map(([which, changes]) => {
    // In a list of one, the whole value can be replaced too.
    const root: unknown[] = [structuredClone(samples[which])];
    for (const change of changes) changeValue(root, change);
    return root.length === 1 ? root[0] : root;
  });
}

function changeValue(root: unknown[], [kind, at, by]: Change): void {
  const places = findPlaces(root);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return;
  const { holder, key } = place;
  const value = read(holder, key);
  switch (kind % 8) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, structuredClone(value));
      else put(holder, by % 3 === 0 ? "__proto__" : `extra${by % 9}`, STRANGE[by % STRANGE.length]!());
      return;
    case 2: {
      const other = places[by % places.length]!;
      // A place inside the other would make a value that contains itself.
      const exchanged = structuredClone(read(other.holder, other.key));
      put(holder, key, exchanged);
      return;
    }
    case 3:
    case 4:
      put(holder, key, STRANGE[by % STRANGE.length]!());
      return;
    case 5:
      put(holder, key, [value]);
      return;
    default:
      put(holder, key, neighbour(value, by));
  }
}

/** The same type, a little beside. */
function neighbour(value: unknown, by: number): unknown {
  const step = by % 2 === 0 ? 1 : -1;
  if (typeof value === "number") return by % 5 === 0 ? -value : by % 7 === 0 ? value + 0.5 : value + step;
  if (typeof value === "bigint") return by % 5 === 0 ? -value : value + BigInt(step);
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") {
    const at = value.length === 0 ? 0 : by % value.length;
    const middle = String.fromCharCode(by % 5 === 0 ? by & 0xffff : 32 + (by % 95));
    return by % 3 === 0 ? value.slice(0, at) : value.slice(0, at) + middle + value.slice(at + (by % 2));
  }
  if (value instanceof Uint8Array) {
    const at = value.length === 0 ? 0 : by % value.length;
    if (by % 3 === 0) return value.slice(0, at);
    const copy = value.slice();
    if (copy.length > 0) copy[at]! ^= 1 << (by % 8);
    return copy;
  }
  return Array.isArray(value) ? value.toReversed() : value;
}

interface Place {
  holder: Container;
  key: string;
}

function findPlaces(root: Container): Place[] {
  const places: Place[] = Object.keys(root).map((key) => ({ holder: root, key }));
  for (let i = 0; i < places.length && places.length < 2_000; i++) {
    const value = read(places[i]!.holder, places[i]!.key);
    if (isContainer(value)) places.push(...Object.keys(value).map((key) => ({ holder: value, key })));
  }
  return places;
}

function isContainer(value: unknown): value is Container {
  if (Array.isArray(value)) return true;
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function read(holder: Container, key: string): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value;
}

/** Defined rather than assigned: `__proto__` too becomes an own field. */
function put(holder: Container, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function withProto(object: Record<string, unknown>): unknown {
  put(object, "__proto__", { polluted: true });
  return object;
}
