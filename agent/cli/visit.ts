/** What commands that talk to the network have in common: a visit, and how money is written. */
import { askCurrencies, openClient } from "../node/run-client.ts";
import type { Client, CurrencyInfo } from "../node/run-client.ts";
import type { Certified } from "../core/ledger-client.ts";
import type { Home } from "../node/home.ts";
import { register } from "../node/run-documents.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { isCurrencyId } from "../../protocols/money/currencies.ts";
import { brokerOf, loadHome, networkOf, thisMachine } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { utc } from "./layout.ts";

/** Connects with the home's identity, works, and leaves in any case. Errors: broker-*, those of `work`. */
export async function visit<T>(
  flags: NetworkFlags,
  work: (client: Client, home: Home) => Promise<T>,
): Promise<T> {
  const home = await loadHome(flags);
  return visitFrom(flags, home, (client) => work(client, home));
}

export async function visitFrom<T>(
  flags: NetworkFlags,
  home: Home,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const network = networkOf(home);
  const machine = thisMachine(() => undefined);
  const client = await openClient(machine, brokerOf(flags, home), network, home);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** How long a command waits for the receipt, and how much longer the entry could still be executed. */
const PATIENCE_MS = 20_000;
const VALIDITY_MS = 60_000;

/**
 * Submits one entry for a registered home and waits for its receipt. Errors: the ledger's refusal;
 * `quorum-missing`, whose message says until when the entry may still be executed.
 */
export function submit(client: Client, home: Home, body: EntryBody): Promise<Certified> {
  return submitDraft(client, home, { body });
}

/** The same for an entry with its attachment. */
export async function submitDraft(client: Client, home: Home, draft: EntryDraft): Promise<Certified> {
  await register(client.machine.crypto, home, client.ledger);
  const endsMs = client.connection.clock.now() + VALIDITY_MS;
  try {
    return await client.ledger.submit(draft, { patienceMs: PATIENCE_MS, validityMs: VALIDITY_MS });
  } catch (error) {
    if (errorCode(error) !== "quorum-missing") throw error;
    const problem =
      `the notaries have not certified the entry within ${PATIENCE_MS / 1_000} s; it may still be executed ` +
      `until ${utc(endsMs)}, so look at \`segment wallet show\` after that, before you do it again`;
    throw new SegmentError("quorum-missing", problem, { cause: error });
  }
}

/** The currency that people name by its code, or by its whole id where two issuers share a code. */
export async function findCurrency(client: Client, name: string): Promise<CurrencyInfo> {
  const { value: currencies } = await askCurrencies(client);
  const found = currencies.filter(({ id, code }) => (isCurrencyId(name) ? id === name : code === name));
  const [one, ...others] = found;
  if (one === undefined) throw new SegmentError("currency-unknown", `the network has no currency "${name}"`);
  if (others.length === 0) return one;
  const ids = found.map(({ id }) => id).join(", ");
  throw new SegmentError(
    "option-invalid",
    `${found.length} currencies are called ${name}: write one of ${ids}`,
  );
}

/** Minor units of what people write: "24.90". Errors: amount-invalid, amount-overflow. */
export function amountOf(text: string, { exponent, code }: CurrencyInfo): bigint {
  const minor = parseAmount(text, exponent);
  if (minor > 0n) return minor;
  throw new SegmentError("amount-invalid", `an amount above 0 ${code} is needed`);
}

export type CurrencyName = Pick<CurrencyInfo, "id" | "code" | "exponent">;

/** "24.90 EUR", or "24.90 EUR (of 1f0c…)" where another issuer has a currency of that code. */
export function moneyText(minor: bigint, currency: CurrencyName, all: readonly CurrencyName[]): string {
  const text = formatAmount(minor, currency.exponent, currency.code);
  const isAlone = all.every(({ id, code }) => code !== currency.code || id === currency.id);
  return isAlone ? text : `${text} (of ${currency.id.slice(currency.code.length + 1)})`;
}
