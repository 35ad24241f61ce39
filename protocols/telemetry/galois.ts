/**
 * Arithmetic in GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), and the matrices of the
 * erasure code. The field and the matrix are those of zfec (Rizzo's fec.c), so that its shards and ours are
 * the same bytes.
 */
import { SegmentError } from "../errors.ts";

const POLYNOMIAL = 0x11d;

/** Powers of the generator 2, twice over, so that a sum of two logarithms needs no modulo. */
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value <<= 1;
  if (value & 0x100) value ^= POLYNOMIAL;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!;
}

/** The multiplicative inverse; `a` is not zero. */
export function inverse(a: number): number {
  return EXP[255 - LOG[a]!]!;
}

/** Rows of field elements. */
export type Matrix = Uint8Array[];

export function multiplyMatrices(left: Matrix, right: Matrix): Matrix {
  const columns = right[0]?.length ?? 0;
  return left.map((row) => {
    const product = new Uint8Array(columns);
    row.forEach((factor, inner) => {
      for (let column = 0; column < columns; column += 1) {
        product[column]! ^= multiply(factor, right[inner]![column]!);
      }
    });
    return product;
  });
}

/**
 * Gauss-Jordan elimination. Throws `internal` for a singular matrix, which no choice of rows below can give.
 */
export function invertMatrix(matrix: Matrix): Matrix {
  const size = matrix.length;
  const work = matrix.map((row, index) => {
    const wide = new Uint8Array(2 * size);
    wide.set(row);
    wide[size + index] = 1;
    return wide;
  });
  for (let column = 0; column < size; column += 1) {
    const pivotRow = work.findIndex((row, index) => index >= column && row[column] !== 0);
    if (pivotRow < 0) throw new SegmentError("internal", "the matrix of the erasure code is singular");
    [work[column], work[pivotRow]] = [work[pivotRow]!, work[column]!];
    const pivot = work[column]!;
    const scale = inverse(pivot[column]!);
    for (let at = 0; at < pivot.length; at += 1) pivot[at] = multiply(pivot[at]!, scale);
    for (const row of work) {
      const factor = row[column]!;
      if (row === pivot || factor === 0) continue;
      for (let at = 0; at < row.length; at += 1) row[at]! ^= multiply(factor, pivot[at]!);
    }
  }
  return work.map((row) => row.slice(size));
}

/**
 * The n x k matrix of the systematic code: a Vandermonde matrix over the points 0, 1, 2, 4, 8, ... made
 * systematic by the inverse of its first k rows (fec_new in zfec's fec.c). Any k of its rows are invertible.
 */
export function codeMatrix(k: number, n: number): Matrix {
  const vandermonde: Matrix = [];
  for (let row = 0; row < n; row += 1) {
    const point = new Uint8Array(k);
    for (let column = 0; column < k; column += 1) {
      if (row === 0) point[column] = column === 0 ? 1 : 0;
      else point[column] = EXP[((row - 1) * column) % 255]!;
    }
    vandermonde.push(point);
  }
  return multiplyMatrices(vandermonde, invertMatrix(vandermonde.slice(0, k)));
}
