/** `segment currency`: what the network counts in, who issues it and by which rules. */
import type { Command } from "commander";
import { askCurrencies } from "../node/run-client.ts";
import type { Client, CurrencyInfo } from "../node/run-client.ts";
import type { Home } from "../node/home.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import {
  currencyId,
  DEED_CODE,
  deedId,
  exponentOf,
  isCurrencyCode,
  isCurrencyName,
  MAX_EXPONENT,
} from "../../protocols/money/currencies.ts";
import { deedPolicy, kindOf, moneyPolicy, policyDocument, policyLines } from "./currency-policy.ts";
import type { PolicyFlags } from "./currency-policy.ts";
import { paragraph, printable, table, terminalWidth } from "./layout.ts";
import { integerOf, loadHome, optionInvalid, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { amountOf, findCurrency, moneyText, submit, visit, visitFrom } from "./visit.ts";

interface CreateFlags extends NetworkFlags, PolicyFlags {
  name?: string;
  decimals?: string;
}

const CREATE_HELP = `
Examples:
  segment currency create SUN --name 'Solar token' --decimals 3
  segment currency create SUN --minters z6MkA…,z6MkB… --cap 1000.00 --period 30d
  segment currency create SUN --demurrage 0.5% --fund z6Mk… --period 30d
  segment currency create ${DEED_CODE} --document house.pdf --name 'House, 1 Village Square'

Its rules hold for good: who mints, how much in each period, and what money loses that lies still.
Periods are counted from 1970. What contracts hold loses nothing, and neither does the fund.
A deed is made once, by anybody, and belongs to its maker until it is sent on, as an amount of 1.
`;

export function addCurrency(program: Command): void {
  const currency = program.command("currency").description("The network's currencies and who issues them.");
  withNetwork(currency.command("list"))
    .description("List the currencies that 2f+1 notaries know.")
    .addHelpText("after", "\nExample:\n  segment currency list --home hub\n")
    .action(list);
  withNetwork(currency.command("create"))
    .description("Make this home's owner the issuer of a currency of this network, or the owner of a deed.")
    .argument(
      "<code>",
      `an ISO 4217 code, BTC, ETH, one of the community's own: SUN; ${DEED_CODE} for a deed`,
    )
    .option("--name <name>", "what people call it (default: its code)")
    .option("--decimals <n>", `of a code of one's own, 0 to ${MAX_EXPONENT} (default 2)`)
    .option("--kind <kind>", "money or deed (default: deed if a document is given)")
    .option("--document <file>", "what a deed stands for; only its hash leaves this machine")
    .option("--minters <accounts...>", "who may mint; 'me' for one's own (default: me)")
    .option("--cap <amount>", "the most that all minters together may mint in a period")
    .option("--demurrage <share>", "what money that lies still loses in a period: 0.5%")
    .option("--fund <account>", "who receives that (default: me)")
    .option("--period <time>", "of --cap and --demurrage: 12h, 30d, 4w")
    .addHelpText("after", CREATE_HELP)
    .action(create);
  withNetwork(currency.command("mint"))
    .description("Issue more of a currency of one's own, or of one that names one a minter, to an account.")
    .argument("<amount>", "such as 100.00")
    .argument("<currency>", "its code, or its whole id")
    .argument("[to]", "the account (default: one's own)")
    .addHelpText("after", "\nExample:\n  segment currency mint 100.00 EUR z6Mk…\n")
    .action(mint);
  withNetwork(currency.command("supply"))
    .description("Show how much of a currency there is, and by which rules it is issued.")
    .argument("<currency>", "its code (all that share it are shown), or its whole id")
    .addHelpText("after", "\nExample:\n  segment currency supply SUN\n")
    .action(supply);
}

function currencyDocument({ id, code, exponent, name, issuer, supply: minor, policy }: CurrencyInfo): object {
  return {
    id,
    code,
    exponent,
    name,
    issuer: agentId(issuer),
    supply: minor.toString(),
    policy: policyDocument(policy),
  };
}

async function list(flags: NetworkFlags): Promise<void> {
  const { value: currencies, agreeing, notaries } = await visit(flags, (client) => askCurrencies(client));
  if (flags.json === true) {
    printDocument({ currencies: currencies.map(currencyDocument), agreeing, notaries });
    return;
  }
  if (currencies.length === 0) {
    print("The network has no currency yet: an issuer makes one with `segment currency create`.");
    return;
  }
  const rows = currencies.map((one) => [one.id, printable(one.name), circulation(one)]);
  for (const line of table(rows, [3, 2, 3], terminalWidth())) print(line);
}

function circulation({ supply: minor, exponent, code, policy }: CurrencyInfo): string {
  return policy?.kind === "deed" ? "a deed" : `${formatAmount(minor, exponent, code)} in circulation`;
}

async function create(code: string, flags: CreateFlags): Promise<void> {
  const draft = draftOf(code, flags);
  const home = await loadHome(flags);
  const own = home.card.root;
  const { exponent, name } = draft;
  const isDeed = kindOf(flags) === "deed";
  if (!isDeed) requireIssuer(home);
  const policy = isDeed ? deedPolicy(flags) : moneyPolicy(flags, exponent, own);
  const body = policy === undefined ? draft : { ...draft, policy };
  await visitFrom(flags, home, async (client) => {
    const path = keepReceipt(home, await submit(client, home, body));
    const { crypto } = client.machine;
    const id =
      policy?.kind === "deed" ? deedId(crypto, own, policy.documentHash) : currencyId(crypto, code, own);
    if (flags.json === true) {
      printDocument({ id, code, exponent, name, policy: policyDocument(policy), host: { receipt: path } });
      return;
    }
    const whose = isDeed ? "it belongs to account" : "the issuer is account";
    const decimals = isDeed ? "" : `, ${exponent} decimals`;
    print(`Made ${id} ("${printable(name)}"${decimals}); ${whose} ${agentId(own)}`);
    for (const line of policyLines(policy, { code, exponent, issuer: own })) print(`  ${line}`);
    print(`  receipt: ${path}`);
  });
}

/** What needs no home. Errors: option-invalid. */
function draftOf(code: string, flags: CreateFlags): Extract<EntryBody, { kind: "currency" }> {
  if (!isCurrencyCode(code)) throw optionInvalid("<code>", "a capital, then 1 to 7 capitals or digits", code);
  const name = flags.name ?? code;
  if (!isCurrencyName(name)) throw optionInvalid("--name", "1 to 64 printable characters", printable(name));
  const isDeed = kindOf(flags) === "deed";
  if (isDeed !== (code === DEED_CODE)) {
    const problem = isDeed ? `a deed has the code ${DEED_CODE}` : `${DEED_CODE} is the code of deeds`;
    throw new SegmentError("option-invalid", problem, { where: "<code>" });
  }
  const known = isDeed ? 0 : exponentOf(code);
  const asked =
    flags.decimals === undefined ? undefined : integerOf("--decimals", flags.decimals, 0, MAX_EXPONENT);
  if (known !== undefined && asked !== undefined && asked !== known) {
    throw new SegmentError("option-invalid", `${code} has ${known} decimals, everywhere`, {
      where: "--decimals",
    });
  }
  return { kind: "currency", code, exponent: asked ?? known ?? 2, name };
}

async function mint(
  amountText: string,
  name: string,
  toText: string | undefined,
  flags: NetworkFlags,
): Promise<void> {
  const named = toText === undefined ? undefined : publicKeyFromId(toText);
  await visit(flags, async (client: Client, home) => {
    const own = home.card.root;
    const to = named ?? own;
    const { value: all } = await askCurrencies(client);
    const currency = await mintable(client, own, name, all);
    if (!isNamedMinter(currency, own)) requireIssuer(home);
    const amount = amountOf(amountText, currency);
    const body = { kind: "mint" as const, currency: currency.id, to, amount };
    const certified = await submit(client, home, body).catch((error: unknown) => {
      throw explained(error, currency);
    });
    const path = keepReceipt(home, certified);
    if (flags.json === true) {
      const money = formatAmount(amount, currency.exponent, currency.code);
      const minted = { currency: currency.id, minor: amount.toString(), amount: money };
      printDocument({ minted, to: agentId(to), host: { receipt: path } });
      return;
    }
    print(`Minted ${moneyText(amount, currency, all)} for ${agentId(to)}`);
    print(`  receipt: ${path}`);
  });
}

/** The ledger's code in the words of the currency's rules. */
function explained(error: unknown, currency: CurrencyInfo): unknown {
  if (errorCode(error) !== "mint-capped") return error;
  const rules = policyLines(currency.policy, currency).find((line) => line.startsWith("at most")) ?? "";
  const problem = `${currency.id}: ${rules} may be minted, and less than this is left of it`;
  return new SegmentError("mint-capped", problem, { cause: error });
}

/** Of currencies that share a code, one's own is meant, or else the one that one may mint. */
async function mintable(
  client: Client,
  own: Uint8Array,
  name: string,
  all: readonly CurrencyInfo[],
): Promise<CurrencyInfo> {
  const called = all.filter(({ code }) => code === name);
  const issued = called.find(({ issuer }) => equalBytes(issuer, own));
  const minted = called.filter((one) => isNamedMinter(one, own));
  return issued ?? (minted.length === 1 ? minted[0]! : findCurrency(client, name));
}

function isNamedMinter({ policy }: CurrencyInfo, account: Uint8Array): boolean {
  return policy?.kind === "money" && policy.minters.some((one) => equalBytes(one, account));
}

async function supply(name: string, flags: NetworkFlags): Promise<void> {
  const { value: all, agreeing, notaries } = await visit(flags, (client) => askCurrencies(client));
  const found = all.filter(({ id, code }) => id === name || code === name);
  if (found.length === 0)
    throw new SegmentError("currency-unknown", `the network has no currency "${printable(name)}"`);
  if (flags.json === true) {
    printDocument({ currencies: found.map(currencyDocument), agreeing, notaries });
    return;
  }
  for (const one of found) {
    print(`${one.id} ("${printable(one.name)}"): ${circulation(one)}`);
    for (const line of policyLines(one.policy, one))
      for (const part of paragraph(line, terminalWidth(), "  ")) print(part);
  }
}

/** Any device with the issuer's card could mint: a home does so only if its owner meant it to. */
function requireIssuer({ config, folder }: Home): void {
  if (config.roles.includes("issuer")) return;
  const problem = 'this home is no issuer: "roles" in its config.json lacks "issuer"';
  throw new SegmentError("entry-unauthorized", problem, { where: folder });
}
