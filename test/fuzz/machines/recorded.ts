/**
 * Deliveries as they went, to be disturbed: every event that phone, shop and drone met, and the state that
 * each was in before it. Sequences of the fuzz begin in any of these states and mix these events with others.
 */
import fc from "fast-check";
import { expect } from "vitest";
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../../../devices/device.ts";
import type { Device } from "../../../devices/device.ts";
import {
  alice,
  BASE,
  crypto as nodeCrypto,
  drone,
  flightReading,
  idOf,
  MINUTE,
  POINT,
  shop,
  START_MS,
} from "../../../devices/testing/cast.ts";
import { Stage } from "../../../devices/testing/stage.ts";
import { STORY } from "../../../devices/testing/story.ts";
import { message, receipt, stranger } from "../../../devices/testing/events.ts";
import type { Certified } from "../../../devices/testing/events.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { isRefusal } from "../support/harness.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { mutated } from "../support/mutate.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import type { Person } from "../../ledger/committee.ts";

/** Sequences repeat what was recorded: each of its signatures is verified once. */
const crypto = rememberingCrypto(nodeCrypto);

export type Part = "phone" | "shop" | "drone";

/** A moment of a recorded delivery: what the part had met by then, and the state that it led to. */
export interface Moment {
  state: unknown;
  now: number;
  readings: Map<string, unknown>;
  before: DeviceEvent[];
}

export interface Recording {
  moments: Moment[];
  events: DeviceEvent[];
}

const stories: ((stage: Stage) => unknown)[] = [
  STORY.home,
  // The phone is silent when the parcel goes; the buyer accepts, or objects.
  (stage) => {
    stage.order().arrive().walk().touchDown();
    stage.loses = ({ to, type }) => type === "ble/parcel" && to === stage.drone.id;
    stage.lift().wait(3 * MINUTE);
    stage.phone.handle({ kind: "command", name: "object", value: null });
    stage.settle().flyHome();
  },
  // Nobody comes; the deadline ends it.
  (stage) => {
    stage
      .order()
      .arrive()
      .wait(13 * MINUTE);
    stage.expire(stage.termsId);
    stage.flyHome();
  },
  // Radio and processes fail on the way.
  (stage) => {
    stage.order().arrive().walk();
    stage.phone.crash();
    stage.settle().part().walk().touchDown();
    stage.drone.crash();
    stage.fly(POINT, { airborne: false, motorsOn: false }).lift().inHand().flyHome();
  },
  // The shop never gets the drone's signature.
  (stage) => {
    stage.loses = ({ from, type }) => from === stage.drone.id && type === "signature";
    stage.order().wait(20 * MINUTE);
  },
];

/** Plays the stories once; a few hundred milliseconds. */
export function recordAll(): Record<Part, Recording> {
  const all = { phone: empty(), shop: empty(), drone: empty() };
  for (const story of stories) {
    const stage = new Stage();
    for (const actor of stage.actors) listen(stage, actor, all[actor.name as Part]);
    story(stage);
  }
  return all;
}

function empty(): Recording {
  return { moments: [], events: [] };
}

function listen(stage: Stage, actor: Stage["actors"][number], recording: Recording): void {
  const met: DeviceEvent[] = [];
  const handle = actor.handle.bind(actor);
  actor.handle = (event) => {
    const { state } = actor;
    recording.moments.push({ state, now: stage.now, readings: new Map(actor.readings), before: [...met] });
    recording.events.push(event);
    met.push(event);
    handle(event);
  };
}

const { ledger } = new Stage();

/** Every receipt that verifies is known once; the others are refused anew each time. */
const verified = new Map<string, ReturnType<typeof verifyReceipt>>();

export function contextOf(person: Person, now: number, readings: Map<string, unknown>): DeviceContext {
  return {
    ...{ now, self: idOf(person), signer: person.device, crypto, card: person.card, network: "village" },
    readings,
    verifyReceipt(bytes) {
      const key = toHex(bytes);
      const known = verified.get(key) ?? verifyReceipt(crypto, bytes, ledger.network);
      verified.set(key, known);
      return known;
    },
  };
}

