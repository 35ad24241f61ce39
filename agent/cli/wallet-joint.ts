/** `segment wallet joint`: accounts from which k of n members pay together. */
import type { Command } from "commander";
import { nodeCrypto, nodeRandom, systemClock } from "../node/crypto.ts";
import { readContacts } from "../node/contacts.ts";
import { fetchHistory, keptHistory, knownHistory } from "../node/history.ts";
import type { Home } from "../node/home.ts";
import {
  jointAccounts,
  pendingPayments,
  rememberApproval,
  rememberJoint,
  rememberPayment,
} from "../node/joint-accounts.ts";
import type { PendingPayment } from "../node/joint-accounts.ts";
import { askAccount, askCurrencies } from "../node/run-client.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { isoTime } from "../../protocols/calendar.ts";
import {
  formatJointApproval,
  formatJointPayment,
  jointLegs,
  parseJointApproval,
  parseJointPayment,
} from "../../protocols/documents/joint-payment.ts";
import type { JointPayment } from "../../protocols/documents/joint-payment.ts";
import { equalBytes, text as readText } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { approveLegs, jointAccount, MAX_MEMBERS } from "../../protocols/ledger/joint.ts";
import type { JointRule } from "../../protocols/ledger/joint.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";
import { counted, printable } from "./layout.ts";
import { idsOf, integerOf, loadHome, networkOf, smallText, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { amountOf, findCurrency, moneyText, submit, submitDraft, visit, visitFrom } from "./visit.ts";
import type { CurrencyName } from "./visit.ts";
import { memoBytes } from "./wallet-send.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

interface CreateFlags extends NetworkFlags {
  k: string;
  members: string[];
}

interface ProposeFlags extends NetworkFlags {
  memo?: string;
  days: string;
}

interface ApproveFlags extends HomeFlags {
  yes?: boolean;
}

interface SendFlags extends NetworkFlags {
  approval?: string[];
}

export function addJoint(wallet: Command): void {
  const joint = wallet
    .command("joint")
    .description("Joint accounts: k of n members pay together. One proposes, others approve, one sends.");
  withNetwork(joint.command("create"))
    .description("Make a joint account of this home's owner and others; all must be registered.")
    .requiredOption("--k <n>", "how many members have to approve a payment")
    .requiredOption("--members <ids...>", `the others' accounts, ${MAX_MEMBERS - 1} at most`)
    .addHelpText("after", "\nExample:\n  segment wallet joint create --k 2 --members z6MkA… z6MkB…\n")
    .action(create);
  withHome(joint.command("list"))
    .description("List the joint accounts that this home has met, with the payments that wait for approval.")
    .addHelpText("after", "\nExample:\n  segment wallet joint list\n")
    .action(list);
  withNetwork(joint.command("show"))
    .description("Show the members, how many have to approve, what the account holds and what is pending.")
    .argument("<account>", "the joint account")
    .addHelpText("after", "\nExample:\n  segment wallet joint show z6Mk…\n")
    .action(show);
  withNetwork(joint.command("propose"))
    .description("Write down a payment from a joint account, for the others to approve.")
    .argument("<account>", "the joint account")
    .argument("<amount>", "such as 24.90")
    .argument("<currency>", "its code, or its whole id")
    .argument("<to>", "the account to pay")
    .option("--memo <text>", "up to 64 bytes")
    .option("--days <n>", "how long approvals hold", "7")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet joint propose z6MkJ… 24.90 EUR z6MkShop… --memo wood\n",
    )
    .action(propose);
  withHome(joint.command("approve"))
    .description("Say what a proposed payment does, and with --yes approve it; needs no network.")
    .argument("<payment>", "the line segment:joint-payment:…, or a file that holds it")
    .option("--yes", "approve it")
    .addHelpText("after", "\nExample:\n  segment wallet joint approve segment:joint-payment:… --yes\n")
    .action(approve);
  withNetwork(joint.command("send"))
    .description("Pay once enough members approve; this home's own approval is added by itself.")
    .argument("<payment>", "the line segment:joint-payment:…, or a file that holds it")
    .option("--approval <lines...>", "the others' lines segment:joint-approval:…, or files that hold them")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet joint send segment:joint-payment:… --approval segment:joint-approval:…\n",
    )
    .action(send);
}

async function create(flags: CreateFlags): Promise<void> {
  const others = idsOf("--members", flags.members).map(publicKeyFromId);
  await visit(flags, async (client, home) => {
    const own = home.card.root;
    const members = [own, ...others.filter((member) => !equalBytes(member, own))];
    const k = integerOf("--k", flags.k, 1, members.length);
    const certified = await submit(client, home, { kind: "joint", k, members });
    const path = keepReceipt(home, certified);
    const account = agentId(jointAccount(nodeCrypto, k, members));
    rememberJoint(nodeCrypto, home, { k, members });
    if (flags.json === true) {
      printDocument({ account, k, members: members.map(agentId), host: { receipt: path } });
      return;
    }
    print(`Made the joint account ${account}`);
    print(`  ${k} of these ${members.length} have to approve each payment:`);
    for (const member of members)
      print(`    ${agentId(member)}${member === own ? " (this home's owner)" : ""}`);
  });
}

