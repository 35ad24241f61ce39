/**
 * Four notaries in this process with their real drivers, on a log, a bus and stores in
 * memory that answer at once: what settling costs without disk and network.
 */
import { nodeCrypto as crypto, nodeRandom as random, systemClock as clock } from "../../agent/node/crypto.ts";
import { startNotary } from "../../agent/roles/notary.ts";
import type { NotaryRole } from "../../agent/roles/notary.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { NotaryConfig } from "../../protocols/ledger/notary.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { Submission } from "../../protocols/ledger/submission.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import type { Bus, OrderLog, Store } from "../../protocols/ports.ts";
import { castTopic, topicMatches } from "../../protocols/topics.ts";
import { MemoryLog } from "../../simulators/network/memory-log.ts";
import { cardOf, committeeOf, personOf } from "../ledger/committee.ts";
import type { Person } from "../ledger/committee.ts";

export const payer: Person = personOf("payer");
export const payee: Person = personOf("payee");
export const euro = currencyId(crypto, "EUR", payer.root.publicKey);
const MINTED = 1_000_000_000n;

export interface Village {
  network: NetworkDescription;
  configs: NotaryConfig[];
  /** A transfer of one cent, signed now. */
  transfer(): Submission;
  /** Resolves once all four notaries have certified them. */
  settle(submissions: readonly Submission[]): Promise<void>;
  /** As `settle` of one, and its receipt is verified as the payer does. */
  settleAndVerify(submission: Submission): Promise<void>;
  close(): Promise<void>;
}

/** What must stand in the log before the first transfer. */
export function genesis(nowMs: number): EntryBody[] {
  const card = ({ root, device }: Person): EntryBody => {
    return { kind: "card", card: cardOf(root, device, nowMs - 1_000, nowMs + 86_400_000) };
  };
  return [
    card(payer),
    card(payee),
    { kind: "currency", code: "EUR", exponent: 2, name: "Euro" },
    { kind: "mint", currency: euro, to: payer.root.publicKey, amount: MINTED },
  ];
}

export function transferBody(): EntryBody {
  const to = payee.root.publicKey;
  return { kind: "transfer", to, currency: euro, amount: 1n, memo: new Uint8Array() };
}

export async function openVillage(): Promise<Village> {
  const { network, configs } = committeeOf(4);
  const bus = promptBus();
  const log = polledLog(new MemoryLog());
  /** Which notaries have certified each entry. */
  const uncertified = new Map<string, { id: Uint8Array; by: Set<number>; resolve: () => void }>();
  const certifiedBy = (index: number, entryId: Uint8Array): void => {
    const waiting = uncertified.get(toHex(entryId));
    if (waiting?.by.add(index).size === configs.length) waiting.resolve();
  };
  const receipts = new Map<string, Uint8Array>();
  const roles: NotaryRole[] = [];
  for (const [index, config] of configs.entries()) {
    const parts = { config, bus, log, store: promptStore(), clock };
    const role = await startNotary({
      ...parts,
      deliver: (_to, _kind, body) => {
        const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, body);
        receipts.set(agentId(payer.device.publicKey), receipt);
      },
      failed: (error) => {
        throw error;
      },
      certified: (_header, settled) => {
        for (const { entryId, refusal } of settled) {
          if (refusal !== undefined) throw new Error(`refused: ${refusal.code}`);
          certifiedBy(index, entryId);
        }
        if (settled.length > 0) return;
        // A notary that was catching up names no entries: ask it which it has.
        for (const { id } of uncertified.values()) {
          if (roles[index]?.core.receiptFor(id) !== undefined) certifiedBy(index, id);
        }
      },
    });
    roles.push(role);
  }
  const topic = castTopic(network.network, agentId(payer.device.publicKey), "entry");
  const settleOne = async ({ id, record }: Submission): Promise<void> => {
    const certified = new Promise<void>((resolve) => {
      uncertified.set(toHex(id), { id, by: new Set(), resolve });
    });
    await Promise.all([bus.publish(topic, record), certified]);
    uncertified.delete(toHex(id));
  };
  const draft = (body: EntryBody, { device: signer }: Person): Submission =>
    makeSubmission({ crypto, random, network, signer }, clock.now(), { body });
  const [first, second, ...others] = genesis(clock.now());
  if (first !== undefined) await settleOne(draft(first, payer));
  if (second !== undefined) await settleOne(draft(second, payee));
  for (const body of others) await settleOne(draft(body, payer));
  return {
    network,
    configs,
    transfer: () => draft(transferBody(), payer),
    settle: async (submissions) => {
      await Promise.all(submissions.map(settleOne));
    },
    settleAndVerify: async (submission) => {
      receipts.clear();
      await settleOne(submission);
      const receipt = receipts.get(agentId(payer.device.publicKey));
      if (receipt === undefined) throw new Error("no receipt was delivered");
      verifyReceipt(crypto, receipt, network);
    },
    close: async () => {
      for (const role of roles) await role.stop();
      await log.close();
    },
  };
}

/**
 * The readers look once what is appended in this turn of the event loop stands in the log, as they do on
 * disk.
 */
function polledLog(log: OrderLog): OrderLog {
  return {
    append: (record) => log.append(record),
    read: (from, limit) => log.read(from, limit),
    onAppended: (listener) => log.onAppended(() => void setImmediate(listener)),
    close: () => log.close(),
  };
}

/** One bus for all: what is published is with its receivers in the same turn. */
function promptBus(): Bus {
  const receivers = new Map<string, Set<(topic: string, payload: Uint8Array) => void>>();
  return {
    publish: (topic, payload) => {
      for (const [filter, of] of receivers) {
        if (!topicMatches(filter, topic)) continue;
        for (const receive of of) queueMicrotask(() => receive(topic, payload));
      }
      return Promise.resolve();
    },
    subscribe: (filter, receive) => {
      const of = receivers.get(filter) ?? new Set();
      receivers.set(filter, of.add(receive));
      return Promise.resolve(() => {
        of.delete(receive);
        return Promise.resolve();
      });
    },
    onConnected: (changed) => changed(true),
    close: () => Promise.resolve(),
  };
}

function promptStore(): Store {
  const values = new Map<string, Uint8Array>();
  return {
    get: (key) => values.get(key),
    keys: (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
    commit: (changes) => {
      for (const [key, value] of changes) {
        if (value === undefined) values.delete(key);
        else values.set(key, value);
      }
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