/** Where a contract may have come to; the last two are of no delivery. */
export const LABELS = [
  "awaiting-deposit",
  "in-flight",
  "may-land",
  "disputable",
  "closed",
  "landed",
  "__proto__",
];
const KINDS: Certified["kind"][] = ["open", "deposit", "facts", "choice", "expire", "examine"];
const people = [alice, drone, shop, stranger];
const TIMERS = ["unpaid", "give-up", "land-by", "ask-again", "remove-by", "countersign", "release", "papers"];
const NAMES = ["order", "accept", "object", "position", "scale", "obstacle", "parcel-in-hand", "toString"];
const SESSIONS = ["ble-1", "ble-2", "ble-9"];
const TYPES = [
  ...["order", "offer", "signature", "refusal", "invoice", "certified", "position", "papers", "meeting"],
  ...["landed", "parcel", "papers-kept", "invoice-wanted", "constructor"],
];

/** What the part has met in some delivery, as it was or changed, and what nobody honest would send. */
export function eventsFor(recording: Recording, part: Part): fc.Arbitrary<DeviceEvent> {
  const { events } = recording;
  const ids = contractIds();
  const bodies = events.flatMap((event) => ("body" in event ? [event] : []));
  const values = bodies.map(({ body }) => decodeMessage(body));
  const samples = bodies.map(({ body }) => body);
  const sender = fc.constantFrom(...people.map(idOf), "z6Mk", "");
  const body = fc.oneof(mutatedValue(values).map(encodeLoose), mutated(samples), fc.constantFrom(...samples));
  const type = fc.constantFrom(...TYPES);
  const session = fc.constantFrom(...SESSIONS);
  const peer = fc.constantFrom(...people.map(idOf));
  const hash = fc.nat(3).map((n) => crypto.sha256(Uint8Array.of(n)));
  const changed = fc.nat(Math.max(0, bodies.length - 1)).chain((which) => {
    const { body: before } = bodies[which]!;
    const inside = mutatedValue([decodeMessage(before)]).map(encodeLoose);
    return fc
      .oneof(inside, mutated([before]))
      .map((after): DeviceEvent => ({ ...bodies[which]!, body: after }));
  });
  const reading = fc.oneof(
    fc.constantFrom<unknown>(
      ...[0, 20, 850, -0, Number.NaN, null, undefined, true, false, "north", {}, [], 1e9],
      flightReading(START_MS, POINT),
      flightReading(START_MS, POINT, { airborne: false, motorsOn: false }),
      flightReading(START_MS, BASE, { airborne: false, motorsOn: false }),
    ),
    mutatedValue([flightReading(START_MS, POINT), { timeMs: START_MS, ...POINT }]),
  );
  return fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom(...events) },
    { weight: bodies.length === 0 ? 0 : 4, arbitrary: changed },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("message" as const), from: sender, type, body }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("session-message" as const), session, peer, type, body }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("session-opened" as const),
        ...{ session, peer, sessionHash: hash, purpose: fc.constantFrom(...ids, new Uint8Array(0)) },
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("session-closed" as const), session, peer }) },
    {
      weight: 3,
      arbitrary: fc
        .record({
          kind: fc.constantFrom(...KINDS),
          label: fc.constantFrom(...LABELS),
          outcome: fc.constantFrom("ok" as const, "ok" as const, "condition-not-met" as const),
          signer: fc.constantFrom(...people.map(({ device }) => device)),
          id: fc.constantFrom(...ids),
        })
        .map(({ id, ...certified }) => receipt(id, certified)),
    },
    { weight: 2, arbitrary: fc.constantFrom(...TIMERS, "deadline", "sign/", "x").map(timerEvent) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("sensor" as const),
        name: fc.constantFrom(...NAMES),
        value: reading,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("command" as const),
        name: fc.constantFrom(...NAMES),
        value: reading,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<DeviceEvent>(
        { kind: "started" },
        { kind: "time-corrected" },
        { kind: "session-refused", code: "peer-refused" },
        message(shop, part === "shop" ? "order" : "offer", {}),
      ),
    },
  );
}

