/**
 * The fuzz harness: one `it` that feeds a decoder with thousands of inputs.
 *
 * What comes from outside may be refused, with a SegmentError that says why; it may never crash the
 * decoder (a TypeError, a RangeError, a SegmentError "internal"), hang it (vitest's timeout is the
 * guard), or make it keep or take memory without bound.
 *
 * SEGMENT_FUZZ_WHOLE=1 gives every test all its cases, as .ci/run does; without it the slow ones run
 * their `share`. SEGMENT_FUZZ_CASES=1000000 fuzzes for a night; SEGMENT_FUZZ_SEED and SEGMENT_FUZZ_PATH
 * replay a failure, which prints them; SEGMENT_FUZZ_STATS=1 prints what became of the cases.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { it } from "vitest";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";

const DEFAULT_CASES = 10_000;
const DEFAULT_SEED = 20_261_101;
const MEBIBYTE = 1 << 20;

/** Cases of each fuzz test, before `share`. */
export const FUZZ_CASES = fromEnvironment("SEGMENT_FUZZ_CASES", DEFAULT_CASES);
const SEED = fromEnvironment("SEGMENT_FUZZ_SEED", DEFAULT_SEED);
const PATH = process.env["SEGMENT_FUZZ_PATH"];
const IS_WHOLE = process.env["SEGMENT_FUZZ_WHOLE"] === "1";
const WITH_STATS = process.env["SEGMENT_FUZZ_STATS"] === "1";

export interface FuzzOptions<T> {
  /** The part of FUZZ_CASES that a run which is not whole makes of what is slow by its nature; else 1. */
  share?: number;
  /**
   * The least part of the cases that must be accepted (run returned), 0 unless said. A fuzz whose every
   * case stops at the signature tests the signature.
   */
  accepted?: number;
  /** Bytes that all cases together may leave behind after a garbage collection; 16 MiB unless said. */
  maxKeptBytes?: number;
  /** Inputs that failed once: they run first, in every run. */
  examples?: readonly T[];
}

/**
 * One `it`: `run` may return anything, or throw a SegmentError whose code is not "internal"; all else
 * that it throws (failed expectations too) is a failure, shrunk to a small input. `run` may return a
 * promise.
 */
export function fuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  run: (input: T) => unknown,
  options: FuzzOptions<T> = {},
): void {
  it(name, { timeout: timeoutOf(options) }, () => runFuzz(name, inputs, run, options));
}

/** What the `it` of `fuzz` does. */
export async function runFuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  run: (input: T) => unknown,
  options: FuzzOptions<T> = {},
): Promise<void> {
  const tally = new Tally();
  const property = fc.asyncProperty(inputs, async (input) => {
    try {
      const result = run(input);
      // Awaiting what is no promise would cost more than most decoders do.
      if (result instanceof Promise) await result;
      tally.accepted();
    } catch (error) {
      tally.refused(error);
    }
  });
  collectGarbage();
  const before = memoryBytes();
  const cpuBefore = process.cpuUsage();
  const details = await withoutStacks(() =>
    fc.check(property, {
      seed: SEED,
      numRuns: casesOf(options),
      examples: (options.examples ?? []).map((example): [T] => [example]),
      ...(PATH === undefined ? {} : { path: PATH }),
    }),
  );
  if (details.failed) throw await failure(name, details, run);
  const { user, system } = process.cpuUsage(cpuBefore);
  tally.report(name, (user + system) / 1_000);
  if (PATH !== undefined) return;
  tally.requireAccepted(options.accepted ?? 0);
  const maxKept = options.maxKeptBytes ?? 16 * MEBIBYTE;
  const kept = (await memoryLeft(before + maxKept)) - before;
  if (kept > maxKept) throw new Error(`${details.numRuns} cases left ${kept} bytes, at most ${maxKept}`);
}

/** Thousands of refusals need no stack, a sixth of their cost. A failure is run again for its own. */
async function withoutStacks<R>(call: () => R | Promise<R>): Promise<R> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await call();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function casesOf({ share = 1 }: { share?: number }): number {
  return Math.max(100, Math.ceil(FUZZ_CASES * (IS_WHOLE ? 1 : share)));
}

/** A whole run gives the slow as much time for each case as their share has. */
function timeoutOf(options: { share?: number }): number {
  const timeoutMs = Math.max(60_000, 12 * casesOf(options));
  return IS_WHOLE ? timeoutMs / Math.max(0.05, options.share ?? 1) : timeoutMs;
}

/** Bytes of memory that an input of this length may take, unless a test says otherwise. */
function bombBound(inputLength: number): number {
  return 8 * MEBIBYTE + 64 * inputLength;
}

/**
 * One `it` over inputs that promise more than they hold. Each must be refused or read within
 * `maxBytes(input.length)` of memory.
 */
