/**
 * As `expect`, but quick: these run many thousand times. They throw plain errors, which a fuzz never
 * takes for refusals.
 */
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken: ${what}`);
}

export function mustEqual(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!equalBytes(actual, expected)) {
    throw new Error(`broken: ${what}: ${toHex(actual)} in place of ${toHex(expected)}`);
  }
}
