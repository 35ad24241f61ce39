import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { crypto, delivery, DELIVERY, EUR, signerOf } from "./testing/delivery.ts";
import {
  decodeTerms,
  encodeTerms,
  partyByIdentity,
  partyOf,
  signTerms,
  termsId,
  verifyTermsSignatures,
} from "./terms.ts";
import type { Node, Observation, Terms } from "./terms.ts";

const bytes = encodeTerms(delivery.terms);
const CLOSE: Node = { kind: "close" };

function withContract(contract: Node): Terms {
  return { ...delivery.terms, contract };
}

function waiting(cases: Extract<Node, { kind: "when" }>["cases"], onTimeout: Node = CLOSE): Node {
  return { kind: "when", label: "waiting", cases, actBy: 1, claimBy: 2, refundFrom: 3, onTimeout };
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return errorCode(error);
  }
  return "none";
};

describe("terms as bytes", () => {
  it("come back the same, and are named by their hash", () => {
    expect(decodeTerms(bytes)).toEqual(delivery.terms);
    expect(encodeTerms(decodeTerms(bytes))).toEqual(bytes);
    expect(bytes.length).toBeLessThan(1_500);
    // Golden: whoever changes the encoding changes every contract's id.
    expect(toHex(termsId(crypto, bytes))).toBe(
      "286ed0c429f232bed5c0fe56c2c8f36cb5e02e6093514cf4172eb071c808ecf7",
    );
  });

  it("differ by the nonce alone in their id", () => {
    const other = encodeTerms({ ...delivery.terms, nonce: new Uint8Array(16) });
    expect(termsId(crypto, other)).not.toEqual(termsId(crypto, bytes));
  });

  it("name their parties", () => {
    expect(partyOf(delivery.terms, "drone")?.identity).toEqual(DELIVERY.drone.identity);
    expect(partyOf(delivery.terms, "nobody")).toBeUndefined();
    expect(partyByIdentity(delivery.terms, DELIVERY.shop.identity)?.role).toBe("shop");
    expect(partyByIdentity(delivery.terms, DELIVERY.shop.account)).toBeUndefined();
  });

  it("throw nothing but SegmentError when bytes are changed, cut or made up", () => {
    const mutated = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const spoilt = fc.oneof(
      mutated.map((changes) => {
        const copy = bytes.slice();
        for (const [index, value] of changes) copy[index] = value;
        return copy;
      }),
      fc.nat(bytes.length - 1).map((length) => bytes.slice(0, length)),
      fc.uint8Array({ maxLength: 300 }),
    );
    fc.assert(
      fc.property(spoilt, (input) => {
        try {
          const terms = decodeTerms(input);
          expect(encodeTerms(terms)).toEqual(input);
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
          expect(["terms-invalid", "terms-too-large"]).toContain(errorCode(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("throw nothing but SegmentError when a field is replaced by any value", () => {
    const values: CborValue[] = [
      null,
      -1,
      2n ** 64n,
      "x",
      new Uint8Array(3),
      [],
      [9],
      [[0]],
      new Map(),
      true,
    ];
    const replaced = (value: CborValue): CborValue[] => {
      if (!Array.isArray(value)) return values;
      const inside = value.flatMap((item, index) =>
        replaced(item).map((other) => value.map((one, at) => (at === index ? other : one))),
      );
      return [...values, ...inside, value.slice(1), [...value, 0]];
    };
    let refused = 0;
    const all = replaced(decodeCbor(bytes));
    for (const value of all) {
      const code = codeOf(() => decodeTerms(encodeCbor(value)));
      expect(["none", "terms-invalid", "terms-too-large"]).toContain(code);
      if (code !== "none") refused++;
    }
    expect(refused).toBeGreaterThan(all.length * 0.9);
  });
});

describe("terms out of bounds", () => {
  const party = delivery.terms.parties[0]!;
  const wrong: [name: string, change: Partial<Terms>][] = [
    ["a network of capitals", { network: "Village" }],
    ["a template without version", { template: "delivery" }],
    ["a short nonce", { nonce: new Uint8Array(15) }],
    ["one party", { parties: [party] }],
    ["a role twice", { parties: [party, { ...party, identity: new Uint8Array(32) }] }],
    ["a key twice", { parties: [party, { ...party, role: "seller" }] }],
    ["nine parties", { parties: Array.from({ length: 9 }, (_, n) => ({ ...party, role: `r${n}` })) }],
    ["a role of capitals", { parties: [party, { ...party, role: "Seller", identity: new Uint8Array(32) }] }],
    ["an offer that ends before it begins", { offerExpires: delivery.terms.notBefore - 1 }],
    [
      "a detail twice",
      {
        details: [
          ["goods", "a"],
          ["goods", "b"],
        ],
      },
    ],
    ["a detail in a list", { details: [["goods", [1]]] }],
    ["a detail of 501 letters", { details: [["goods", "x".repeat(501)]] }],
    ["a detail that turns the text around", { details: [["goods", "\u202egnihton"]] }],
    ["a fraction", { notBefore: 0.5 }],
  ];
  it.each(wrong)("are refused: %s", (_, change) => {
    expect(codeOf(() => encodeTerms({ ...delivery.terms, ...change }))).toBe("terms-invalid");
  });

  const pay = (amount: Extract<Node, { kind: "pay" }>["amount"], currency = EUR): Node => ({
    kind: "pay",
    to: "shop",
    currency,
    amount,
    then: CLOSE,
  });
  const seen = (condition: Observation): Node => waiting([{ kind: "facts", condition, then: CLOSE }]);
  const field = {
    kind: "field",
    factKind: "wh",
    role: "shop",
    index: 0,
    numerator: 1n,
    denominator: 1n,
    min: 0n,
    max: 1n,
  } as const;
  const nodes: [name: string, node: Node][] = [
    ["a payment of nothing", pay({ kind: "constant", minor: 0n })],
    ["a negative payment", pay({ kind: "constant", minor: -1n })],
    ["a payment above 2^63 - 1", pay({ kind: "constant", minor: 2n ** 63n })],
    ["a payment in no issuer's currency", pay({ kind: "available" }, "EUR")],
    ["a division by zero", pay({ ...field, denominator: 0n })],
    ["a negative rate", pay({ ...field, numerator: -1n })],
    ["bounds the wrong way", pay({ ...field, min: 2n })],
    ["a value that no fact has", pay({ ...field, index: 16 })],
    ["an empty label", { ...waiting([]), label: "" } as Node],
    [
      "nine cases",
      waiting(
        Array.from({ length: 9 }, () => ({
          kind: "choice",
          by: "shop",
          name: "yes",
          min: 0n,
          max: 1n,
          then: CLOSE,
        })),
      ),
    ],
    [
      "a choice from nothing",
      waiting([{ kind: "choice", by: "shop", name: "yes", min: 2n, max: 1n, then: CLOSE }]),
    ],
    ["an empty and", seen({ kind: "and", all: [] })],
    ["an empty or", seen({ kind: "or", any: [] })],
    ["two signatures of one", seen({ kind: "signed", k: 2, roles: ["shop"], factKind: "wh", maxAgeMs: 1 })],
    ["none of one", seen({ kind: "signed", k: 0, roles: ["shop"], factKind: "wh", maxAgeMs: 1 })],
    ["one role twice", seen({ kind: "signed", k: 2, roles: ["shop", "shop"], factKind: "wh", maxAgeMs: 1 })],
    ["meeting oneself", seen({ kind: "met", roles: ["shop", "shop"], maxAgeMs: 1 })],
    [
      "a radius of nothing",
      seen({ kind: "near", role: "shop", latitudeE7: 0, longitudeE7: 0, radiusMm: 0, maxAgeMs: 1 }),
    ],
    ["a short digest", seen({ kind: "hash", digest: new Uint8Array(31) })],
  ];
  it.each(nodes)("are refused: %s", (_, node) => {
    expect(codeOf(() => encodeTerms(withContract(node)))).toBe("terms-invalid");
  });
});

describe("bombs", () => {
  const chain = (length: number): Node => {
    let node: Node = CLOSE;
    for (let n = 1; n < length; n++) {
      node = { kind: "pay", to: "shop", currency: EUR, amount: { kind: "available" }, then: node };
    }
    return node;
  };

  it("are refused by depth", () => {
    expect(codeOf(() => encodeTerms(withContract(chain(32))))).toBe("none");
    expect(codeOf(() => encodeTerms(withContract(chain(33))))).toBe("terms-too-large");
    expect(codeOf(() => encodeTerms(withContract(chain(100_000))))).toBe("terms-too-large");
    let not: Observation = { kind: "before", timeMs: 1 };
    for (let n = 0; n < 40; n++) not = { kind: "not", not };
    const condition = waiting([{ kind: "facts", condition: not, then: CLOSE }]);
    expect(codeOf(() => encodeTerms(withContract(condition)))).toBe("terms-too-large");
  });

  it("are refused by number, though small in memory: the same subtree many times", () => {
    let node: Node = CLOSE;
    for (let n = 0; n < 30; n++)
      node = waiting([{ kind: "choice", by: "shop", name: "yes", min: 0n, max: 1n, then: node }], node);
    expect(codeOf(() => encodeTerms(withContract(node)))).toBe("terms-too-large");
    let wide: Observation = { kind: "before", timeMs: 1 };
    for (let n = 0; n < 20; n++) wide = { kind: "and", all: [wide, wide, wide, wide] };
    const condition = waiting([{ kind: "facts", condition: wide, then: CLOSE }]);
    expect(codeOf(() => encodeTerms(withContract(condition)))).toBe("terms-too-large");
  });

  it("are refused as bytes: deep, wide or long", () => {
    const head = decodeCbor(bytes) as CborValue[];
    const as = (contract: CborValue): Uint8Array => encodeCbor([...head.slice(0, -1), contract]);
    let deep: CborValue = [0];
    for (let n = 0; n < 33; n++) deep = [1, "shop", EUR, [1], deep];
    expect(codeOf(() => decodeTerms(as(deep)))).toBe("terms-too-large");
    let lists: CborValue = [];
    for (let n = 0; n < 400; n++) lists = [lists];
    expect(codeOf(() => decodeTerms(as(lists)))).toBe("terms-too-large");
    let wide: CborValue = [4, 1];
    for (let n = 0; n < 3; n++) wide = [6, Array.from({ length: 7 }, () => wide)];
    expect(codeOf(() => decodeTerms(as([2, wide, [0], [0]])))).toBe("terms-too-large");
    expect(codeOf(() => decodeTerms(new Uint8Array(16_385)))).toBe("terms-too-large");
    // An array that claims four billion items.
    expect(codeOf(() => decodeTerms(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)))).toMatch(/terms-/);
  });

  it("are refused as objects of any shape", () => {
    const circular = { kind: "pay", to: "shop", currency: EUR, amount: { kind: "available" } } as Record<
      string,
      unknown
    >;
    circular["then"] = circular;
    expect(codeOf(() => encodeTerms(withContract(circular as unknown as Node)))).toBe("terms-too-large");
  });
});

describe("signatures", () => {
  const signers = [signerOf(1), signerOf(2), signerOf(3)];
  const id = termsId(crypto, bytes);
  const signatures = signers.map((signer) => signTerms(signer, id));

  it("of every party, in any order, are consent", () => {
    expect(() => verifyTermsSignatures(crypto, bytes, signatures)).not.toThrow();
    expect(() => verifyTermsSignatures(crypto, bytes, signatures.toReversed())).not.toThrow();
  });

  const [buyer, drone, shop] = signatures as [Uint8Array, Uint8Array, Uint8Array];
  const other = termsId(crypto, encodeTerms({ ...delivery.terms, nonce: new Uint8Array(16) }));
  const wrong: [name: string, given: Uint8Array[], code: string][] = [
    ["none", [], "signature-invalid"],
    ["two of three", [buyer, shop], "signature-invalid"],
    ["one twice", [buyer, drone, drone], "signature-invalid"],
    ["one too many", [buyer, drone, shop, shop], "signature-invalid"],
    ["a stranger's", [buyer, drone, signTerms(signerOf(8), id)], "signature-invalid"],
    ["for other terms", [buyer, drone, signTerms(signerOf(3), other)], "signature-invalid"],
    [
      "for another purpose",
      [buyer, drone, sign1("fact", encodeCbor([1, id]), signerOf(3))],
      "signature-invalid",
    ],
    ["no signature at all", [buyer, drone, new Uint8Array(5)], "signature-malformed"],
  ];
  it.each(wrong)("are not: %s", (_, given, code) => {
    expect(codeOf(() => verifyTermsSignatures(crypto, bytes, given))).toBe(code);
  });
});