/** Errors: none of the network's: what this home has met. */
async function list(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const rows = [...jointAccounts(nodeCrypto, home)].map(([account, { k, members }]) => {
    const { nonces } = keptHistory(nodeCrypto, home, publicKeyFromId(account));
    const pending = pendingIn(home, account, nonces).length;
    return { account, k, members: members.map(agentId), pending };
  });
  if (flags.json === true) {
    printDocument({ accounts: rows });
    return;
  }
  if (rows.length === 0) print("No joint account: `segment wallet joint create` makes one.");
  for (const { account, k, members, pending } of rows) {
    const waits = pending === 0 ? "" : `, ${counted(pending, "payment")} pending`;
    print(`${account}  ${k} of ${members.length}${waits}`);
  }
}

function pendingIn(home: Home, account: string, paid: ReadonlySet<string>): PendingPayment[] {
  return pendingPayments(nodeCrypto, home, publicKeyFromId(account), systemClock.now(), paid);
}

async function show(id: string, flags: NetworkFlags): Promise<void> {
  const account = publicKeyFromId(id);
  await visit(flags, async (client, home) => {
    const { value, agreeing, notaries } = await askAccount(client, account);
    const joint = ruleOf(value.joint, id);
    rememberJoint(nodeCrypto, home, joint);
    const { value: currencies } = await askCurrencies(client);
    const balances = value.balances.map(({ currency, minor }) => {
      return { currency, minor: minor.toString(), amount: amountText(minor, currency, currencies) };
    });
    // What has been paid since is not pending any more.
    await fetchHistory(client, home, account);
    const { nonces } = keptHistory(nodeCrypto, home, account);
    const pending = pendingIn(home, agentId(account), nonces).map((one) =>
      pendingOf(home, joint, one, currencies),
    );
    if (flags.json === true) {
      const members = joint.members.map(agentId);
      printDocument({
        account: agentId(account),
        k: joint.k,
        members,
        balances,
        pending,
        agreeing,
        notaries,
      });
      return;
    }
    print(
      `Joint account ${agentId(account)}: ${joint.k} of ${joint.members.length} members approve a payment`,
    );
    for (const member of joint.members) print(`  member ${agentId(member)}`);
    for (const { amount } of balances) print(`  ${amount}`);
    if (balances.length === 0) print("  nothing");
    for (const { amount, to, memo, approvedBy, until } of pending) {
      print(`  pending until ${until}: ${amount} to ${to}${memo === "" ? "" : ` for "${printable(memo)}"`}`);
      const by = approvedBy.length === 0 ? "nobody that this home knows of" : approvedBy.join(", ");
      print(`    ${approvedBy.length} of ${joint.k} approvals are here: ${by}`);
    }
    print(`${agreeing} of ${counted(notaries, "notary", "notaries")} said so`);
  });
}

function pendingOf(
  home: Home,
  joint: JointRule,
  { payment, approvers }: PendingPayment,
  currencies: readonly CurrencyName[],
) {
  const { to, currency, minor, notAfter } = payment;
  const contacts = readContacts(home.folder, nodeCrypto).map((card) => openCard(nodeCrypto, card));
  const hasApproved = (member: Uint8Array): boolean => {
    const devices = [home.card, ...contacts].filter(({ root }) => equalBytes(root, member));
    return devices.some(({ identity }) => approvers.some((approver) => equalBytes(approver, identity)));
  };
  return {
    ...{
      to: agentId(to),
      currency,
      minor: minor.toString(),
      amount: amountText(minor, currency, currencies),
    },
    ...{ memo: memoOf(payment), until: isoTime(notAfter) },
    approvedBy: joint.members.filter(hasApproved).map(agentId),
    payment: formatJointPayment(payment),
  };
}

/** In major units; in minor ones where the home cannot know the decimals. */
function amountText(minor: bigint, id: string, currencies: readonly CurrencyName[]): string {
  const found = currencies.find((one) => one.id === id);
  if (found !== undefined) return moneyText(minor, found, currencies);
  const code = isCurrencyId(id) ? currencyCode(id) : id;
  const exponent = exponentOf(code);
  return exponent === undefined
    ? `${minor} minor units of ${id}`
    : `${formatAmount(minor, exponent, code)} (${id})`;
}

function memoOf({ memo }: JointPayment): string {
  try {
    return readText(memo);
  } catch (error) {
    // A memo need not be text.
    if (error instanceof SegmentError) return "";
    throw error;
  }
}

/** Errors: account-unknown. */
function ruleOf(joint: JointRule | undefined, id: string): JointRule {
  if (joint !== undefined) return joint;
  throw new SegmentError(
    "account-unknown",
    `${id} is no joint account of which this home's owner is a member`,
  );
}

