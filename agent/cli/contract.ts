/** `segment contract`: terms in sentences, and whether they are safe to sign. */
import type { Command } from "commander";
import { nodeCrypto } from "../node/crypto.ts";
import { checkTerms } from "../../protocols/contract/check.ts";
import { decodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { describeTerms, endingsTable } from "../../protocols/contract/text.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { counted, paragraph, terminalWidth } from "./layout.ts";
import { languageOf, readFileBounded, withJson } from "./options.ts";
import type { JsonFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { termsLines } from "./terms-lines.ts";

const MAX_FILE_BYTES = 64 * 1024;

interface ShowFlags extends JsonFlags {
  lang: string;
}

export function addContract(program: Command): void {
  const contract = program
    .command("contract")
    .description("Terms: what they say, and whether they are safe.");
  withJson(contract.command("show"))
    .description("Show terms in sentences, with every way they can end.")
    .argument("<file>", "the terms' signed bytes, such as a delivery's terms.cbor")
    .option("--lang <language>", "en or fr", "en")
    .addHelpText("after", "\nExample:\n  segment contract show terms.cbor --lang fr\n")
    .action(show);
  withJson(contract.command("check"))
    .description("Check terms before anyone signs; exit code 1 with the findings if they are not safe.")
    .argument("<file>", "the terms' signed bytes")
    .addHelpText("after", "\nExample:\n  segment contract check terms.cbor\n")
    .action(check);
}

function show(file: string, flags: ShowFlags): void {
  const language = languageOf(flags.lang);
  const bytes = readFileBounded(file, MAX_FILE_BYTES);
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

function check(file: string, flags: JsonFlags): void {
  const bytes = readFileBounded(file, MAX_FILE_BYTES);
  const terms = decodeTerms(bytes);
  const findings = checkTerms(terms);
  if (flags.json === true) {
    printDocument({ termsId: toHex(termsId(nodeCrypto, bytes)), safe: findings.length === 0, findings });
  } else {
    const width = terminalWidth();
    for (const { rule, where, message } of findings) {
      for (const line of paragraph(`${where}: ${message} [${rule}]`, width, "- ")) print(line);
    }
  }
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
