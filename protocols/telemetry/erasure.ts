/**
 * Reed-Solomon erasure code over GF(256), systematic: the first k shards are the data itself, any k of the n
 * shards rebuild it. The same bytes as zfec (Tahoe-LAFS). It gives no secrecy and finds no errors: seal first
 * (seal.ts), and check every shard's hash before it comes here (manifest.ts).
 */
import { SegmentError } from "../errors.ts";
import { codeMatrix, invertMatrix, multiplyMatrices, type Matrix } from "./galois.ts";
import { kernel as fastestKernel, type Kernel } from "./kernel.ts";

/**
 * The most shards a chunk may have: far beyond what anybody places, small enough that matrices stay cheap.
 */
export const MAX_SHARDS = 64;
/** The largest data that is encoded at once. */
export const MAX_ERASURE_BYTES = 16 * 1024 * 1024;

/** Shards by index; `undefined` where one is missing. */
export type Shards = readonly (Uint8Array | undefined)[];

/** Refuses any k and n but 1 <= k <= n <= MAX_SHARDS with `option-invalid`. */
export function checkCode(k: number, n: number): void {
  if (!Number.isInteger(k) || !Number.isInteger(n) || k < 1 || n < k || n > MAX_SHARDS) {
    throw new SegmentError("option-invalid", `a code of ${k} of ${n} shards is not possible`, {
      where: "k, n",
    });
  }
}

/** Matrices already made: a network uses one or two codes, and the bound on k and n bounds the map. */
const matrices = new Map<number, Matrix>();

function matrixOf(k: number, n: number): Matrix {
  const key = k * (MAX_SHARDS + 1) + n;
  let matrix = matrices.get(key);
  if (matrix === undefined) {
    matrix = codeMatrix(k, n);
    matrices.set(key, matrix);
  }
  return matrix;
}

/**
 * Cuts `data`, a multiple of k bytes, into k shards and adds n - k more. The first k are views of `data`.
 * Errors: `option-invalid` for k, n or a length that does not fit.
 */
export function encodeShards(
  data: Uint8Array,
  k: number,
  n: number,
  kernel: Kernel = fastestKernel(),
): Uint8Array[] {
  checkCode(k, n);
  if (data.length === 0 || data.length % k !== 0 || data.length > MAX_ERASURE_BYTES) {
    throw new SegmentError("option-invalid", `${data.length} bytes do not cut into ${k} shards`, {
      where: "data",
    });
  }
  const shardBytes = data.length / k;
  const shards: Uint8Array[] = [];
  for (let index = 0; index < k; index += 1) {
    shards.push(data.subarray(index * shardBytes, (index + 1) * shardBytes));
  }
  const parity = Array.from({ length: n - k }, () => new Uint8Array(shardBytes));
  kernel.multiplyAdd(matrixOf(k, n).slice(k), shards, parity);
  return [...shards, ...parity];
}

/**
 * Rebuilds the data from any k shards.
 * Errors: `shards-missing` when fewer than k are there, `shard-invalid` when their lengths differ.
 */
export function decodeShards(
  shards: Shards,
  k: number,
  n: number,
  kernel: Kernel = fastestKernel(),
): Uint8Array {
  checkCode(k, n);
  const present = chooseShards(shards, k, n);
  const shardBytes = present[0]!.shard.length;
  const data = new Uint8Array(k * shardBytes);
  const missing: number[] = [];
  for (let index = 0; index < k; index += 1) {
    const found = present.find((one) => one.index === index);
    if (found === undefined) missing.push(index);
    else data.set(found.shard, index * shardBytes);
  }
  if (missing.length === 0) return data;
  const matrix = matrixOf(k, n);
  const decode = invertMatrix(present.map((one) => matrix[one.index]!));
  kernel.multiplyAdd(
    missing.map((index) => decode[index]!),
    present.map((one) => one.shard),
    missing.map((index) => data.subarray(index * shardBytes, (index + 1) * shardBytes)),
  );
  return data;
}

/**
 * Makes one lost shard again from any k others, without any key: what a repairer does.
 * Errors: as `decodeShards`.
 */
export function rebuildShard(shards: Shards, lost: number, k: number, n: number): Uint8Array {
  checkCode(k, n);
  if (!Number.isInteger(lost) || lost < 0 || lost >= n) {
    throw new SegmentError("option-invalid", `there is no shard ${lost} of ${n}`, { where: "lost" });
  }
  const present = chooseShards(shards, k, n);
  const matrix = matrixOf(k, n);
  const decode = invertMatrix(present.map((one) => matrix[one.index]!));
  const target = new Uint8Array(present[0]!.shard.length);
  const factors = multiplyMatrices([matrix[lost]!], decode);
  fastestKernel().multiplyAdd(
    factors,
    present.map((one) => one.shard),
    [target],
  );
  return target;
}

/**
 * The first k shards that are there, data shards first, so that nothing is computed when nothing is missing.
 */
function chooseShards(shards: Shards, k: number, n: number): { index: number; shard: Uint8Array }[] {
  const present: { index: number; shard: Uint8Array }[] = [];
  for (let index = 0; index < Math.min(n, shards.length) && present.length < k; index += 1) {
    const shard = shards[index];
    if (shard !== undefined) present.push({ index, shard });
  }
  if (present.length < k) {
    throw new SegmentError("shards-missing", `${present.length} shards are there, ${k} are needed`);
  }
  const shardBytes = present[0]!.shard.length;
  if (
    shardBytes === 0 ||
    shardBytes * k > MAX_ERASURE_BYTES ||
    present.some((one) => one.shard.length !== shardBytes)
  ) {
    throw new SegmentError("shard-invalid", "the shards differ in length, are empty or are too large");
  }
  return present;
}
