/** The notary's driver with real parts: four notaries, lmdb log and stores, a bus, the machine's clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeCrypto as crypto, systemClock } from "../../agent/node/crypto.ts";
import { openLmdbLog } from "../../agent/node/lmdb-log.ts";
import { openLmdbStore } from "../../agent/node/lmdb-store.ts";
import { startNotary } from "../../agent/roles/notary.ts";
import type { NotaryRole } from "../../agent/roles/notary.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Bus, OrderLog, Signer, Store } from "../../protocols/ports.ts";
import { castTopic } from "../../protocols/topics.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import type { MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { seededRandom } from "../../simulators/random.ts";
import { eventually } from "../compliance/bus.ts";
import { cardOf, committeeOf } from "./committee.ts";
import {
  approvalFrame,
  approved,
  charge,
  leg,
  legsBody,
  legsOf,
  makePurse,
  purse,
  subscriptionOf,
} from "./shared-money.ts";
import { alice, bank, deliveryOf, drone, euro, people, shop } from "./village.ts";

const memo = new Uint8Array();
const { network, configs } = committeeOf(4);
const random = seededRandom(1);

let folder: string;
let bus: MemoryNetwork;
let log: OrderLog;
let stores: Store[];
let roles: NotaryRole[];
let aliceBus: Bus;
let failures: unknown[];
/** Receipts by agent id. */
let delivered: Map<string, Uint8Array[]>;

async function start(index: number): Promise<NotaryRole> {
  return startNotary({
    config: configs[index]!,
    bus: bus.join(network.notaries[index]!.id),
    log,
    store: stores[index]!,
    clock: systemClock,
    deliver: (to, kind, body) => {
      expect(kind).toBe("receipt");
      const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, body);
      delivered.set(to, [...(delivered.get(to) ?? []), receipt]);
    },
    failed: (error) => failures.push(error),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "segment-notary-"));
  bus = memoryNetwork({ network: "village", clock: systemClock, random, delayMs: { min: 1, max: 3 } });
  log = openLmdbLog(join(folder, "order.lmdb"));
  stores = configs.map((_, index) => openLmdbStore(join(folder, `${index}.lmdb`)));
  delivered = new Map();
  failures = [];
  roles = await Promise.all(configs.map((_, index) => start(index)));
  aliceBus = bus.join(agentId(alice.device.publicKey));
});

