/**
 * The lock under any sequence of taps, orders, sensors, crashes and wrong clocks: the bolt moves for a valid
 * right and for nothing else. What is valid is told here a second time, in plain words, from what the keys
 * were made to say; nothing of protocols/access or of the lock decides it.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import type { DeviceEffect } from "../../../devices/device.ts";
import { CONFIG, ownedDoor, verdict } from "../../../devices/lock/testing/door.ts";
import type { Door, Person, Session } from "../../../devices/lock/testing/door.ts";
import { guestKeyId } from "../../../protocols/access/key.ts";
import type { OrderAct } from "../../../protocols/access/orders.ts";
import { DAY, HOUR, MONDAY_8H as START } from "../../../protocols/access/testing/kit.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { encodeSenml } from "../../../protocols/telemetry/senml-cbor.ts";
import { fuzz } from "../support/harness.ts";
import { must } from "../support/must.ts";
import { CHAINS, crypto, OLGA, PEOPLE, TENURE } from "./lock-keys.ts";
import type { Chain, Said } from "./lock-keys.ts";

/** What the test knows of the world. */
interface World {
  door: Door;
  owners: Set<string>;
  isFirstTenure: boolean;
  revoked: Set<string>;
  uses: Map<string, number>;
  claims: Map<string, string>;
  isTold: boolean;
  latestMs: number;
  sessions: Map<string, Session>;
  said: { session: Session; body: unknown; verdict: string; ask: Ask }[];
}

interface Ask {
  who: Person;
  chain: Chain | undefined;
  deed: (typeof DEEDS)[number];
}

const DEEDS = [
  { target: "door", action: "open" },
  { target: "door", action: "open" },
  { target: "door", action: "unlock" },
  { target: "door", action: "lock" },
  { target: "light", action: "on" },
  { target: "door", action: "close" },
] as const;

const who = fc.nat(PEOPLE.length - 1);
/** Mostly whoever holds the key that is shown. */
const asker = fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: who });
const any = fc.nat(CHAINS.length);
/** Mostly the one that the sequence is about: what needs many steps would else hardly be reached. */
const which = fc.oneof({ weight: 2, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: any });
const deed = fc.nat(DEEDS.length - 1);
const events = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("ask" as const), who: asker, which, deed, isNew: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("twisted" as const),
      ...{ who: asker, which, deed },
      twist: fc.constantFrom("session", "signer", "byte", "key", "tenure"),
      at: fc.nat(1_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("replay" as const), who, at: fc.nat(100) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(0, 6_000, 300_000, HOUR, 2.5 * HOUR, 9 * HOUR, DAY),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("revoke" as const), who, which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("owners" as const),
      who,
      act: fc.constantFrom("add", "remove", "hand-over"),
      whom: who,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sense" as const), isOpen: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("back" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("told" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("garbage" as const),
      who,
      type: fc.constantFrom(
        "lock-request",
        "lock-claim",
        "lock-order",
        "lock-pair",
        "lock-watch",
        "lock-audit",
        "x",
      ),
      bytes: fc.uint8Array({ maxLength: 60 }),
    }),
  },
);
type Happening = typeof events extends fc.Arbitrary<infer T> ? T : never;

/**
 * A sequence is 18 events on average, most of which verify signatures. What is kept are signatures that were
 * made and verified: some thousands for each person.
 */
const OPTIONS = { share: 0.05, maxKeptBytes: 64 << 20 };

/** What the sequences have led to: a rule that was never put to the test says nothing. */
const reached = new Set<string>();
afterAll(() => {
  const codes =
    "done key-not-yet key-expired key-outside-hours key-used-up key-revoked key-stale key-claimed " +
    "key-foreign key-not-holder key-exceeds guest-key-invalid right-missing time-unknown request-stale " +
    "message-invalid action-unknown door-open too-many-attempts";
  expect(codes.split(" ").filter((code) => !reached.has(code))).toEqual([]);
});

describe("the lock", () => {
  const sequences = fc.tuple(any, fc.array(events, { minLength: 6, maxLength: 30, size: "large" }));
  fuzz("moves for a valid right, and for nothing else", sequences, runs, OPTIONS);
});

function runs([about, sequence]: [number, Happening[]]): void {
  const door = ownedDoor(CONFIG, crypto);
  const world: World = {
    ...{ door, owners: new Set([OLGA.id]), isFirstTenure: true, revoked: new Set() },
    ...{ uses: new Map(), claims: new Map(), isTold: true, latestMs: door.now },
    ...{ sessions: new Map(), said: [] },
  };
  for (const event of sequence) {
    door.effects.length = 0;
    happens(world, "which" in event && event.which < 0 ? { ...event, which: about } : event);
    for (const effect of door.effects) if (effect.kind === "record") encodeSenml(effect.records);
  }
}

