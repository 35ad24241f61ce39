/** What the contract commands share: whom and what a person means, money in words, and a visit that talks. */
import { readContacts } from "../node/contacts.ts";
import type { ContractStore } from "../platform/contract-store.ts";
import { openContracts } from "../node/contracts.ts";
import { nodeCrypto, steadyClock, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { askContract, askCurrencies } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import { runningProcess } from "../node/run-status.ts";
import { readStatement } from "../node/run-wallet.ts";
import type { ContractInfo } from "../core/negotiation-follow.ts";
import { Negotiator } from "../core/negotiator.ts";
import { currenciesIn, currencyAsNamed } from "../platform/money-text.ts";
import { stepAt } from "../../protocols/contract/negotiation-next.ts";
import { statusOf } from "../../protocols/contract/negotiation-state.ts";
import type {
  Negotiation,
  Negotiations,
  NegotiationStatus,
} from "../../protocols/contract/negotiation-state.ts";
import type { When } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import type { Card } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { printable } from "./layout.ts";
import { networkOf, optionInvalid } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { say } from "./output.ts";
import { visitFrom } from "./visit.ts";
import type { CurrencyName } from "./visit.ts";

export { commissionOf } from "../platform/offers.ts";
export { formatOf } from "../platform/money-text.ts";

export interface ContractFlags extends NetworkFlags {
  lang: string;
}

/** Digits of a contract's id that people are shown, and may write instead of all 64. */
const SHORT_ID = 8;
const SHORTEST_ID = 4;
/** How long a command waits for the others to say that they have what it told them. */
const DELIVERY_MS = 5_000;
const LOOK_EVERY_MS = 50;

export function storeOf(home: Home): ContractStore {
  return openContracts(home.folder, nodeCrypto);
}

export function shortId(one: Pick<Negotiation, "termsId">): string {
  return toHex(one.termsId).slice(0, SHORT_ID);
}

/** By the first digits of its id. Errors: contract-unknown, option-invalid (several begin like this). */
export function pick(all: Negotiations, idText: string): Negotiation {
  const digits = idText.toLowerCase();
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < SHORTEST_ID || digits.length > 64)
    throw optionInvalid("<id>", `${SHORTEST_ID} digits or more of a contract's id`, idText);
  const [one, ...others] = [...all].filter(([id]) => id.startsWith(digits)).map(([, found]) => found);
  if (one === undefined) {
    throw new SegmentError("contract-unknown", `this home has no contract ${idText}`, {
      where: "segment contract list",
    });
  }
  if (others.length === 0) return one;
  const ids = [one, ...others].map(({ termsId }) => toHex(termsId).slice(0, 16)).join(", ");
  throw optionInvalid("<id>", `enough digits for one of ${ids}`, idText);
}

/** This agent's role. */
export function roleIn({ terms }: Pick<Negotiation, "terms">, home: Home): string {
  return terms.parties.find(({ identity }) => agentId(identity) === home.id)?.role ?? "";
}

/** How it stands, in a word for programs; `closed` is of what has ended. */
export function standing(
  store: ContractStore,
  all: Negotiations,
  one: Negotiation,
  home: Home,
): NegotiationStatus | "closed" {
  if (store.isSettled(one.termsId) || store.progress(one.termsId)?.closed === true) return "closed";
  return statusOf(all, one, home.id, systemClock.now());
}

// ---------------------------------------------------------------- people

/** Cards by id: those of the home's contacts, and its own. */
export function peopleOf(home: Home): Map<string, Card> {
  const cards = readContacts(home.folder, nodeCrypto).map((bytes) => openCard(nodeCrypto, bytes));
  return new Map([...cards, home.card].map((card) => [agentId(card.identity), card]));
}

/** "Bob (z6Mk…)": the name is what the agent calls itself. */
export function personText(people: ReadonlyMap<string, Card>, home: Home, id: string): string {
  if (id === home.id) return `this agent (${id})`;
  const name = people.get(id)?.name;
  return name === undefined ? id : `${printable(name)} (${id})`;
}

// ---------------------------------------------------------------- money

/**
 * The network's currencies; without a network, those that the wallet has last held, and those of contracts
 * that this agent has signed, or is about to answer.
 */