afterEach(async () => {
  await Promise.all(roles.map((role) => role.stop()));
  await bus.close();
  await log.close();
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

/** The card's window is the machine's time, as everything here. */
function card(person: (typeof people)[number]): EntryBody {
  const now = systemClock.now();
  return { kind: "card", card: cardOf(person.root, person.device, now - 1_000, now + 1_000_000) };
}

/** At every notary: any of them may be asked from then on. */
async function certified(id: Uint8Array): Promise<void> {
  await eventually("a receipt", () => roles.every(({ core }) => core.receiptFor(id) !== undefined));
}

async function settle(signer: Signer, body: EntryBody, direct = false): Promise<Uint8Array> {
  const { id, record } = makeSubmission({ crypto, random, network, signer }, systemClock.now(), { body });
  if (direct) for (const role of roles) role.submit(record);
  else await aliceBus.publish(castTopic("village", agentId(alice.device.publicKey), "entry"), record);
  await certified(id);
  return id;
}

async function begin(): Promise<void> {
  for (const person of people) await settle(person.device, card(person));
  await settle(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  await settle(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
}

const transfer = (amount: bigint): EntryBody => {
  return { kind: "transfer", to: shop.root.publicKey, currency: euro, amount, memo };
};

describe("the notary's driver", () => {
  it("settles what is cast, delivers the receipt once, and answers questions", async () => {
    await begin();
    const aliceId = agentId(alice.device.publicKey);
    delivered.clear();
    const entryId = await settle(alice.device, transfer(2_490n));
    await eventually("the delivery", () => delivered.has(aliceId));
    expect(delivered.get(aliceId)).toHaveLength(1);
    expect(verifyReceipt(crypto, delivered.get(aliceId)![0]!, network)).toMatchObject({
      entryId,
      outcome: "ok",
    });

    const ask = async (from: string, kind: string, body: unknown) =>
      roles[2]!.request(from, kind, encodeMessage(body));
    const receipt = await ask(aliceId, "receipt-wanted", { entryId });
    expect(
      verifyReceipt(crypto, parseBody(LEDGER_SCHEMAS.receipt, receipt!.body).receipt, network).entryId,
    ).toEqual(entryId);
    expect((await ask(aliceId, "receipt-wanted", { entryId: new Uint8Array(32) }))?.kind).toBe(
      "receipt-missing",
    );

    const account = await ask(aliceId, "account-wanted", {});
    expect(parseBody(LEDGER_SCHEMAS.account, account!.body)).toMatchObject({
      root: alice.root.publicKey,
      balances: [{ currency: euro, minor: 7_510n }],
    });
    const stranger = await ask(agentId(configs[0]!.termSigner.publicKey), "account-wanted", {});
    expect(parseBody(LEDGER_SCHEMAS.account, stranger!.body)).toMatchObject({ root: null, balances: [] });

    const currencies = await ask(aliceId, "currencies-wanted", {});
    expect(parseBody(LEDGER_SCHEMAS.currencies, currencies!.body).currencies).toMatchObject([
      { id: euro, code: "EUR", exponent: 2, supply: 10_000n },
    ]);
    expect((await ask(aliceId, "contract-wanted", { termsId: new Uint8Array(32) }))?.kind).toBe(
      "contract-missing",
    );
    expect(await ask(aliceId, "shard-get", {})).toBeNull();
    await expect(ask(aliceId, "receipt-wanted", { entryId: 5 })).rejects.toMatchObject({
      code: "message-invalid",
    });
    expect(failures).toEqual([]);
  });

  it("tells a contract's parties how it stands, and nobody else", async () => {
    await begin();
    const delivery = deliveryOf(1, systemClock.now());
    const { id } = delivery;
    const submitted = makeSubmission(
      { crypto, random, network, signer: shop.device },
      systemClock.now(),
      delivery.open,
    );
    await aliceBus.publish(castTopic("village", agentId(alice.device.publicKey), "entry"), submitted.record);
    await eventually("the opening", () => roles.every(({ core }) => core.latestReceipt(id) !== undefined));
    const ask = async (who: (typeof people)[number]) =>
      roles[3]!.request(agentId(who.device.publicKey), "receipt-wanted", encodeMessage({ termsId: id }));
    for (const person of [alice, drone, shop]) {
      const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, (await ask(person))!.body);
      expect(verifyReceipt(crypto, receipt, network)).toMatchObject({ entryId: submitted.id, outcome: "ok" });
    }
    const strange = await ask(bank);
    expect(strange?.kind).toBe("receipt-missing");
    expect(parseBody(LEDGER_SCHEMAS["receipt-missing"], strange!.body)).toEqual({ termsId: id });
    await settle(alice.device, { kind: "deposit", termsId: id, currency: euro, amount: 2_490n });
    await roles[3]!.stop();
    roles[3] = await start(3);
    const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, (await ask(drone))!.body);
    expect(verifyReceipt(crypto, receipt, network)).toMatchObject({ kind: "deposit", outcome: "ok" });
    expect(failures).toEqual([]);
  });

  it("tells a joint account's members of it, and nobody else", async () => {
    await begin();
    const ask = async (who: (typeof people)[number], kind: string, body: unknown) => {
      const answer = await roles[1]!.request(agentId(who.device.publicKey), kind, encodeMessage(body));
      return answer!.body;
    };
    const account = async (who: (typeof people)[number], wanted?: Uint8Array) => {
      const body = await ask(who, "account-wanted", wanted === undefined ? {} : { account: wanted });
      return parseBody(LEDGER_SCHEMAS.account, body);
    };
    await settle(alice.device, makePurse.body);
    await settle(alice.device, { kind: "transfer", to: purse, currency: euro, amount: 5_000n, memo });
    const spend = legsOf([leg(purse, -2_000n), leg(bank, 2_000n)]);
    const frame = { ...approvalFrame(1), notAfter: systemClock.now() + 60_000 };
    const draft = approved(spend, frame, [drone, shop]);
    const maker = { crypto, random, network, signer: bank.device };
    const { id, record } = makeSubmission(maker, systemClock.now(), draft);
    delivered.clear();
    for (const role of roles) role.submit(record);
    const told = [alice, drone, shop, bank].map(({ device }) => agentId(device.publicKey));
    // A slower notary may still be telling of what came before.
    const wordTo = (one: string) =>
      (delivered.get(one) ?? [])
        .map((bytes) => verifyReceipt(crypto, bytes, network))
        .find(({ entryId }) => equalBytes(entryId, id));
    await eventually("the word to all of them", () => told.every((one) => wordTo(one) !== undefined));
    for (const one of told) expect(wordTo(one)).toMatchObject({ result: { kind: "legs", legs: spend.legs } });
    // Who has told may have been another than the one that is asked.
    await certified(id);
    for (const member of [alice, drone, shop]) {
      const { root, joint, balances } = await account(member, purse);
      expect(root).toEqual(purse);
      expect(joint?.k).toBe(2);
      expect(balances).toEqual([{ currency: euro, minor: 3_000n }]);
    }
    expect(await account(bank, purse)).toMatchObject({ root: null, balances: [] });
    expect((await account(bank, purse)).joint).toBeUndefined();
    expect(await account(bank, alice.root.publicKey)).toMatchObject({ root: null, balances: [] });
    expect((await account(alice)).joint).toBeUndefined();
    const history = await ask(alice, "history-wanted", { account: purse, after: 0, limit: 10 });
    expect(parseBody(LEDGER_SCHEMAS.history, history)).toMatchObject({ account: purse, count: 2 });
    const strange = await ask(bank, "history-wanted", { account: purse, after: 0, limit: 10 });
    expect(parseBody(LEDGER_SCHEMAS.history, strange)).toMatchObject({
      account: null,
      count: 0,
      receipts: [],
    });
    expect(failures).toEqual([]);
  });

  it("tells a contract's parties what its mandates have cost", async () => {
    await begin();
    const subscription = subscriptionOf(1, { now: systemClock.now() - 1_000 });
    const maker = { crypto, random, network, signer: shop.device };
    const { id, record } = makeSubmission(maker, systemClock.now(), subscription.open);
    for (const role of roles) role.submit(record);
    await certified(id);
    const charges = [charge(0, subscription, 0)];
    await settle(shop.device, legsBody(legsOf([leg(alice, -300n), leg(shop, 300n)], charges)));
    await settle(drone.device, { kind: "end-mandate", termsId: subscription.id, mandate: 1 });
    const asked = encodeMessage({ termsId: subscription.id });
    const answer = await roles[2]!.request(agentId(alice.device.publicKey), "contract-wanted", asked);
    expect(parseBody(LEDGER_SCHEMAS.contract, answer!.body).mandates).toEqual([
      { inPeriod: 300n, inAll: 300n, isEnded: false },
      { inPeriod: 0n, inAll: 0n, isEnded: true },
    ]);
    expect(failures).toEqual([]);
  });

  it("delivers the receipt again to who submits again", async () => {
    await begin();
    const aliceId = agentId(alice.device.publicKey);
    const { id, record } = makeSubmission(
      { crypto, random, network, signer: alice.device },
      systemClock.now(),
      {
        body: transfer(1n),
      },
    );
    const topic = castTopic("village", aliceId, "entry");
    await aliceBus.publish(topic, record);
    await certified(id);
    await eventually("the delivery", () => delivered.get(aliceId)?.length === 2); // of her card, and of this
    await aliceBus.publish(topic, record);
    await eventually("another delivery", () => (delivered.get(aliceId)?.length ?? 0) > 2);
    expect(verifyReceipt(crypto, delivered.get(aliceId)!.at(-1)!, network).entryId).toEqual(id);
  });

  it("goes on from its store and the log after a restart", async () => {
    await begin();
    await settle(alice.device, transfer(1n));
    await roles[1]!.stop();
    roles[1] = await start(1);
    expect(roles[1].core.height).toBe(roles[0]!.core.height);
    expect(roles[1].core.accountBalances(shop.root.publicKey).get(euro)).toBe(1n);
    await settle(alice.device, transfer(2n), true);
    expect(roles[1].core.accountBalances(shop.root.publicKey).get(euro)).toBe(3n);
    expect(failures).toEqual([]);
  });

  it("stops, and says so, when its store fails", async () => {
    await begin();
    stores[3]!.commit = () => Promise.reject(new SegmentError("store-failed", "the disk is full"));
    const { record } = makeSubmission({ crypto, random, network, signer: alice.device }, systemClock.now(), {
      body: transfer(1n),
    });
    for (const role of roles) role.submit(record);
    await eventually("the failure", () => failures.length === 1);
    expect(failures[0]).toMatchObject({ code: "store-failed" });
  });
});