async function propose(
  id: string,
  amount: string,
  currencyName: string,
  toText: string,
  flags: ProposeFlags,
): Promise<void> {
  const from = publicKeyFromId(id);
  const to = publicKeyFromId(toText);
  const memo = memoBytes(flags.memo);
  const days = integerOf("--days", flags.days, 1, 365);
  const home = await loadHome(flags);
  await visitFrom(flags, home, async (client) => {
    const currency = await findCurrency(client, currencyName);
    const minor = amountOf(amount, currency);
    const { value } = await askAccount(client, from);
    const { k } = ruleOf(value.joint, id);
    const { network } = networkOf(home);
    const notAfter = client.connection.clock.now() + days * DAY_MS;
    const payment: JointPayment = {
      ...{ network, nonce: nodeRandom.bytes(16), notAfter, from, to, currency: currency.id, minor, memo },
    };
    const line = formatJointPayment(payment);
    rememberPayment(home, payment);
    const held = value.balances.find((one) => one.currency === currency.id)?.minor ?? 0n;
    if (flags.json === true) {
      const what = { from: agentId(from), to: agentId(to), currency: currency.id, minor: minor.toString() };
      printDocument({ payment: line, ...what, k, covered: held >= minor, host: { notAfter } });
      return;
    }
    print(`Proposes ${moneyText(minor, currency, [currency])} from ${agentId(from)} to ${agentId(to)}`);
    if (held < minor) print(`  but the account holds ${moneyText(held, currency, [currency])} only`);
    print(`  ${k} members have to approve before ${isoTime(notAfter)}: give them this line`);
    print(line);
  });
}

/** A line, or the file that holds it. */
function lineOf(text: string): string {
  return text.startsWith("segment:") ? text : smallText(text);
}

/** Errors: option-invalid for a payment of another network, or one whose time is over. */
function paymentOf(text: string, home: Home): JointPayment {
  const payment = parseJointPayment(lineOf(text));
  const { network } = networkOf(home);
  if (payment.network !== network) {
    throw new SegmentError(
      "option-invalid",
      `the payment is for the network "${payment.network}", not "${network}"`,
    );
  }
  if (systemClock.now() > payment.notAfter) {
    throw new SegmentError(
      "option-invalid",
      `the payment was to be made before ${isoTime(payment.notAfter)}`,
    );
  }
  return payment;
}

function ownApproval(home: Home, payment: JointPayment): Uint8Array {
  const { network, zone } = networkOf(home);
  const frame = { network, zone, nonce: payment.nonce, notAfter: payment.notAfter };
  return approveLegs(nodeCrypto, home.keys.signer, frame, jointLegs(payment));
}

async function approve(text: string, flags: ApproveFlags): Promise<void> {
  const home = await loadHome(flags);
  const payment = paymentOf(text, home);
  rememberPayment(home, payment);
  const own = flags.yes === true ? ownApproval(home, payment) : null;
  if (own !== null) rememberApproval(nodeCrypto, home, payment, own);
  const approval = own === null ? null : formatJointApproval(own);
  const { from, to, currency, minor, notAfter } = payment;
  if (flags.json === true) {
    const what = {
      from: agentId(from),
      to: agentId(to),
      currency,
      minor: minor.toString(),
      memo: memoOf(payment),
    };
    printDocument({ ...what, approval, host: { notAfter } });
    return;
  }
  print(
    `${approval === null ? "Would pay" : "Approved: pays"} ${amountText(minor, currency, knownHistory(home)?.currencies ?? [])}`,
  );
  print(`  from the joint account ${agentId(from)}`);
  print(`  to ${agentId(to)}${memoOf(payment) === "" ? "" : ` for "${printable(memoOf(payment))}"`}`);
  print(`  before ${isoTime(notAfter)}`);
  if (approval === null) print("To approve it, say --yes. Nothing was signed.");
  else {
    print("Give this line to whoever sends the payment:");
    print(approval);
  }
}

async function send(text: string, flags: SendFlags): Promise<void> {
  const home = await loadHome(flags);
  const payment = paymentOf(text, home);
  const own = ownApproval(home, payment);
  const given = (flags.approval ?? []).map((line) => parseJointApproval(lineOf(line)));
  const approvals = [...given.filter((one) => !equalBytes(one, own)), own];
  rememberPayment(home, payment);
  for (const approval of approvals) rememberApproval(nodeCrypto, home, payment, approval);
  const body = { kind: "legs" as const, ...jointLegs(payment), approvals };
  await visitFrom(flags, home, async (client) => {
    const { value: currencies } = await askCurrencies(client);
    const certified = await submitDraft(client, home, { body, nonce: payment.nonce });
    const path = keepReceipt(home, certified);
    const { from, to, currency, minor } = payment;
    const money = amountText(minor, currency, currencies);
    const { certificate, height } = certified.receipt;
    const notaries = client.connection.network.notaries.length;
    if (flags.json === true) {
      printDocument({
        paid: { currency, minor: minor.toString(), amount: money },
        ...{ from: agentId(from), to: agentId(to) },
        notaries: { signed: certificate.length, of: notaries },
        host: { height, receipt: path },
      });
      return;
    }
    print(`Paid ${money} from the joint account ${agentId(from)} to ${agentId(to)}`);
    print(
      `  certified by ${certificate.length} of ${counted(notaries, "notary", "notaries")} in block ${height}`,
    );
    print(`  receipt: ${path}`);
  });
}
