/** An agent and its notaries: whom it asks how a contract stands, and what it makes of the answers. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Device, DeviceEffect, Step } from "../../devices/device.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Signer } from "../../protocols/ports.ts";
import { memoryNetwork, type MemoryNetwork } from "../../simulators/network/memory-bus.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { cardOf, keyOf, START_MS, World as Ledger } from "../../test/ledger/committee.ts";
import { alice, deliveryOf, people, shop } from "../../test/ledger/village.ts";
import { NETWORK, somebody } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { Agent } from "./agent.ts";
import { Messenger, type AgentKeys } from "./messenger.ts";
import { serve } from "./service.ts";

/** Tells what it hears, and does what it is told. */
const toy: Device<string[]> = {
  kind: "toy",
  initial: () => [],
  step(state, event): Step<string[]> {
    if (event.kind === "command") return { state, effects: event.value as DeviceEffect[] };
    if (event.kind === "message") return { state: [...state, `message ${event.type}`], effects: [] };
    if (event.kind !== "receipt") return { state, effects: [] };
    const { kind, outcome } = event.receipt;
    return { state: [...state, `${kind} ${outcome}`], effects: [] };
  },
};

const ledger = new Ledger(4, { seed: 1 });
const { network } = ledger;
const keysOf = (signer: Signer, card: Uint8Array): AgentKeys => {
  return { signer, sessionSecret: crypto.sha256(signer.publicKey), card };
};
const officers = network.notaries.map(({ id }, at) => {
  const signer = keyOf(`notary ${at}`);
  return { id, keys: keysOf(signer, cardOf(keyOf(`root ${at}`), signer, START_MS)) };
});
const keys = keysOf(shop.device, shop.card);
const self = agentId(shop.device.publicKey);

let net: MemoryNetwork;
let clock: VirtualClock;
let failures: unknown[];
/** Which notary was asked, in order. */
let asked: number[];
let answer: (notary: number, body: Uint8Array) => { kind: string; body: Uint8Array } | null;

beforeEach(() => {
  clock = new VirtualClock(START_MS);
  net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(1, "net") });
  failures = [];
  asked = [];
  answer = () => null;
});
afterEach(() => net.close());

function messengerOf(who: { id: string; keys: AgentKeys }): Messenger {
  const bus = net.join(who.id);
  return new Messenger({
    bus,
    clock,
    crypto,
    random: seededRandom(2, who.id),
    network: NETWORK,
    keys: who.keys,
  });
}

/** A notary that listens; those that `welcome` newcomers show them their cards. */
function appoint(notary: number, welcomes = false): Messenger {
  const messenger = messengerOf(officers[notary]!);
  void serve(messenger, (from, kind, body) => {
    if (from !== self || kind !== "receipt-wanted") return Promise.resolve(null);
    asked.push(notary);
    return Promise.resolve(answer(notary, body));
  });
  if (welcomes) void messenger.welcome(() => undefined);
  return messenger;
}

function live(store: MemoryStore): Agent<string[]> {
  const agent = new Agent<string[]>({
    ...{ device: toy, keys, network, bus: net.join(self), store, clock, linkClock: clock, crypto },
    random: seededRandom(3),
    surroundings: {
      actuate: () => undefined,
      keep: () => undefined,
      progress: () => undefined,
      failed: (error) => failures.push(error),
    },
  });
  void agent.start();
  return agent;
}

const fresh = (): MemoryStore => new MemoryStore({ clock });
const termsId = new Uint8Array(32).fill(7);

async function inquire(agent: Agent<string[]>, id: Uint8Array = termsId): Promise<void> {
  agent.command("effects", [{ kind: "inquire", termsId: id }]);
  await clock.runFor(1_000);
}

