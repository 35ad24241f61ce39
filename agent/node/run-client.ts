/**
 * A command's short visit to its network: it connects, asks the notaries or submits an entry, and leaves.
 * It may use the identity of a home that runs at the same time; the broker tells the two apart.
 */
import { Asker } from "../core/asking.ts";
import type { Answered } from "../core/asking.ts";
import type { LedgerClient } from "../core/ledger-client.ts";
import { contractContent } from "../core/negotiation-follow.ts";
import type { ContractInfo } from "../core/negotiation-follow.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import type { Received } from "../core/messenger.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { ACCOUNT_PAGE, CURRENCY_PAGE, LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { LedgerBody } from "../../protocols/ledger/messages.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { policyFields } from "../../protocols/ledger/policy.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { readContacts } from "./contacts.ts";
import type { Home } from "./home.ts";
import { connect } from "./run-connection.ts";
import type { Connection, Machine } from "./run-connection.ts";
import { openLedgerClient } from "./run-roles.ts";

export interface Client {
  machine: Machine;
  connection: Connection;
  asker: Asker;
  ledger: LedgerClient;
  /** Hears what answers no question. Set it to take part in more than questions and entries. */
  heard: Received;
  close(): Promise<void>;
}

const TIME_PATIENCE_MS = 1_000;
/** How long somebody may take to introduce himself after our announcement. */
const INTRODUCTION_MS = 3_000;
const LOOK_EVERY_MS = 20;
/** Notaries that are a block apart do not agree; a moment later they do. */
const ROUNDS = 4;
const BETWEEN_ROUNDS_MS = 300;

/** Errors: broker-unreachable, broker-refused. */
export async function openClient(
  machine: Machine,
  url: string,
  network: NetworkDescription,
  home: Home,
): Promise<Client> {
  const connection = connect(machine, url, network, home);
  try {
    const { bus, messenger } = connection;
    await bus.ready();
    for (const card of readContacts(home.folder, machine.crypto)) messenger.meet(card);
    const ledger = openLedgerClient(machine, connection);
    const asker = new Asker(messenger, machine.linkClock, (message) => {
      try {
        if (!ledger.received(message)) client.heard(message);
      } catch (error) {
        messenger.countDrop(errorCode(error));
      }
    });
    const client: Client = {
      ...{ machine, connection, asker, ledger },
      heard: () => undefined,
      close: () => connection.close(),
    };
    await asker.listen();
    await messenger.announce();
    // A wrong clock is found out in a moment; where nobody answers, the machine's has to do.
    await connection.time?.known(TIME_PATIENCE_MS);
    return client;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Resolves with whether the agent has introduced itself in time. */
export async function meet({ machine, connection }: Client, id: string): Promise<boolean> {
  const { linkClock } = machine;
  const until = linkClock.now() + INTRODUCTION_MS;
  while (connection.messenger.cardOf(id) === undefined) {
    if (linkClock.now() >= until) return false;
    await pause(machine, LOOK_EVERY_MS);
  }
  return true;
}

/** What 2f+1 notaries say, word for word the same. */
export interface Agreed<T> {
  value: T;
  agreeing: number;
  notaries: number;
}

type Account = LedgerBody<"account">;
export type CurrencyInfo = LedgerBody<"currencies">["currencies"][number];

/**
 * This device's account, or a joint one that its owner is a member of, balances sorted by currency; the time
 * is the earliest that an agreeing notary names. Errors: quorum-missing.
 */
export async function askAccount(client: Client, account?: Uint8Array): Promise<Agreed<Account>> {
  const asked = account === undefined ? {} : { account };
  const first = await askAccountPage(client, asked);
  const balances = [...first.value.balances];
  let { agreeing } = first;
  for (let page = first; page.value.balances.length === ACCOUNT_PAGE;) {
    page = await askAccountPage(client, { ...asked, ...after(balances.at(-1)?.currency) });
    balances.push(...page.value.balances);
    agreeing = Math.min(agreeing, page.agreeing);
  }
  return { ...first, agreeing, value: { ...first.value, balances } };
}

async function askAccountPage(client: Client, asked: Asked): Promise<Agreed<Account>> {
  const { answers, ...agreed } = await askNotaries(client, {
    kind: "account",
    asked,
    read: (body) => parseBody(LEDGER_SCHEMAS.account, body),
    fits: ({ root, joint, after: page }) => {
      const { account } = asked;
      const isIt = account === undefined ? joint === undefined : root === null || equalBytes(root, account);
      return isIt && page === asked.after;
    },
    contentOf: ({ root, joint, balances }) => {
      const amounts = balances.map(({ currency, minor }) => `${currency} ${minor}`).sort();
      return encodeCbor([root, joint === undefined ? null : [joint.k, joint.members], amounts]);
    },
  });
  const timeMs = Math.min(...answers.map((answer) => answer.timeMs));
  return { ...agreed, value: { ...agreed.value, timeMs } };
}

/** All that there are, sorted by id. Errors: quorum-missing. */
export async function askCurrencies(client: Client): Promise<Agreed<CurrencyInfo[]>> {
  const { value, ...first } = await askCurrencyPage(client, {});
  const currencies = [...value];
  let { agreeing } = first;
  for (let last = value; last.length === CURRENCY_PAGE;) {
    const page = await askCurrencyPage(client, after(currencies.at(-1)?.id));
    last = page.value;
    currencies.push(...last);
    agreeing = Math.min(agreeing, page.agreeing);
  }
  return { value: currencies, agreeing, notaries: first.notaries };
}

async function askCurrencyPage(client: Client, asked: Asked): Promise<Agreed<CurrencyInfo[]>> {
  const { value, agreeing, notaries } = await askNotaries(client, {
    kind: "currencies",
    asked,
    read: (body) => parseBody(LEDGER_SCHEMAS.currencies, body),
    fits: (answer) => answer.after === asked.after,
    contentOf: ({ currencies }) => encodeCbor(currencies.map(currencyContent)),
  });
  return { value: value.currencies, agreeing, notaries };
}

function currencyContent({ id, code, exponent, name, issuer, supply, policy }: CurrencyInfo): CborValue {
  return [id, code, exponent, name, issuer, supply, policy === undefined ? null : policyFields(policy)];
}

export type DeviceInfo = LedgerBody<"devices">["devices"][number];

/** The devices of this device's owner, revoked ones too; no root if this one is not registered. */
export async function askDevices(client: Client): Promise<Agreed<LedgerBody<"devices">>> {
  const { value, agreeing, notaries } = await askNotaries(client, {
    kind: "devices",
    asked: {},
    read: (body) => parseBody(LEDGER_SCHEMAS.devices, body),
    contentOf: ({ root, devices }) => {
      const content = devices.map(({ identity, notBefore, notAfter, isRevoked }) => {
        return [identity, notBefore, notAfter, isRevoked];
      });
      return encodeCbor([root, content]);
    },
  });
  return { value, agreeing, notaries };
}

/** How a contract of this device stands; undefined if the ledger has none. Errors: quorum-missing. */
export async function askContract(
  client: Client,
  termsId: Uint8Array,
): Promise<Agreed<ContractInfo | undefined>> {
  const { value, agreeing, notaries } = await askNotaries<ContractInfo | null>(client, {
    kind: "contract",
    missing: "contract-missing",
    asked: { termsId },
    read: (body, kind) => (kind === "contract" ? parseBody(LEDGER_SCHEMAS.contract, body) : null),
    contentOf: (answer) => encodeCbor(answer === null ? null : contractContent(answer)),
  });
  return { value: value ?? undefined, agreeing, notaries };
}

interface Asked {
  account?: Uint8Array;
  termsId?: Uint8Array;
  /** The last currency of the page before. */
  after?: string;
}

function after(currency: string | undefined): Asked {
  return currency === undefined ? {} : { after: currency };
}

interface Question<T> {
  /** Of the answer; the question's is the same with "-wanted". */
  kind: "account" | "currencies" | "devices" | "contract";
  /** Of the answer that there is none. */
  missing?: "contract-missing";
  asked: Asked;
  /** Errors: message-invalid. */
  read: (body: Uint8Array, kind: string) => T;
  /** Whether this question is answered, and not one before it whose answer comes late. */
  fits?: (answer: T) => boolean;
  /** What has to be the same. */
  contentOf: (answer: T) => Uint8Array;
}

/** The answers that are returned besides are those that agree. */
async function askNotaries<T>(
  client: Client,
  question: Question<T>,
): Promise<Agreed<T> & { answers: readonly T[] }> {
  const { notaries } = client.connection.network;
  const needed = quorum(notaries.length);
  let answered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await pause(client.machine, BETWEEN_ROUNDS_MS);
    const groups = await askOnce(client, question, needed);
    const answers = groups.find((group) => group.length >= needed);
    const [value] = answers ?? [];
    if (answers !== undefined && value !== undefined) {
      return { value, answers, agreeing: answers.length, notaries: notaries.length };
    }
    answered = groups.reduce((sum, group) => sum + group.length, 0);
    // Who is away stays away; only those who answer may come to agree.
    if (answered < needed) break;
  }
  const how = answered < needed ? "answered" : "answered, but do not agree";
  const problem = `${answered} of ${notaries.length} notaries ${how}; ${needed} must agree`;
  throw new SegmentError("quorum-missing", problem);
}

/** Asks all; resolves with the answers, grouped by content, once a group is large enough or all are in. */
async function askOnce<T>(client: Client, question: Question<T>, needed: number): Promise<T[][]> {
  const { kind, missing, asked, read, fits, contentOf } = question;
  const accepts = (given: Answered): boolean => {
    if (given.kind !== kind && given.kind !== missing) return false;
    try {
      return fits === undefined || fits(read(given.body, given.kind));
    } catch {
      return true; // and what is wrong with it is found out below
    }
  };
  const groups = new Map<string, T[]>();
  const one = async (id: string): Promise<void> => {
    if (!(await meet(client, id))) return;
    try {
      const given = await client.asker.ask(id, `${kind}-wanted`, asked, accepts);
      const answer = read(given.body, given.kind);
      const content = toHex(contentOf(answer));
      groups.set(content, [...(groups.get(content) ?? []), answer]);
    } catch (error) {
      // Away, or talking nonsense: the others will do.
      client.connection.messenger.countDrop(errorCode(error));
    }
  };
  const answering = client.connection.network.notaries.map(({ id }) => one(id));
  const isEnough = (): boolean => [...groups.values()].some((group) => group.length >= needed);
  await new Promise<void>((resolve) => {
    for (const answer of answering) void answer.then(() => (isEnough() ? resolve() : undefined));
    void Promise.all(answering).then(() => resolve());
  });
  return [...groups.values()];
}

function pause({ linkClock }: Machine, ms: number): Promise<void> {
  return new Promise((resolve) => linkClock.at(linkClock.now() + ms, resolve));
}
