/** What a party does in an open contract, as entries for the ledger. */
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import type { Case } from "../../protocols/contract/terms.ts";
import { currencyChosen } from "../../protocols/contract/text.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { parseAmount } from "../../protocols/money/amounts.ts";
import { optionInvalid } from "./option-values.ts";

/** The deposit that a party owes now. Errors: contract-not-expected. */
export function depositOf(
  { termsId }: Pick<Negotiation, "termsId">,
  mine: readonly Case[],
): EntryDraft["body"] {
  const [deposit] = mine.flatMap((one) => (one.kind === "deposit" ? [one] : []));
  if (deposit === undefined)
    throw new SegmentError("contract-not-expected", "the contract waits for no deposit of yours now");
  return { kind: "deposit", termsId, currency: deposit.currency, amount: deposit.amount };
}

/**
 * A choice of a party, with its value in major units where it has one. Errors: contract-not-expected,
 * option-invalid, amount-*.
 */
export function choiceOf(
  { termsId }: Pick<Negotiation, "termsId">,
  mine: readonly Case[],
  name: string,
  valueText: string | undefined,
  currencies: readonly DocumentCurrency[],
): EntryDraft["body"] {
  const choices = mine.flatMap((one) => (one.kind === "choice" ? [one] : []));
  const wanted = choices.find((one) => one.name === name);
  if (wanted === undefined) {
    const there = choices.length === 0 ? "none of yours" : choices.map((one) => one.name).join(", ");
    throw new SegmentError("contract-not-expected", `there is no choice "${name}" now; there are: ${there}`);
  }
  const { min, max } = wanted;
  if (valueText === undefined && min !== max)
    throw optionInvalid("<value>", `a value for "${name}"`, "nothing");
  const paid = currencies.find(({ id }) => id === currencyChosen(wanted.then, wanted));
  const value = valueText === undefined ? min : parseAmount(valueText, paid?.exponent ?? 0);
  if (value < min || value > max)
    throw optionInvalid("<value>", `${min} to ${max} minor units`, valueText ?? "");
  return { kind: "choice", termsId, name, value };
}
