/**
 * Whole conversations of a phone and a lock with somebody on the air between them, who drops, repeats, bends,
 * reorders, reflects and replays what passes, also from other sessions. The lock carries out a command only
 * that its friend has signed for it, and each once; messages arrive as they were sent, in order, or not at
 * all.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { concat, toHex, utf8 } from "../../../protocols/encoding/bytes.ts";
import { fragment, FRAME } from "../../../protocols/session/frames.ts";
import { SessionInitiator } from "../../../protocols/session/initiator.ts";
import type { SessionEvent } from "../../../protocols/session/messages.ts";
import { SessionResponder } from "../../../protocols/session/responder.ts";
import * as kit from "../../../protocols/session/testing/pair.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { fuzz, isRefusal } from "../support/harness.ts";

const { NOW } = kit;
/** Both ends agree in one process, on few seeds: each agreement and signature is worked out once. */
const crypto = rememberingCrypto(nodeCrypto);
const phone = kit.party("phone", "phone", crypto);
const lock = kit.party("lock", "lock", crypto);
const stranger = kit.party("stranger", "phone", crypto);

type Act =
  /** The next value under way reaches its end. */
  | { kind: "carry"; count: number }
  | { kind: "connect"; who: "phone" | "stranger" }
  | { kind: "say"; who: "phone" | "lock"; size: number }
  | { kind: "command" }
  | { kind: "close"; who: "phone" | "lock" }
  | { kind: "wait"; ms: number }
  | { kind: "drop" }
  | { kind: "repeat" }
  | { kind: "swap" }
  | { kind: "bend"; at: number; by: number }
  | { kind: "cut"; at: number }
  /** Something that passed before, in this session or an earlier one, to either end. */
  | { kind: "replay"; which: number; to: "phone" | "lock" }
  | { kind: "inject"; to: "phone" | "lock"; value: Uint8Array };

const ends = fc.constantFrom("phone" as const, "lock" as const);
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .tuple(fc.constantFrom(...Object.values(FRAME)), fc.uint8Array({ maxLength: 60 }), fc.nat(9))
    .map(([type, body, sequence]) => fragment({ type, body }, 100, sequence)[0]!),
);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("carry" as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("connect" as const),
      who: fc.constantFrom("phone" as const, "phone" as const, "stranger" as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("say" as const), who: ends, size: fc.nat(700) }) },
  { weight: 3, arbitrary: fc.constant({ kind: "command" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), who: ends }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1_000, 61_000, 10 ** 7) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ kind: "drop" }, { kind: "repeat" }, { kind: "swap" }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("bend" as const), at: fc.nat(600), by: fc.nat(255) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: fc.nat(300) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("replay" as const), which: fc.nat(200), to: ends }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("inject" as const), to: ends, value: noise }) },
);

const reached = { open: 0, command: 0, message: 0, refused: 0 };
afterAll(() => {
  for (const [what, count] of Object.entries(reached)) expect([what, count > 0]).toEqual([what, true]);
});

/** What passed in an honest session on another day, for replays. */
const yesterday = kit.meet({ random: kit.seededRandom("y1") }, { random: kit.seededRandom("y2") });

class Air {
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #responder: SessionResponder;
  #initiator: SessionInitiator | undefined;
  #now = NOW;
  #writes: Uint8Array[] = [];
  #notifications: Uint8Array[] = [];
  readonly #passed: Uint8Array[] = [...yesterday.writes, ...yesterday.notifications];
  /** Commands that the phone has signed, and those that the lock was asked about, by its evidence. */
  readonly #signed = new Set<string>();
  readonly #done = new Set<string>();
  /** In the present session: what each end has said, and what the other has heard. */
  #said = { phone: [] as string[], lock: [] as string[] };
  #heard = { phone: [] as string[], lock: [] as string[] };
  #commands = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#responder = new SessionResponder({
      ...{ crypto, random: this.#random, signer: lock.signer, sessionSecret: lock.sessionSecret },
      ...{ notifySize: 120, cardHash: crypto.sha256(lock.cardBytes) },
      authorize: ({ peerIdentity, command, evidence }) => {
        if (toHex(peerIdentity) !== toHex(phone.signer.publicKey)) return "peer-refused";
        const key = toHex(evidence);
        // The bolt would move here: once for each command that the phone has signed.
        expect(this.#signed.has(toHex(command))).toBe(true);
        expect(this.#done.has(key)).toBe(false);
        expect(this.#done.has(toHex(command))).toBe(false);
        this.#done.add(key).add(toHex(command));
        return concat(utf8("done "), command);
      },
    });
  }

  perform(one: Act): void {
    switch (one.kind) {
      case "carry":
        for (let i = 0; i < one.count; i++) this.#carry();
        return;
      case "connect":
        return this.#connect(one.who);
      case "say":
        return this.#say(one.who, one.size);
      case "command":
        return this.#command();
      case "close":
        if (one.who === "lock") this.#notifications.push(...this.#responder.close());
        else this.#writes.push(...(this.#initiator?.close() ?? []));
        return;
      case "wait":
        this.#now += one.ms;
        return;
      case "replay":
        return this.#deliver(one.to, this.#passed[one.which % this.#passed.length]!);
      case "inject":
        return this.#deliver(one.to, one.value);
      default:
        return this.#tamper(one);
    }
  }

  #connect(who: "phone" | "stranger"): void {
    const person = who === "phone" ? phone : stranger;
    const command = this.#newCommand(who === "phone");
    this.#initiator = new SessionInitiator({
      ...{ crypto, random: this.#random, signer: person.signer, sessionSecret: person.sessionSecret },
      ...{ peerIdentity: lock.signer.publicKey, peerSessionKey: lock.sessionKey, purpose: kit.purpose },
      ...{ command, writeSize: 120, now: this.#now, cardBytes: person.cardBytes },
    });
    this.#said = { phone: [], lock: [] };
    this.#heard = { phone: [], lock: [] };
    this.#notifications = [];
    this.#writes = this.#initiator.begin(this.#responder.info(this.#now));
  }

