/** The wallet as screens show it: texts made from what is known, nothing asked. */
import { formatOf } from "../../platform/money-text.ts";
import type { WalletStatement } from "../../platform/wallet-statement.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import type { DocumentCurrency } from "../../../protocols/documents/money.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import type { AccountMovement } from "../../../protocols/documents/movements.ts";
import { describeMovement } from "../../../protocols/documents/statement.ts";
import { documentWords } from "../../../protocols/documents/words.ts";
import type { Language } from "../language.ts";

export interface BalanceRow {
  /** The currency's id. */
  id: string;
  /** "24.90 EUR"; with the issuer's digits where another has a currency of that code. */
  amount: string;
}

/** Those above zero, as the statement orders them. */
export function balanceRows(
  { balances }: Pick<WalletStatement, "balances">,
  language: Language,
): BalanceRow[] {
  const currencies = balances.map(({ currency, code, exponent }) => ({ id: currency, code, exponent }));
  const format = formatOf(language, currencies);
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
  const format = formatOf(language, currencies);
  const words = documentWords(language);
  return movements
    .map((movement) => {
      const { entryId, timeMs, change, currency, others, memo } = movement;
      const names = new Map(others.map((id) => [id, plainText(nameOf(id) ?? shortId(id))]));
      const isGain = change > 0n;
      return {
        ...{ entryId, timeMs, isGain, memo: plainText(memo) },
        amount: (isGain ? "+" : "") + format.amount(change, currency),
        text: nameless(describeMovement({ ...movement, others }, words, names), others),
      };
    })
    .reverse();
}

/** The whole of an id stands on the receipt's page; in a list its name, or a short form, does. */
function nameless(text: string, others: readonly string[]): string {
  return others.reduce((said, id) => said.replaceAll(` (${id})`, "").replaceAll(id, shortId(id)), text);
}
