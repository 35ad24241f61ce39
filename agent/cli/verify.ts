/** `segment verify`: what a file proves, checked offline and with the committee's keys alone. */
import type { Command } from "commander";
import { nodeCrypto } from "../node/crypto.ts";
import { readHomeNetwork } from "../node/home.ts";
import { decodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { decodeCbor } from "../../protocols/encoding/cbor.ts";
import { CborTag } from "../../protocols/encoding/cbor-values.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { MAX_RECEIPT_BYTES, verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { describeInvoice, describeReceipt, invoiceDocument, receiptDocument } from "./verified.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import { homeFolder, readFileBounded, readNetworkFile, withJson } from "./options.ts";
import type { JsonFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface VerifyFlags extends JsonFlags {
  home?: string;
  network?: string;
}

export function addVerify(program: Command): void {
  withJson(program.command("verify"))
    .description("Check a receipt, an invoice or terms, offline; says in sentences what it proves.")
    .argument("<file>", "a .receipt or receipt.cbor, an invoice.cbor, a terms.cbor")
    .option("--network <file>", "the network.json whose committee must have certified it")
    .option("--home <dir>", "or the home that has joined that network (default ~/.segment)")
    .addHelpText(
      "after",
      "\nExample:\n  segment verify receipt.cbor --network network.json\n\n" +
        "The committee's keys never come from the receipt. Exit code 1: refused.\n",
    )
    .action(verify);
}

function verify(file: string, flags: VerifyFlags): void {
  const bytes = readFileBounded(file, MAX_RECEIPT_BYTES);
  switch (kindOf(bytes)) {
    case "invoice":
      return showInvoice(bytes, flags);
    case "terms":
      return showTerms(bytes, file, flags);
    case "receipt":
      return showReceipt(bytes, flags);
  }
}

/** By its outermost shape; what has none of them is read as a receipt, and refused as one. */
function kindOf(bytes: Uint8Array): "receipt" | "invoice" | "terms" {
  let value: ReturnType<typeof decodeCbor>;
  try {
    value = decodeCbor(bytes, { maxBytes: MAX_RECEIPT_BYTES });
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return "receipt";
  }
  // A COSE_Sign1 (RFC 9052, section 2) is tag 18; terms begin [1, network, template, …].
  if (value instanceof CborTag) return "invoice";
  return Array.isArray(value) && typeof value[1] === "string" ? "terms" : "receipt";
}

function showReceipt(bytes: Uint8Array, flags: VerifyFlags): void {
  const network = committeeOf(flags);
  const receipt = verifyReceipt(nodeCrypto, bytes, network);
  if (flags.json === true) printDocument(receiptDocument(receipt, network));
  else for (const line of describeReceipt(receipt, network)) printParagraph(line);
}

/** Errors: network-invalid, option-invalid. */
function committeeOf(flags: VerifyFlags): NetworkDescription {
  if (flags.network !== undefined) return readNetworkFile(flags.network);
  const folder = homeFolder(flags);
  const network = readHomeNetwork(folder);
  if (network !== undefined) return network;
  const problem = `whose committee? Name the network with --network FILE: ${folder} has joined none`;
  throw new SegmentError("network-invalid", problem);
}

function showInvoice(bytes: Uint8Array, flags: VerifyFlags): void {
  const invoice = openInvoice(nodeCrypto, bytes);
  if (flags.json === true) printDocument(invoiceDocument(invoice));
  else for (const line of describeInvoice(invoice)) printParagraph(line);
}

function showTerms(bytes: Uint8Array, file: string, flags: VerifyFlags): void {
  const { network, template } = decodeTerms(bytes);
  const id = toHex(termsId(nodeCrypto, bytes));
  if (flags.json === true) {
    printDocument({ kind: "terms", termsId: id, network, template });
    return;
  }
  printParagraph(`These are terms of the template ${template} for the network "${network}".`);
  printParagraph(`Their id, which signatures and receipts name: ${id}`);
  printParagraph(
    "By themselves they prove nothing: signatures stand apart, and a receipt says what came of them. " +
      `Read them with: segment contract show ${file}`,
  );
}

/** Lines that begin with spaces are lists: they keep their indent. */
function printParagraph(line: string): void {
  const indent = /^ */.exec(line)?.[0] ?? "";
  for (const wrapped of paragraph(line.slice(indent.length), terminalWidth(), indent)) print(wrapped);
}
