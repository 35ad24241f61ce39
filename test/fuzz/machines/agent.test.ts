/**
 * Loop, outbox and telemetry as an agent joins them, over a store that crashes or fails at any time and a
 * link
 * that comes and goes: nothing leaves before its commit, nothing that was acknowledged is lost or comes twice
 * under another name, and no reading of a broken driver stops the agent.
 */
import fc from "fast-check";
import { describe, expect } from "vitest";
import { Loop } from "../../../agent/core/loop.ts";
import type { Changes } from "../../../agent/core/loop.ts";
import { Outbox } from "../../../agent/core/outbox.ts";
import type { OutboxPromise } from "../../../agent/core/outbox.ts";
import { Telemetry } from "../../../agent/core/telemetry.ts";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { openKeeper } from "../../../agent/roles/keeper.ts";
import type { Keeper } from "../../../agent/roles/keeper.ts";
import type { Device, DeviceContext, DeviceEffect, Step } from "../../../devices/device.ts";
import { utf8 } from "../../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { periodKey } from "../../../protocols/telemetry/keytree.ts";
import { TELEMETRY_SCHEMAS } from "../../../protocols/telemetry/messages.ts";
import { reading } from "../../../protocols/telemetry/senml.ts";
import { readStream } from "../../../protocols/telemetry/stream.ts";
import { createMemoryBlobs } from "../../../simulators/network/memory-blobs.ts";
import { MemoryStore } from "../../../simulators/network/memory-store.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { deviceSigner, id as streamId, rootKey, seededSigner, START_MS } from "../../support/telemetry.ts";
import { fuzz } from "../support/harness.ts";

/** Remembers numbers; each promises a message and makes a record. */
interface Toy {
  heard: number[];
}

const toy: Device<Toy> = {
  kind: "toy",
  initial: () => ({ heard: [] }),
  step(state, event): Step<Toy> {
    if (event.kind !== "command") return { state, effects: [] };
    if (event.name === "refuse") throw new SegmentError("message-invalid", "not for this toy");
    const { n, timeMs } = event.value as { n: number; timeMs: number };
    if (state.heard.includes(n)) return { state, effects: [] };
    const effects: DeviceEffect[] = [
      { kind: "send", id: `say/${n}`, to: "peer", type: "n", body: { n }, durable: true },
      { kind: "record", records: [reading("toy:n", "count", n, timeMs)] },
    ];
    return { state: { heard: [...state.heard, n] }, effects };
  },
};

type Action =
  | { kind: "command"; n: number; strangeTime: number | undefined }
  | { kind: "refuse" }
  | { kind: "link"; open: boolean }
  | { kind: "wait"; ms: number }
  | { kind: "crash"; reached: boolean }
  | { kind: "disk" }
  | { kind: "lose"; next: number };

const strangeTimes = fc.constantFrom(0, -1, 1.5, 4e12, 2 ** 53, 1e308, Number.NaN, START_MS + 3_600_000);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      n: fc.nat(40),
      strangeTime: fc.oneof(
        { weight: 12, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: strangeTimes },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "refuse" as const }, { kind: "disk" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("link" as const), open: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 3, 40, 2_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), reached: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lose" as const), next: fc.nat(6) }) },
);

/** Worlds begin alike, and each chunk reaches three keepers: every signature is verified once. */
const crypto = rememberingCrypto(nodeCrypto);
const signer = deviceSigner(crypto);
const KEEPERS = [50, 51, 52].map((seed) => seededSigner(seed, crypto));

/** One life after another of the same agent, the keepers and the peer that it speaks to. */
class World {
  readonly clock = new VirtualClock(START_MS);
  readonly #random = seededRandom(7);
  readonly #keepers: Promise<Keeper[]>;
  #store = new MemoryStore({ clock: this.clock, writeMs: () => 2, fails: () => this.#diskFails() });
  #life: Life;
  /** Numbers whose command was acknowledged to its sender. */
  readonly acknowledged = new Set<number>();
  readonly strange = new Set<number>();
  /** What the peer has, by message id. */
  readonly delivered = new Map<string, number>();
  /** So many of the next messages and answers are lost. */
  lose = 0;
  /** The next write fails. */
  disk: "sound" | "fails" = "sound";

