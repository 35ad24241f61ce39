/** `segment wallet send` and `request`: payments, and the line by which one asks for them. */
import type { Command } from "commander";
import { systemClock } from "../node/crypto.ts";
import { knownHistory } from "../node/history.ts";
import { keepReceipt } from "../node/run-documents.ts";
import type { Client } from "../node/run-client.ts";
import type { Home } from "../node/home.ts";
import { isoTime } from "../../protocols/calendar.ts";
import { formatRequest, parseRequest } from "../../protocols/documents/request.ts";
import { toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";
import { counted, printable } from "./layout.ts";
import { integerOf, loadHome, networkOf, smallText, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { amountOf, findCurrency, submit, visitFrom } from "./visit.ts";
import type { CurrencyName } from "./visit.ts";

const MAX_MEMO_BYTES = 64;
const DAY_MS = 24 * 60 * 60 * 1_000;

interface SendFlags extends NetworkFlags {
  memo?: string;
  request?: string;
}

interface RequestFlags extends NetworkFlags {
  memo?: string;
  to?: string;
  days?: string;
  qr: boolean;
}

export function addSend(wallet: Command): void {
  withNetwork(wallet.command("send"))
    .description("Pay from the account; ends when the payment is certified.")
    .argument("[amount]", "such as 24.90")
    .argument("[currency]", "its code, or its whole id where two issuers share a code")
    .argument("[to]", "the account to pay (that account's owner finds it with: segment wallet account)")
    .option("--memo <text>", `up to ${MAX_MEMO_BYTES} bytes that everybody who sees the entry can read`)
    .option("--request <line>", "pay what a payment request says (segment:pay?…, or a file that holds it)")
    .addHelpText(
      "after",
      "\nExamples:\n  segment wallet send 24.90 EUR z6Mk… --memo rent\n" +
        "  segment wallet send --request 'segment:pay?network=village&to=z6Mk…'\n",
    )
    .action(send);
  withNetwork(wallet.command("request"))
    .description("Ask for a payment: a line and a QR code, for whoever is to pay.")
    .argument("<amount>", "such as 24.90")
    .argument("<currency>", "its code, or its whole id where two issuers share a code")
    .option("--to <account>", "the account to be paid (default: one's own)")
    .option("--memo <text>", `what for: up to ${MAX_MEMO_BYTES} bytes`)
    .option("--days <n>", "how long it is to be paid (default: without end)")
    .option("--no-qr", "the line alone")
    .addHelpText("after", "\nExample:\n  segment wallet request 24.90 EUR --memo 'rent of May' --days 14\n")
    .action(request);
}

interface Payment {
  to: Uint8Array;
  amount: string;
  currency: string;
  memo: Uint8Array;
}

async function send(
  amount: string | undefined,
  currency: string | undefined,
  to: string | undefined,
  flags: SendFlags,
): Promise<void> {
  const home = await loadHome(flags);
  const given = [amount, currency, to].filter((one) => one !== undefined).length;
  if (flags.request !== undefined) {
    if (given > 0 || flags.memo !== undefined) {
      throw new SegmentError("option-invalid", "a request says amount, account and memo itself", {
        where: "--request",
      });
    }
    const payment = requested(flags.request, home);
    return pay(flags, home, payment);
  }
  if (amount === undefined || currency === undefined || to === undefined) {
    throw new SegmentError("option-invalid", "name amount, currency and account, or a --request");
  }
  return pay(flags, home, { to: publicKeyFromId(to), amount, currency, memo: memoBytes(flags.memo) });
}

/** Errors: option-invalid, also for a request of another network or one that has expired. */
function requested(line: string, home: Home): Payment {
  const text = line.startsWith("segment:") ? line : smallText(line);
  const { network, to, currency, amount, memo, untilMs } = parseRequest(text);
  const own = networkOf(home).network;
  if (network !== own) {
    const problem = `the request is for the network "${network}", this home belongs to "${own}"`;
    throw new SegmentError("option-invalid", problem, { where: "--request" });
  }
  if (untilMs !== null && systemClock.now() >= untilMs) {
    throw new SegmentError("option-invalid", `the request has expired at ${isoTime(untilMs)}`, {
      where: "--request",
    });
  }
  return { to, amount, currency, memo: utf8(memo) };
}

async function pay(flags: SendFlags, home: Home, payment: Payment): Promise<void> {
  const { to, memo } = payment;
  await visitFrom(flags, home, async (client: Client) => {
    const currency = await findCurrency(client, payment.currency);
    const amount = amountOf(payment.amount, currency);
    const body = { kind: "transfer" as const, to, currency: currency.id, amount, memo };
    const certified = await submit(client, home, body).catch((error: unknown) => {
      throw explained(error, agentId(to));
    });
    const path = keepReceipt(home, certified);
    const { entryId, height, timeMs, certificate } = certified.receipt;
    const money = formatAmount(amount, currency.exponent, currency.code);
    const notaries = client.connection.network.notaries.length;
    if (flags.json === true) {
      printDocument({
        paid: { currency: currency.id, minor: amount.toString(), amount: money },
        to: agentId(to),
        notaries: { signed: certificate.length, of: notaries },
        host: { entryId: toHex(entryId), height, timeMs, receipt: path },
      });
      return;
    }
    print(`Paid ${money} to ${agentId(to)}`);
    print(
      `  certified by ${certificate.length} of ${counted(notaries, "notary", "notaries")} in block ${height}`,
    );
    print(`  receipt: ${path}`);
  });
}

/** The ledger's codes in the words of a payment. */
function explained(error: unknown, to: string): unknown {
  if (!(error instanceof SegmentError)) return error;
  if (error.code !== "account-unknown") return error;
  const problem =
    `this network has no account ${to}: none of its devices is registered here, or it is the id of a ` +
    "device; nothing was paid";
  return new SegmentError("account-unknown", problem, { cause: error });
}

/** Errors: option-invalid. */
export function memoBytes(text = ""): Uint8Array {
  const memo = utf8(text);
  if (memo.length <= MAX_MEMO_BYTES) return memo;
  throw new SegmentError(
    "option-invalid",
    `the memo has ${memo.length} bytes, ${MAX_MEMO_BYTES} are allowed`,
  );
}

async function request(amountText: string, name: string, flags: RequestFlags): Promise<void> {
  const home = await loadHome(flags);
  const { network } = networkOf(home);
  const to = flags.to === undefined ? home.card.root : publicKeyFromId(flags.to);
  const memo = flags.memo ?? "";
  memoBytes(memo);
  const days = flags.days === undefined ? undefined : integerOf("--days", flags.days, 1, 3_660);
  const currency =
    knownCurrency(home, name) ?? (await visitFrom(flags, home, (client) => findCurrency(client, name)));
  const minor = parseAmount(amountText, currency.exponent);
  if (minor === 0n) throw new SegmentError("amount-invalid", `an amount above 0 ${currency.code} is needed`);
  const text = formatAmount(minor, currency.exponent, "").trim();
  // To the second, and in the payee's favour: the line shows no more.
  const untilMs = days === undefined ? null : Math.ceil(systemClock.now() / 1_000) * 1_000 + days * DAY_MS;
  const line = formatRequest({ network, to, currency: currency.id, amount: text, memo, untilMs });
  if (flags.json === true) {
    const asked = { currency: currency.id, minor: minor.toString(), amount: `${text} ${currency.code}` };
    printDocument({ request: line, network, to: agentId(to), ...asked, memo, host: { untilMs } });
    return;
  }
  if (flags.qr) {
    const { encodeQR } = await import("qr");
    print(encodeQR(line, "ascii", { ecc: "medium", border: 2 }).trimEnd());
  }
  const until = untilMs === null ? "" : `, to be paid before ${isoTime(untilMs)}`;
  const what = memo === "" ? "" : ` for "${printable(memo)}"`;
  print(`${text} ${currency.code}${what} to ${agentId(to)}${until}:`);
  print(line);
}

/** A currency of which the home knows enough without asking anybody. */
function knownCurrency(home: Home, name: string): CurrencyName | undefined {
  const known = knownHistory(home)?.currencies ?? [];
  const found = known.filter(({ id, code }) => (isCurrencyId(name) ? id === name : code === name));
  if (found.length === 1) return found[0];
  if (!isCurrencyId(name)) return undefined;
  const code = currencyCode(name);
  const exponent = exponentOf(code);
  return exponent === undefined ? undefined : { id: name, code, exponent };
}
