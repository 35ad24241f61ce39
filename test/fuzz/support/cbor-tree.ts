/**
 * CBOR as a tree that may be bent: read leniently, changed at will, written back with lengths that fit
 * (or, where a head is forced, that lie). A byte string that holds CBOR is opened, so that a change
 * reaches the payload of a signature and the lengths around it still fit.
 */
import { concat } from "../../../protocols/encoding/bytes.ts";

export interface CborNode {
  major: number;
  /** Of integers, tags and simple values; lengths follow from what is inside. */
  argument: number | bigint;
  /** Written instead of the proper head. */
  head?: Uint8Array | undefined;
  /** Of byte and text strings, unless `children` holds the CBOR inside. */
  content?: Uint8Array | undefined;
  children: CborNode[];
  /** The bytes that were read. */
  source?: Uint8Array | undefined;
}

const MAX_DEPTH = 40;
const MAX_NODES = 4_000;

/** The tree of `bytes`, or undefined when they are not one whole definite-length CBOR item. */
export function parseTree(bytes: Uint8Array): CborNode | undefined {
  const cursor = { bytes, at: 0, nodes: 0 };
  const node = parseNode(cursor, 0);
  return node !== undefined && cursor.at === bytes.length ? node : undefined;
}

interface Cursor {
  bytes: Uint8Array;
  at: number;
  nodes: number;
}

function parseNode(cursor: Cursor, depth: number): CborNode | undefined {
  if (depth > MAX_DEPTH || ++cursor.nodes > MAX_NODES) return undefined;
  const begin = cursor.at;
  const node = parseItem(cursor, depth, begin);
  if (node !== undefined) node.source = cursor.bytes.subarray(begin, cursor.at);
  return node;
}

function parseItem(cursor: Cursor, depth: number, begin: number): CborNode | undefined {
  const head = parseHead(cursor);
  if (head === undefined) return undefined;
  const { major, argument } = head;
  if (major === 7) return { major, argument, head: cursor.bytes.slice(begin, cursor.at), children: [] };
  if (major <= 1) return { major, argument, children: [] };
  if (major <= 3) {
    const end = cursor.at + Number(argument);
    if (end > cursor.bytes.length) return undefined;
    const content = cursor.bytes.slice(cursor.at, end);
    cursor.at = end;
    // A key or hash of 32 bytes may be CBOR by chance: only an array, a map or a tag counts as inside.
    const inside =
      major === 2 && content.length > 2 && content[0]! >> 5 >= 4 ? parseTree(content) : undefined;
    return inside !== undefined && inside.major < 7
      ? { major, argument, children: [inside] }
      : { major, argument, content, children: [] };
  }
  const count = major === 6 ? 1 : Number(argument) * (major === 5 ? 2 : 1);
  if (count > cursor.bytes.length) return undefined;
  const children: CborNode[] = [];
  for (let i = 0; i < count; i++) {
    const child = parseNode(cursor, depth + 1);
    if (child === undefined) return undefined;
    children.push(child);
  }
  return { major, argument, children };
}

function parseHead(cursor: Cursor): { major: number; argument: number | bigint } | undefined {
  const initial = cursor.bytes[cursor.at++];
  if (initial === undefined) return undefined;
  const major = initial >> 5;
  const info = initial & 31;
  if (info < 24) return { major, argument: info };
  if (info > 27) return undefined;
  let argument = 0n;
  for (let i = 0; i < 1 << (info - 24); i++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return undefined;
    argument = (argument << 8n) | BigInt(byte);
  }
  return { major, argument: argument <= Number.MAX_SAFE_INTEGER ? Number(argument) : argument };
}

export function writeTree(node: CborNode): Uint8Array {
  const bytes: number[] = [];
  writeNode(node, bytes);
  return Uint8Array.from(bytes);
}

function writeNode(node: CborNode, bytes: number[]): void {
  const { major, children, content, head } = node;
  if (major === 2 || major === 3) {
    const inside = content ?? (children.length === 1 ? writeTree(children[0]!) : joined(children));
    if (head === undefined) pushHead(bytes, major, inside.length);
    else pushAll(bytes, head);
    pushAll(bytes, inside);
    return;
  }
  const count = major === 5 ? Math.floor(children.length / 2) : children.length;
  if (head === undefined) pushHead(bytes, major, major === 4 || major === 5 ? count : node.argument);
  else pushAll(bytes, head);
  for (const child of children) writeNode(child, bytes);
}