function happens(world: World, event: Happening): void {
  const { door } = world;
  switch (event.kind) {
    case "ask":
      return asks(world, askOf(event), event.isNew);
    case "twisted":
      return asksWrongly(world, askOf(event), event.twist, event.at);
    case "replay":
      return replays(world, PEOPLE[event.who]!, event.at);
    case "wait":
      return mustNotOpen(door.wait(event.ms), door);
    case "revoke":
      return revokes(world, PEOPLE[event.who]!, CHAINS[event.which % CHAINS.length]!);
    case "owners":
      return orders(world, PEOPLE[event.who]!, event.act, PEOPLE[event.whom]!);
    case "sense":
      return mustNotOpen(door.sense("door-open", event.isOpen), door);
    case "restart":
      world.sessions.clear();
      world.isTold = false;
      return mustNotOpen(door.restart(), door);
    case "back":
      door.now -= DAY;
      return;
    case "told":
      world.isTold = true;
      world.latestMs = door.now;
      return mustNotOpen(door.sense("clock-known", true), door);
    case "garbage":
      return saysGarbage(world, PEOPLE[event.who]!, event.type, event.bytes);
  }
}

function askOf(event: { who: number; which: number; deed: number }): Ask {
  const shown = CHAINS[event.which];
  const holder = PEOPLE.find(({ id }) => id === shown?.said.at(-1)!.holder) ?? OLGA;
  return { who: PEOPLE[event.who] ?? holder, chain: shown, deed: DEEDS[event.deed]! };
}

/** By timers, sensors, orders and nonsense the bolt goes out at most, and never into the air. */
function mustNotOpen(effects: DeviceEffect[], door: Door): void {
  for (const effect of effects) {
    if (effect.kind !== "actuate" || effect.name === "pairing" || effect.name === "erase") continue;
    const { to } = effect.value as { to?: string };
    must(effect.name === "bolt" && to === "locked", "nothing opens by itself");
    must(door.readings.get("door-open") === false, "the bolt stays in while the door is not shut");
  }
}

function sessionOf({ door, sessions }: World, of: Person, isNew = false): Session {
  const known = sessions.get(of.id);
  if (known !== undefined && !isNew) return known;
  const session = door.open(of);
  sessions.set(of.id, session);
  return session;
}

function asks(world: World, ask: Ask, isNew: boolean): void {
  const session = sessionOf(world, ask.who, isNew);
  const { links = [], refreshes = [] } = ask.chain ?? {};
  const body = world.door.requested(session, ask.who, {
    links,
    refreshes,
    ...ask.deed,
    changes: { timeMs: 5 },
  });
  saysAndChecks(world, session, body, ask);
}

function saysAndChecks(world: World, session: Session, body: unknown, ask: Ask): void {
  noticesTime(world);
  const expected = isAllowed(world, ask);
  const effects = world.door.say(session, "lock-request", body);
  const code = verdict(effects);
  reached.add(code);
  world.said.push({ session, body, verdict: code, ask });
  const moved = effects.filter((effect) => effect.kind === "actuate");
  must(moved.length === (code === "done" ? 1 : 0), "one movement, if it was done");
  must(expected || code !== "done", `nobody is let in without a right (${code})`);
  mustBeLogged(world.door, ask, code);
  if (code !== "done") {
    const isPatient = !world.owners.has(ask.who.id) && code === "too-many-attempts";
    must(!expected || isPatient, `whoever has a right is let in (${code})`);
    return;
  }
  for (const { id, holder, isLink } of world.owners.has(ask.who.id) ? [] : (ask.chain?.said ?? [])) {
    world.uses.set(id, (world.uses.get(id) ?? 0) + 1);
    if (isLink && !world.claims.has(id)) world.claims.set(id, holder);
  }
}

/** Each answer stands in the log; who has to wait is not even listened to. */
function mustBeLogged({ state }: Door, { who: person, deed: { target, action } }: Ask, code: string): void {
  if (code === "too-many-attempts") return;
  const line = state.audit.findLast(({ what }) => what === "request");
  const isSo = line?.who === person.id && line.target === target && line.action === action;
  must(isSo && line.code === (code === "done" ? null : code), "the log says what came of it");
  must(line.evidence !== null, "the log has the evidence");
}

function isTimeKnown({ door, isTold, latestMs }: World): boolean {
  return isTold && door.now >= latestMs - 60_000;
}

function noticesTime(world: World): void {
  if (isTimeKnown(world)) world.latestMs = Math.max(world.latestMs, world.door.now);
}

function isAllowed(world: World, { who: person, chain: shown, deed: { target, action } }: Ask): boolean {
  const isShut = world.door.readings.get("door-open") === false;
  if (action === "close" || (action === "lock" && !isShut)) return false;
  if (world.owners.has(person.id)) return true;
  if (shown === undefined || shown.isBroken || !world.isFirstTenure || !isTimeKnown(world)) return false;
  const { said } = shown;
  const { now } = world.door;
  const hour = Math.floor((now % DAY) / HOUR);
  return (
    world.owners.has(said[0]!.issuer) &&
    said.at(-1)!.holder === person.id &&
    said.every(
      (key) =>
        key.rights.includes(`${target} ${action}`) &&
        !world.revoked.has(key.id) &&
        (!key.isLink || (world.claims.get(key.id) ?? key.holder) === key.holder) &&
        key.fromMs <= now &&
        now < key.untilMs &&
        key.hours[0] <= hour &&
        hour < key.hours[1] &&
        (world.uses.get(key.id) ?? 0) < key.uses &&
        now < key.freshUntilMs &&
        isOwnersWord(key, world),
    )
  );
}