  #newCommand(byPhone: boolean): Uint8Array {
    const command = utf8(`open ${(this.#commands += 1)}`);
    if (byPhone) this.#signed.add(toHex(command));
    return command;
  }

  #say(who: "phone" | "lock", size: number): void {
    const bytes = this.#random.bytes(size);
    const from = who === "phone" ? this.#initiator : this.#responder;
    if (from?.isOpen !== true) return;
    const values = from.send(bytes);
    this.#said[who].push(toHex(bytes));
    if (who === "phone") this.#writes.push(...values);
    else this.#notifications.push(...values);
  }

  #command(): void {
    if (this.#initiator?.isOpen !== true) return;
    try {
      this.#writes.push(...this.#initiator.command(this.#newCommand(true), this.#now));
    } catch (error) {
      // The last one is not answered yet.
      if (!isRefusal(error) || error.code !== "challenge-stale") throw error;
    }
  }

  #carry(): void {
    const write = this.#writes.shift();
    if (write !== undefined) this.#deliver("lock", write);
    const notification = this.#notifications.shift();
    if (notification !== undefined) this.#deliver("phone", notification);
  }

  #tamper(one: Act): void {
    const queue = this.#writes.length > 0 ? this.#writes : this.#notifications;
    const first = queue[0];
    if (first === undefined) return;
    if (one.kind === "drop") queue.shift();
    else if (one.kind === "repeat") queue.unshift(first);
    else if (one.kind === "swap") queue.reverse();
    else if (one.kind === "cut") queue[0] = first.slice(0, one.at % (first.length + 1));
    else if (one.kind === "bend") {
      const copy = first.slice();
      copy[one.at % copy.length]! ^= one.by;
      queue[0] = copy;
    }
  }

  #deliver(to: "phone" | "lock", value: Uint8Array): void {
    this.#passed.push(value);
    if (to === "phone") {
      const output = this.#initiator?.received(value);
      this.#writes.push(...(output?.writes ?? []));
      for (const event of output?.events ?? []) this.#happened("phone", event);
      return;
    }
    const { notifications, events } = this.#responder.received(value, this.#now);
    this.#notifications.push(...notifications);
    for (const event of events) this.#happened("lock", event);
  }

  #happened(at: "phone" | "lock", event: SessionEvent): void {
    if (event.kind in reached) reached[event.kind as keyof typeof reached] += 1;
    const other = at === "phone" ? lock : phone;
    if (event.kind === "open") expect(toHex(event.peerIdentity)).toBe(toHex(other.signer.publicKey));
    if (event.kind === "command") expect(this.#done.has(toHex(event.evidence))).toBe(true);
    if (event.kind !== "message") return;
    const heard = this.#heard[at];
    heard.push(toHex(event.bytes));
    const said = this.#said[at === "phone" ? "lock" : "phone"];
    expect(heard).toEqual(said.slice(0, heard.length));
  }
}

describe("a session", () => {
  fuzz(
    "opens the lock for its friend, once for each command, whatever is on the air",
    fc.tuple(fc.array(act, { minLength: 1, maxLength: 60 }), fc.nat(1_000)),
    ([acts, seed]) => {
      const air = new Air(seed);
      air.perform({ kind: "connect", who: "phone" });
      for (const one of acts) air.perform(one);
    },
    { share: 0.06 },
  );
});
