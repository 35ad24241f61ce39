/** `segment wallet tab`: pay and be paid with no network, from money that was set aside for one payee. */
import type { Command } from "commander";
import type { z } from "zod";
import { nodeCrypto as crypto, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { readStatement } from "../node/run-wallet.ts";
import { keptTab, saidIn, TabBook } from "../node/tabs.ts";
import type { PayeeState } from "../../devices/tab/payee.ts";
import type { PayerState } from "../../devices/tab/payer.ts";
import { fromBase64Url, fromHex, toBase64Url, toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { REMEDIES, SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf } from "../../protocols/money/currencies.ts";
import { voucherSchema } from "../../protocols/tab/messages.ts";
import { readTab } from "../../protocols/tab/tab.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
import { counted, table, terminalWidth, utc } from "./layout.ts";
import { loadHome, networkOf, numberOf, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { visitFrom } from "./visit.ts";

const PREFIX = "segment:voucher:";
const MAX_LINE = 4_096;
const DAY_MS = 24 * 60 * 60_000;
const PATIENCE_MS = 20_000;
/** The template's own default. */
const OFFLINE_DAYS = "7";

const WHY =
  "A tab is a contract (template tab/1, see `segment contract propose`) that sets money aside for one payee. " +
  "From then on payer and payee need no network: the payer signs vouchers, each over all that was paid so far, " +
  "and the payee redeems the last one when it is online again. Nothing else can be spent offline: without the " +
  "notaries nobody can see whether the same money was promised to another as well, and only money that is bound " +
  "to this payee, to one device key and beyond the payee's longest time offline cannot have been.";

export function addTab(wallet: Command): void {
  const tab = wallet.command("tab").description("Pay and be paid by vouchers, with no network.");
  tab.addHelpText("after", `\n${WHY}\n`);
  withHome(tab.command("list"))
    .description("Show the tabs that this home pays by, and those by which it is paid.")
    .addHelpText("after", "\nExample:\n  segment wallet tab list --home phone\n")
    .action(list);
  withHome(tab.command("pay"))
    .description("Sign a voucher; what it prints is to be given to the payee, by any way.")
    .argument("<contract>", "the tab's id, as `segment contract list` shows it")
    .argument("<amount>", "such as 1.20: what comes on top of all that was paid before")
    .addHelpText("after", "\nExample:\n  segment wallet tab pay 3f0c… 1.20 --home phone\n")
    .action(pay);
  withHome(tab.command("accept"))
    .description("Check a voucher and keep it: then it is paid.")
    .argument("<voucher>", "the payer's line, segment:voucher:…")
    .option("--offline-days <n>", "how long this home may be without a network", OFFLINE_DAYS)
    .addHelpText("after", "\nExample:\n  segment wallet tab accept segment:voucher:… --home shop\n")
    .action(accept);
  withNetwork(tab.command("redeem"))
    .description("Hand the last voucher of a tab to the notaries; the payer gets back what is left.")
    .argument("<contract>", "the tab's id")
    .addHelpText("after", "\nExample:\n  segment wallet tab redeem 3f0c… --home shop\n")
    .action(redeem);
}

function around(home: Home) {
  return { crypto, network: networkOf(home), now: systemClock.now() };
}

/** Opens the book, works, and lets others at it again. */
async function withBook<State extends PayerState | PayeeState, T>(
  book: TabBook<State>,
  work: (book: TabBook<State>) => Promise<T> | T,
): Promise<T> {
  try {
    return await work(book);
  } finally {
    book.close();
  }
}

async function pay(contract: string, amountText: string, flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const kept = keptTab(home, crypto, networkOf(home), contract);
  const tab = readTab(crypto, kept.terms);
  const minor = parseAmount(amountText, exponentIn(home, tab));
  if (minor === 0n) throw new SegmentError("amount-invalid", "nothing is paid with 0");
  await withBook(TabBook.ofPayer(home, around(home)), (book) => {
    book.command("carry", kept);
    const before = BigInt(carriedIn(book.state, contract)?.signedMinor ?? "0");
    if (before + minor > BigInt(tab.heldMinor)) {
      const problem = `${money(home, tab, before)} is paid already, and ${money(home, tab, BigInt(tab.heldMinor))} held`;
      throw new SegmentError("voucher-beyond-hold", problem, { where: "<amount>" });
    }
    book.command("pay", { termsId: tab.termsId, minor: minor.toString() });
    const carried = carriedIn(book.state, contract);
    const line = PREFIX + toBase64Url(encodeMessage({ termsId: tab.termsId, voucher: carried?.voucher }));
    const total = BigInt(carried?.signedMinor ?? "0");
    if (flags.json === true) {
      printDocument({
        paid: minor.toString(),
        inAll: total.toString(),
        currency: tab.currency,
        voucher: line,
      });
      return;
    }
    print(
      `Signed: ${money(home, tab, minor)} more, ${money(home, tab, total)} in all. Give this to the payee:`,
    );
    print(line);
  });
}

async function accept(lineText: string, flags: HomeFlags & { offlineDays: string }): Promise<void> {
  const { termsId, voucher } = readLine(lineText);
  const offlineDays = numberOf("--offline-days", flags.offlineDays, 0, 366);
  const home = await loadHome(flags);
  const kept = keptTab(home, crypto, networkOf(home), toHex(termsId));
  const tab = readTab(crypto, kept.terms);
  await withBook(TabBook.ofPayee(home, around(home), offlineDays * DAY_MS), (book) => {
    const from = { session: "line", peer: agentId(tab.payer.identity) } as const;
    book.handle({ kind: "session-message", ...from, type: "tab", body: encodeMessage(kept) });
    const before = BigInt(heldIn(book.state, contractOf(tab))?.paidMinor ?? "0");
    const body = encodeMessage({ termsId, voucher });
    const effects = book.handle({ kind: "session-message", ...from, type: "voucher", body });
    const refused = saidIn(effects, "voucher-refused") as { code: ErrorCode; message: string } | undefined;
    if (refused !== undefined) throw explained(home, tab, before, refused);
    const total = BigInt(heldIn(book.state, contractOf(tab))?.paidMinor ?? "0");
    if (flags.json === true) {
      const paid = (total - before).toString();
      printDocument({ paid, inAll: total.toString(), currency: tab.currency, contract: contractOf(tab) });
      return;
    }
    print(
      `Paid: ${money(home, tab, total - before)} more, ${money(home, tab, total)} in all; the voucher is kept.`,
    );
    print(`  redeem it by ${utc(tab.redeemByMs)}: segment wallet tab redeem ${contractOf(tab)}`);
  });
}

/** The payee's refusal with amounts as people read them. */
function explained(
  home: Home,
  tab: Tab,
  before: bigint,
  refused: { code: ErrorCode; message: string },
): Error {
  const { code, message } = refused;
  const where = { where: "voucher" };
  if (code === "voucher-replayed")
    return new SegmentError(code, `nothing new: ${money(home, tab, before)} was paid before`, where);
  if (code === "voucher-beyond-hold")
    return new SegmentError(code, `the tab holds ${money(home, tab, BigInt(tab.heldMinor))} in all`, where);
  return new SegmentError(code, message, where);
}

async function redeem(contract: string, flags: NetworkFlags): Promise<void> {
  const home = await loadHome(flags);
  await withBook(TabBook.ofPayee(home, around(home), 0), async (book) => {
    const held = heldIn(book.state, contract);
    if (held === undefined) throw new SegmentError("tab-unknown", "this home holds no voucher of that tab");
    const [submit] = book
      .command("redeem", fromHex(contract))
      .flatMap((effect) => (effect.kind === "submit" ? [effect] : []));
    if (submit === undefined)
      throw new SegmentError("contract-closed", "the tab has ended", { where: contract });
    await visitFrom(flags, home, async (client) => {
      const { receipt, bytes } = await client.ledger.submit(submit.entry, { patienceMs: PATIENCE_MS });
      book.handle({ kind: "receipt", receipt, bytes });
    });
    const total = BigInt(held.paidMinor);
    if (flags.json === true)
      printDocument({ redeemed: total.toString(), currency: held.tab.currency, contract });
    else print(`Redeemed: ${money(home, held.tab, total)}; what was left went back to the payer.`);
  });
}

async function list(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const pays = await withBook(TabBook.ofPayer(home, around(home)), ({ state }) => state.tabs);
  const gets = await withBook(TabBook.ofPayee(home, around(home), 0), ({ state }) => state.tabs);
  if (flags.json === true) {
    const document = (tab: Tab, minor: string, status: string) => ({
      ...{ contract: contractOf(tab), currency: tab.currency, held: tab.heldMinor, inAll: minor, status },
      ...{ payUntilMs: tab.payByMs, redeemByMs: tab.redeemByMs },
    });
    printDocument({
      pays: pays.map(({ tab, signedMinor }) => document(tab, signedMinor, "open")),
      isPaid: gets.map(({ tab, paidMinor, status }) => document(tab, paidMinor, status)),
    });
    return;
  }
  if (pays.length + gets.length === 0)
    return print("No tab: `segment contract propose tab/1` sets money aside.");
  const row = (tab: Tab, minor: string, what: string): string[] => [
    contractOf(tab).slice(0, 12),
    `${what} ${money(home, tab, BigInt(minor))} of ${money(home, tab, BigInt(tab.heldMinor))}`,
    `until ${utc(tab.redeemByMs)}`,
  ];
  const rows = [
    ...pays.map(({ tab, signedMinor }) => row(tab, signedMinor, "paid")),
    ...gets.map(({ tab, paidMinor, status }) => row(tab, paidMinor, status === "closed" ? "had" : "holds")),
  ];
  print(
    `${counted(pays.length, "tab", "tabs")} to pay by, ${counted(gets.length, "tab", "tabs")} to be paid by:`,
  );
  for (const line of table(rows, [2, 4, 4], terminalWidth())) print(line);
}

/** Errors: voucher-invalid. */
function readLine(line: string): z.output<typeof voucherSchema> {
  try {
    if (!line.startsWith(PREFIX) || line.length > MAX_LINE)
      throw new SegmentError("voucher-invalid", "not a voucher");
    return voucherSchema.parse(decodeMessage(fromBase64Url(line.slice(PREFIX.length))));
  } catch (cause) {
    const problem = `the line is no voucher: it begins with ${PREFIX} and is copied whole`;
    throw new SegmentError("voucher-invalid", problem, { where: "<voucher>", cause });
  }
}

function contractOf(tab: Tab): string {
  return toHex(tab.termsId);
}

function carriedIn(state: PayerState, contract: string): PayerState["tabs"][number] | undefined {
  return state.tabs.find(({ tab }) => contractOf(tab) === contract);
}

function heldIn(state: PayeeState, contract: string): PayeeState["tabs"][number] | undefined {
  return state.tabs.find(({ tab }) => contractOf(tab) === contract);
}

/**
 * Offline, so from what is known: ISO 4217, or what the home's account held last. Errors: currency-unknown.
 */
function exponentIn(home: Home, { currency }: Tab): number {
  const known = exponentOf(currencyCode(currency));
  if (known !== undefined) return known;
  const statement = home.network && readStatement(home.folder, home.network.network);
  const held = statement?.balances.find((one) => one.currency === currency)?.exponent;
  if (held !== undefined) return held;
  const problem = `this home has not seen yet how many decimals ${currency} has: \`segment wallet show\`, online`;
  throw new SegmentError("currency-unknown", problem, { where: REMEDIES["currency-unknown"] });
}

function money(home: Home, tab: Tab, minor: bigint): string {
  return formatAmount(minor, exponentIn(home, tab), currencyCode(tab.currency));
}