describe("an agent asks its notaries", () => {
  it("f+1 of them, others each time, and takes silence for silence", async () => {
    const notaries = officers.map((_, at) => appoint(at));
    const agent = live(fresh());
    for (const { keys: theirs } of officers) agent.meet(theirs.card);
    await clock.runFor(1_000);
    answer = (_, body) => ({
      kind: "receipt-missing",
      body: encodeMessage(parseBody(LEDGER_SCHEMAS["receipt-wanted"], body)),
    });
    for (let times = 0; times < 3; times++) await inquire(agent);
    const pairs = [0, 2, 4].map((from) => new Set(asked.slice(from, from + 2)));
    expect(pairs).toEqual([new Set([0, 1]), new Set([2, 3]), new Set([0, 1])]);
    expect(asked).toHaveLength(6);
    // That it is missing is no news to the device, and nobody waits for an acknowledgement.
    expect([agent.state, agent.pending, failures]).toEqual([[], 0, []]);
    expect(notaries.map(({ dropped }) => dropped.size)).toEqual([0, 0, 0, 0]);
  });

  it("whose cards it has learned from themselves, also in its next life", async () => {
    const notary = appoint(2);
    const stranger = messengerOf(somebody("stranger"));
    const store = fresh();
    const agent = live(store);
    await clock.runFor(1_000);
    for (const messenger of [notary, stranger]) {
      messenger.meet(shop.card);
      void messenger.send(self, "card", new Uint8Array());
    }
    await clock.runFor(1_000);
    await inquire(agent);
    expect(asked).toEqual([2]);
    expect(store.keys("card/")).toHaveLength(1);
    const stopping = agent.stop();
    await clock.runFor(1_000);
    await stopping;
    const again = live(store.crash(false));
    await clock.runFor(1_000);
    await inquire(again);
    expect([asked, failures]).toEqual([[2, 2], []]);
  });

  it("and announces itself while it knows none of them: those who hear it answer the next time", async () => {
    appoint(1, true);
    const agent = live(fresh());
    await clock.runFor(1_000);
    await inquire(agent);
    expect(asked).toEqual([]);
    await inquire(agent);
    expect([asked, failures]).toEqual([[1], []]);
  });
});

describe("the answer", () => {
  const delivery = deliveryOf(1, START_MS);
  let opening: Uint8Array;
  let card: Uint8Array;

  beforeAll(() => {
    const cards = people.map(({ device, card: theirs }) =>
      ledger.submit(device, { kind: "card", card: theirs }),
    );
    ledger.run(5_000);
    const { id } = ledger.submit(alice.device, delivery.open.body, delivery.open.attachment);
    ledger.run(5_000);
    const { core } = ledger.members[0]!;
    opening = core.receiptFor(id)!.bytes;
    expect(core.latestReceipt(delivery.id)!.bytes).toEqual(opening);
    card = core.receiptFor(cards[0]!.id)!.bytes;
  });

  const show = async (from: Messenger, receipt: Uint8Array): Promise<void> => {
    from.meet(shop.card);
    void from.send(self, "receipt", encodeMessage({ receipt }));
    await clock.runFor(1_000);
  };

  it("reaches the device even if it had it before, once for each notary that was asked", async () => {
    const notaries = officers.map((_, at) => appoint(at));
    const agent = live(fresh());
    for (const { keys: theirs } of officers) agent.meet(theirs.card);
    await clock.runFor(1_000);
    for (const notary of notaries) await show(notary, opening);
    expect(agent.state).toEqual(["open ok"]);
    await inquire(agent, delivery.id);
    expect(asked).toHaveLength(2);
    // Who was not asked, or answers another question, or answers twice, is not believed to answer.
    await show(notaries[3]!, opening);
    await show(notaries[0]!, card);
    expect(agent.state).toEqual(["open ok", "card ok"]);
    for (const at of [0, 1, 0, 1]) await show(notaries[at]!, opening);
    expect(agent.state).toEqual(["open ok", "card ok", "open ok", "open ok"]);
    expect(failures).toEqual([]);
  });

  it("of one notary brings what the device has missed, and only certified", async () => {
    appoint(0);
    answer = () => ({ kind: "receipt", body: encodeMessage({ receipt: opening }) });
    const agent = live(fresh());
    agent.meet(officers[0]!.keys.card);
    await clock.runFor(1_000);
    await inquire(agent, delivery.id);
    expect(agent.state).toEqual(["open ok"]);
    answer = () => ({
      kind: "receipt",
      body: encodeMessage({ receipt: opening.with(300, opening[300]! ^ 1) }),
    });
    await inquire(agent, delivery.id);
    expect(agent.state).toEqual(["open ok"]);
    expect(agent.messenger.dropped.get("receipt-invalid")).toBe(1);
  });

  it("is awaited from so many only: the oldest questions are forgotten", async () => {
    const notary = appoint(0);
    const agent = live(fresh());
    agent.meet(officers[0]!.keys.card);
    await clock.runFor(1_000);
    await show(notary, opening);
    await inquire(agent, delivery.id);
    for (let other = 0; other < 256; other++) await inquire(agent, new Uint8Array(32).fill(other));
    await show(notary, opening);
    expect(agent.state).toEqual(["open ok"]);
    await inquire(agent, delivery.id);
    await show(notary, opening);
    expect(agent.state).toEqual(["open ok", "open ok"]);
  });
});
