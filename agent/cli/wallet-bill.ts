/**
 * `segment wallet invoice` and `receipt`: what a certified payment was for, as people and tax offices read
 * it.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { writeFileDurably } from "../node/files.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { knownHistory } from "../node/history.ts";
import { isoDay, parseIsoDay } from "../../protocols/calendar.ts";
import { billHtml } from "../../protocols/documents/bill-html.ts";
import { billText } from "../../protocols/documents/bill-text.ts";
import { makeBill, parseVatRate } from "../../protocols/documents/bill.ts";
import type { Bill, BillLine, BillParty, PaymentProof } from "../../protocols/documents/bill.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import { accountMovements } from "../../protocols/documents/movements.ts";
import { documentWords } from "../../protocols/documents/words.ts";
import { MAX_TERMS_BYTES } from "../../protocols/contract/bounds.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { readPlan } from "../../protocols/delivery/plan.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { movementsOf } from "../../protocols/ledger/history.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { MAX_RECEIPT_BYTES, verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";
import {
  homeFolder,
  languageOf,
  loadHome,
  networkOf,
  optionInvalid,
  readFileBounded,
  withHome,
} from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";

interface BillFlags extends HomeFlags {
  to?: string;
  decimals?: string;
  number?: string;
  lang: string;
  format: string;
  out?: string;
}

interface InvoiceFlags extends BillFlags {
  sellerName?: string;
  sellerAddress?: string;
  sellerVat?: string;
  buyerName?: string;
  buyerAddress?: string;
  buyerVat?: string;
  date?: string;
  line?: string[];
  vat?: string;
  terms?: string;
}

export function addBills(wallet: Command): void {
  withBill(wallet.command("invoice"))
    .description(
      "Make an invoice out of the certified receipt of its payment; or show one that a shop signed.",
    )
    .option("--seller-name <name>", "who sells (needed with a receipt)")
    .option("--seller-address <text>", "its address; \\n stands between the lines")
    .option("--seller-vat <number>", "its VAT number")
    .option("--buyer-name <name>", "who buys (needed with a receipt)")
    .option("--buyer-address <text>", "its address")
    .option("--buyer-vat <number>", "its VAT number")
    .option("--date <day>", "when it is issued (default: the day of payment)")
    .option("--line <text=amount...>", "an item and its price, VAT included; all add up to what was paid")
    .option(
      "--terms <file>",
      "of a signed invoice: the terms of its delivery, whose shop must have signed it",
    )
    .option("--vat <percent>", "rate of the VAT that the prices include, such as 7.7 (default: none)")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet invoice documents/….receipt --seller-name 'Baker' --buyer-name 'Ann' \\\n" +
        "    --line 'Bread=3.20' --line 'Cake=21.70' --vat 7.7 --lang fr --out invoice.html\n" +
        "  segment wallet invoice flight/invoice.cbor --terms flight/terms.cbor --out invoice.html\n\n" +
        "VAT is computed out of the total and rounded to the nearest minor unit, halves up.\n",
    )
    .action(invoice);
  withBill(wallet.command("receipt"))
    .description("Show a certified payment as a receipt to print.")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet receipt documents/….receipt --format text --lang fr\n",
    )
    .action(receipt);
}

function withBill(command: Command): Command {
  return withHome(command)
    .argument("<file>", "the .receipt of the payment; it is verified first")
    .option("--to <account>", "whose income it is (default: one's own, or that of the only payee)")
    .option("--decimals <n>", "of a currency that this home does not know")
    .option("--number <text>", "number of the document (default: day and entry)")
    .option("--lang <language>", "en or fr", "en")
    .option("--format <format>", "html to print (A4), or text", "html")
    .option("--out <file>", "where to write it (default: to stdout)");
}

type SignedInvoice = ReturnType<typeof openInvoice>;

interface Payment {
  proof: PaymentProof;
  currency: DocumentCurrency;
  minor: bigint;
  number: string;
}

/** What the receipt proves about money that one account received. Errors: receipt-*, option-invalid. */
async function paymentOf(file: string, flags: BillFlags): Promise<Payment> {
  const home = await loadHome(flags);
  const network = networkOf(home);
  const verified = verifyReceipt(nodeCrypto, readFileBounded(file, MAX_RECEIPT_BYTES), network);
  const to = payeeOf(verified, flags.to, home.card.root);
  const received = accountMovements(verified, to).filter(({ change }) => change > 0n);
  const [movement, ...others] = received;
  if (movement === undefined) {
    const problem = `the receipt proves no payment to the account ${agentId(to)}`;
    throw new SegmentError("option-invalid", problem, { where: file });
  }
  if (others.length > 0) {
    const problem = "the entry paid in several currencies at once: such a payment has no one total";
    throw new SegmentError("option-invalid", problem, { where: file });
  }
  const { currency, change: minor, entryId, timeMs, memo, others: from } = movement;
  const number = flags.number ?? `${isoDay(timeMs)}-${entryId.slice(0, 8)}`;
  const known = knownHistory(home)?.currencies ?? [];
  const proof = { ...proofOf(verified, network), entryId, timeMs, memo, from, to: agentId(to) };
  return { number, minor, currency: currencyOf(currency, known, flags.decimals), proof };
}

