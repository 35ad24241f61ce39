/**
 * The inner loop of the erasure code, `target ^= factor * source` in GF(256), in two forms that give the same
 * bytes: SIMD WebAssembly (16 bytes a step, by tables of the low and the high nibble), and plain JavaScript
 * where there is no SIMD.
 */
import { multiply } from "./galois.ts";
import { KERNEL_WASM, KERNEL_TABLES_AT } from "./kernel-wasm.ts";

/** `targets[i] ^= sum over j of factors[i][j] * sources[j]`; all sources and targets have one length. */
export interface Kernel {
  readonly name: "wasm-simd" | "javascript";
  multiplyAdd(
    factors: readonly Uint8Array[],
    sources: readonly Uint8Array[],
    targets: readonly Uint8Array[],
  ): void;
}

/** One row of 256 products a factor. */
function productTables(): Uint8Array[] {
  return Array.from({ length: 256 }, (_, factor) =>
    Uint8Array.from({ length: 256 }, (__, x) => multiply(factor, x)),
  );
}

export function javascriptKernel(): Kernel {
  const products = productTables();
  return {
    name: "javascript",
    multiplyAdd(factors, sources, targets) {
      targets.forEach((target, row) => {
        sources.forEach((source, column) => {
          const factor = factors[row]![column]!;
          if (factor === 0) return;
          const product = products[factor]!;
          for (let at = 0; at < target.length; at += 1) target[at]! ^= product[source[at]!]!;
        });
      });
    },
  };
}

/** Bytes of each shard worked on at once: a source and a few targets stay in the first-level cache. */
const STRIP_BYTES = 4096;
const PAGE_BYTES = 65536;
const SOURCE_AT = KERNEL_TABLES_AT + 256 * 32;
const TARGETS_AT = SOURCE_AT + STRIP_BYTES;

/** Undefined where WebAssembly or its SIMD is missing or forbidden. */
export function wasmKernel(): Kernel | undefined {
  let instance: WebAssembly.Instance;
  try {
    instance = new WebAssembly.Instance(new WebAssembly.Module(KERNEL_WASM));
  } catch {
    return undefined;
  }
  const memory = instance.exports["memory"] as WebAssembly.Memory;
  const multiplyAddStrip = instance.exports["multiplyAdd"] as (
    target: number,
    source: number,
    length: number,
    factor: number,
  ) => void;
  let bytes = new Uint8Array(memory.buffer);
  for (let factor = 0; factor < 256; factor += 1) {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      bytes[KERNEL_TABLES_AT + factor * 32 + nibble] = multiply(factor, nibble);
      bytes[KERNEL_TABLES_AT + factor * 32 + 16 + nibble] = multiply(factor, nibble << 4);
    }
  }

  function makeRoom(targets: number): void {
    const missing = TARGETS_AT + targets * STRIP_BYTES - memory.buffer.byteLength;
    if (missing > 0) {
      memory.grow(Math.ceil(missing / PAGE_BYTES));
      bytes = new Uint8Array(memory.buffer);
    }
  }

  function strip(
    start: number,
    end: number,
    factors: readonly Uint8Array[],
    sources: readonly Uint8Array[],
    targets: readonly Uint8Array[],
  ): void {
    // Whole vectors: what lies between the end and the next multiple of 16 is computed and never read.
    const length = Math.ceil((end - start) / 16) * 16;
    targets.forEach((target, row) => bytes.set(target.subarray(start, end), TARGETS_AT + row * STRIP_BYTES));
    sources.forEach((source, column) => {
      bytes.set(source.subarray(start, end), SOURCE_AT);
      for (let row = 0; row < targets.length; row += 1) {
        const factor = factors[row]![column]!;
        if (factor !== 0) multiplyAddStrip(TARGETS_AT + row * STRIP_BYTES, SOURCE_AT, length, factor);
      }
    });
    targets.forEach((target, row) => {
      const at = TARGETS_AT + row * STRIP_BYTES;
      target.set(bytes.subarray(at, at + end - start), start);
    });
  }

  return {
    name: "wasm-simd",
    multiplyAdd(factors, sources, targets) {
      makeRoom(targets.length);
      const length = targets[0]?.length ?? 0;
      for (let start = 0; start < length; start += STRIP_BYTES) {
        strip(start, Math.min(start + STRIP_BYTES, length), factors, sources, targets);
      }
    },
  };
}

let fastest: Kernel | undefined;

/** The faster kernel that works here; made once, at its first use. */
export function kernel(): Kernel {
  fastest ??= wasmKernel() ?? javascriptKernel();
  return fastest;
}
