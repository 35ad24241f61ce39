/** `segment wallet tab`: pay and be paid with no network, from money that was set aside for one payee. */
import type { Command } from "commander";
import type { z } from "zod";
import { nodeCrypto as crypto, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { readRunStatus, runningProcess } from "../node/run-status.ts";
import { endedTabs } from "../node/tab-ended.ts";
import { contractOf, exponentIn, refusalText, tabMoney } from "../node/tab-words.ts";
import { keptTab, readPayer, readRefusal, saidIn, TabBook, withBook } from "../node/tabs.ts";
import type { PayeeState } from "../../devices/tab/payee.ts";
import type { PayerState } from "../../devices/tab/payer.ts";
import { fromBase64Url, fromHex, toBase64Url, toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode, REMEDIES, SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { parseAmount } from "../../protocols/money/amounts.ts";
import { voucherSchema } from "../../protocols/tab/messages.ts";
import { readTab } from "../../protocols/tab/tab.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
import { pause, pick, storeOf } from "./contract-home.ts";
import { counted, table, terminalWidth, utc } from "./layout.ts";
import { loadHome, networkOf, numberOf, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { visitFrom } from "./visit.ts";

const PREFIX = "segment:voucher:";
const MAX_LINE = 4_096;
const DAY_MS = 24 * 60 * 60_000;
const PATIENCE_MS = 20_000;
/** How long the running agent gets to find the payee, and to give it a voucher. */
const HAND_OVER_MS = 15_000;
const LOOK_EVERY_MS = 50;
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
    .description(
      "Sign a voucher. An agent that runs with a radio gives it to the payee; else it is printed, to be given " +
        "by any way.",
    )
    .argument("<contract>", "the first digits of the tab's id, as `segment contract list` shows it")
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
    .argument("<contract>", "the first digits of the tab's id")
    .addHelpText("after", "\nExample:\n  segment wallet tab redeem 3f0c… --home shop\n")
    .action(redeem);
}

function around(home: Home) {
  return { crypto, network: networkOf(home), now: systemClock.now() };
}

/** A tab's contract in hex, by its first digits. Errors: tab-unknown, option-invalid. */
function tabOf(home: Home, idText: string): string {
  try {
    return toHex(pick(storeOf(home).loadAll(), idText).termsId);
  } catch (error) {
    if (errorCode(error) !== "contract-unknown") throw error;
    throw new SegmentError("tab-unknown", "this home has no contract of that id", { where: idText });
  }
}

async function pay(idText: string, amountText: string, flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const contract = tabOf(home, idText);
  const kept = keptTab(home, crypto, networkOf(home), contract);
  const tab = readTab(crypto, kept.terms);
  const minor = parseAmount(amountText, exponentIn(home, tab));
  if (minor === 0n) throw new SegmentError("amount-invalid", "nothing is paid with 0");
  const open = (): TabBook<PayerState> => TabBook.ofPayer(home, around(home));
  const carried = await withBook(open, systemClock, (book) => {
    book.command("carry", kept);
    const before = BigInt(carriedIn(book.state, contract)?.signedMinor ?? "0");
    if (before + minor > BigInt(tab.heldMinor)) {
      const held = tabMoney(home, tab, BigInt(tab.heldMinor));
      const problem = `${tabMoney(home, tab, before)} is paid already, and ${held} held`;
      throw new SegmentError("voucher-beyond-hold", problem, { where: "<amount>" });
    }
    book.command("pay", { termsId: tab.termsId, minor: minor.toString() });
    return carriedIn(book.state, contract);
  });
  const line = PREFIX + toBase64Url(encodeMessage({ termsId: tab.termsId, voucher: carried?.voucher }));
  const total = BigInt(carried?.signedMinor ?? "0");
  const radio = isOnAir(home);
  const isHandedOver = radio && (await handedOver(home, tab, total));
  if (flags.json === true) {
    printDocument({
      paid: minor.toString(),
      inAll: total.toString(),
      currency: tab.currency,
      voucher: line,
      host: { handedOver: isHandedOver },
    });
    return;
  }
  const money = `${tabMoney(home, tab, minor)} more, ${tabMoney(home, tab, total)} in all`;
  if (isHandedOver) return print(`Paid: ${money}; the payee has it, over Bluetooth.`);
  if (radio) print("The payee is not near; the running agent goes on trying.");
  print(`Signed: ${money}. ${radio ? "Or give" : "Give"} this to the payee:`);
  print(line);
}

/** Whether an agent with a radio runs beside this command, that brings vouchers to payees. */
function isOnAir(home: Home): boolean {
  return runningProcess(home.folder) !== undefined && readRunStatus(home.folder)?.radio !== undefined;
}

/**
 * Waits for the running agent to bring the voucher to the payee; false if the payee is not near. Errors: the
 * payee's refusal.
 */
async function handedOver(home: Home, tab: Tab, total: bigint): Promise<boolean> {
  const contract = contractOf(tab);
  const untilMs = systemClock.now() + HAND_OVER_MS;
  while (systemClock.now() < untilMs) {
    const keptMinor = BigInt(carriedIn(readPayer(home), contract)?.keptMinor ?? "0");
    if (keptMinor >= total) return true;
    const refusal = readRefusal(home, contract);
    if (refusal?.inAll === total.toString()) throw refused(home, tab, keptMinor, refusal);
    await pause(LOOK_EVERY_MS);
  }
  return false;
}

/** The payee's refusal, by its own code if that is one of ours. */
function refused(home: Home, tab: Tab, before: bigint, refusal: { code: string; message: string }): Error {
  const code = Object.hasOwn(REMEDIES, refusal.code) ? (refusal.code as ErrorCode) : "voucher-invalid";
  return new SegmentError(code, refusalText(home, tab, before, refusal), { where: "voucher" });
}

async function accept(lineText: string, flags: HomeFlags & { offlineDays: string }): Promise<void> {
  const { termsId, voucher } = readLine(lineText);
  const offlineDays = numberOf("--offline-days", flags.offlineDays, 0, 366);
  const home = await loadHome(flags);
  const kept = keptTab(home, crypto, networkOf(home), toHex(termsId));
  const tab = readTab(crypto, kept.terms);
  const open = (): TabBook<PayeeState> => TabBook.ofPayee(home, around(home), offlineDays * DAY_MS);
  await withBook(open, systemClock, (book) => {
    const from = { session: "line", peer: agentId(tab.payer.identity) } as const;
    book.handle({ kind: "session-message", ...from, type: "tab", body: encodeMessage(kept) });
    const before = BigInt(heldIn(book.state, contractOf(tab))?.paidMinor ?? "0");
    const body = encodeMessage({ termsId, voucher });
    const effects = book.handle({ kind: "session-message", ...from, type: "voucher", body });
    const refusal = saidIn(effects, "voucher-refused") as { code: string; message: string } | undefined;
    if (refusal !== undefined) throw refused(home, tab, before, refusal);
    const total = BigInt(heldIn(book.state, contractOf(tab))?.paidMinor ?? "0");
    if (flags.json === true) {
      const paid = (total - before).toString();
      printDocument({ paid, inAll: total.toString(), currency: tab.currency, contract: contractOf(tab) });
      return;
    }
    print(
      `Paid: ${tabMoney(home, tab, total - before)} more, ${tabMoney(home, tab, total)} in all; the voucher is kept.`,
    );
    print(`  redeem it by ${utc(tab.redeemByMs)}: segment wallet tab redeem ${contractOf(tab)}`);
  });
}

async function redeem(idText: string, flags: NetworkFlags): Promise<void> {
  const home = await loadHome(flags);
  const contract = tabOf(home, idText);
  const open = (): TabBook<PayeeState> => TabBook.ofPayee(home, around(home), 0);
  const { held, submit } = await withBook(open, systemClock, (book) => {
    const held = heldIn(book.state, contract);
    if (held === undefined) throw new SegmentError("tab-unknown", "this home holds no voucher of that tab");
    const [submit] = book
      .command("redeem", fromHex(contract))
      .flatMap((effect) => (effect.kind === "submit" ? [effect] : []));
    if (submit === undefined)
      throw new SegmentError("contract-closed", "the tab has ended", { where: contract });
    return { held, submit };
  });
  const { receipt, bytes } = await visitFrom(flags, home, (client) =>
    client.ledger.submit(submit.entry, { patienceMs: PATIENCE_MS }),
  );
  await withBook(open, systemClock, (book) => book.handle({ kind: "receipt", receipt, bytes }));
  const total = BigInt(held.paidMinor);
  if (flags.json === true)
    printDocument({ redeemed: total.toString(), currency: held.tab.currency, contract });
  else print(`Redeemed: ${tabMoney(home, held.tab, total)}; what was left went back to the payer.`);
}

async function list(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const payers = (): TabBook<PayerState> => TabBook.ofPayer(home, around(home));
  const payees = (): TabBook<PayeeState> => TabBook.ofPayee(home, around(home), 0);
  let ended = new Set<string>();
  const pays = await withBook(payers, systemClock, (book) => {
    ended = endedTabs(book, home, crypto, networkOf(home));
    return book.state.tabs;
  });
  const gets = await withBook(payees, systemClock, ({ state }) => state.tabs);
  const isOver = (tab: Tab): boolean => ended.has(contractOf(tab));
  if (flags.json === true) {
    const document = (tab: Tab, minor: string, status: string) => ({
      ...{ contract: contractOf(tab), currency: tab.currency, held: tab.heldMinor, inAll: minor, status },
      ...{ payUntilMs: tab.payByMs, redeemByMs: tab.redeemByMs },
    });
    printDocument({
      pays: pays.map(({ tab, signedMinor }) => document(tab, signedMinor, isOver(tab) ? "closed" : "open")),
      isPaid: gets.map(({ tab, paidMinor, status }) => document(tab, paidMinor, status)),
    });
    return;
  }
  if (pays.length + gets.length === 0)
    return print("No tab: `segment contract propose tab/1` sets money aside.");
  const row = (tab: Tab, minor: string, what: string): string[] => [
    contractOf(tab).slice(0, 12),
    `${what} ${tabMoney(home, tab, BigInt(minor))} of ${tabMoney(home, tab, BigInt(tab.heldMinor))}`,
    `until ${utc(tab.redeemByMs)}`,
  ];
  const rows = [
    ...pays.map(({ tab, signedMinor }) => row(tab, signedMinor, isOver(tab) ? "ended; paid" : "paid")),
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

function carriedIn(state: PayerState, contract: string): PayerState["tabs"][number] | undefined {
  return state.tabs.find(({ tab }) => contractOf(tab) === contract);
}

function heldIn(state: PayeeState, contract: string): PayeeState["tabs"][number] | undefined {
  return state.tabs.find(({ tab }) => contractOf(tab) === contract);
}