function proofOf(
  { height, certificate }: VerifiedReceipt,
  { network, notaries }: NetworkDescription,
): Pick<PaymentProof, "height" | "network" | "signed" | "notaries"> {
  return { height, network, signed: certificate.length, notaries: notaries.length };
}

/** Whom the entry paid: the one that is named, oneself, or else the only one. Errors: option-invalid. */
function payeeOf(verified: VerifiedReceipt, named: string | undefined, own: Uint8Array): Uint8Array {
  if (named !== undefined) return publicKeyFromId(named);
  const all = verified.result === null ? [] : movementsOf(verified.result);
  const payees = new Map(
    all.filter(({ change }) => change > 0n).map(({ account }) => [agentId(account), account]),
  );
  if (payees.has(agentId(own))) return own;
  const [only, ...others] = payees.values();
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw new SegmentError("option-invalid", "the receipt proves no payment", { where: "receipt" });
  throw new SegmentError("option-invalid", "it paid several: name one with --to", { where: "--to" });
}

/** Errors: option-invalid, currency-unknown. */
function currencyOf(
  id: string,
  known: readonly DocumentCurrency[],
  decimals: string | undefined,
): DocumentCurrency {
  const found = known.find((one) => one.id === id);
  if (found !== undefined) return found;
  const code = isCurrencyId(id) ? currencyCode(id) : id;
  const exponent = exponentOf(code) ?? (/^[0-9]$/.test(decimals ?? "") ? Number(decimals) : undefined);
  if (exponent !== undefined) return { id, code, exponent };
  const problem = `this home does not know how many decimals ${id} has: say so with --decimals`;
  throw new SegmentError("currency-unknown", problem);
}

async function receipt(file: string, flags: BillFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const { proof, currency, minor, number } = await paymentOf(file, flags);
  const { payment } = documentWords(language);
  const frame = { kind: "receipt" as const, number, issuedMs: proof.timeMs, seller: null, buyer: null };
  const lines = [{ text: payment, minor }];
  deliver(makeBill({ ...frame, currency, lines, vatRate: null, proof }, minor), flags);
}

async function invoice(file: string, flags: InvoiceFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const signed = signedInvoice(file, flags.terms);
  if (signed !== undefined) return showSigned(signed, flags);
  const { sellerName, buyerName } = flags;
  if (sellerName === undefined) throw optionInvalid("--seller-name", "who sells", "nothing");
  if (buyerName === undefined) throw optionInvalid("--buyer-name", "who buys", "nothing");
  const vatRate = flags.vat === undefined ? null : parseVatRate(flags.vat);
  const { proof, currency, minor, number } = await paymentOf(file, flags);
  const bill = {
    kind: "invoice" as const,
    number,
    issuedMs: flags.date === undefined ? proof.timeMs : parseIsoDay(flags.date),
    seller: party(sellerName, flags.sellerAddress, flags.sellerVat),
    buyer: party(buyerName, flags.buyerAddress, flags.buyerVat),
    currency,
    lines: flags.line?.map((text) => lineOf(text, currency)) ?? [
      { text: proof.memo === "" ? documentWords(language).payment : proof.memo, minor },
    ],
    vatRate,
    proof,
  };
  deliver(makeBill(bill, minor), flags);
}