function joined(nodes: readonly CborNode[]): Uint8Array {
  return concat(...nodes.map(writeTree));
}

function pushAll(bytes: number[], more: Uint8Array): void {
  for (let i = 0; i < more.length; i++) bytes.push(more[i]!);
}

function pushHead(bytes: number[], major: number, argument: number | bigint): void {
  if (argument < 24) bytes.push((major << 5) | Number(argument));
  else if (argument < 0x100) bytes.push((major << 5) | 24, Number(argument));
  else pushAll(bytes, cborHead(major, argument));
}

/** The shortest head; `info` 24 to 27 asks for that many argument bytes, shortest or not. */
export function cborHead(major: number, argument: number | bigint, info?: number): Uint8Array {
  if (info === undefined && argument < 24) return Uint8Array.of((major << 5) | Number(argument));
  const byArgument = argument < 0x100 ? 24 : argument < 0x1_0000 ? 25 : argument < 2 ** 32 ? 26 : 27;
  const chosen = info ?? byArgument;
  const width = 1 << (chosen - 24);
  const head = new Uint8Array(1 + width);
  head[0] = (major << 5) | chosen;
  let rest = BigInt(argument);
  for (let i = width; i > 0; i--, rest >>= 8n) head[i] = Number(rest & 0xffn);
  return head;
}

/** A copy whose nodes may be changed; contents are shared, and replaced rather than written to. */
export function cloneTree(node: CborNode): CborNode {
  const { major, argument, head, content, source, children } = node;
  return { major, argument, head, content, source, children: children.map(cloneTree) };
}

/** All nodes with their parents, from the root down. */
export function flattenTree(root: CborNode): { node: CborNode; parent: CborNode | undefined }[] {
  const found: { node: CborNode; parent: CborNode | undefined }[] = [{ node: root, parent: undefined }];
  for (let i = 0; i < found.length; i++) {
    const parent = found[i]!.node;
    for (const node of parent.children) found.push({ node, parent });
  }
  return found;
}

/**
 * Any JavaScript value as CBOR, whatever a dishonest peer may send: floats, undefined, repeated and
 * `__proto__` keys (give a list of pairs as PAIRS), texts with lone surrogates as broken UTF-8.
 */
export function encodeLoose(value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  writeLoose(value, parts, 0);
  return concat(...parts);
}

function writeLoose(value: unknown, parts: Uint8Array[], depth: number): void {
  if (depth > 200 || value === null) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === "number") parts.push(looseNumber(value));
  else if (typeof value === "bigint") parts.push(looseBigint(value));
  else if (typeof value === "string") {
    const encoded = looseText(value);
    parts.push(cborHead(3, encoded.length), encoded);
  } else if (value instanceof Uint8Array) parts.push(cborHead(2, value.length), value);
  else if (Array.isArray(value)) {
    parts.push(cborHead(4, value.length));
    for (const item of value) writeLoose(item, parts, depth + 1);
  } else if (typeof value === "object") {
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    parts.push(cborHead(5, entries.length));
    for (const [key, item] of entries) {
      writeLoose(key, parts, depth + 1);
      writeLoose(item, parts, depth + 1);
    }
  } else parts.push(Uint8Array.of(0xf7));
}

function looseNumber(value: number): Uint8Array {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value);
  }
  const bytes = new Uint8Array(9);
  bytes[0] = 0xfb;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

function looseBigint(value: bigint): Uint8Array {
  const argument = value < 0n ? -1n - value : value;
  if (argument < 2n ** 64n) return cborHead(value < 0n ? 1 : 0, argument);
  const hex = argument.toString(16);
  const padded = hex.padStart(hex.length + (hex.length % 2), "0");
  const magnitude = Uint8Array.from(padded.match(/../g)!, (byte) => Number.parseInt(byte, 16));
  return concat(cborHead(6, value < 0n ? 3 : 2), cborHead(2, magnitude.length), magnitude);
}

/** UTF-8, and for a lone surrogate the three bytes that UTF-8 forbids. */
function looseText(value: string): Uint8Array {
  if (!LONE_SURROGATE.test(value)) return encoder.encode(value);
  const parts: Uint8Array[] = [];
  for (const character of value) {
    const code = character.codePointAt(0)!;
    const isLone = code >= 0xd800 && code < 0xe000;
    const surrogate = Uint8Array.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    parts.push(isLone ? surrogate : encoder.encode(character));
  }
  return concat(...parts);
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const encoder = new TextEncoder();
