/** Takes positional arrays apart, field by field, with errors that say which field is wrong. */
import { SegmentError } from "../errors.ts";
import { decodeCbor } from "./cbor.ts";
import type { CborLimits, CborValue } from "./cbor.ts";

/**
 * Reads the fields of one array in order. `what` names the record in errors ("entry", "card").
 * Every method throws `cbor-wrong-shape` with `where` = "what.field".
 */
export class FieldReader {
  private readonly fields: CborValue[];
  private readonly what: string;
  private next = 0;

  /** `value` must be an array, of exactly `length` fields if given. */
  constructor(value: CborValue, what: string, length?: number) {
    if (!Array.isArray(value)) {
      throw new SegmentError("cbor-wrong-shape", `${what} is not an array`, { where: what });
    }
    if (length !== undefined && value.length !== length) {
      throw new SegmentError("cbor-wrong-shape", `${what} has ${value.length} fields instead of ${length}`, {
        where: what,
      });
    }
    this.fields = value;
    this.what = what;
  }

  /** Decodes first; throws the codes of `decodeCbor` too. */
  static fromBytes(bytes: Uint8Array, what: string, limits?: CborLimits): FieldReader {
    return new FieldReader(decodeCbor(bytes, limits), what);
  }

  /** A safe integer, of either sign unless bounded. */
  int(name: string, bounds: { min?: number; max?: number } = {}): number {
    const value = this.value(name);
    if (typeof value !== "number") return this.fail(name, "is not an integer within ±(2^53-1)");
    if (bounds.min !== undefined && value < bounds.min) this.fail(name, `is below ${bounds.min}`);
    if (bounds.max !== undefined && value > bounds.max) this.fail(name, `is above ${bounds.max}`);
    return value;
  }

  /** Any integer, of either sign unless bounded. */
  bigint(name: string, bounds: { min?: bigint; max?: bigint } = {}): bigint {
    const value = this.value(name);
    if (typeof value !== "number" && typeof value !== "bigint") return this.fail(name, "is not an integer");
    const integer = BigInt(value);
    if (bounds.min !== undefined && integer < bounds.min) this.fail(name, `is below ${bounds.min}`);
    if (bounds.max !== undefined && integer > bounds.max) this.fail(name, `is above ${bounds.max}`);
    return integer;
  }

  /** Bounds count bytes. */
  bytes(name: string, bounds: { length?: number; min?: number; max?: number } = {}): Uint8Array {
    const value = this.value(name);
    if (!(value instanceof Uint8Array)) return this.fail(name, "is not a byte string");
    const { length, min, max } = bounds;
    if (length !== undefined && value.length !== length) this.fail(name, `is not ${length} bytes long`);
    if (min !== undefined && value.length < min) this.fail(name, `is shorter than ${min} bytes`);
    if (max !== undefined && value.length > max) this.fail(name, `is longer than ${max} bytes`);
    return value;
  }

  /** Bounds count UTF-16 code units. */
  text(name: string, bounds: { min?: number; max?: number } = {}): string {
    const value = this.value(name);
    if (typeof value !== "string") return this.fail(name, "is not a text");
    const { min, max } = bounds;
    if (min !== undefined && value.length < min) this.fail(name, `is shorter than ${min} characters`);
    if (max !== undefined && value.length > max) this.fail(name, `is longer than ${max} characters`);
    return value;
  }

  bool(name: string): boolean {
    const value = this.value(name);
    return typeof value === "boolean" ? value : this.fail(name, "is not true or false");
  }

  /** An array, of at most `max` items if given. */
  list(name: string, bounds: { max?: number } = {}): CborValue[] {
    const value = this.value(name);
    if (!Array.isArray(value)) return this.fail(name, "is not an array");
    if (bounds.max !== undefined && value.length > bounds.max) {
      this.fail(name, `has more than ${bounds.max} items`);
    }
    return value;
  }

  /** A record within this one. */
  record(name: string, length?: number): FieldReader {
    return new FieldReader(this.value(name), `${this.what}.${name}`, length);
  }

  /** Null, or what `read` takes from this same reader: `r.nullable("subject", (r) => r.bytes("subject"))`. */
  nullable<T>(name: string, read: (reader: this) => T): T | null {
    if (this.next < this.fields.length && this.fields[this.next] === null) {
      this.next++;
      return null;
    }
    if (this.next >= this.fields.length) this.fail(name, "is missing");
    return read(this);
  }

  /** Any value. */
  value(name: string): CborValue {
    const value = this.fields[this.next];
    if (value === undefined) return this.fail(name, "is missing");
    this.next++;
    return value;
  }

  /** How many fields are left. */
  get remaining(): number {
    return this.fields.length - this.next;
  }

  /** Refuses fields that nobody has read. */
  end(): void {
    if (this.remaining > 0) {
      throw new SegmentError("cbor-wrong-shape", `${this.what} has ${this.remaining} fields too many`, {
        where: this.what,
      });
    }
  }

  private fail(name: string, problem: string): never {
    const where = `${this.what}.${name}`;
    throw new SegmentError("cbor-wrong-shape", `${where} ${problem}`, { where });
  }
}
