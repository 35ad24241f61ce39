/** `segment wallet history` and `export`: what came in and went out, on the screen or as a statement. */
import type { Command } from "commander";
import { writeFileDurably } from "../node/files.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { accountNames } from "../node/contacts.ts";
import { fetchHistory, keptHistory, knownHistory } from "../node/history.ts";
import type { Home } from "../node/home.ts";
import { DAY_MS, isoDay, parseIsoDay } from "../../protocols/calendar.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import type { AccountMovement } from "../../protocols/documents/movements.ts";
import { statementCsv } from "../../protocols/documents/statement-csv.ts";
import { statementHtml } from "../../protocols/documents/statement-html.ts";
import { describeMovement, makeStatement, warningOf } from "../../protocols/documents/statement.ts";
import type { AccountNames } from "../../protocols/documents/statement.ts";
import { documentWords } from "../../protocols/documents/words.ts";
import type { DocumentWords } from "../../protocols/documents/words.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { currencyCode, exponentOf, isCurrencyId } from "../../protocols/money/currencies.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { counted, printable, utc } from "./layout.ts";
import { languageOf, loadHome, networkOf, optionInvalid, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { moneyText, visitFrom } from "./visit.ts";
import type { CurrencyName } from "./visit.ts";

interface PeriodFlags extends NetworkFlags {
  since?: string;
  until?: string;
  currency?: string;
}

interface HistoryFlags extends PeriodFlags {
  account?: string;
  lang: string;
}

interface ExportFlags extends PeriodFlags {
  format: string;
  lang: string;
  out?: string;
}

export function addHistory(wallet: Command): void {
  withPeriod(wallet.command("history"))
    .description("Show what came in and went out, newest last, each movement from its certified receipt.")
    .option("--account <id>", "of a joint account whose member this home's owner is")
    .option("--lang <language>", "en or fr", "en")
    .addHelpText("after", "\nExample:\n  segment wallet history --since 2026-11-01 --currency EUR\n")
    .action(history);
  withPeriod(wallet.command("export"))
    .description("Write a statement: opening balance, movements and closing balance of each currency.")
    .option("--format <format>", "csv, or html to read and print (A4)", "html")
    .option("--lang <language>", "en or fr", "en")
    .option("--out <file>", "where to write it (default: to stdout)")
    .addHelpText(
      "after",
      "\nExamples:\n  segment wallet export --since 2026-11-01 --until 2026-11-30 --lang fr --out november.html\n" +
        "  segment wallet export --format csv --out all.csv\n",
    )
    .action(exportStatement);
}

function withPeriod(command: Command): Command {
  return withNetwork(command)
    .option("--since <day>", "the first day, such as 2026-11-01 (UTC)")
    .option("--until <day>", "the last day (default: today)")
    .option("--currency <name>", "of one currency: its code, or its whole id");
}

interface Period {
  sinceMs: number | null;
  untilMs: number;
}

/** Errors: option-invalid. */
function periodOf(flags: PeriodFlags): Period {
  const sinceMs = flags.since === undefined ? null : parseIsoDay(flags.since);
  const today = parseIsoDay(isoDay(systemClock.now()));
  const untilMs = (flags.until === undefined ? today : parseIsoDay(flags.until)) + DAY_MS;
  if (sinceMs === null || sinceMs < untilMs) return { sinceMs, untilMs };
  throw optionInvalid("--until", "a day that is not before --since", flags.until ?? isoDay(today));
}

interface Known {
  movements: AccountMovement[];
  paths: Map<string, string>;
  currencies: DocumentCurrency[];
  /** Null where nobody could be asked. */
  missing: number | null;
  offline: string | null;
}

/** All that is known of the account's past; what the notaries have besides is fetched where they answer. */
async function known(flags: NetworkFlags, home: Home, account = home.card.root): Promise<Known> {
  let missing: number | null = null;
  let offline: string | null = null;
  try {
    ({ missing } = await visitFrom(flags, home, (client) => fetchHistory(client, home, account)));
  } catch (error) {
    const code = errorCode(error);
    if (code !== "broker-unreachable" && code !== "quorum-missing") throw error;
    offline = (error as SegmentError).message;
    say(`offline: ${offline} [${code}]`);
  }
  const { movements, paths } = keptHistory(nodeCrypto, home, account);
  const listed = knownHistory(home)?.currencies ?? [];
  const ids = [...new Set(movements.map(({ currency }) => currency))];
  return { movements, paths, missing, offline, currencies: ids.map((id) => currencyOf(id, listed)) };
}

function currencyOf(id: string, listed: readonly DocumentCurrency[]): DocumentCurrency {
  const found = listed.find((one) => one.id === id);
  if (found !== undefined) return found;
  const code = isCurrencyId(id) ? currencyCode(id) : id;
  const exponent = exponentOf(code);
  // Of an unknown number of decimals: minor units, under the whole id so that nobody takes them for more.
  return exponent === undefined ? { id, code: id, exponent: 0 } : { id, code, exponent };
}

/** Errors: currency-unknown. */
function ofCurrency(name: string | undefined, { currencies, movements }: Known): AccountMovement[] {
  if (name === undefined) return movements;
  const ids = currencies.filter(({ id, code }) => name === id || name === code).map(({ id }) => id);
  if (ids.length === 0) throw new SegmentError("currency-unknown", `the account never had any "${name}"`);
  return movements.filter(({ currency }) => ids.includes(currency));
}

async function history(flags: HistoryFlags): Promise<void> {
  const home = await loadHome(flags);
  const { network } = networkOf(home);
  const { sinceMs, untilMs } = periodOf(flags);
  const root = flags.account === undefined ? home.card.root : publicKeyFromId(flags.account);
  const all = await known(flags, home, root);
  const shown = ofCurrency(flags.currency, all).filter(({ timeMs }) => {
    return timeMs < untilMs && (sinceMs === null || timeMs >= sinceMs);
  });
  const { currencies, paths, missing, offline } = all;
  const nameOf = (id: string): CurrencyName => currencyOf(id, currencies);
  const account = agentId(root);
  if (flags.json === true) {
    const movements = shown.map(({ timeMs, change, ...one }) => {
      const { code, exponent } = nameOf(one.currency);
      const amount = formatAmount(change, exponent, code);
      return { ...one, timeMs, minor: change.toString(), amount, receipt: paths.get(one.entryId) ?? null };
    });
    printDocument({ account, network, movements, missing, host: { offline } });
    return;
  }
  const words = documentWords(languageOf(flags.lang));
  print(`${words.account} ${account}, ${words.network} ${words.quoted(network)}`);
  for (const line of historyLines(shown, currencies, words, namesFor(home))) print(`  ${line}`);
  const warning = warningOf({ missing }, words);
  if (warning !== undefined) print(warning);
}

/** The names of those whom the home has met, and its own. */
function namesFor(home: Home): AccountNames {
  const own: [string, string] = [agentId(home.card.root), home.card.name];
  const printed = [...accountNames(home.folder, nodeCrypto), own];
  return new Map(printed.map(([account, name]) => [account, printable(name)]));
}

function historyLines(
  movements: readonly AccountMovement[],
  currencies: readonly CurrencyName[],
  words: DocumentWords,
  names: AccountNames,
): string[] {
  if (movements.length === 0) return [words.nothingMoved];
  const amounts = movements.map(({ change, currency }) => {
    return (change > 0n ? "+" : "") + moneyText(change, currencyOf(currency, [...currencies]), currencies);
  });
  const width = Math.max(...amounts.map((text) => text.length));
  return movements.map((movement, at) => {
    const memo = movement.memo === "" ? "" : ` "${printable(movement.memo)}"`;
    const text = describeMovement(movement, words, names);
    return `${utc(movement.timeMs)}  ${(amounts[at] ?? "").padStart(width)}  ${text}${memo}`;
  });
}

async function exportStatement(flags: ExportFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const { format, out } = flags;
  if (format !== "csv" && format !== "html") throw optionInvalid("--format", "csv or html", format);
  if (flags.json === true && out === undefined) {
    throw new SegmentError("option-invalid", "with --json the statement needs a file: --out FILE");
  }
  const period = periodOf(flags);
  const home = await loadHome(flags);
  const { network } = networkOf(home);
  const all = await known(flags, home);
  const names = namesFor(home);
  const frame = { account: agentId(home.card.root), network, ...period, missing: all.missing, names };
  const statement = makeStatement(frame, ofCurrency(flags.currency, all), all.currencies);
  const text =
    format === "csv" ? statementCsv(statement, documentWords(language)) : statementHtml(statement, language);
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  writeFileDurably(out, text, 0o600);
  if (flags.json === true) {
    const parts = statement.parts.map(({ currency, opening, closing, rows }) => {
      const sums = { opening: opening.toString(), closing: closing.toString() };
      return { currency: currency.id, ...sums, movements: rows.length };
    });
    const { offline, missing } = all;
    printDocument({ account: frame.account, format, parts, missing, host: { file: out, offline } });
    return;
  }
  const moved = statement.parts.reduce((sum, { rows }) => sum + rows.length, 0);
  print(
    `Wrote ${out}: ${counted(moved, "movement")} in ${counted(statement.parts.length, "currency", "currencies")}`,
  );
}
