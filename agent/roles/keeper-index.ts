/**
 * What a keeper holds, in memory: one shard a chunk, counted against its quotas. Each entry is one blob whose
 * key says all that the index needs, so that a start reads names and no data:
 *
 *   keeper/<publisher + stream, hex>/<sequence>/<shard index>/<bytes>/<manifest hash, hex>
 */
import { toHex } from "../../protocols/encoding/bytes.ts";

export interface KeeperLimits {
  /** Bytes that one stream may take. */
  streamBytes: number;
  /** Bytes in all. */
  totalBytes: number;
  /** Streams in all: each costs memory. */
  streams: number;
}

export const DEFAULT_KEEPER_LIMITS: KeeperLimits = {
  streamBytes: 1024 * 1024 * 1024,
  totalBytes: 16 * 1024 * 1024 * 1024,
  streams: 10_000,
};

export interface Held {
  /** Of the blob. */
  key: string;
  index: number;
  bytes: number;
  /** Hex. */
  manifestHash: string;
  /** Settles with the write: before it resolves nothing is acknowledged. */
  durable: Promise<void>;
}

interface HeldStream {
  bytes: number;
  chunks: Map<number, Held>;
  /** Sequence numbers in order; undefined when it has to be made again. */
  ordered: number[] | undefined;
}

const PREFIX = "keeper/";
const KEY = /^keeper\/([0-9a-f]{128})\/(\d{16})\/(\d{1,3})\/(\d{1,12})\/([0-9a-f]{64})$/;

export interface ChunkName {
  publisher: Uint8Array;
  streamId: Uint8Array;
  sequence: number;
}

export class KeeperIndex {
  readonly #limits: KeeperLimits;
  readonly #streams = new Map<string, HeldStream>();
  #bytes = 0;

  constructor(limits: KeeperLimits) {
    this.#limits = limits;
  }

  static readonly prefix = PREFIX;

  static chunkKey(name: ChunkName): string {
    return `${PREFIX}${streamKey(name)}/${String(name.sequence).padStart(16, "0")}`;
  }

  static blobKey(name: ChunkName, index: number, bytes: number, manifestHash: string): string {
    return `${KeeperIndex.chunkKey(name)}/${index}/${bytes}/${manifestHash}`;
  }

  /** Takes up a blob of an earlier run. Two of one chunk cannot be: the first stays. */
  restore(blobKey: string): void {
    const match = KEY.exec(blobKey);
    if (match === null) return;
    const [, stream, sequence, index, bytes, manifestHash] = match;
    const held = {
      ...{ key: blobKey, index: Number(index), bytes: Number(bytes), manifestHash: manifestHash! },
      durable: Promise.resolve(),
    };
    this.#insert(stream!, Number(sequence), held);
  }

  /** Whether the quotas leave room for so many bytes more of this stream. */
  hasRoom(name: ChunkName, bytes: number): boolean {
    const stream = this.#streams.get(streamKey(name));
    if (stream === undefined && this.#streams.size >= this.#limits.streams) return false;
    return (
      this.#bytes + bytes <= this.#limits.totalBytes &&
      (stream?.bytes ?? 0) + bytes <= this.#limits.streamBytes
    );
  }

  get(name: ChunkName): Held | undefined {
    return this.#streams.get(streamKey(name))?.chunks.get(name.sequence);
  }

  add(name: ChunkName, held: Held): void {
    this.#insert(streamKey(name), name.sequence, held);
  }

  remove(name: ChunkName): void {
    const key = streamKey(name);
    const stream = this.#streams.get(key);
    const held = stream?.chunks.get(name.sequence);
    if (stream === undefined || held === undefined) return;
    stream.chunks.delete(name.sequence);
    stream.ordered = undefined;
    stream.bytes -= held.bytes;
    this.#bytes -= held.bytes;
    if (stream.chunks.size === 0) this.#streams.delete(key);
  }

  /** Sequence numbers of a stream from `from` on, ascending, at most `limit`. */
  sequences(name: Omit<ChunkName, "sequence">, from: number, limit: number): number[] {
    const stream = this.#streams.get(streamKey(name));
    if (stream === undefined) return [];
    stream.ordered ??= [...stream.chunks.keys()].sort((a, b) => a - b);
    const ordered = stream.ordered;
    let low = 0;
    let high = ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordered[middle]! < from) low = middle + 1;
      else high = middle;
    }
    return ordered.slice(low, low + limit);
  }

  usage(): { bytes: number; streams: number; chunks: number } {
    let chunks = 0;
    for (const stream of this.#streams.values()) chunks += stream.chunks.size;
    return { bytes: this.#bytes, streams: this.#streams.size, chunks };
  }

  #insert(key: string, sequence: number, held: Held): void {
    const stream = this.#streams.get(key) ?? { bytes: 0, chunks: new Map<number, Held>(), ordered: [] };
    if (stream.chunks.has(sequence)) return;
    this.#streams.set(key, stream);
    stream.chunks.set(sequence, held);
    const last = stream.ordered?.at(-1);
    if (last !== undefined && last > sequence) stream.ordered = undefined;
    else stream.ordered?.push(sequence);
    stream.bytes += held.bytes;
    this.#bytes += held.bytes;
  }
}

function streamKey(name: Omit<ChunkName, "sequence">): string {
  return toHex(name.publisher) + toHex(name.streamId);
}
