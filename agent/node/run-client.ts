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
    for (const card of readContacts(home.folder, machine.crypto, machine.clock.now())) messenger.meet(card);
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
  const { answers, ...agreed } = await askNotaries(client, "account", ({ root, balances }) => {
    return encodeCbor([root, balances.map(({ currency, minor }) => `${currency} ${minor}`).sort()]);
  });
  const timeMs = Math.min(...answers.map((answer) => answer.timeMs));
  return { ...agreed, value: { ...agreed.value, timeMs } };
}

/** All that there are, sorted by id. Errors: quorum-missing. */
export async function askCurrencies(client: Client): Promise<Agreed<CurrencyInfo[]>> {
  const sorted = (list: CurrencyInfo[]): CurrencyInfo[] => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const { value, agreeing, notaries } = await askNotaries(client, "currencies", ({ currencies }) =>
    encodeCbor(
      sorted(currencies).map((one) => {
        return [one.id, one.code, one.exponent, one.name, one.issuer, one.supply];
      }),
    ),
  );
  return { value: sorted(value.currencies), agreeing, notaries };
}

type ReplyKind = "account" | "currencies";

/** `contentOf`: what has to be the same. The answers returned are those that are. */
async function askNotaries<K extends ReplyKind>(
  client: Client,
  kind: K,
  contentOf: (answer: LedgerBody<K>) => Uint8Array,
): Promise<Agreed<LedgerBody<K>> & { answers: LedgerBody<K>[] }> {
  const { notaries } = client.connection.network;
  const needed = quorum(notaries.length);
  let answered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await pause(client.machine, BETWEEN_ROUNDS_MS);
    const groups = await askOnce(client, kind, contentOf, needed);
    const answers = groups.find((group) => group.length >= needed);
    const value = answers?.[0];
    if (answers !== undefined && value !== undefined) {
      return { value, answers, agreeing: answers.length, notaries: notaries.length };
    }
    answered = groups.reduce((sum, group) => sum + group.length, 0);
    // Who is away stays away; only those who answer may come to agree.
    if (answered < needed) break;
  }
  const how = answered < needed ? "answered" : "answered, but do not agree";
  throw new SegmentError(
    "quorum-missing",
    `${answered} of ${notaries.length} notaries ${how}; ${needed} must agree`,
  );
}

/** Asks every notary; resolves with the answers, grouped by content, once a group is large enough or all are in. */
async function askOnce<K extends ReplyKind>(
  client: Client,
  kind: K,
  contentOf: (answer: LedgerBody<K>) => Uint8Array,
  needed: number,
): Promise<LedgerBody<K>[][]> {
  const groups = new Map<string, LedgerBody<K>[]>();
  const one = async (id: string): Promise<void> => {
    if (!(await meet(client, id))) return;
    try {
      const answer = await client.asker.ask(id, `${kind}-wanted`, {}, (given) => given.kind === kind);
      const body = parseBody(
        LEDGER_SCHEMAS[kind] as (typeof LEDGER_SCHEMAS)[K],
        answer.body,
      ) as LedgerBody<K>;
      const content = toHex(contentOf(body));
      groups.set(content, [...(groups.get(content) ?? []), body]);
    } catch (error) {
      // Away, or talking nonsense: the others will do.
      client.connection.messenger.countDrop(errorCode(error));
    }
  };
  const { notaries } = client.connection.network;
  const asked = notaries.map(({ id }) => one(id));
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
