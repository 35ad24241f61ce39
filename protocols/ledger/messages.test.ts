import { describe, expect, it } from "vitest";
import { encodeMessage } from "../encoding/messages.ts";
import { parseBody } from "../messaging/schemas.ts";
import { MAX_BODY_BYTES } from "../messaging/envelope.ts";
import { ACCOUNT_PAGE, CURRENCY_PAGE, LEDGER_SCHEMAS } from "./messages.ts";
import { MAX_MINTERS, MAX_PERIOD_MS } from "./policy.ts";

const id = new Uint8Array(32).fill(7);

describe("a question for a receipt", () => {
  it.each([{ entryId: id }, { termsId: id }])("is by entry or by contract: %o", (body) => {
    for (const kind of ["receipt-wanted", "receipt-missing"] as const)
      expect(parseBody(LEDGER_SCHEMAS[kind], encodeMessage(body))).toEqual(body);
  });

  it.each([
    {},
    { entryId: id, termsId: id },
    { termsId: id.slice(1) },
    { termsId: "all" },
    { entryId: id, more: 1 },
  ])("is nothing else: %o", (body) => {
    for (const kind of ["receipt-wanted", "receipt-missing"] as const)
      expect(() => parseBody(LEDGER_SCHEMAS[kind], encodeMessage(body))).toThrow(
        expect.objectContaining({ code: "message-invalid" }),
      );
  });
});

describe("a page", () => {
  const largest = 2n ** 63n - 1n;
  const currency = {
    id: `ABCDEFGH.${"0".repeat(16)}`,
    code: "ABCDEFGH",
    exponent: 9,
    name: "太".repeat(64),
    issuer: id,
    supply: largest,
    policy: {
      kind: "money",
      minters: Array.from({ length: MAX_MINTERS }, () => id),
      cap: { minor: largest, periodMs: MAX_PERIOD_MS },
      demurrage: { ppm: 999_999, periodMs: MAX_PERIOD_MS, fund: id },
    },
  };
  const holding = { currency: currency.id, minor: largest };

  it.each([
    ["currencies", { currencies: Array.from({ length: CURRENCY_PAGE }, () => currency) }],
    ["account", { root: id, balances: Array.from({ length: ACCOUNT_PAGE }, () => holding), timeMs: 1 }],
  ] as const)("of %s fits a message, however long its lines are, and comes back as it was", (kind, body) => {
    const bytes = encodeMessage(body);
    expect(bytes.length).toBeLessThan(MAX_BODY_BYTES);
    expect(parseBody(LEDGER_SCHEMAS[kind], bytes)).toEqual(body);
    const [list] = Object.values(body).filter(Array.isArray);
    expect(() =>
      parseBody(
        LEDGER_SCHEMAS[kind],
        encodeMessage({ ...body, [kind === "account" ? "balances" : kind]: [...list!, list![0]] }),
      ),
    ).toThrow(expect.objectContaining({ code: "message-invalid" }));
  });

  it.each([{ exponent: 10 }, { exponent: -1 }, { supply: 0.5 }, { policy: { kind: "gold" } }, { owner: id }])(
    "with %o in a line is no message",
    (change) => {
      const body = encodeMessage({ currencies: [{ ...currency, ...change }] });
      expect(() => parseBody(LEDGER_SCHEMAS.currencies, body)).toThrow(
        expect.objectContaining({ code: "message-invalid" }),
      );
    },
  );
});
