import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeWith } from "../../test/support/shared.ts";
import { toHex } from "../encoding/bytes.ts";
import { decodeShards, encodeShards, MAX_SHARDS, rebuildShard } from "./erasure.ts";
import { keepOnly, refusal, subsets } from "../../test/support/telemetry.ts";
import { codeMatrix, inverse, invertMatrix, multiply, multiplyMatrices } from "./galois.ts";
import { javascriptKernel, kernel, wasmKernel } from "./kernel.ts";
import { KERNEL_WASM } from "./kernel-wasm.ts";

/** Bytes without a visible pattern, the same in each run. */
function sample(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
}

describe("GF(256)", () => {
  it("is a field", () => {
    for (let a = 1; a < 256; a += 1) expect(multiply(a, inverse(a))).toBe(1);
    expect(multiply(0x80, 2)).toBe(0x1d);
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.nat(255), (a, b, c) => {
        expect(multiply(a, multiply(b, c))).toBe(multiply(multiply(a, b), c));
        expect(multiply(a, b ^ c)).toBe(multiply(a, b) ^ multiply(a, c));
      }),
    );
  });

  it("inverts matrices", () => {
    const matrix = codeMatrix(5, 9).slice(4);
    const unit = multiplyMatrices(matrix, invertMatrix(matrix));
    expect(unit.map((row) => [...row])).toEqual(
      [0, 1, 2, 3, 4].map((i) => [0, 1, 2, 3, 4].map((j) => +(i === j))),
    );
  });
});

