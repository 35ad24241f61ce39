/** What commands that talk to the network have in common: a visit, and how money is written. */
import { askCurrencies, openClient } from "../node/run-client.ts";
import type { Client, CurrencyInfo } from "../node/run-client.ts";
import type { Certified } from "../core/ledger-client.ts";
import type { Home } from "../node/home.ts";
import { register } from "../node/run-documents.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { pickCurrency } from "../platform/money-text.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { brokerOf, loadHome, networkOf, thisMachine } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { utc } from "./layout.ts";

export { amountOf, moneyText } from "../platform/money-text.ts";
export type { DocumentCurrency as CurrencyName } from "../../protocols/documents/money.ts";

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

/** As `pickCurrency`, among those of the network. Errors: those, quorum-missing. */
export async function findCurrency(client: Client, name: string): Promise<CurrencyInfo> {
  return pickCurrency((await askCurrencies(client)).value, name);
}
