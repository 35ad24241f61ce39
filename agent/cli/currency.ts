/** `segment currency`: what the network counts in, and who issues it. */
import type { Command } from "commander";
import { askCurrencies } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import type { Home } from "../node/home.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { currencyId, exponentOf, isCurrencyCode, MAX_EXPONENT } from "../../protocols/money/currencies.ts";
import { printable, table, terminalWidth } from "./layout.ts";
import { integerOf, optionInvalid, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { amountOf, findCurrency, submit, visit } from "./visit.ts";

export function addCurrency(program: Command): void {
  const currency = program.command("currency").description("The network's currencies and who issues them.");
  withNetwork(currency.command("list"))
    .description("List the currencies that 2f+1 notaries know.")
    .addHelpText("after", "\nExample:\n  segment currency list --home hub\n")
    .action(list);
  withNetwork(currency.command("create"))
    .description("Make this home's owner the issuer of a currency of this network.")
    .argument("<code>", "an ISO 4217 code, BTC, ETH, or one of the community's own: SUN")
    .option("--name <name>", "what people call it (default: its code)")
    .option("--decimals <n>", `of a code of one's own, 0 to ${MAX_EXPONENT} (default 2)`)
    .addHelpText("after", "\nExample:\n  segment currency create SUN --name 'Solar token' --decimals 3\n")
    .action(create);
  withNetwork(currency.command("mint"))
    .description("Issue more of a currency of one's own to an account.")
    .argument("<amount>", "such as 100.00")
    .argument("<currency>", "its code, or its whole id")
    .argument("[to]", "the account (default: one's own)")
    .addHelpText("after", "\nExample:\n  segment currency mint 100.00 EUR z6Mk…\n")
    .action(mint);
}

async function list(flags: NetworkFlags): Promise<void> {
  const { value: currencies, agreeing, notaries } = await visit(flags, (client) => askCurrencies(client));
  if (flags.json === true) {
    const shown = currencies.map(({ id, code, exponent, name, issuer, supply }) => {
      return { id, code, exponent, name, issuer: agentId(issuer), supply: supply.toString() };
    });
    printDocument({ currencies: shown, agreeing, notaries });
    return;
  }
  if (currencies.length === 0) {
    print("The network has no currency yet: an issuer makes one with `segment currency create`.");
    return;
  }
  const rows = currencies.map(({ id, code, exponent, name, supply }) => {
    return [id, printable(name), `${formatAmount(supply, exponent, code)} in circulation`];
  });
  for (const line of table(rows, [3, 2, 3], terminalWidth())) print(line);
}

async function create(
  code: string,
  flags: NetworkFlags & { name?: string; decimals?: string },
): Promise<void> {
  if (!isCurrencyCode(code)) throw optionInvalid("<code>", "a capital, then 1 to 7 capitals or digits", code);
  const known = exponentOf(code);
  const asked =
    flags.decimals === undefined ? undefined : integerOf("--decimals", flags.decimals, 0, MAX_EXPONENT);
  if (known !== undefined && asked !== undefined && asked !== known) {
    throw new SegmentError("option-invalid", `${code} has ${known} decimals, everywhere`, {
      where: "--decimals",
    });
  }
  const exponent = asked ?? known ?? 2;
  const name = flags.name ?? code;
  if (name.length > 64) throw optionInvalid("--name", "at most 64 characters", name.slice(0, 64));
  await visit(flags, async (client, home) => {
    requireIssuer(home);
    const certified = await submit(client, home, { kind: "currency", code, exponent, name });
    const path = keepReceipt(home, certified);
    const id = currencyId(client.machine.crypto, code, home.card.root);
    if (flags.json === true) printDocument({ id, code, exponent, name, host: { receipt: path } });
    else
      print(`Made ${id} ("${name}", ${exponent} decimals); the issuer is account ${agentId(home.card.root)}`);
  });
}

async function mint(
  amountText: string,
  name: string,
  toText: string | undefined,
  flags: NetworkFlags,
): Promise<void> {
  const named = toText === undefined ? undefined : publicKeyFromId(toText);
  await visit(flags, async (client: Client, home) => {
    requireIssuer(home);
    const to = named ?? home.card.root;
    // Its own, if two issuers share the code.
    const own = isCurrencyCode(name) ? currencyId(client.machine.crypto, name, home.card.root) : name;
    const currency = await findCurrency(client, own);
    const amount = amountOf(amountText, currency);
    const certified = await submit(client, home, { kind: "mint", currency: currency.id, to, amount });
    const path = keepReceipt(home, certified);
    const money = formatAmount(amount, currency.exponent, currency.code);
    if (flags.json === true) {
      const minted = { currency: currency.id, minor: amount.toString(), amount: money };
      printDocument({ minted, to: agentId(to), host: { receipt: path } });
      return;
    }
    print(`Minted ${money} for ${agentId(to)}`);
    print(`  receipt: ${path}`);
  });
}

/** Any device with the issuer's card could mint: a home does so only if its owner meant it to. */
function requireIssuer({ config, folder }: Home): void {
  if (config.roles.includes("issuer")) return;
  const problem = 'this home is no issuer: "roles" in its config.json lacks "issuer"';
  throw new SegmentError("entry-unauthorized", problem, { where: folder });
}