function timerEvent(name: string): DeviceEvent {
  return { kind: "timer", name };
}

/** The contracts of the recordings, and one of nobody. */
let ids: Uint8Array[] | undefined;
function contractIds(): Uint8Array[] {
  const stage = new Stage().order();
  return (ids ??= [stage.termsId, new Uint8Array(32).fill(9)]);
}

export interface Disturbed {
  moment: number;
  steps: { event: DeviceEvent; waitMs: number }[];
}

export function sequencesFor(recording: Recording, part: Part): fc.Arbitrary<Disturbed> {
  const waitMs = fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.nat(3 * MINUTE) },
    { weight: 1, arbitrary: fc.constantFrom(-MINUTE, 60 * MINUTE, 10 ** 12) },
  );
  return fc.record({
    moment: fc.nat(recording.moments.length - 1),
    steps: fc.array(fc.record({ event: eventsFor(recording, part), waitMs }), {
      minLength: 1,
      maxLength: 60,
    }),
  });
}

/** What a device has just done, for what must hold after every step. */
export interface Done<State> {
  before: State;
  event: DeviceEvent;
  after: State;
  effects: DeviceEffect[];
  /** All that it has met so far, this event included. */
  met: readonly DeviceEvent[];
  context: DeviceContext;
}

const MAX_STATE_BYTES = 256 * 1024;

/** Plays a sequence; `check` sees every step that the device took. */
export function disturb<State>(
  device: Device<State>,
  person: Person,
  recording: Recording,
  { moment, steps }: Disturbed,
  check: (done: Done<State>) => void,
): void {
  const from = recording.moments[moment]!;
  let state = decodeMessage(encodeMessage(from.state)) as State;
  let now = from.now;
  const readings = new Map(from.readings);
  const met = [...from.before];
  for (const { event, waitMs } of steps) {
    now = Math.max(0, now + waitMs);
    if (event.kind === "sensor") readings.set(event.name, event.value);
    if (event.kind === "started") readings.clear();
    met.push(event);
    const context = contextOf(person, now, readings);
    try {
      const step = device.step(state, event, context);
      const bytes = encodeMessage(step.state);
      expect(bytes.length).toBeLessThan(MAX_STATE_BYTES);
      const after = decodeMessage(bytes) as State;
      expectSound(step.effects);
      check({ before: state, event, after, effects: step.effects, met, context });
      state = after;
    } catch (error) {
      // As in the agent's loop: what the device refuses changes nothing.
      if (!isRefusal(error)) throw error;
    }
  }
}

/** What the agent needs of any effect so that it can carry it out. */
function expectSound(effects: readonly DeviceEffect[]): void {
  for (const effect of effects) {
    if ("body" in effect) encodeMessage(effect.body);
    if (effect.kind === "timer" && effect.atMs !== null) expect(Number.isFinite(effect.atMs)).toBe(true);
    if ("id" in effect) expect(effect.id.length).toBeLessThan(300);
  }
}

/** Whether an event says, certified, that this contract has come to a label. */
export function certifies(
  event: DeviceEvent,
  termsId: Uint8Array,
  label: string,
  context: DeviceContext,
): boolean {
  const certified = certifiedBy(event, context);
  const result = certified?.result ?? null;
  if (certified === undefined || certified.outcome !== "ok" || result === null || !("seq" in result))
    return false;
  return result.label === label && toHex(result.termsId) === toHex(termsId);
}

/** The receipt in an event, from the notaries or passed on by a party. */
export function certifiedBy(
  event: DeviceEvent,
  context: DeviceContext,
): ReturnType<typeof verifyReceipt> | undefined {
  if (event.kind === "receipt") return event.receipt;
  if (event.kind !== "message" || event.type !== "certified") return undefined;
  try {
    const body = decodeMessage(event.body) as { receipt?: unknown } | null;
    return body?.receipt instanceof Uint8Array ? context.verifyReceipt(body.receipt) : undefined;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}
