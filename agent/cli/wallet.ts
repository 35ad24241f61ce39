/** `segment wallet`: what the account holds, and payments from it. */
import type { Command } from "commander";
import { askStatement } from "../platform/wallet-statement.ts";
import { readStatement, saveStatement } from "../node/run-wallet.ts";
import type { WalletStatement } from "../node/run-wallet.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { counted, utc } from "./layout.ts";
import { loadHome, networkOf, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { addAddresses } from "./wallet-addresses.ts";
import { addBackup } from "./wallet-backup.ts";
import { addBills } from "./wallet-bill.ts";
import { addHistory } from "./wallet-history.ts";
import { addJoint } from "./wallet-joint.ts";
import { addSend } from "./wallet-send.ts";
import { addStanding } from "./wallet-standing.ts";
import { addTab } from "./wallet-tab.ts";
import { moneyText, visitFrom } from "./visit.ts";

export function addWallet(program: Command): void {
  const wallet = program
    .command("wallet")
    .description("What the owner's account holds, and payments from it.");
  withNetwork(wallet.command("show"))
    .description("Show what 2f+1 notaries say the account holds; without a network, what they last said.")
    .addHelpText("after", "\nExample:\n  segment wallet show --home hub\n")
    .action(show);
  withHome(wallet.command("account"))
    .description("Show the account, to be told to those who pay.")
    .addHelpText("after", "\nExample:\n  segment wallet account --home hub\n")
    .action(account);
  addSend(wallet);
  addHistory(wallet);
  addBills(wallet);
  addStanding(wallet);
  addJoint(wallet);
  addTab(wallet);
  addBackup(wallet);
  addAddresses(wallet);
}

async function account(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const id = agentId(home.card.root);
  if (flags.json === true) printDocument({ account: id, network: home.network?.network ?? null });
  else print(id);
}

async function show(flags: NetworkFlags): Promise<void> {
  const home = await loadHome(flags);
  const network = networkOf(home);
  let statement: WalletStatement | undefined;
  let offline: string | null = null;
  try {
    statement = await visitFrom(flags, home, (client) => askStatement(client, client.connection.clock));
    saveStatement(home.folder, statement);
  } catch (error) {
    const code = errorCode(error);
    if (code !== "broker-unreachable" && code !== "quorum-missing") throw error;
    statement = readStatement(home.folder, network.network);
    if (statement === undefined) throw error;
    offline = (error as SegmentError).message;
    say(`offline: ${offline} [${code}]`);
  }
  const id = agentId(home.card.root);
  if (flags.json === true) {
    const { balances, ledgerMs, askedMs, agreeing, notaries } = statement;
    const shown = balances.map((one) => ({
      ...one,
      amount: formatAmount(BigInt(one.minor), one.exponent, one.code),
    }));
    const host = { offline, askedMs, ledgerMs };
    printDocument({ account: id, network: network.network, balances: shown, agreeing, notaries, host });
    return;
  }
  print(`Account ${id} in "${network.network}"`);
  for (const line of balanceLines(statement)) print(`  ${line}`);
  const { agreeing, notaries, askedMs } = statement;
  const said = `${agreeing} of ${counted(notaries, "notary", "notaries")} said so at ${utc(askedMs)}`;
  print(offline === null ? said : `${said}; this is the last that is known, no notary could be asked now`);
}

function balanceLines({ balances }: WalletStatement): string[] {
  if (balances.length === 0) return ["nothing"];
  const all = balances.map(({ currency, code, exponent }) => ({ id: currency, code, exponent }));
  const texts = all.map((currency, at) => moneyText(BigInt(balances[at]?.minor ?? "0"), currency, all));
  // Amounts of one decimal alignment: the codes stand below one another.
  const width = Math.max(...texts.map((text) => text.indexOf(" ")));
  return texts.map((text) => " ".repeat(width - text.indexOf(" ")) + text);
}
