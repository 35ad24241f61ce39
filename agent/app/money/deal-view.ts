/** Offers and contracts as screens show them: texts made from what is known, nothing asked. */
import { acceptedMoney, sharedParams } from "../../platform/offers.ts";
import type { AcceptedMoney } from "../../platform/offers.ts";
import { STANDING_TEXT } from "../../platform/standing-words.ts";
import { costOf } from "../../../protocols/contract/negotiation-next.ts";
import type { Negotiation } from "../../../protocols/contract/negotiation-state.ts";
import { party as partyField } from "../../../protocols/contract/templates/fields.ts";
import { TEMPLATES } from "../../../protocols/contract/templates/index.ts";
import type { Case, Terms } from "../../../protocols/contract/terms.ts";
import { choiceText, describeTerms, labelText, roleName } from "../../../protocols/contract/text.ts";
import type { TextFormat } from "../../../protocols/contract/text.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import type { DocumentCurrency } from "../../../protocols/documents/money.ts";
import { shortId } from "../../../protocols/documents/money.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { parseAmount } from "../../../protocols/money/amounts.ts";
import type { Language } from "../language.ts";
import type { Deal } from "./dealings.ts";
import { DEAL_WORDS } from "./deal-words.ts";
import { moneyFormat } from "./wallet-view.ts";

/** Amounts in the network's currencies, and times as `time` writes them. */
export function dealFormat(
  language: Language,
  currencies: readonly DocumentCurrency[],
  time: TextFormat["time"],
): TextFormat {
  return { amount: moneyFormat(language, currencies).amount, time };
}

/** "Sale", "Vente". */
export function templateName(template: string, language: Language): string {
  const [name = template] = template.split("/");
  return DEAL_WORDS[language].templates[name] ?? name;
}

export type DealTone = "" | "good" | "warn" | "bad";

/** How it stands, in a few words. */
export function standingOf({ status, progress }: Pick<Deal, "status" | "progress">, language: Language) {
  const tones: Partial<Record<Deal["status"], DealTone>> = {
    ...{ "waits-for-you": "warn", opened: "good", agreed: "good", declined: "bad", expired: "bad" },
  };
  const label = status === "opened" ? progress?.label : undefined;
  const text =
    STANDING_TEXT[language][status] + (label === undefined ? "" : ` · ${labelText(label, language)}`);
  return { text, tone: tones[status] ?? ("" satisfies DealTone) };
}

/** Each party's role, and what it calls itself. */
export function partyRows(
  { terms }: Pick<Negotiation, "terms">,
  self: string,
  language: Language,
  nameOf: (id: string) => string | undefined,
): { role: string; who: string; id: string; hasSigned?: boolean }[] {
  return terms.parties.map(({ role, identity }) => {
    const id = agentId(identity);
    const name = nameOf(id);
    const who =
      id === self ? DEAL_WORDS[language].thisPhone : name === undefined ? shortId(id) : plainText(name);
    return { role: roleName(role, language), who, id };
  });
}

/** What signing may take from the account, a sentence each. */
export function costSentences(
  terms: Terms,
  role: string,
  language: Language,
  format: TextFormat,
  byItself: boolean,
): string[] {
  const words = DEAL_WORDS[language];
  const { deposits, mandates } = costOf(terms, role);
  const amounts = deposits.map(({ currency, maxMinor }) => format.amount(maxMinor, currency)).join(", ");
  return [
    words.signs(roleName(role, language)),
    deposits.length === 0 ? words.depositsNothing : words.deposits(amounts, byItself),
    ...mandates.map(({ by, currency, capMinor, totalMinor }) => {
      const [cap, total] = [format.amount(capMinor, currency), format.amount(totalMinor, currency)];
      return words.mandate(roleName(by, language), cap, total);
    }),
  ];
}

/** Which sentences a counter-offer takes out, and which it puts in. */
export function differences(before: Terms, after: Terms, language: Language, format: TextFormat) {
  const [old, fresh] = [before, after].map((terms) => describeTerms(terms, language, format)) as [
    string[],
    string[],
  ];
  return {
    gone: old.filter((line) => !fresh.includes(line)),
    come: fresh.filter((line) => !old.includes(line)),
  };
}

export interface CounterField {
  name: string;
  label: string;
  value: string;
}

/** What a counter-offer may change, as its maker stated it. None: it cannot be countered. */
export function counterFields(
  one: Pick<Negotiation, "terms" | "params">,
  language: Language,
): CounterField[] {
  const [name = ""] = one.terms.template.split("/");
  const fields = TEMPLATES.find((template) => template.name === name)?.fields ?? {};
  return Object.entries(sharedParams(one)).flatMap(([param, value]) => {
    const field = Object.hasOwn(fields, param) ? fields[param] : undefined;
    if (field === undefined || field.kind === partyField.kind) return [];
    if (typeof value !== "string" && typeof value !== "number") return [];
    const label = DEAL_WORDS[language].fields[param] ?? param;
    return [{ name: param, label, value: plainText(String(value)) }];
  });
}

/** What it was made from, where a counter-offer has it otherwise: as its maker says. */
export function counterChanges(
  before: Pick<Negotiation, "terms" | "params">,
  after: Pick<Negotiation, "terms" | "params">,
  language: Language,
): { label: string; from: string; to: string }[] {
  const old = counterFields(before, language);
  return counterFields(after, language).flatMap(({ name, label, value }) => {
    const known = old.find((one) => one.name === name)?.value;
    return known === undefined || known === value ? [] : [{ label, from: known, to: value }];
  });
}

/** What its maker says it accepts in other currencies that this network has: the price as text, and how. */
export function acceptedIn(
  one: Pick<Negotiation, "params">,
  language: Language,
  currencies: readonly DocumentCurrency[],
): { price: string; terms: AcceptedMoney }[] {
  const format = moneyFormat(language, currencies);
  return acceptedMoney(one).flatMap((terms) => {
    const currency = currencies.find(({ id }) => id === terms.currency);
    if (currency === undefined) return [];
    try {
      return [{ price: format.amount(parseAmount(terms.price, currency.exponent), currency.id), terms }];
    } catch (error) {
      if (errorCode(error).startsWith("amount-")) return [];
      throw error;
    }
  });
}

/** What this agent can do now: a button's text, and what it does. */
export function caseText(one: Case, role: string, language: Language, format: TextFormat): string {
  if (one.kind === "deposit") return DEAL_WORDS[language].deposit(format.amount(one.amount, one.currency));
  if (one.kind === "choice") return choiceText(role, one.name, language);
  return "";
}

/** The owner is asked for data of his: his approval, or his key. */
export function isDataRequest({ one, role }: Pick<Deal, "one" | "role">): boolean {
  return one.terms.template.startsWith("data/") && role === "owner";
}
