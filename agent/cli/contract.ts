/** `segment contract`: its commands; terms in sentences, and whether they are safe to sign. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { nodeCrypto } from "../node/crypto.ts";
import { checkTerms } from "../../protocols/contract/check.ts";
import { requireCommission } from "../../protocols/contract/commission.ts";
import { decodeTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { describeTerms, endingsTable } from "../../protocols/contract/text.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { decline, list, sign } from "./contract-decide.ts";
import { commissionOf, pick, storeOf } from "./contract-home.ts";
import { counter, propose, templates } from "./contract-make.ts";
import { fact } from "./contract-fact.ts";
import { act, claim, status } from "./contract-stand.ts";
import { counted, paragraph, terminalWidth } from "./layout.ts";
import {
  gather,
  homeFolder,
  languageOf,
  loadHome,
  readFileBounded,
  readNetworkFile,
  withHome,
  withJson,
  withNetwork,
} from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { termsLines } from "./terms-lines.ts";

const MAX_FILE_BYTES = 64 * 1024;

interface ShowFlags extends HomeFlags {
  lang: string;
}

export function addContract(program: Command): void {
  const contract = program
    .command("contract")
    .description("Contracts: offers, signatures, how they stand, what they say, and whether they are safe.");
  addReading(contract);
  addMaking(contract);
  addDeciding(contract);
  addStanding(contract);
}

function addReading(contract: Command): void {
  language(withJson(contract.command("templates")))
    .description("List the templates; of one, print parameters to fill in (what they mean goes to stderr).")
    .argument("[name]", "the template")
    .addHelpText("after", "\nExample:\n  segment contract templates sale > sale.json\n")
    .action(templates);
  withHome(contract.command("list"))
    .description("List the home's offers and contracts.")
    .addHelpText("after", "\nExample:\n  segment contract list --home phone\n")
    .action(list);
  language(withHome(contract.command("show")))
    .description("Show terms in sentences, with every way they can end.")
    .argument("<id-or-file>", "a contract of the home, or the terms' signed bytes, such as terms.cbor")
    .addHelpText("after", "\nExample:\n  segment contract show terms.cbor --lang fr\n")
    .action(show);
  withHome(contract.command("check"))
    .description("Check terms before anyone signs; exit code 1 with the findings if they are not safe.")
    .argument("<id-or-file>", "a contract of the home, or the terms' signed bytes")
    .addHelpText("after", "\nExample:\n  segment contract check terms.cbor\n")
    .action(check);
}

function addMaking(contract: Command): void {
  const proposing = (command: Command): Command =>
    deciding(command)
      .option("--params <file>", "the parameters, a JSON file")
      .option("--set <name=value>", "one parameter, instead of or besides the file's (repeatable)", gather)
      .option("--note <text>", "a line to the others, up to 280 characters");
  proposing(contract.command("propose"))
    .description("Make terms from a template, sign them and offer them to the other parties.")
    .argument("<template>", "its name: segment contract templates")
    .addHelpText(
      "after",
      "\nParties are called by the names or ids of contacts, this agent by: me.\n" +
        "\nExample:\n  segment contract propose sale --params sale.json --set buyer=Bob --yes\n",
    )
    .action(propose);
  proposing(contract.command("counter"))
    .description("Offer other terms instead: the version that they replace is not signed any more.")
    .argument("<id>", "the first digits of the offer's id")
    .addHelpText("after", "\nExample:\n  segment contract counter 1a2b3c4d --set price=20.00 --yes\n")
    .action(counter);
}

function addDeciding(contract: Command): void {
  deciding(contract.command("sign"))
    .description("Read an offer and sign it; with the last signature it is opened on the ledger.")
    .argument("<id>", "the first digits of the offer's id")
    .addHelpText("after", "\nExample:\n  segment contract sign 1a2b3c4d\n")
    .action(sign);
  language(withNetwork(contract.command("decline")))
    .description("Decline an offer, and tell the others.")
    .argument("<id>", "the first digits of the offer's id")
    .option("--reason <text>", "why, in up to 280 characters")
    .addHelpText("after", "\nExample:\n  segment contract decline 1a2b3c4d --reason 'too late for me'\n")
    .action(decline);
}

function addStanding(contract: Command): void {
  language(withNetwork(contract.command("status")))
    .description("Show how a contract stands, as 2f+1 notaries say, and what can be done next by whom.")
    .argument("<id>", "the first digits of the contract's id")
    .addHelpText("after", "\nExample:\n  segment contract status 1a2b3c4d --lang fr\n")
    .action(status);
  language(withNetwork(contract.command("act")))
    .description("Do what the contract waits for from this agent; ends when it is certified.")
    .argument("<id>", "the first digits of the contract's id")
    .argument("<what>", "deposit, or choose")
    .argument("[name]", "the choice")
    .argument("[value]", "its value, where it has one, such as 12.50")
    .addHelpText("after", "\nExample:\n  segment contract act 1a2b3c4d choose accept\n")
    .action(act);
  language(withNetwork(contract.command("fact")))
    .description(
      "Sign what the contract waits for you to state, and tell the others; without a kind, list it.",
    )
    .argument("<id>", "the first digits of the contract's id")
    .argument(
      "[kind]",
      "what is stated: certified, opened, closed, … (what another has stated is signed alike)",
    )
    .option(
      "--value <value>",
      "what it says: an integer, hex:00ff…, or a text (repeatable, in order)",
      gather,
    )
    .option("--countersign <file>", "another's signed fact, to sign the same")
    .option("--out <file>", "write the signed fact there, and tell nobody")
    .addHelpText("after", "\nExample:\n  segment contract fact 1a2b3c4d certified\n")
    .action(fact);
  language(withNetwork(contract.command("claim")))
    .description(
      "Hand in evidence: what the parties have stated, or files; without any, the timeout whose time has come.",
    )
    .argument("<id>", "the first digits of the contract's id")
    .option("--fact <file>", "a signed fact (repeatable)", gather)
    .option("--countersign <file>", "another's signed fact, that this agent signs too (repeatable)", gather)
    .option("--secret <file>", "bytes whose SHA-256 the terms name (repeatable)", gather)
    .addHelpText("after", "\nExample:\n  segment contract claim 1a2b3c4d --fact delivered.fact\n")
    .action(claim);
}

function language(command: Command): Command {
  return command.option("--lang <language>", "en or fr", "en");
}

/** Of commands by which this agent may sign. */
function deciding(command: Command): Command {
  return language(withNetwork(command))
    .option("--yes", "sign without being asked")
    .option("--no-deposit", "do not let the running agent make the deposit by itself");
}

