/** The wallet as screens show it: texts made from what is known, nothing asked. */
import type { WalletStatement } from "../../platform/wallet-statement.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import type { DocumentCurrency } from "../../../protocols/documents/money.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import type { AccountMovement } from "../../../protocols/documents/movements.ts";
import { currencyAsNamed } from "../../platform/money-text.ts";
import { formatAmount } from "../../../protocols/money/amounts.ts";
import { describeMovement } from "../../../protocols/documents/statement.ts";
import { documentWords } from "../../../protocols/documents/words.ts";
import type { Language } from "../language.ts";

/** Digits of an issuer that people are shown, at least. */
const ISSUER_DIGITS = 4;

/** Money as the language writes it; where issuers share a code, with as many digits as tell them apart. */
export function moneyFormat(language: Language, currencies: readonly DocumentCurrency[]) {
  const { decimalMark } = documentWords(language);
  const amount = (minor: bigint, id: string): string => {
    const known = currencies.find((one) => one.id === id) ?? currencyAsNamed(id);
    if (known === undefined) return `${minor} ${id}`;
    return formatAmount(minor, known.exponent, currencyLabel(known, currencies), decimalMark);
  };
  return { amount };
}

/** "EUR", or "EUR (1f0c)" where another issuer has a currency of that code. */
export function currencyLabel({ id, code }: DocumentCurrency, all: readonly DocumentCurrency[]): string {
  const issuerOf = (one: string): string => one.slice(code.length + 1);
  const others = all.filter((one) => one.code === code && one.id !== id).map((one) => issuerOf(one.id));
  if (others.length === 0) return code;
  const own = issuerOf(id);
  let digits = ISSUER_DIGITS;
  while (digits < own.length && others.some((other) => other.startsWith(own.slice(0, digits)))) digits++;
  return `${code} (${own.slice(0, digits)})`;
}

export interface BalanceRow {
  /** The currency's id. */
  id: string;
  /** "24.90 EUR"; with the issuer's digits where another has a currency of that code. */
  amount: string;
}

/** Those above zero, as the statement orders them; `known`: all that the network has. */
export function balanceRows(
  { balances }: Pick<WalletStatement, "balances">,
  language: Language,
  known: readonly DocumentCurrency[] = [],
): BalanceRow[] {
  const held = balances.map(({ currency, code, exponent }) => ({ id: currency, code, exponent }));
  const currencies = [...held, ...known.filter(({ id }) => held.every((one) => one.id !== id))];
  const format = moneyFormat(language, currencies);
  return balances
    .filter(({ minor }) => minor !== "0")
    .map(({ currency, minor }) => ({ id: currency, amount: format.amount(BigInt(minor), currency) }));
}

export interface MovementRow {
  entryId: string;
  timeMs: number;
  /** "+24.90 EUR". */
  amount: string;
  isGain: boolean;
  /** "Payment from Bob". */
  text: string;
  /** A stranger's words, without anything that would move what stands beside them. */
  memo: string;
}

/** The newest first. */
export function movementRows(
  movements: readonly AccountMovement[],
  currencies: readonly DocumentCurrency[],
  language: Language,
  nameOf: (account: string) => string | undefined,
): MovementRow[] {
  const format = moneyFormat(language, currencies);
  const words = documentWords(language);
  return movements
    .map((movement) => {
      const { entryId, timeMs, change, currency, others, memo } = movement;
      const names = new Map(
        others.flatMap((id) => {
          const name = nameOf(id);
          return name === undefined ? [] : [[id, plainText(name)] as const];
        }),
      );
      const isGain = change > 0n;
      return {
        ...{ entryId, timeMs, isGain, memo: plainText(memo) },
        amount: (isGain ? "+" : "") + format.amount(change, currency),
        text: nameless(describeMovement(movement, words, names), names),
      };
    })
    .reverse();
}

/** The whole of an id stands on the receipt's page; in a list a name is enough. */
function nameless(text: string, names: ReadonlyMap<string, string>): string {
  return [...names.keys()].reduce((said, id) => said.replaceAll(` (${shortId(id)})`, ""), text);
}