describe("erasure code", () => {
  it("opens with all 35 subsets of 4 of 7, in one process, one after another", () => {
    const data = sample(4 * 1000);
    const shards = encodeShards(data, 4, 7);
    const all = subsets(4, 7);
    expect(all).toHaveLength(35);
    for (const kept of all) expect(toHex(decodeShards(keepOnly(shards, kept), 4, 7))).toBe(toHex(data));
  });

  it("rebuilds each shard from each subset", () => {
    const shards = encodeShards(sample(4 * 33), 4, 7);
    for (const kept of subsets(4, 7)) {
      for (let lost = 0; lost < 7; lost += 1) {
        expect(toHex(rebuildShard(keepOnly(shards, kept), lost, 4, 7))).toBe(toHex(shards[lost]!));
      }
    }
  });

  it("round-trips any code, size and loss", () => {
    const codes = fc
      .integer({ min: 1, max: 20 })
      .chain((k) => fc.tuple(fc.constant(k), fc.integer({ min: k, max: Math.min(2 * k + 4, MAX_SHARDS) })));
    fc.assert(
      fc.property(
        codes,
        fc.integer({ min: 1, max: 9000 }),
        fc.infiniteStream(fc.double()),
        ([k, n], size, order) => {
          const data = sample(size * k, size);
          const shards = encodeShards(data, k, n);
          const weights = shards.map(() => order.next().value as number);
          const kept = [...shards.keys()].sort((a, b) => weights[a]! - weights[b]!).slice(0, k);
          expect(Buffer.compare(decodeShards(keepOnly(shards, kept), k, n), data)).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses what is out of bounds", () => {
    expect(refusal(() => encodeShards(sample(10), 4, 7))).toBe("option-invalid");
    expect(refusal(() => encodeShards(new Uint8Array(0), 4, 7))).toBe("option-invalid");
    expect(refusal(() => encodeShards(sample(8), 0, 7))).toBe("option-invalid");
    expect(refusal(() => encodeShards(sample(8), 8, 7))).toBe("option-invalid");
    expect(refusal(() => encodeShards(sample(8), 1.5, 7))).toBe("option-invalid");
    expect(refusal(() => encodeShards(sample(130), 65, 65))).toBe("option-invalid");
    const shards = encodeShards(sample(8), 4, 7);
    expect(refusal(() => decodeShards(keepOnly(shards, [0, 1, 2]), 4, 7))).toBe("shards-missing");
    expect(refusal(() => decodeShards([...shards.slice(0, 3), sample(3)], 4, 7))).toBe("shard-invalid");
    expect(refusal(() => rebuildShard(shards, 7, 4, 7))).toBe("option-invalid");
  });
});

describe("kernels", () => {
  it("runs WebAssembly here, and its module is small", () => {
    expect(kernel().name).toBe("wasm-simd");
    expect(WebAssembly.validate(KERNEL_WASM)).toBe(true);
    expect(KERNEL_WASM.length).toBeLessThan(400);
  });

  it("agrees with plain JavaScript for every factor, and at every length around its steps", () => {
    const wasm = wasmKernel()!;
    const javascript = javascriptKernel();
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    for (let factor = 0; factor < 256; factor += 1) {
      const expected = all.map((byte) => multiply(factor, byte) ^ 0x5a);
      for (const one of [wasm, javascript]) {
        const target = new Uint8Array(256).fill(0x5a);
        one.multiplyAdd([Uint8Array.of(factor)], [all], [target]);
        expect(toHex(target)).toBe(toHex(expected));
      }
    }
    for (const size of [1, 15, 16, 17, 4095, 4096, 4097, 8192, 10_001]) {
      const data = sample(3 * size);
      const [ours, theirs] = [wasm, javascript].map((one) => Buffer.concat(encodeShards(data, 3, 8, one)));
      expect(Buffer.compare(ours!, theirs!)).toBe(0);
    }
  });

  it("grows its memory for the largest code", () => {
    const data = sample(5000);
    const copies = encodeShards(data, 1, MAX_SHARDS, wasmKernel());
    expect(copies).toHaveLength(MAX_SHARDS);
    for (const copy of copies) expect(Buffer.compare(copy, data)).toBe(0);
  });
});

/** Debian's module belongs to Debian's Python, which need not be the first on the PATH. */
function pythonWithZfec(): string | undefined {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      execFileSync(python, ["-c", "import zfec"], { stdio: "ignore" });
      return python;
    } catch {
      continue;
    }
  }
  return undefined;
}

const python = pythonWithZfec();
const missing =
  python === undefined ? "skipped: Python's zfec is not installed (apt-get install python3-zfec)" : undefined;

describe("zfec vectors", () => {
  it("gives the bytes of zfec 1.5.2 for 4 of 7", () => {
    const shards = encodeShards(Uint8Array.from([1, 0, 0, 1, 0, 0, 0, 0]), 4, 7);
    expect(shards.map(toHex)).toEqual(["0100", "0001", "0000", "0000", "7740", "c7a7", "5302"]);
  });
});

describeWith("zfec (Tahoe-LAFS), the independent oracle", missing, () => {
  const program = [
    "import json, sys, zfec",
    "out = []",
    "for case in json.load(sys.stdin):",
    "    blocks = [bytes.fromhex(b) for b in case['blocks']]",
    "    shares = zfec.Encoder(case['k'], case['n']).encode(blocks)",
    "    kept = case['kept']",
    "    back = zfec.Decoder(case['k'], case['n']).decode([bytes.fromhex(case['ours'][i]) for i in kept], kept)",
    "    out.append({'shares': [s.hex() for s in shares], 'back': b''.join(back).hex()})",
    "json.dump(out, sys.stdout)",
  ].join("\n");

  it("makes the same shards, and reads ours, for many codes", () => {
    const codes = [
      [1, 1],
      [1, 5],
      [2, 3],
      [3, 10],
      [4, 7],
      [5, 5],
      [7, 13],
      [16, 40],
      [32, 64],
      [64, 64],
    ] as const;
    const cases = codes.map(([k, n]) => {
      const data = sample(k * 97, k * 100 + n);
      const shards = encodeShards(data, k, n).map(toHex);
      const kept = [...shards.keys()].slice(n - k).reverse();
      return { k, n, data: toHex(data), blocks: shards.slice(0, k), ours: shards, kept };
    });
    const answer = execFileSync(python!, ["-c", program], {
      input: JSON.stringify(cases),
      maxBuffer: 1 << 26,
    });
    const theirs = JSON.parse(answer.toString()) as { shares: string[]; back: string }[];
    cases.forEach((one, index) => {
      expect(theirs[index]!.shares).toEqual(one.ours);
      expect(theirs[index]!.back).toBe(one.data);
    });
  });
});
