/** An invoice or receipt as plain text of 72 columns, for a terminal, an e-mail or a printer of slips. */
import { isoDay, isoTime } from "../calendar.ts";
import { vatPercent } from "./bill.ts";
import type { Bill, BillParty } from "./bill.ts";
import { plainText } from "./html.ts";
import { groupedNumber } from "./money.ts";
import { documentWords } from "./words.ts";
import type { DocumentLanguage, DocumentWords } from "./words.ts";

const WIDTH = 72;

export function billText(bill: Bill, language: DocumentLanguage): string {
  const words = documentWords(language);
  const { kind, number, issuedMs, seller, buyer, lines, proof, currency } = bill;
  const isInvoice = kind === "invoice";
  const out = [
    `${isInvoice ? words.invoice : words.receipt} ${plainText(number)}`.toUpperCase(),
    ...(isInvoice ? [words.named(words.issued, isoDay(issuedMs))] : []),
    ...(proof === null ? [] : [words.named(words.paidOn, isoTime(proof.timeMs))]),
    "",
    ...partyLines(isInvoice ? words.seller : words.payee, seller, proof === null ? [] : [proof.to], words),
    ...partyLines(isInvoice ? words.buyer : words.payer, buyer, proof?.from ?? [], words),
    "",
  ];
  const money = (minor: bigint): string =>
    `${groupedNumber(minor, currency.exponent, words).replaceAll("\u202f", " ")} ${currency.code}`;
  for (const { text, minor } of lines) out.push(...row(plainText(text), money(minor)));
  out.push("-".repeat(WIDTH), ...sums(bill, money, words));
  if (isInvoice) out.push("", ...wrapped(bill.vatRate === null ? words.noVat : words.vatRounding));
  if (proof !== null) {
    const { height, signed, notaries, network, entryId, memo } = proof;
    out.push("", ...wrapped(words.proof(`${height}`, `${signed}`, `${notaries}`, network)));
    if (memo !== "") out.push(...wrapped(words.named(words.memo, plainText(memo))));
    out.push(
      words.named(words.proofOfEntry, "").trimEnd(),
      `  ${entryId}`,
      words.named(words.currencyId, currency.id),
    );
  }
  return `${out.join("\n")}\n`;
}

function partyLines(
  title: string,
  party: BillParty | null,
  accounts: string[],
  words: DocumentWords,
): string[] {
  const { name = "", address = "", vatNumber = "" } = party ?? {};
  const known = [
    ...(name === "" ? [] : [plainText(name)]),
    ...(address === "" ? [] : address.split("\n").map(plainText)),
    ...(vatNumber === "" ? [] : [`${words.vatNumber} ${plainText(vatNumber)}`]),
    ...accounts.slice(0, 4),
  ];
  return known.length === 0 ? [] : [words.named(title, "").trimEnd(), ...known.map((line) => `  ${line}`)];
}

function sums(bill: Bill, money: (minor: bigint) => string, words: DocumentWords): string[] {
  const { vatRate, netMinor, vatMinor, totalMinor } = bill;
  const total = row(words.totalPaid, money(totalMinor));
  if (vatRate === null) return total;
  const percent = vatPercent(vatRate, words.decimalMark);
  return [...row(words.net, money(netMinor)), ...row(words.vat(percent), money(vatMinor)), ...total];
}

/** A text on the left, its amount on the right; a long text takes several lines. */
function row(text: string, amount: string): string[] {
  const lines = wrapped(text, WIDTH - amount.length - 2);
  const last = lines.pop() ?? "";
  return [...lines, last + " ".repeat(WIDTH - [...last].length - amount.length) + amount];
}

function wrapped(text: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((one) => pieces(one, width))) {
    if (line !== "" && [...line].length + 1 + [...word].length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  const letters = [...word];
  const parts: string[] = [];
  for (let at = 0; at < letters.length; at += width) parts.push(letters.slice(at, at + width).join(""));
  return parts;
}
