/**
 * Questions to a network's notaries, in Node and in browsers: what counts is what 2f+1 of them say word for
 * word the same.
 */
import type { Answered, Asker } from "../core/asking.ts";
import type { Messenger } from "../core/messenger.ts";
import { contractContent } from "../core/negotiation-follow.ts";
import type { ContractInfo } from "../core/negotiation-follow.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { ACCOUNT_PAGE, CURRENCY_PAGE, LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { LedgerBody } from "../../protocols/ledger/messages.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { policyFields } from "../../protocols/ledger/policy.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Clock } from "../../protocols/ports.ts";

/** What leads to the notaries. */
export interface NotaryLine {
  network: NetworkDescription;
  messenger: Messenger;
  asker: Asker;
  /** The links' time. */
  linkClock: Clock;
}

/** How long somebody may take to introduce himself after our announcement. */
const INTRODUCTION_MS = 3_000;
const LOOK_EVERY_MS = 20;
/** Notaries that are a block apart do not agree; a moment later they do. */
const ROUNDS = 4;
const BETWEEN_ROUNDS_MS = 300;

/** Resolves with whether the agent has introduced itself in time. */
export async function meet({ linkClock, messenger }: NotaryLine, id: string): Promise<boolean> {
  const until = linkClock.now() + INTRODUCTION_MS;
  while (messenger.cardOf(id) === undefined) {
    if (linkClock.now() >= until) return false;
    await pause(linkClock, LOOK_EVERY_MS);
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
export async function askAccount(line: NotaryLine, account?: Uint8Array): Promise<Agreed<Account>> {
  const asked = account === undefined ? {} : { account };
  const first = await askAccountPage(line, asked);
  const balances = [...first.value.balances];
  let { agreeing } = first;
  for (let page = first; page.value.balances.length === ACCOUNT_PAGE;) {
    page = await askAccountPage(line, { ...asked, ...after(balances.at(-1)?.currency) });
    balances.push(...page.value.balances);
    agreeing = Math.min(agreeing, page.agreeing);
  }
  return { ...first, agreeing, value: { ...first.value, balances } };
}

async function askAccountPage(line: NotaryLine, asked: Asked): Promise<Agreed<Account>> {
  const { answers, ...agreed } = await askNotaries(line, {
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
export async function askCurrencies(line: NotaryLine): Promise<Agreed<CurrencyInfo[]>> {
  const { value, ...first } = await askCurrencyPage(line, {});
  const currencies = [...value];
  let { agreeing } = first;
  for (let last = value; last.length === CURRENCY_PAGE;) {
    const page = await askCurrencyPage(line, after(currencies.at(-1)?.id));
    last = page.value;
    currencies.push(...last);
    agreeing = Math.min(agreeing, page.agreeing);
  }
  return { value: currencies, agreeing, notaries: first.notaries };
}

async function askCurrencyPage(line: NotaryLine, asked: Asked): Promise<Agreed<CurrencyInfo[]>> {
  const { value, agreeing, notaries } = await askNotaries(line, {
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
export async function askDevices(line: NotaryLine): Promise<Agreed<LedgerBody<"devices">>> {
  const { value, agreeing, notaries } = await askNotaries(line, {
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
  line: NotaryLine,
  termsId: Uint8Array,
): Promise<Agreed<ContractInfo | undefined>> {
  const { value, agreeing, notaries } = await askNotaries<ContractInfo | null>(line, {
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
  line: NotaryLine,
  question: Question<T>,
): Promise<Agreed<T> & { answers: readonly T[] }> {
  const { notaries } = line.network;
  const needed = quorum(notaries.length);
  let answered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await pause(line.linkClock, BETWEEN_ROUNDS_MS);
    const groups = await askOnce(line, question, needed);
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
async function askOnce<T>(line: NotaryLine, question: Question<T>, needed: number): Promise<T[][]> {
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
    if (!(await meet(line, id))) return;
    try {
      const given = await line.asker.ask(id, `${kind}-wanted`, asked, accepts);
      const answer = read(given.body, given.kind);
      const content = toHex(contentOf(answer));
      groups.set(content, [...(groups.get(content) ?? []), answer]);
    } catch (error) {
      // Away, or talking nonsense: the others will do.
      line.messenger.countDrop(errorCode(error));
    }
  };
  const answering = line.network.notaries.map(({ id }) => one(id));
  const isEnough = (): boolean => [...groups.values()].some((group) => group.length >= needed);
  await new Promise<void>((resolve) => {
    for (const answer of answering) void answer.then(() => (isEnough() ? resolve() : undefined));
    void Promise.all(answering).then(() => resolve());
  });
  return [...groups.values()];
}

export function pause(linkClock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => linkClock.at(linkClock.now() + ms, resolve));
}