/** What was confirmed by Olga counts while she is an owner; far ahead of time it counts for nothing. */
function isOwnersWord(key: Said, { door, owners }: World): boolean {
  if (key.freshUntilMs === Infinity) return true;
  if (door.now < START - 300_000) return false;
  const isYoung = door.now < START + HOUR;
  return isYoung || (owners.has(OLGA.id) && door.now >= START + 2 * HOUR - 300_000);
}

function asksWrongly(world: World, ask: Ask, twist: string, at: number): void {
  const { door } = world;
  const session = sessionOf(world, ask.who);
  const { links = [], refreshes = [] } = ask.chain ?? {};
  const changes = { session: new Uint8Array(32), key: new Uint8Array(32), tenure: new Uint8Array(16) };
  const wrong = {
    ...(twist === "session" ? { session: changes.session } : {}),
    ...(twist === "key" ? { key: changes.key } : {}),
    ...(twist === "tenure" ? { tenure: changes.tenure } : {}),
  };
  const signer =
    twist === "signer" ? PEOPLE[(PEOPLE.indexOf(ask.who) + 1 + (at % 4)) % 5]!.signer : ask.who.signer;
  const asking = { links, refreshes, ...ask.deed, changes: { timeMs: 5, ...wrong }, signer };
  const body = door.requested(session, ask.who, asking);
  if (twist === "byte") body.request[at % body.request.length]! ^= 1 << (at % 8);
  noticesTime(world);
  const effects = door.say(session, "lock-request", body);
  reached.add(verdict(effects));
  // An owner shows no key: what the request says of one does not matter.
  if (twist === "key" && world.owners.has(ask.who.id)) return;
  must(!effects.some(({ kind }) => kind === "actuate"), `nothing moves for a wrong ${twist}`);
}

function replays(world: World, thief: Person, at: number): void {
  const one = world.said[at % Math.max(1, world.said.length)];
  if (one === undefined) return;
  noticesTime(world);
  const isSame = world.sessions.get(thief.id) === one.session;
  // Whoever was not listened to may say it again.
  if (isSame && one.verdict === "too-many-attempts")
    return saysAndChecks(world, one.session, one.body, one.ask);
  const effects = world.door.say(sessionOf(world, thief), "lock-request", one.body);
  reached.add(verdict(effects));
  must(!effects.some(({ kind }) => kind === "actuate"), "what was said once opens nothing");
}

function brings(world: World, signer: Person, act: OrderAct): string {
  noticesTime(world);
  const order = world.door.order(signer.signer, act);
  const effects = world.door.say(sessionOf(world, signer), "lock-order", { order });
  mustNotOpen(effects, world.door);
  const code = verdict(effects);
  if (code === "done") must(world.owners.has(signer.id), "only owners order");
  return code;
}

function revokes(world: World, signer: Person, { links, said }: Chain): void {
  const keys = [{ id: guestKeyId(crypto, links[0]!.key), untilMs: null }];
  const code = brings(world, signer, { kind: "revoke", keys });
  if (world.owners.has(signer.id)) must(code === "done", `an owner revokes (${code})`);
  if (code === "done" && world.owners.has(signer.id)) world.revoked.add(said[0]!.id);
}

function orders(world: World, signer: Person, act: string, whom: Person): void {
  const { owners } = world;
  if (act === "add") {
    const code = brings(world, signer, { kind: "add-owner", card: whom.card });
    if (code === "done") owners.add(whom.id);
  } else if (act === "remove") {
    const code = brings(world, signer, { kind: "remove-owner", identity: whom.signer.publicKey });
    if (code === "done") must(owners.delete(whom.id), "only owners are removed");
  } else {
    const code = brings(world, signer, { kind: "hand-over", card: whom.card });
    if (code !== "done") return;
    world.owners = new Set([whom.id]);
    world.isFirstTenure = false;
    must(toHex(world.door.state.tenure!) !== TENURE, "a new tenure");
    world.uses.clear();
    world.claims.clear();
    world.revoked.clear();
  }
  must(world.owners.size > 0, "somebody owns the lock");
  must(
    world.door.state.owners.every(({ id }) => world.owners.has(id)),
    "nobody else does",
  );
}

function saysGarbage(world: World, from: Person, type: string, bytes: Uint8Array): void {
  noticesTime(world);
  const session = sessionOf(world, from);
  const said = { kind: "session-message" as const, session: session.id, peer: from.id, type };
  for (const body of [bytes, encodeMessage({ request: bytes, links: [], refreshes: [] })]) {
    try {
      mustNotOpen(world.door.post({ ...said, body }), world.door);
    } catch (error) {
      if ((error as { code?: string }).code !== "message-invalid") throw error;
    }
  }
}
