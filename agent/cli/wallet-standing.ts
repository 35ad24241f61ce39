/** `segment wallet standing`: payments that come round, made by `segment run`. */
import type { Command } from "commander";
import { nodeRandom, systemClock } from "../node/crypto.ts";
import { MAX_ORDERS, readOrders, readStates, stateOf, writeOrders } from "../node/standing-store.ts";
import type { KeptOrder, KeptState } from "../node/standing-store.ts";
import { isoDay, isoTime, parseIsoDay } from "../../protocols/calendar.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { formatAmount, splitAmount } from "../../protocols/money/amounts.ts";
import { dueMs, MAX_COUNT, MAX_DAYS, nextStep } from "../../protocols/money/standing.ts";
import type { Every, Occasion } from "../../protocols/money/standing.ts";
import { integerOf, loadHome, networkOf, optionInvalid, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { utc } from "./layout.ts";
import { amountOf, findCurrency, visitFrom } from "./visit.ts";
import { memoBytes } from "./wallet-send.ts";

interface AddFlags extends NetworkFlags {
  to: string;
  amount?: string;
  every?: string;
  from?: string;
  count?: string;
  whenAbove?: string;
  memo?: string;
}

export function addStanding(wallet: Command): void {
  const standing = wallet
    .command("standing")
    .description("Standing orders: payments that come round, made by `segment run` while it runs.");
  withNetwork(standing.command("add"))
    .description("Order payments at regular times, or of whatever the account holds above a limit.")
    .requiredOption("--to <account>", "the account to pay")
    .option("--amount <amount>", "how much each time: '50.00 EUR'")
    .option("--every <step>", "month, week, day, or days such as 10d")
    .option("--from <day>", "the first payment (default: today; UTC)")
    .option("--count <n>", "how many payments (default: without end)")
    .option("--when-above <amount>", "instead: pay what is above, looked at every hour: '200.00 EUR'")
    .option("--memo <text>", "up to 64 bytes that everybody who sees the entry can read")
    .addHelpText(
      "after",
      "\nExamples:\n  segment wallet standing add --to z6Mk… --amount '50.00 EUR' --every month --from 2026-12-01\n" +
        "  segment wallet standing add --to z6Mk… --when-above '200.00 EUR'\n\n" +
        "A payment that cannot be made on its day is tried on each of the 30 days after it, and never made twice.\n",
    )
    .action(add);
  withHome(standing.command("list"))
    .description("Show the standing orders, when the next payment is due, and what happened last.")
    .addHelpText("after", "\nExample:\n  segment wallet standing list --home phone\n")
    .action(list);
  withHome(standing.command("remove"))
    .description("End a standing order.")
    .argument("<id>", "its id, or as many of its first digits as tell it from the others")
    .addHelpText("after", "\nExample:\n  segment wallet standing remove 3f2a9c01 --home phone\n")
    .action(remove);
}

async function add(flags: AddFlags): Promise<void> {
  const home = await loadHome(flags);
  const { network } = networkOf(home);
  const to = publicKeyFromId(flags.to);
  const memo = memoBytes(flags.memo);
  const { text, occasionOf } = readOccasion(flags);
  const { number, code } = splitAmount(text);
  const orders = readOrders(home.folder);
  if (orders.length >= MAX_ORDERS) {
    throw new SegmentError("option-invalid", `a home has ${MAX_ORDERS} standing orders at most`);
  }
  const currency = await visitFrom(flags, home, (client) => findCurrency(client, code));
  const order: KeptOrder = {
    id: nodeRandom.bytes(16),
    network,
    to,
    currency: currency.id,
    code: currency.code,
    exponent: currency.exponent,
    memo,
    occasion: occasionOf(amountOf(number, currency)),
  };
  writeOrders(home.folder, [...orders, order]);
  if (flags.json === true) printDocument(orderDocument(order, undefined));
  else {
    print(`Ordered: ${orderText(order)}`);
    print(`  id ${toHex(order.id)}; made while this home runs: segment run --home ${home.folder}`);
  }
}

/** Errors: option-invalid. */
function readOccasion(flags: AddFlags): { text: string; occasionOf: (minor: bigint) => Occasion } {
  const { amount, every, whenAbove, from, count } = flags;
  const today = parseIsoDay(isoDay(systemClock.now()));
  if (whenAbove !== undefined) {
    const isMixed = [amount, every, from, count].some((one) => one !== undefined);
    if (isMixed) throw new SegmentError("option-invalid", "--when-above stands alone, with --to and --memo");
    return { text: whenAbove, occasionOf: (minor) => ({ kind: "above", minor, fromMs: systemClock.now() }) };
  }
  if (amount === undefined || every === undefined) {
    throw new SegmentError("option-invalid", "say --amount and --every, or --when-above");
  }
  const fromMs = from === undefined ? today : parseIsoDay(from);
  if (fromMs < today)
    throw optionInvalid("--from", `a day that is not before ${isoDay(today)}`, isoDay(fromMs));
  const times = count === undefined ? null : integerOf("--count", count, 1, MAX_COUNT);
  const step = everyOf(every);
  return {
    text: amount,
    occasionOf: (minor) => ({ kind: "every", minor, every: step, fromMs, count: times }),
  };
}

function everyOf(text: string): Every {
  if (text === "month") return { unit: "month" };
  if (text === "week") return { unit: "day", days: 7 };
  if (text === "day") return { unit: "day", days: 1 };
  const days = /^([0-9]{1,4})d$/.exec(text)?.[1];
  if (days === undefined) throw optionInvalid("--every", "month, week, day, or days such as 10d", text);
  return { unit: "day", days: integerOf("--every", days, 1, MAX_DAYS) };
}

async function list(flags: HomeFlags): Promise<void> {
  const { folder } = await loadHome(flags);
  const orders = readOrders(folder);
  const states = readStates(folder);
  if (flags.json === true) {
    printDocument({ orders: orders.map((order) => orderDocument(order, stateOf(states, order))) });
    return;
  }
  if (orders.length === 0) print("No standing orders.");
  for (const order of orders) {
    const state = stateOf(states, order);
    print(`${toHex(order.id).slice(0, 8)}  ${orderText(order)}`);
    print(`          ${nextText(order, state)}`);
    if (state.last !== null) print(`          ${utc(state.last.atMs)}: ${state.last.text}`);
  }
}

async function remove(id: string, flags: HomeFlags): Promise<void> {
  const { folder } = await loadHome(flags);
  const orders = readOrders(folder);
  const found = orders.filter((order) => /^[0-9a-f]+$/.test(id) && toHex(order.id).startsWith(id));
  const [order, ...others] = found;
  if (order === undefined) throw new SegmentError("option-invalid", `there is no standing order ${id}`);
  if (others.length > 0) {
    throw new SegmentError(
      "option-invalid",
      `${found.length} standing orders begin with ${id}: write more of it`,
    );
  }
  writeOrders(
    folder,
    orders.filter((one) => one !== order),
  );
  if (flags.json === true) printDocument({ removed: toHex(order.id) });
  else print(`Ended: ${orderText(order)}`);
}

function orderText({ to, code, exponent, occasion }: KeptOrder): string {
  const money = formatAmount(occasion.minor, exponent, code);
  if (occasion.kind === "above") return `whatever is above ${money} to ${agentId(to)}`;
  const { every, fromMs, count } = occasion;
  const step = every.unit === "month" ? "month" : every.days === 1 ? "day" : `${every.days} days`;
  const times = count === null ? "" : `, ${count} times`;
  return `${money} every ${step} from ${isoDay(fromMs)}${times} to ${agentId(to)}`;
}

function nextText(order: KeptOrder, state: KeptState): string {
  if (nextStep(order, state, systemClock.now()).kind === "ended") return "ended: all payments are made";
  if (order.occasion.kind === "above") return "looked at every hour";
  return `next due ${isoDay(dueMs(order.occasion, state.period))}`;
}

function orderDocument(order: KeptOrder, state: KeptState | undefined): object {
  const { id, network, to, currency, code, exponent, occasion } = order;
  const money = formatAmount(occasion.minor, exponent, code);
  const plain =
    occasion.kind === "above"
      ? { whenAbove: money }
      : { amount: money, every: occasion.every, from: isoTime(occasion.fromMs), count: occasion.count };
  return {
    ...{ id: toHex(id), network, to: agentId(to), currency, minor: occasion.minor.toString(), ...plain },
    settledPeriods: state?.period ?? 0,
    host: { last: state?.last ?? null },
  };
}
