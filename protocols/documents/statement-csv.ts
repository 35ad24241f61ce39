/** A statement as CSV (RFC 4180: commas, CRLF, quotes doubled), for spreadsheets and accounting. */
import { DAY_MS, isoDay, isoTime } from "../calendar.ts";
import { plainText } from "./html.ts";
import { plainNumber } from "./money.ts";
import { describeMovement, warningOf } from "./statement.ts";
import type { Statement, StatementPart } from "./statement.ts";
import type { DocumentWords } from "./words.ts";

/**
 * One row for the opening balance, each movement and the closing balance, per currency. Numbers have a
 * decimal point in every language, times are ISO 8601 in UTC.
 */
export function statementCsv(statement: Statement, words: DocumentWords): string {
  const header = [
    words.date,
    words.currency,
    words.description,
    words.moneyIn,
    words.moneyOut,
    words.balance,
    words.counterparties,
    words.memo,
    words.contract,
    words.reference,
    words.currencyId,
  ];
  const rows = statement.parts.flatMap((part) => partRows(statement, part, words));
  const warning = warningOf(statement, words);
  const notes = warning === undefined ? [] : [["", "", warning]];
  // Every row has as many fields (RFC 4180, section 2, rule 4).
  const all = [header, ...rows, ...notes].map((row) => header.map((_, at) => row[at] ?? ""));
  return all.map(csvRow).join("");
}

function partRows(
  { sinceMs, untilMs, names }: Statement,
  { currency, opening, rows, closing }: StatementPart,
  words: DocumentWords,
): string[][] {
  const { id, code, exponent } = currency;
  const number = (minor: bigint): string => plainNumber(minor, exponent);
  const sum = (day: string, text: string, minor: bigint): string[] => {
    return [day, code, text, "", "", number(minor), "", "", "", "", id];
  };
  const moved = rows.map((row) => [
    isoTime(row.timeMs),
    code,
    describeMovement(row, words, names),
    row.change > 0n ? number(row.change) : "",
    row.change < 0n ? number(-row.change) : "",
    number(row.balance),
    row.others.join(" "),
    row.memo,
    row.termsId ?? "",
    row.entryId,
    id,
  ]);
  const begin = sinceMs === null ? "" : isoDay(sinceMs);
  return [
    sum(begin, words.opening, opening),
    ...moved,
    sum(isoDay(Math.max(0, untilMs - DAY_MS)), words.closing, closing),
  ];
}

function csvRow(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/**
 * A spreadsheet runs what begins with = + - or @ (also after a tab or a line break, and in full width):
 * whatever is no plain number and begins so gets an apostrophe, which spreadsheets take for "this is text".
 */
export function csvCell(text: string): string {
  const plain = plainText(text);
  const isNumber = /^-?\d+(\.\d+)?$/.test(plain);
  const guarded = !isNumber && /^[\s?]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