export function bombs(
  name: string,
  inputs: readonly Uint8Array[],
  run: (input: Uint8Array) => unknown,
  maxBytes: (inputLength: number) => number = bombBound,
): void {
  it(name, () => runBombs(name, inputs, run, maxBytes));
}

/** What the `it` of `bombs` does. */
export function runBombs(
  name: string,
  inputs: readonly Uint8Array[],
  run: (input: Uint8Array) => unknown,
  maxBytes: (inputLength: number) => number = bombBound,
): void {
  if (inputs.length === 0) throw new Error("there are no bombs to try");
  for (const input of inputs) {
    try {
      const { grownBytes, result } = measured(() => outcome(run, input));
      if (result !== undefined) throw new Error("it was not properly refused", { cause: result });
      const bound = maxBytes(input.length);
      if (grownBytes > bound) throw new Error(`it took ${grownBytes} bytes of memory, at most ${bound}`);
    } catch (error) {
      throw new Error(`${name}: a bomb of ${input.length} bytes: ${shown(input)}`, { cause: error });
    }
  }
}

/** Undefined if `run` accepts or properly refuses the input, else what it threw. */
export function outcome<T>(run: (input: T) => unknown, input: T): unknown {
  try {
    run(input);
    return undefined;
  } catch (error) {
    return isRefusal(error) ? undefined : (error ?? new Error("nothing was thrown, literally"));
  }
}

/** Whether a decoder may throw this. */
export function isRefusal(error: unknown): error is SegmentError {
  return error instanceof SegmentError && error.code !== "internal";
}

/** What became of the cases: accepted, or refused with which code. */
class Tally {
  readonly #codes = new Map<string, number>();

  accepted(): void {
    this.#count("accepted");
  }

  /** Rethrows what is no refusal. */
  refused(error: unknown): void {
    if (!isRefusal(error)) throw error;
    this.#count(error.code);
  }

  requireAccepted(leastPart: number): void {
    const accepted = this.#codes.get("accepted") ?? 0;
    const all = [...this.#codes.values()].reduce((sum, count) => sum + count, 0);
    if (accepted < leastPart * all) {
      throw new Error(`only ${accepted} of ${all} cases were accepted: ${this.#text()}`);
    }
  }

  report(name: string, cpuMs: number): void {
    if (WITH_STATS) console.log(`${name}: ${this.#text()}; ${cpuMs.toFixed(0)} ms of CPU`);
  }

  #count(code: string): void {
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  #text(): string {
    const sorted = [...this.#codes].toSorted((a, b) => b[1] - a[1]);
    return sorted.map(([code, count]) => `${count} ${code}`).join(", ");
  }
}

async function failure<T>(
  name: string,
  details: fc.RunDetails<[T]>,
  run: (input: T) => unknown,
): Promise<Error> {
  const input = details.counterexample?.[0];
  const replay =
    `SEGMENT_FUZZ_CASES=${details.numRuns} SEGMENT_FUZZ_SEED=${details.seed} ` +
    `SEGMENT_FUZZ_PATH=${details.counterexamplePath} npx vitest run FILE -t ${JSON.stringify(name)}`;
  const text = `${name}: failed after ${details.numRuns} cases\ninput: ${shown(input)}\nreplay: ${replay}`;
  let cause: unknown = details.errorInstance;
  try {
    await run(input as T);
  } catch (error) {
    if (!isRefusal(error)) cause = error;
  }
  return new Error(text, { cause });
}

/** An input for people, and for test/fuzz/regressions.test.ts: bytes in hex, long ones cut. */
function shown(input: unknown): string {
  if (input instanceof Uint8Array) {
    const hex = toHex(input.subarray(0, 2_000));
    return input.length > 2_000 ? `${hex}… (${input.length} bytes)` : hex;
  }
  return fc.stringify(input).slice(0, 8_000);
}

/**
 * What a call did to the process's memory: growth of live and not yet collected bytes, or of the peak
 * if that is more (what was allocated and collected meanwhile).
 */
function measured<R>(call: () => R): { grownBytes: number; result: R } {
  const peakBefore = peakBytes();
  const before = memoryBytes();
  const result = call();
  const grown = memoryBytes() - before;
  // The peak counts pages of the whole process, so a small rise says nothing.
  const peakGrown = peakBytes() - peakBefore;
  return { grownBytes: Math.max(grown, peakGrown > 64 * MEBIBYTE ? peakGrown : 0), result };
}

function memoryBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** What is in use after garbage collections: buffers are freed a while after nobody holds them any more. */
async function memoryLeft(goodEnough: number): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    collectGarbage();
    const left = memoryBytes();
    if (left <= goodEnough || attempt === 10) return left;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let collector: (() => void) | undefined;

function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc");
    collector = runInNewContext("gc") as () => void;
  }
  collector();
}

function fromEnvironment(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`${name} is not an integer: ${text}`);
  return value;
}
