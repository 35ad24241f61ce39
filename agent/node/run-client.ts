/**
 * A command's short visit to its network: it connects, asks the notaries or submits an entry, and leaves.
 * It may use the identity of a home that runs at the same time; the broker tells the two apart.
 */
import { Asker } from "../core/asking.ts";
import type { LedgerClient } from "../core/ledger-client.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { LedgerBody } from "../../protocols/ledger/messages.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
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
        ledger.received(message);
      } catch (error) {
        messenger.countDrop(errorCode(error));
      }
    });
    await asker.listen();
    await messenger.announce();
    // A wrong clock is found out in a moment; where nobody answers, the machine's has to do.
    await connection.time?.known(TIME_PATIENCE_MS);
    return { machine, connection, asker, ledger, close: () => connection.close() };
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

/** This device's account; the time is the earliest that an agreeing notary names. Errors: quorum-missing. */
export async function askAccount(client: Client): Promise<Agreed<Account>> {
  const { answers, ...agreed } = await askNotaries(client, {
    kind: "account",
    read: (body) => parseBody(LEDGER_SCHEMAS.account, body),
    contentOf: ({ root, balances }) => {
      return encodeCbor([root, balances.map(({ currency, minor }) => `${currency} ${minor}`).sort()]);
    },
  });
  const timeMs = Math.min(...answers.map((answer) => answer.timeMs));
  return { ...agreed, value: { ...agreed.value, timeMs } };
}

/** All that there are, sorted by id. Errors: quorum-missing. */
export async function askCurrencies(client: Client): Promise<Agreed<CurrencyInfo[]>> {
  const { value, agreeing, notaries } = await askNotaries(client, {
    kind: "currencies",
    read: (body) => {
      const { currencies } = parseBody(LEDGER_SCHEMAS.currencies, body);
      return currencies.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
    contentOf: (currencies) =>
      encodeCbor(
        currencies.map(({ id, code, exponent, name, issuer, supply }) => {
          return [id, code, exponent, name, issuer, supply];
        }),
      ),
  });
  return { value, agreeing, notaries };
}

interface Question<T> {
  /** Of the answer; the question's is the same with "-wanted". */
  kind: "account" | "currencies";
  /** Errors: message-invalid. */
  read: (body: Uint8Array) => T;
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
  const { kind, read, contentOf } = question;
  const groups = new Map<string, T[]>();
  const one = async (id: string): Promise<void> => {
    if (!(await meet(client, id))) return;
    try {
      const { body } = await client.asker.ask(id, `${kind}-wanted`, {}, (given) => given.kind === kind);
      const answer = read(body);
      const content = toHex(contentOf(answer));
      groups.set(content, [...(groups.get(content) ?? []), answer]);
    } catch (error) {
      // Away, or talking nonsense: the others will do.
      client.connection.messenger.countDrop(errorCode(error));
    }
  };
  const asked = client.connection.network.notaries.map(({ id }) => one(id));
  const isEnough = (): boolean => [...groups.values()].some((group) => group.length >= needed);
  await new Promise<void>((resolve) => {
    for (const answer of asked) void answer.then(() => (isEnough() ? resolve() : undefined));
    void Promise.all(asked).then(() => resolve());
  });
  return [...groups.values()];
}

function pause({ linkClock }: Machine, ms: number): Promise<void> {
  return new Promise((resolve) => linkClock.at(linkClock.now() + ms, resolve));
}
