/** What verified receipts and invoices say: in sentences for people, as plain data for programs. */
import type { Invoice } from "../../protocols/delivery/invoice.ts";
import { text as readText, toHex } from "../../protocols/encoding/bytes.ts";
import { REMEDIES, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { readBody } from "../../protocols/ledger/entry.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { EntryResult } from "../../protocols/ledger/result.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";
import { counted, printable, utc } from "./layout.ts";

/** A sentence each; lists are indented. */
export function describeReceipt(receipt: VerifiedReceipt, network: NetworkDescription): string[] {
  const { kind, signer, outcome, result, height, timeMs, certificate, entryId } = receipt;
  const notaries = network.notaries.length;
  const lines = [
    `Valid: signed by ${certificate.length} of ${counted(notaries, "notary", "notaries")} of the network ` +
      `"${network.network}" (${quorum(notaries)} needed).`,
    `It stands in block ${height}, which they closed at ${utc(timeMs)}.`,
    `The entry is of kind "${kind}", signed by the device ${agentId(signer)}.`,
  ];
  if (outcome === "ok" && result !== null) lines.push("The ledger executed it:", ...resultLines(result));
  else if (outcome !== "ok")
    lines.push(`The ledger refused it and changed nothing: ${outcome}. ${REMEDIES[outcome]}`);
  const memo = memoOf(receipt);
  if (memo !== "") lines.push(`  memo: ${printable(memo)}`);
  lines.push(`Id of the entry: ${toHex(entryId)}`);
  if (notaries === 1)
    lines.push("One notary alone certifies here: the receipt is as good as that one machine.");
  return lines;
}

function resultLines(result: EntryResult): string[] {
  const losses = (result.losses ?? []).map((loss) => {
    const [from, to] = [agentId(loss.account), agentId(loss.fund)];
    return `  what lay still on the account ${from} had shrunk by ${money(loss)}, which went to ${to}`;
  });
  return [...losses, ...bodyLines(result)];
}

function bodyLines(result: EntryResult): string[] {
  switch (result.kind) {
    case "card":
      return [`  the device ${agentId(result.identity)} acts for the account ${agentId(result.root)}`];
    case "revoke":
      return [`  the device ${agentId(result.identity)} is revoked`];
    case "currency":
      return result.to === undefined
        ? [`  the currency ${result.currency} was made`]
        : [`  the deed ${result.currency} was made, the only one, for the account ${agentId(result.to)}`];
    case "mint":
      return [`  ${money(result)} was issued to the account ${agentId(result.to)}`];
    case "transfer":
      return [
        `  the account ${agentId(result.from)} paid ${money(result)} to the account ${agentId(result.to)}`,
      ];
    case "legs":
      return result.legs.map(({ account, currency, change }) => {
        const [does, amount] = change < 0n ? ["paid", -change] : ["received", change];
        return `  the account ${agentId(account)} ${does} ${money({ amount, currency })}`;
      });
    case "joint":
      return [
        `  ${result.k} of these ${result.members.length} may spend from the joint account ${agentId(result.account)}`,
        ...result.members.map((member) => `    ${agentId(member)}`),
      ];
    case "end-mandate":
      return [
        `  the account ${agentId(result.account)} can no longer be charged by mandate ${result.mandate}`,
        `  of the contract ${toHex(result.termsId)}`,
      ];
    case "examine": {
      const held = result.sufficient ? "held at least" : "held less than";
      return [
        `  the account ${agentId(result.account)} ${held} ${money(result)}`,
        `  asked for the contract ${toHex(result.termsId)}`,
      ];
    }
    case "deposit":
      return [
        `  the account ${agentId(result.account)} deposited ${money(result)}`,
        ...contractLines(result),
      ];
    case "open":
    case "choice":
    case "facts":
    case "expire":
      return contractLines(result);
  }
}

type ContractResult = Extract<EntryResult, { seq: number }>;

function contractLines({ termsId, seq, label, closed, payments }: ContractResult): string[] {
  const state = closed ? "it has ended" : `devices may now obey "${label}"`;
  return [
    `  the contract ${toHex(termsId)} made its transition ${seq}; ${state}`,
    ...payments.map((payment) => `  it paid ${money(payment)} to the account ${agentId(payment.account)}`),
  ];
}

/** Whose currency it is matters as much as how much: anybody may issue one called EUR. */
function money({ amount, currency }: { amount: bigint; currency: string }): string {
  if (!isCurrencyId(currency)) return `${amount} minor units of ${JSON.stringify(currency)}`;
  const code = currencyCode(currency);
  const exponent = exponentOf(code);
  if (exponent === undefined) return `${amount} minor units of ${currency}`;
  return `${formatAmount(amount, exponent, code)} (of ${currency.slice(code.length + 1)})`;
}

function memoOf({ entry }: VerifiedReceipt): string {
  try {
    const body = readBody(entry);
    return "memo" in body ? readText(body.memo) : "";
  } catch (error) {
    // A refused entry may be malformed, and a memo need not be text.
    if (error instanceof SegmentError) return "";
    throw error;
  }
}

export function receiptDocument(receipt: VerifiedReceipt, network: NetworkDescription): object {
  const { entryId, kind, signer, outcome, result, height, timeMs, certificate } = receipt;
  return {
    kind: "receipt",
    valid: true,
    network: network.network,
    entry: { id: toHex(entryId), kind, signer: agentId(signer), memo: memoOf(receipt) },
    outcome,
    result: result === null ? null : plain(result),
    block: { height, timeMs },
    notaries: {
      signed: certificate.length,
      needed: quorum(network.notaries.length),
      of: network.notaries.length,
    },
  };
}

const ACCOUNTS: ReadonlySet<string> = new Set([
  "root",
  "identity",
  "to",
  "from",
  "account",
  "fund",
  "members",
]);

/** Keys as ids, other bytes in hex, amounts as text. */
function plain(value: unknown, name = ""): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return ACCOUNTS.has(name) ? agentId(value) : toHex(value);
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, key)]));
}

type OpenedInvoice = Invoice & { signer: string };

export function describeInvoice(invoice: OpenedInvoice): string[] {
  const { number, termsId, issuedMs, seller, buyer, currency, lines, totalMinor, signer } = invoice;
  return [
    `Invoice ${printable(number)} of ${printable(seller)} to ${printable(buyer)}, issued ${utc(issuedMs)}.`,
    ...lines.map(({ text, minor }) => `  ${printable(text)}: ${money({ amount: minor, currency })}`),
    `  total: ${money({ amount: totalMinor, currency })}`,
    `It is for the contract ${toHex(termsId)}.`,
    `Unchanged since ${signer} signed it. Whether that is the seller's key is for you to know: ` +
      "compare it with the contract's parties (segment contract show).",
  ];
}

export function invoiceDocument(invoice: OpenedInvoice): object {
  const { number, termsId, issuedMs, seller, buyer, currency, lines, totalMinor, signer } = invoice;
  return {
    kind: "invoice",
    valid: true,
    number,
    termsId: toHex(termsId),
    issuedMs,
    seller,
    buyer,
    currency,
    lines: lines.map(({ text, minor }) => ({ text, minor: minor.toString() })),
    totalMinor: totalMinor.toString(),
    signer,
  };
}
