import { describe, expect, it } from "vitest";
import { SegmentError } from "../errors.ts";
import { encodeCbor } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { FieldReader } from "./reader.ts";

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return `${error.code} at ${error.where}: ${error.message}`;
  }
  return "no error";
}

function reader(...fields: CborValue[]): FieldReader {
  return new FieldReader(fields, "card");
}

describe("FieldReader", () => {
  it("reads every kind of field in order", () => {
    const bytes = encodeCbor([1, -5, 2n ** 60n, 7, Uint8Array.of(9), "name", true, [1, 2], [3], null, "x"]);
    const fields = FieldReader.fromBytes(bytes, "card");
    expect(fields.int("version", { min: 1, max: 1 })).toBe(1);
    expect(fields.int("offset")).toBe(-5);
    expect(fields.bigint("large")).toBe(2n ** 60n);
    expect(fields.bigint("small", { min: 0n, max: 7n })).toBe(7n);
    expect(fields.bytes("key", { length: 1 })).toEqual(Uint8Array.of(9));
    expect(fields.text("name", { max: 4 })).toBe("name");
    expect(fields.bool("open")).toBe(true);
    expect(fields.list("list", { max: 2 })).toEqual([1, 2]);
    expect(fields.record("inner", 1).int("only")).toBe(3);
    expect(fields.nullable("absent", (r) => r.text("absent"))).toBeNull();
    expect(fields.remaining).toBe(1);
    expect(fields.nullable("present", (r) => r.text("present"))).toBe("x");
    fields.end();
  });

  it("says which field is wrong and how", () => {
    const cases: [() => unknown, string][] = [
      [() => reader("1").int("age"), "card.age is not an integer within ±(2^53-1)"],
      [() => reader(2n ** 60n).int("age"), "card.age is not an integer within ±(2^53-1)"],
      [() => reader(1).int("age", { min: 2 }), "card.age is below 2"],
      [() => reader(3).int("age", { max: 2 }), "card.age is above 2"],
      [() => reader("1").bigint("sum"), "card.sum is not an integer"],
      [() => reader(-1).bigint("sum", { min: 0n }), "card.sum is below 0"],
      [() => reader(9).bigint("sum", { max: 8n }), "card.sum is above 8"],
      [() => reader("k").bytes("key"), "card.key is not a byte string"],
      [() => reader(new Uint8Array(3)).bytes("key", { length: 4 }), "card.key is not 4 bytes long"],
      [() => reader(new Uint8Array(3)).bytes("key", { min: 4 }), "card.key is shorter than 4 bytes"],
      [() => reader(new Uint8Array(3)).bytes("key", { max: 2 }), "card.key is longer than 2 bytes"],
      [() => reader(1).text("name"), "card.name is not a text"],
      [() => reader("abc").text("name", { max: 2 }), "card.name is longer than 2 characters"],
      [() => reader("").text("name", { min: 1 }), "card.name is shorter than 1 characters"],
      [() => reader(1).bool("open"), "card.open is not true or false"],
      [() => reader(1).list("items"), "card.items is not an array"],
      [() => reader([1, 2]).list("items", { max: 1 }), "card.items has more than 1 items"],
      [() => reader().value("last"), "card.last is missing"],
      [() => reader().nullable("last", (r) => r.int("last")), "card.last is missing"],
      [() => reader(null).int("age"), "card.age is not an integer within ±(2^53-1)"],
    ];
    for (const [act, message] of cases) {
      expect(refusal(act)).toBe(`cbor-wrong-shape at ${message.split(" ")[0]}: ${message}`);
    }
  });

  it("refuses another shape, other lengths and fields left over", () => {
    expect(refusal(() => new FieldReader("no", "card"))).toBe(
      "cbor-wrong-shape at card: card is not an array",
    );
    expect(refusal(() => new FieldReader([1], "card", 2))).toBe(
      "cbor-wrong-shape at card: card has 1 fields instead of 2",
    );
    expect(refusal(() => reader(1).end())).toBe("cbor-wrong-shape at card: card has 1 fields too many");
    expect(refusal(() => reader(["x"]).record("inner").int("age"))).toBe(
      "cbor-wrong-shape at card.inner.age: card.inner.age is not an integer within ±(2^53-1)",
    );
    expect(refusal(() => FieldReader.fromBytes(new Uint8Array(0), "card"))).toMatch(/^cbor-truncated/);
  });
});