  constructor() {
    this.#keepers = Promise.all(
      KEEPERS.map((keeper) =>
        openKeeper({ crypto, clock: this.clock, signer: keeper, blobs: createMemoryBlobs() }),
      ),
    );
    this.#life = this.#begin();
  }

  get life(): Life {
    return this.#life;
  }

  crash(reached: boolean): void {
    this.#life.end();
    this.#store = this.#store.crash(reached);
    this.#life = this.#begin();
  }

  #begin(): Life {
    const life: Life = new Life({
      store: this.#store,
      clock: this.clock,
      random: this.#random,
      attempt: (promise) => this.#attempt(life, promise),
      send: (to, body) => this.#toKeeper(life, to, body),
    });
    return life;
  }

  #diskFails(): boolean {
    const fails = this.disk === "fails";
    this.disk = "sound";
    return fails;
  }

  #isLost(): boolean {
    if (this.lose === 0) return false;
    this.lose -= 1;
    return true;
  }

  async #attempt(life: Life, promise: OutboxPromise): Promise<void> {
    expect(promise.kind).toBe("message");
    if (promise.kind !== "message") return;
    const id = new TextDecoder().decode(promise.messageId);
    // Nothing leaves before its commit.
    expect(this.#store.get(`outbox/${id}`)).toBeDefined();
    if (this.#isLost()) throw new SegmentError("broker-unreachable", "the link is down");
    this.delivered.set(id, (this.delivered.get(id) ?? 0) + 1);
    this.clock.at(this.clock.now() + 5, () => {
      if (!this.#isLost() && life === this.#life) life.settle(id);
    });
  }

  async #toKeeper(life: Life, to: string, body: unknown): Promise<void> {
    const sequence = (body as { sequence: number }).sequence;
    expect(this.#store.get(`telemetry/chunk/${String(sequence).padStart(12, "0")}`)).toBeDefined();
    if (this.#isLost()) return;
    const keepers = await this.#keepers;
    const index = KEEPERS.findIndex(({ publicKey }) => agentId(publicKey) === to);
    const answer = await keepers[index]!.handle(agentId(signer.publicKey), "shard-put", encodeMessage(body));
    this.clock.at(this.clock.now() + 5, () => {
      if (answer !== null && life === this.#life) life.telemetry.received(to, answer.kind, answer.body);
    });
  }

  /** The numbers in all chunks that the keepers hold. */
  async readBack(): Promise<number[]> {
    const keepers = await this.#keepers;
    const name = { publisher: signer.publicKey, streamId };
    const ask = async (index: number, kind: string, body: object): Promise<unknown> => {
      const answer = await keepers[index]!.handle("reader", kind, encodeMessage({ ...name, ...body }));
      return answer?.kind === "shard-missing" ? undefined : decodeMessage(answer!.body);
    };
    const listed = await ask(0, "manifest-list", { fromSequence: 0, limit: 128 });
    const { manifests } = TELEMETRY_SCHEMAS.manifests.parse(listed);
    const result = await readStream({
      ...{ crypto, publisher: signer.publicKey, streamId },
      manifests: manifests.map(({ manifest }) => manifest),
      keyOf: ({ period }) => periodKey(crypto, rootKey, period),
      fetchShard: async ({ sequence }, index) =>
        ((await ask(index, "shard-get", { sequence })) as { shard: Uint8Array } | undefined)?.shard,
    });
    const { unread, breaks, badShards, badManifests } = result;
    expect([unread, breaks, badShards, badManifests]).toEqual([[], [], [], []]);
    return result.chunks.flatMap(({ records }) => records.map(({ v }) => v!));
  }
}

interface LifeParts {
  store: MemoryStore;
  clock: VirtualClock;
  random: ReturnType<typeof seededRandom>;
  attempt: (promise: OutboxPromise) => Promise<void>;
  send: (to: string, body: unknown) => Promise<void>;
}

/** From one start to a crash, joined as in agent/core/agent.ts. */
class Life {
  readonly outbox: Outbox;
  readonly telemetry: Telemetry;
  readonly loop: Loop<Toy>;
  readonly #store: MemoryStore;
  failure: unknown;

  constructor({ store, clock, random, attempt, send }: LifeParts) {
    this.#store = store;
    this.outbox = new Outbox({ store, linkClock: clock, attempt });
    this.telemetry = new Telemetry({
      ...{ store, crypto, random, signer, clock, linkClock: clock, streamId, rootKey, k: 2 },
      keepers: KEEPERS.map(({ publicKey }) => agentId(publicKey)),
      limits: { records: 3, bytes: 10_000, waitMs: 30_000 },
      send: (to, _type, body) => send(to, body),
    });
    this.loop = new Loop<Toy>({
      device: toy,
      store,
      context: () => undefined as unknown as DeviceContext,
      plan: (effect, changes) => this.#plan(effect, changes),
      act: (effect) => this.#act(effect),
      dropped: (error) => expect(error.code).toBe("message-invalid"),
      failed: (error) => (this.failure = error),
    });
  }

  #plan(effect: DeviceEffect, changes: Changes): void {
    if (effect.kind === "record") this.telemetry.plan(effect.records, changes);
    if (effect.kind !== "send") return;
    const { id, to, type } = effect;
    const messageId = utf8(id);
    this.outbox.plan(id, { kind: "message", to, type, body: encodeMessage(effect.body), messageId }, changes);
  }

  #act(effect: DeviceEffect): void {
    if (effect.kind === "send") this.outbox.confirm(effect.id);
    if (effect.kind === "record") this.telemetry.confirm();
  }

  settle(id: string): void {
    const changes: Changes = new Map();
    const matches = (promise: OutboxPromise): boolean =>
      promise.kind === "message" && new TextDecoder().decode(promise.messageId) === id;
    if (this.outbox.settle(matches, changes))
      this.#store.commit(changes).catch((error) => (this.failure = error));
  }

  setOpen(open: boolean): void {
    this.outbox.setOpen(open);
    this.telemetry.setOpen(open);
  }

  end(): void {
    this.outbox.close();
    void this.telemetry.close();
  }
}

describe("an agent's loop, outbox and telemetry", () => {
  fuzz(
    "lose nothing that was acknowledged",
    fc.array(action, { minLength: 1, maxLength: 40 }),
    async (actions) => {
      const world = new World();
      world.life.setOpen(true);
      for (const one of actions) await perform(world, one);
      // Peace: the link is up, nothing is lost any more, and everything arrives.
      world.lose = 0;
      world.disk = "sound";
      await world.clock.runFor(10);
      restartIfFailed(world);
      world.life.setOpen(true);
      await world.clock.runFor(120_000);
      const { life } = world;
      expect(life.failure).toBeUndefined();
      expect(life.outbox.size).toBe(0);
      expect(life.telemetry.waiting).toBe(0);
      const { heard } = life.loop.state;
      expect(new Set(heard).size).toBe(heard.length);
      for (const n of world.acknowledged) expect(heard).toContain(n);
      for (const n of heard) expect(world.delivered.get(`say/${n}`) ?? 0).toBeGreaterThan(0);
      // A record is kept for each number that was heard, once; times that no key covers are counted instead.
      const kept = await world.readBack();
      const wanted = heard.filter((n) => !world.strange.has(n));
      const ascending = (a: number, b: number): number => a - b;
      const found = kept.filter((n) => !world.strange.has(n));
      expect(found.sort(ascending)).toEqual([...wanted].sort(ascending));
      life.end();
    },
    { share: 0.05 },
  );
});

/** A disk that fails stops the agent; whoever watches over it starts it again. */
function restartIfFailed(world: World): void {
  const { failure } = world.life;
  if (failure === undefined) return;
  expect(failure).toMatchObject({ code: "store-failed" });
  world.crash(false);
  world.life.setOpen(true);
}

async function perform(world: World, one: Action): Promise<void> {
  restartIfFailed(world);
  const { life, clock } = world;
  switch (one.kind) {
    case "command": {
      const { n, strangeTime } = one;
      if (strangeTime !== undefined) world.strange.add(n);
      const value = { n, timeMs: strangeTime ?? clock.now() };
      const afterCommit = (): void => void world.acknowledged.add(n);
      life.loop.post({ event: { kind: "command", name: "n", value }, afterCommit });
      return;
    }
    case "refuse":
      return life.loop.post({ event: { kind: "command", name: "refuse", value: null } });
    case "link":
      return life.setOpen(one.open);
    case "wait":
      return clock.runFor(one.ms);
    case "crash":
      world.crash(one.reached);
      return world.life.setOpen(true);
    case "disk":
      world.disk = "fails";
      return;
    case "lose":
      world.lose += one.next;
  }
}
