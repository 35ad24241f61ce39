/** Tabs in words: money as people read it, and why a payee does not take a voucher. */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { REMEDIES, SegmentError } from "../../protocols/errors.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf } from "../../protocols/money/currencies.ts";
import type { Tab } from "../../protocols/tab/tab.ts";
import { readStatement } from "./run-wallet.ts";
import type { TabHome } from "./tabs.ts";

/** The contract's id, by which people and files name a tab. */
export function contractOf(tab: Pick<Tab, "termsId">): string {
  return toHex(tab.termsId);
}

/**
 * Offline, so from what is known: ISO 4217, or what the home's account held last. Errors: currency-unknown.
 */
export function exponentIn(home: TabHome, { currency }: Tab): number {
  const known = exponentOf(currencyCode(currency));
  if (known !== undefined) return known;
  const statement = home.network && readStatement(home.folder, home.network.network);
  const held = statement?.balances.find((one) => one.currency === currency)?.exponent;
  if (held !== undefined) return held;
  const problem = `this home has not seen yet how many decimals ${currency} has: \`segment wallet show\`, online`;
  throw new SegmentError("currency-unknown", problem, { where: REMEDIES["currency-unknown"] });
}

/** Errors: currency-unknown. */
export function tabMoney(home: TabHome, tab: Tab, minor: bigint): string {
  return formatAmount(minor, exponentIn(home, tab), currencyCode(tab.currency));
}

/** A payee's refusal with amounts as people read them; `before` is what was paid before. */
export function refusalText(
  home: TabHome,
  tab: Tab,
  before: bigint,
  { code, message }: { code: string; message: string },
): string {
  if (code === "voucher-replayed") return `nothing new: ${tabMoney(home, tab, before)} was paid before`;
  if (code === "voucher-beyond-hold")
    return `the tab holds ${tabMoney(home, tab, BigInt(tab.heldMinor))} in all`;
  return message;
}
