import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../calendar.ts";
import type { AccountMovement } from "./movements.ts";
import { plainText } from "./html.ts";
import { csvCell, statementCsv } from "./statement-csv.ts";
import { statementHtml } from "./statement-html.ts";
import { describeMovement, makeStatement } from "./statement.ts";
import { documentWords } from "./words.ts";

const EUR = { id: "EUR.1f0c9a8b7c6d5e4f", code: "EUR", exponent: 2 };
const SUN = { id: "SUN.0011223344556677", code: "SUN", exponent: 3 };
const START = Date.UTC(2026, 10, 1);
const FRAME = {
  account: "z6MkAccount",
  network: "village",
  sinceMs: null,
  untilMs: START + 30 * DAY_MS,
  missing: 0,
  names: new Map<string, string>(),
};

const movement = (height: number, change: bigint, more: Partial<AccountMovement> = {}): AccountMovement => ({
  ...{
    timeMs: START + height * DAY_MS,
    height,
    leafIndex: 0,
    entryId: height.toString(16).padStart(64, "0"),
  },
  ...{ kind: "transfer", currency: EUR.id, change, others: ["z6MkSomebodyElse"], memo: "", termsId: null },
  ...more,
});

/** Fields of RFC 4180, unquoted. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

describe("a statement", () => {
  it("opens with what was there, and closes with what is left", () => {
    const movements = [movement(2, -500n), movement(0, 10_000n), movement(5, 25n), movement(40, 1n)];
    const sinceMs = START + 2 * DAY_MS;
    const { parts } = makeStatement({ ...FRAME, sinceMs }, movements, [EUR]);
    expect(parts).toMatchObject([{ opening: 10_000n, totalIn: 25n, totalOut: 500n, closing: 9_525n }]);
    expect(parts[0]?.rows.map(({ balance }) => balance)).toEqual([9_500n, 9_525n]);
  });

  it("adds up in every currency, whatever moved", () => {
    const moves = fc.array(
      fc.record({
        height: fc.nat(60),
        change: fc.bigInt(-1_000_000n, 1_000_000n).filter((change) => change !== 0n),
        currency: fc.constantFrom(EUR.id, SUN.id, "OLD.9999999999999999"),
      }),
    );
    fc.assert(
      fc.property(moves, fc.nat(60), fc.nat(60), (list, since, length) => {
        const movements = list.map(({ height, change, currency }) => movement(height, change, { currency }));
        const frame = {
          ...FRAME,
          sinceMs: START + since * DAY_MS,
          untilMs: START + (since + length) * DAY_MS,
        };
        const { parts } = makeStatement(frame, movements, [EUR, SUN]);
        for (const { currency, opening, closing, totalIn, totalOut, rows } of parts) {
          expect(opening + totalIn - totalOut).toBe(closing);
          const before = movements.filter(
            (one) => one.currency === currency.id && one.timeMs < frame.untilMs,
          );
          expect(before.reduce((sum, { change }) => sum + change, 0n)).toBe(closing);
          for (const { timeMs } of rows) expect(timeMs >= frame.sinceMs && timeMs < frame.untilMs).toBe(true);
        }
      }),
    );
  });

  it("says in words what happened, in both languages", () => {
    const [en, fr] = [documentWords("en"), documentWords("fr")];
    const legs = movement(1, 5n, { kind: "legs", others: ["a", "b", "c"] });
    const cases: [AccountMovement, string, string][] = [
      [movement(1, 5n), "Payment from z6MkSomebodyElse", "Paiement de z6MkSomebodyElse"],
      [movement(1, -5n), "Payment to z6MkSomebodyElse", "Paiement à z6MkSomebodyElse"],
      [
        movement(1, 5n, { kind: "mint", others: [] }),
        "Issued by the currency's issuer",
        "Émis par l’émetteur",
      ],
      [legs, "Shared settlement", "Règlement groupé"],
      [
        movement(1, -5n, { kind: "deposit", termsId: "ab".repeat(32) }),
        "Deposit into contract abab",
        "Dépôt",
      ],
      [
        movement(1, 5n, { kind: "expire", termsId: "ab".repeat(32) }),
        "Paid at its deadline",
        "Versé à l’échéance",
      ],
      [
        movement(1, 5n, { kind: "facts", termsId: "ab".repeat(32) }),
        "Paid by contract abab",
        "Versé par le contrat",
      ],
    ];
    for (const [one, english, french] of cases) {
      const text = describeMovement({ ...one, others: one.others.map((id) => id.slice(0, 16)) }, en);
      expect(text).toContain(english);
      expect(describeMovement({ ...one, others: one.others.map((id) => id.slice(0, 16)) }, fr)).toContain(
        french,
      );
    }
  });
});

describe("names", () => {
  it("stand beside the account that has chosen them, in every form", () => {
    const payer = "z6MkSomebodyElseAltogether";
    const names = new Map([
      [payer, "Baker & Sons"],
      [FRAME.account, "<Ann>"],
    ]);
    const moved = [movement(1, 5n, { others: [payer] }), movement(2, -3n, { others: ["z6MkStranger"] })];
    const statement = makeStatement({ ...FRAME, names }, moved, [EUR]);
    const said = statement.parts[0]?.rows.map((row) => describeMovement(row, documentWords("en"), names));
    expect(said).toEqual(["Payment from Baker & Sons (z6MkSome…ther)", "Payment to z6MkStranger"]);
    expect(readCsv(statementCsv(statement, documentWords("fr")))[2]?.[2]).toBe(
      "Paiement de Baker & Sons (z6MkSome…ther)",
    );
    const page = statementHtml(statement, "fr");
    expect(page).toContain("Baker &amp; Sons (z6MkSome…ther)");
    expect(page).toContain(payer);
    expect(page).toContain("&lt;Ann&gt;");
    expect(page).not.toContain("<Ann>");
  });
});

describe("as CSV", () => {
  it("comes back field by field, whatever people write", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (memo) => {
        const statement = makeStatement(FRAME, [movement(1, 1_234_567n, { memo })], [EUR]);
        const rows = readCsv(statementCsv(statement, documentWords("en")));
        expect(new Set(rows.map((row) => row.length))).toEqual(new Set([11]));
        expect(rows[2]?.slice(0, 6)).toEqual([
          ...["2026-11-02T00:00:00Z", "EUR", "Payment from z6MkSomebodyElse", "12345.67", "", "12345.67"],
        ]);
        const text = plainText(memo);
        expect([text, `'${text}`]).toContain(rows[2]?.[7]);
      }),
    );
  });

  it.each(["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1+1", " =1", "＝1+1", "%x", "|calc"])(
    "defuses %j",
    (memo) => {
      const statement = makeStatement(FRAME, [movement(1, 5n, { memo })], [EUR]);
      const cell = readCsv(statementCsv(statement, documentWords("en")))[2]?.[7];
      expect(cell).toMatch(/^'/);
    },
  );

  it("leaves numbers alone, also below zero", () => {
    for (const number of ["-5", "-0.05", "12.00"]) expect(csvCell(number)).toBe(number);
    expect(csvCell('say "a, b"')).toBe('"say ""a, b"""');
  });
});

describe("as a page", () => {
  it("is complete, in either language, and escapes strangers' words", () => {
    const movements = [
      movement(1, 1_234_567n, { memo: "<img src=x onerror=alert(1)>" }),
      movement(2, 7n, { currency: SUN.id }),
    ];
    const statement = makeStatement({ ...FRAME, missing: 2 }, movements, [EUR, SUN]);
    const [en, fr] = [statementHtml(statement, "en"), statementHtml(statement, "fr")];
    expect(en).toContain("12\u202f345.67");
    expect(fr).toContain("12\u202f345,67");
    expect(en).toContain("0.007");
    expect(en).toContain("of 2 movements neither this wallet nor a notary has");
    expect(fr).toContain("le reçu de 2 mouvements");
    for (const page of [en, fr]) {
      expect(page).toContain("&lt;img src=x");
      expect(page).not.toMatch(/<img|<script|https?:|url\(/);
      expect(page).toContain("Content-Security-Policy");
      expect(page).toContain("@page { size: A4");
    }
  });

  it("says when nobody could be asked", () => {
    const statement = makeStatement({ ...FRAME, missing: null }, [], []);
    expect(statementHtml(statement, "en")).toContain("The notaries could not be asked");
    expect(statementHtml(statement, "fr")).toContain("n’ont pas pu être interrogés");
  });
});