/** A file of that name, or else a contract of the home. */
async function termsBytesOf(name: string, flags: HomeFlags): Promise<Uint8Array> {
  if (existsSync(name) || !/^[0-9a-fA-F]{4,64}$/.test(name)) return readFileBounded(name, MAX_FILE_BYTES);
  const home = await loadHome(flags);
  return pick(storeOf(home).loadAll(), name).termsBytes;
}

async function show(name: string, flags: ShowFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const bytes = await termsBytesOf(name, flags);
  const terms = decodeTerms(bytes);
  const id = toHex(termsId(nodeCrypto, bytes));
  const sentences = describeTerms(terms, language);
  const endings = endingsTable(terms, language);
  const parties = terms.parties.map(({ role, identity, account }) => {
    return { role, identity: agentId(identity), account: agentId(account) };
  });
  if (flags.json === true) {
    const { network, template } = terms;
    printDocument({ termsId: id, network, template, parties, sentences, endings });
    return;
  }
  const width = terminalWidth();
  for (const line of termsLines(terms, language, width)) print(line);
  print("");
  for (const { role, identity } of parties) print(`${role.padEnd(8)} ${identity}`);
  for (const line of paragraph(id, width, "id ")) print(line);
}

async function check(name: string, flags: HomeFlags): Promise<void> {
  const bytes = await termsBytesOf(name, flags);
  const terms = decodeTerms(bytes);
  const unsafe = checkTerms(terms);
  const unpaid = lackOfCommission(terms, flags);
  const findings = [
    ...unsafe,
    ...(unpaid === undefined
      ? []
      : [{ rule: "commission", where: "beneficiaries", message: unpaid.message }]),
  ];
  if (flags.json === true) {
    printDocument({ termsId: toHex(termsId(nodeCrypto, bytes)), safe: findings.length === 0, findings });
  } else {
    const width = terminalWidth();
    for (const { rule, where, message } of findings) {
      for (const line of paragraph(`${where}: ${message} [${rule}]`, width, "- ")) print(line);
    }
  }
  if (unpaid !== undefined && unsafe.length === 0) throw unpaid;
  if (findings.length > 0) {
    throw new SegmentError(
      "terms-unsafe",
      `the terms are not safe to sign: ${counted(findings.length, "finding")}`,
    );
  }
  if (flags.json !== true) {
    print(
      "Safe to sign: every path ends, deposits cover every payment, nothing is left, nobody can be held up.",
    );
  }
}

/** What the home's network asks of terms in it, and these lack. Without a home nothing is known of it. */
function lackOfCommission(terms: Terms, flags: HomeFlags): SegmentError | undefined {
  const network = knownNetwork(flags);
  if (network?.network !== terms.network) return undefined;
  try {
    requireCommission(terms, commissionOf(network));
    return undefined;
  } catch (error) {
    if (error instanceof SegmentError && error.code === "commission-missing") return error;
    throw error;
  }
}

function knownNetwork(flags: HomeFlags): NetworkDescription | undefined {
  const path = join(homeFolder(flags), "network.json");
  return existsSync(path) ? readNetworkFile(path) : undefined;
}