export async function currenciesOf(
  home: Home,
  client: Client | undefined,
  answered?: Negotiation,
): Promise<CurrencyName[]> {
  if (client !== undefined) return (await askCurrencies(client)).value;
  const statement = readStatement(home.folder, networkOf(home).network);
  const held = (statement?.balances ?? []).map(({ currency, code, exponent }) => ({
    id: currency,
    code,
    exponent,
  }));
  const ours = [...storeOf(home).loadAll().values()].filter(
    (one) => one.signatures.has(home.id) || (answered && toHex(one.termsId) === toHex(answered.termsId)),
  );
  const known = new Set(held.map(({ id }) => id));
  const named = new Set(ours.flatMap(({ terms }) => currenciesIn(terms.contract)));
  return [...held, ...[...named].filter((id) => !known.has(id)).flatMap((id) => currencyAsNamed(id) ?? [])];
}

// ---------------------------------------------------------------- visits

/** Works with the network if it is there, else without; says why it is not. */
export async function perhapsOnline<T>(
  flags: NetworkFlags,
  home: Home,
  work: (client: Client | undefined) => Promise<T>,
): Promise<T> {
  let begun = false;
  try {
    return await visitFrom(flags, home, (client) => {
      begun = true;
      return work(client);
    });
  } catch (error) {
    const code = errorCode(error);
    if (begun || (code !== "broker-unreachable" && code !== "broker-refused")) throw error;
    say(`offline: ${(error as Error).message} [${code}]`);
    return work(undefined);
  }
}

/** A negotiator of a home for one command; without a client it only writes down. */
export function negotiatorOf(home: Home, store: ContractStore, client: Client | undefined): Negotiator {
  const messenger = client?.connection.messenger;
  const negotiator = new Negotiator({
    ...{ crypto: nodeCrypto, signer: home.keys.signer, self: home.id, account: home.card.root, store },
    network: networkOf(home).network,
    clock: client?.connection.clock ?? systemClock,
    linkClock: steadyClock,
    send: async (to, kind, body) => {
      if (messenger === undefined) throw new SegmentError("broker-unreachable", "there is no network now");
      await messenger.send(to, kind, body);
    },
    news: () => undefined,
    open: () => undefined,
    failed: (error) => {
      throw error;
    },
  });
  if (client !== undefined) {
    client.heard = ({ from, kind, body }) => {
      negotiator.received(from, kind, body);
    };
  }
  return negotiator;
}

/** Waits until the other parties have it, but not for long. Returns those who have not said so. */
export async function delivered(
  negotiator: Negotiator,
  one: Negotiation,
  home: Home,
  what: "offer" | "facts" = "offer",
): Promise<string[]> {
  const others = one.terms.parties.map(({ identity }) => agentId(identity)).filter((id) => id !== home.id);
  const has = (id: string): boolean =>
    what === "offer" ? negotiator.isHeldBy(one.termsId, id) : negotiator.hasFacts(one.termsId, id);
  const missing = (): string[] => others.filter((id) => !has(id));
  const until = steadyClock.now() + DELIVERY_MS;
  while (missing().length > 0 && steadyClock.now() < until) await pause(LOOK_EVERY_MS);
  return missing();
}

/** Where an open contract waits, as 2f+1 notaries say. Errors: contract-unknown, contract-closed. */
export async function stepOf(
  client: Client,
  home: Home,
  one: Negotiation,
): Promise<{ step: When; info: ContractInfo }> {
  const { value: info } = await askContract(client, one.termsId);
  if (info === undefined)
    throw new SegmentError("contract-unknown", `${shortId(one)} is not open on the ledger`);
  if (info.closed) {
    storeOf(home).settle(one.termsId);
    throw new SegmentError("contract-closed", "the contract has ended");
  }
  const step = stepAt(one.terms, info.path);
  if (step === undefined) throw new SegmentError("internal", "the notaries name a step that the terms lack");
  return { step, info };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => steadyClock.at(steadyClock.now() + ms, resolve));
}

/** Who keeps on telling those who are away. */
export function carrierText(home: Home): string {
  return runningProcess(home.folder) === undefined
    ? "`segment run` tells them once it runs and they are there"
    : "the running agent goes on telling them";
}