/**
 * A delivery's invoice as its shop signed it; undefined for what is none, such as a receipt. Errors:
 * signature-invalid (changed, or not this shop's for these terms), cbor-…, terms-invalid.
 */
function signedInvoice(file: string, termsFile: string | undefined): SignedInvoice | undefined {
  const bytes = readFileBounded(file, MAX_RECEIPT_BYTES);
  // Both are signed messages; which one it is the label says that the signature was made under.
  if (!looksLikeInvoice(bytes) && termsFile === undefined) return undefined;
  if (termsFile === undefined) return openInvoice(nodeCrypto, bytes);
  const { shop, termsId } = readPlan(nodeCrypto, readFileBounded(termsFile, MAX_TERMS_BYTES));
  return openInvoice(nodeCrypto, bytes, { shop, termsId });
}

/** A COSE_Sign1, which a receipt is not. */
function looksLikeInvoice(bytes: Uint8Array): boolean {
  return bytes[0] === 0xd2;
}

async function showSigned(signed: SignedInvoice, flags: InvoiceFlags): Promise<void> {
  for (const name of ["sellerName", "buyerName", "line", "number", "date", "to"] as const) {
    if (flags[name] === undefined) continue;
    throw new SegmentError("option-invalid", `the invoice is signed as it is: it takes no other ${name}`);
  }
  const { number, issuedMs, lines, totalMinor } = signed;
  const currency = currencyOf(signed.currency, await currenciesKnown(flags), flags.decimals);
  const seller = party(signed.seller, flags.sellerAddress ?? signed.signer, flags.sellerVat);
  const buyer = party(signed.buyer, flags.buyerAddress, flags.buyerVat);
  const vatRate = flags.vat === undefined ? null : parseVatRate(flags.vat);
  const bill = { kind: "invoice" as const, number, issuedMs, seller, buyer, currency, lines, vatRate };
  deliver(makeBill({ ...bill, proof: null }, totalMinor), flags, signed.signer);
}

/** What the home's wallet knows of currencies, if there is a home. */
async function currenciesKnown(flags: HomeFlags): Promise<readonly DocumentCurrency[]> {
  if (!existsSync(homeFolder(flags))) return [];
  return knownHistory(await loadHome(flags))?.currencies ?? [];
}

function party(name: string, address = "", vatNumber = ""): BillParty {
  return { name, address: address.replaceAll(String.raw`\n`, "\n"), vatNumber };
}

/** "Bread=3.20"; the text may hold an equals sign itself. Errors: option-invalid, amount-invalid. */
function lineOf(text: string, { exponent }: DocumentCurrency): BillLine {
  const at = text.lastIndexOf("=");
  if (at < 1) throw optionInvalid("--line", "an item and its price, such as Bread=3.20", text);
  return { text: text.slice(0, at).trim(), minor: parseAmount(text.slice(at + 1).trim(), exponent) };
}

/** `signedBy`: of a signed invoice, the key whose signature it carries. */
function deliver(bill: Bill, flags: BillFlags, signedBy?: string): void {
  const language = languageOf(flags.lang);
  const { format, out } = flags;
  if (format !== "html" && format !== "text") throw optionInvalid("--format", "html or text", format);
  const content = format === "html" ? billHtml(bill, language) : billText(bill, language);
  if (out !== undefined) writeFileDurably(out, content, 0o600);
  const { kind, number, currency, netMinor, vatMinor, totalMinor, proof } = bill;
  const money = (minor: bigint): string => formatAmount(minor, currency.exponent, currency.code);
  if (flags.json === true) {
    const amounts = { net: money(netMinor), vat: money(vatMinor), total: money(totalMinor) };
    const paid = { entry: proof?.entryId ?? null, from: proof?.from ?? [], to: proof?.to ?? null };
    const where = out === undefined ? { content } : {};
    printDocument({
      kind,
      number,
      currency: currency.id,
      ...amounts,
      ...(signedBy === undefined ? { paid } : { signedBy }),
      ...where,
      host: { file: out ?? null },
    });
  } else if (out === undefined) process.stdout.write(content);
  else print(`Wrote ${out}: ${kind} ${number} over ${money(totalMinor)}`);
  if (signedBy !== undefined && flags.json !== true) say(`signed by ${signedBy}`);
}
