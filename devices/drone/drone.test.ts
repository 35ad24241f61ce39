/** The drone's step: every phase by every event, every refusal, and what it does after a restart. */
import { describe, expect, it } from "vitest";
import { readMet, openFact, positionBody, metBody, signFact } from "../../protocols/contract/facts.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { cardOf } from "../../test/ledger/committee.ts";
import type { DeviceEffect, DeviceEvent } from "../device.ts";
import {
  BROKEN,
  garbage,
  idOfTerms,
  invoiceOf,
  message,
  offer,
  params,
  receipt,
  stranger,
} from "../testing/events.ts";
import {
  alice,
  BASE,
  crypto,
  drone,
  flightReading,
  idOf,
  DAY,
  MINUTE,
  POINT,
  shop,
  START_MS,
} from "../testing/cast.ts";
import { phaseIn, rehearse } from "../testing/rehearsal.ts";
import { Stage } from "../testing/stage.ts";
import { STORY } from "../testing/story.ts";
import type { DroneState } from "./state.ts";

/** A drone in each situation that its phases tell apart, come there by a real delivery. */
const SITUATIONS: Record<string, () => Stage> = {
  idle: () => new Stage(),
  signed: () => new Stage().holdingBack("deposit").order(),
  loading: () => {
    const stage = new Stage();
    stage.drone.sensor("scale", 0);
    return stage.order();
  },
  outbound: () => STORY.outbound(new Stage()),
  hovering: () => STORY.hovering(new Stage()),
  "hovering, in session": () => STORY.hovering(new Stage()).losing("ble/meeting").walk(),
  "hovering, evidence under way": () => STORY.hovering(new Stage()).holdingBack("facts").walk(),
  "hovering, may land": () => {
    const stage = STORY.hovering(new Stage());
    stage.drone.sensor("obstacle", true);
    return stage.walk();
  },
  landing: () => STORY.landing(new Stage()),
  landed: () => STORY.landed(new Stage()),
  "parcel-gone": () => STORY["parcel-gone"](new Stage()),
  "parcel-gone, countersigned": () => STORY["parcel-gone"](new Stage()).holdingBack("facts").inHand(),
  paid: () => STORY["parcel-gone"](new Stage()).losing("ble/papers").inHand(),
  returning: () => STORY.returning(new Stage()),
  "returning, contract open": () => STORY.hovering(new Stage()).wait(15 * MINUTE),
};
const { names, situation, step, expectPhase, expectInert, expectUnmoved, expectAsks } = rehearse({
  actorOf: ({ drone: actor }) => actor,
  situations: SITUATIONS,
  phaseOf: ({ phase }) => phase,
});

const ID = idOfTerms();
const OTHER = new Uint8Array(32).fill(9);
const ORDER = new Uint8Array(16).fill(1);

function sessionOf(stage: Stage): string {
  return stage.drone.state.session?.id ?? "ble-9";
}

/** Every event that can be, by a name. */
function events(stage: Stage): Record<string, DeviceEvent> {
  const session = sessionOf(stage);
  const peer = idOf(alice);
  const opened = { kind: "session-opened", session: "ble-8", sessionHash: OTHER, purpose: ID } as const;
  const at = (place: typeof POINT, onGround: boolean): DeviceEvent => ({
    kind: "sensor",
    name: "position",
    value: flightReading(stage.now, place, onGround ? { airborne: false, motorsOn: false } : {}),
  });
  const timers = [
    "unpaid",
    "give-up",
    "land-by",
    "ask-again",
    "remove-by",
    "countersign",
    "release",
    "papers",
    "other",
  ];
  const own = drone.device;
  return {
    started: { kind: "started" },
    "time corrected": { kind: "time-corrected" },
    "offer, new": offer({ nonce: OTHER.slice(0, 16) }, { orderId: OTHER.slice(0, 16) }),
    "offer, the same again": offer(),
    "offer of a stranger": { ...(offer() as DeviceEvent & { kind: "message" }), from: idOf(stranger) },
    invoice: message(shop, "invoice", { termsId: ID, invoice: invoiceOf(ID) }),
    refusal: message(shop, "refusal", { orderId: ORDER, code: "terms-expired", message: "" }),
    "refusal of another order": message(shop, "refusal", {
      orderId: OTHER.slice(0, 16),
      code: "x",
      message: "",
    }),
    "refusal of a stranger": message(stranger, "refusal", { orderId: ORDER, code: "x", message: "" }),
    "message of an unknown type": message(shop, "hello", {}),
    "receipt in-flight": receipt(ID, { kind: "deposit", label: "in-flight" }),
    "receipt may-land": receipt(ID, { kind: "facts", label: "may-land" }),
    "receipt disputable": receipt(ID, { kind: "facts", label: "disputable" }),
    "receipt closed by facts": receipt(ID, { kind: "facts" }),
    "receipt closed by a deadline": receipt(ID, { kind: "expire" }),
    "receipt of refused facts": receipt(ID, { kind: "facts", outcome: "condition-not-met", signer: own }),
    "receipt of another's refused facts": receipt(ID, { kind: "facts", outcome: "condition-not-met" }),
    "receipt of a refused cancel": receipt(ID, { kind: "choice", outcome: "contract-too-late", signer: own }),
    "another contract in-flight": receipt(OTHER, { kind: "deposit", label: "in-flight" }),
    "another contract may-land": receipt(OTHER, { kind: "facts", label: "may-land" }),
    "another contract closed": receipt(OTHER, { kind: "facts" }),
    "session of the buyer": { ...opened, peer },
    "session for another contract": { ...opened, peer, purpose: OTHER },
    "session of a stranger": { ...opened, peer: idOf(stranger) },
    "session closed": { kind: "session-closed", session, peer },
    "session of before closed": { kind: "session-closed", session: "ble-0", peer },
    "session refused": { kind: "session-refused", code: "peer-refused" },
    "papers-kept": {
      kind: "session-message",
      session,
      peer,
      type: "papers-kept",
      body: encodeMessage({ termsId: ID }),
    },
    "papers-kept in a session of before": {
      kind: "session-message",
      session: "ble-0",
      peer,
      type: "papers-kept",
      body: encodeMessage({ termsId: ID }),
    },
    ...Object.fromEntries(timers.map((name) => [`timer ${name}`, { kind: "timer", name } as const])),
    "at the base, standing": at(BASE, true),
    "on the way": at({ ...BASE, latitudeE7: BASE.latitudeE7 + 40_000 }, false),
    "at the point, in the air": at(POINT, false),
    "at the point, standing": at(POINT, true),
    scale: { kind: "sensor", name: "scale", value: 0 },
    obstacle: { kind: "sensor", name: "obstacle", value: true },
    "unknown sensor": { kind: "sensor", name: "wind", value: 3 },
    command: { kind: "command", name: "fly", value: null },
  };
}

/** Events that are none of the device's business: they change nothing and cause nothing. */
const INERT = /stranger|another|of before|unknown|other|^command$/;

/** The events that lead to another phase; all others leave the drone in its phase. */
const TRANSITIONS: Record<string, Record<string, DroneState["phase"]>> = {
  idle: { "offer, new": "signed", "offer, the same again": "signed" },
  signed: {
    refusal: "idle",
    "receipt in-flight": "outbound",
    "receipt closed by facts": "idle",
    "receipt closed by a deadline": "idle",
    "timer unpaid": "idle",
  },
  loading: {
    "receipt closed by facts": "idle",
    "receipt closed by a deadline": "idle",
    "timer give-up": "idle",
  },
  outbound: {
    "at the point, in the air": "hovering",
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
    "timer give-up": "returning",
  },
  hovering: {
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
  },
  "hovering, in session": {
    "receipt may-land": "landing",
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
  },
  "hovering, evidence under way": {
    "receipt may-land": "landing",
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
  },
  "hovering, may land": {
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
    "timer give-up": "returning",
  },
  landing: {
    obstacle: "hovering",
    "at the base, standing": "landed",
    "at the point, standing": "landed",
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
    "timer give-up": "returning",
  },
  landed: {
    scale: "parcel-gone",
    "receipt closed by facts": "returning",
    "receipt closed by a deadline": "returning",
    "timer remove-by": "returning",
  },
  "parcel-gone": {
    "receipt disputable": "returning",
    "receipt closed by facts": "paid",
    "receipt closed by a deadline": "returning",
  },
  "parcel-gone, countersigned": {
    "receipt disputable": "returning",
    "receipt closed by facts": "paid",
    "receipt closed by a deadline": "returning",
    "timer release": "returning",
  },
  paid: { "papers-kept": "returning", "timer papers": "returning" },
  returning: { "at the base, standing": "idle" },
  "returning, contract open": { "at the base, standing": "idle" },
};

describe("every phase by every event", () => {
  it.each(names)("%s", (name) => {
    const stage = situation(name);
    for (const [event, happening] of Object.entries(events(stage))) {
      const where = `${name} / ${event}`;
      const phase = TRANSITIONS[name]![event] ?? phaseIn(name);
      const effects = expectPhase(stage, happening, phase, where);
      expectNoLanding(name, event, effects);
      if (INERT.test(event)) expectInert(stage, happening, where);
    }
  });

  it.each(names)("%s: what is malformed changes nothing", (name) => {
    const stage = situation(name);
    const session = sessionOf(stage);
    const malformed: DeviceEvent[] = [
      ...["offer", "invoice", "refusal", "certified"].flatMap((type) =>
        garbage("message", type, shop, session),
      ),
      ...["meeting", "parcel", "papers-kept", "landed"].flatMap((type) =>
        garbage("session-message", type, alice, session),
      ),
      ...BROKEN.map((value): DeviceEvent => ({ kind: "sensor", name: "position", value })),
    ];
    for (const event of malformed) expect(expectUnmoved(stage, event)).toEqual([]);
  });
});

/** The drone lands under its own contract's certified may-land, or goes on landing, and in no other case. */
function expectNoLanding(name: string, event: string, effects: DeviceEffect[]): void {
  const lands = effects.some((effect) => effect.kind === "actuate" && effect.name === "land");
  const certified =
    event === "receipt may-land" && ["hovering, in session", "hovering, evidence under way"].includes(name);
  const goesOn = name === "landing" && (event === "started" || event === "time corrected");
  expect(lands, `${name} / ${event}`).toBe(certified || goesOn);
}

describe("after a restart", () => {
  const asked = (effects: DeviceEffect[]): string[] =>
    effects.map((effect) => {
      if (effect.kind === "timer") return `timer ${effect.name}`;
      if (effect.kind === "actuate") return `actuate ${effect.name}`;
      return effect.kind;
    });
  const EXPECTED: Record<string, string[]> = {
    idle: [],
    signed: ["timer unpaid", "inquire"],
    loading: ["timer give-up", "inquire"],
    outbound: ["actuate fly-to", "timer give-up", "inquire"],
    hovering: ["actuate hover", "advertise", "timer give-up", "timer land-by", "inquire"],
    "hovering, in session": ["actuate hover", "advertise", "timer give-up", "timer land-by", "inquire"],
    "hovering, evidence under way": [
      ...["actuate hover", "advertise", "timer give-up", "timer land-by", "inquire"],
    ],
    "hovering, may land": ["actuate hover", "advertise", "timer give-up", "inquire"],
    landing: ["advertise", "actuate land", "timer give-up", "inquire"],
    landed: ["advertise", "timer remove-by", "inquire"],
    "parcel-gone": ["advertise", "timer countersign", "inquire"],
    "parcel-gone, countersigned": ["advertise", "timer release", "inquire"],
    paid: ["advertise", "timer papers"],
    returning: ["actuate return"],
    "returning, contract open": ["actuate return", "inquire", `timer inquire/${toHex(ID)}`],
  };

  it.each(names)("%s: asks again for what the phase needs, with a deadline", (name) => {
    const stage = situation(name);
    const { state, effects } = step(stage, { kind: "started" });
    expect(asked(effects)).toEqual(EXPECTED[name]);
    expect(state).toEqual({ ...stage.drone.state, session: null });
  });

  it.each(names)("%s: does the same when its clock was put right, and keeps its session", (name) => {
    const stage = situation(name);
    stage.ledger.now -= 60 * MINUTE;
    const { effects: woken } = step(stage, { kind: "started" });
    const { state, effects } = step(stage, { kind: "time-corrected" });
    const timer = { kind: "timer", name: "ask-again", atMs: stage.now + 5_000 };
    const asks = name.startsWith("hovering,");
    expect([state, effects]).toEqual([stage.drone.state, asks ? [...woken, timer] : woken]);
  });

  it("waits for evidence under way until its answer is due, without it until the deadline", () => {
    const until = (name: string): number => {
      const stage = situation(name);
      const { effects } = step(stage, { kind: "started" });
      const timer = effects.find((effect) => effect.kind === "timer" && effect.name === "land-by");
      return timer?.kind === "timer" ? timer.atMs! - stage.plan.landByMs : Number.NaN;
    };
    expect(until("hovering")).toBe(0);
    expect(until("hovering, evidence under way")).toBe(55_000);
  });
});

describe("an offer", () => {
  function refusalOf(event: DeviceEvent, stage = new Stage()): unknown {
    const { state, effects } = step(stage, event);
    expect(state).toEqual(stage.drone.state);
    expect(effects.map(({ kind }) => kind)).toEqual(["send"]);
    const [send] = effects;
    return send?.kind === "send" && send.type === "refusal" ? (send.body as { code: string }).code : send;
  }
  const account = stranger.root.publicKey;
  const identity = stranger.device.publicKey;

  it("that is safe is signed", () => {
    const stage = new Stage();
    const { state, effects } = step(stage, offer());
    expect(state).toMatchObject({ phase: "signed", mission: { orderId: ORDER, invoice: null, home: null } });
    expect(effects.filter(({ kind }) => kind === "meet")).toHaveLength(3);
    expect(effects).toContainEqual(
      expect.objectContaining({ kind: "send", type: "signature", to: idOf(shop) }),
    );
  });

  it.each([
    ["of another network", offer({ network: "town" }), "terms-invalid"],
    ["that names another drone", offer({ drone: { identity, account } }), "terms-invalid"],
    ["for another shop", offer({ shop: { identity, account } }), "terms-invalid"],
    ["out of range", offer({ point: { ...POINT, latitudeE7: POINT.latitudeE7 + 500_000 } }), "terms-invalid"],
    ["without the buyer's card", offer({}, { cards: [drone.card, shop.card] }), "card-invalid"],
    ["without the shop's card", offer({}, { cards: [drone.card, alice.card] }), "card-invalid"],
    [
      "with an expired card",
      offer({}, { cards: [cardOf(alice.root, alice.device, 0, START_MS - 1), shop.card] }),
      "card-expired",
    ],
    ["of bytes that are no terms", offer({}, { terms: Uint8Array.of(1, 2, 3) }), "terms-invalid"],
  ])("%s is refused", (_name, event, code) => {
    expect(refusalOf(event)).toBe(code);
  });

  it("whose terms hide something is refused, however safe it is for the drone", () => {
    const terms = deliveryTerms(params());
    const tampered = encodeTerms({ ...terms, details: [...terms.details, ["note", "x"]] });
    expect(refusalOf(offer({}, { terms: tampered }))).toBe("terms-invalid");
  });

  it("that has expired is refused", () => {
    const stage = new Stage().wait(5 * MINUTE);
    expect(refusalOf(offer(), stage)).toBe("terms-expired");
  });

  it("of anybody but the operator is not even answered", () => {
    const stage = new Stage();
    const event = { ...(offer() as DeviceEvent & { kind: "message" }), from: idOf(stranger) };
    expect(step(stage, event)).toEqual({ state: stage.drone.state, effects: [] });
  });

  it("during a mission is refused, but the same once more gets the same signature", () => {
    const stage = situation("outbound");
    const other = offer({ nonce: OTHER.slice(0, 16) }, { orderId: OTHER.slice(0, 16) });
    expect(refusalOf(other, stage)).toBe("contract-not-expected");
    const { effects } = step(situation("signed"), offer());
    expect(effects).toEqual([expect.objectContaining({ kind: "send", type: "signature" })]);
  });

  it("is taken when the drone's position is not known yet, and judged before take-off", () => {
    const stage = new Stage();
    stage.drone.readings.delete("position");
    stage.order();
    expect(stage.drone.state.phase).toBe("loading");
    stage.fly({ ...BASE, latitudeE7: BASE.latitudeE7 - 1_000_000 }, { airborne: false, motorsOn: false });
    expect(stage.drone.state.phase).toBe("idle");
    expect(stage.drone.submitted()).toEqual(["cancel"]);
    expect(stage.drone.actuated()).toEqual([]);
    expect(stage.balances.alice).toBe(10_000n);
  });
});

describe("an invoice", () => {
  it.each([
    ["of another shop", () => invoiceOf(ID, stranger.device)],
    ["for another delivery", () => invoiceOf(OTHER)],
    ["that does not add up", () => invoiceOf(ID, shop.device, { totalMinor: 1n })],
  ])("%s is not handed on", (_name, make) => {
    const stage = situation("signed");
    const event = message(shop, "invoice", { termsId: ID, invoice: make() });
    expect(() => step(stage, event)).toThrow(SegmentError);
  });

  it("is the operator's to send", () => {
    const stage = situation("outbound");
    const event = message(stranger, "invoice", { termsId: ID, invoice: new Uint8Array(9) });
    expect(step(stage, event)).toEqual({ state: stage.drone.state, effects: [] });
  });
});

describe("the meeting", () => {
  const phoneFacts = (
    stage: Stage,
    sessionHash: Uint8Array,
    where = POINT,
    signer = alice.device,
    subject = ID,
  ) => {
    const sign = (kind: string, body: ReturnType<typeof metBody>): Uint8Array =>
      signFact(signer, { kind, subject, timeMs: stage.now, body });
    const met = {
      sessionHash,
      initiatorIdentity: alice.device.publicKey,
      responderIdentity: drone.device.publicKey,
    };
    return encodeMessage({ position: sign("position", positionBody(where)), met: sign("met", metBody(met)) });
  };
  const said = (stage: Stage, body: Uint8Array): DeviceEvent => ({
    kind: "session-message",
    session: sessionOf(stage),
    peer: idOf(alice),
    type: "meeting",
    body,
  });
  const hashOf = (stage: Stage): Uint8Array => stage.drone.state.session!.hash;

  it("goes to the notaries with all four facts", () => {
    const stage = situation("hovering, in session");
    const { state, effects } = step(stage, said(stage, phoneFacts(stage, hashOf(stage))));
    expect(state).toMatchObject({ meeting: { submitted: true, attempt: 1 } });
    expect(effects.filter(({ kind }) => kind === "submit")).toHaveLength(1);
  });

  it("is signed for this session only", () => {
    const stage = situation("hovering, in session");
    expect(() => step(stage, said(stage, phoneFacts(stage, OTHER)))).toThrow(/another session/);
    const signed = stage.drone.effects.flatMap((effect) =>
      effect.kind === "say" && effect.type === "meeting" ? [(effect.body as { met: Uint8Array }).met] : [],
    );
    expect(signed).toHaveLength(1);
    expect(equalBytes(readMet(openFact(crypto, signed[0]!)).sessionHash, hashOf(stage))).toBe(true);
  });

  it.each([
    ["a stranger's facts", (stage: Stage) => phoneFacts(stage, hashOf(stage), POINT, stranger.device)],
    [
      "facts about another contract",
      (stage: Stage) => phoneFacts(stage, hashOf(stage), POINT, alice.device, OTHER),
    ],
  ])("does not count with %s", (_name, make) => {
    const stage = situation("hovering, in session");
    expect(() => step(stage, said(stage, make(stage)))).toThrow(/expected the other party/);
  });

  it("is asked for again while one of the two is off the point", () => {
    const far = situation("hovering, in session");
    const phoneFar = step(far, said(far, phoneFacts(far, hashOf(far), BASE)));
    expect(phoneFar.effects).toEqual([{ kind: "timer", name: "ask-again", atMs: far.now + 5_000 }]);
    const drifted = situation("hovering, in session");
    drifted.drone.readings.set("position", flightReading(drifted.now, BASE));
    const droneFar = step(drifted, said(drifted, phoneFacts(drifted, hashOf(drifted))));
    expect(droneFar.effects).toEqual([{ kind: "timer", name: "ask-again", atMs: drifted.now + 5_000 }]);
  });

  it("is tried again when the notaries refuse it, a bounded number of times", () => {
    const stage = situation("hovering, evidence under way");
    const refused = receipt(stage.termsId, {
      kind: "facts",
      outcome: "condition-not-met",
      signer: drone.device,
    });
    for (let tries = 0; tries < 20; tries += 1) {
      stage.drone.handle(refused);
      stage.settle().wait(10_000);
    }
    expect(stage.drone.submitted()).toEqual(Array(8).fill("meet"));
    expect(
      new Set(stage.drone.effects.flatMap((effect) => (effect.kind === "submit" ? [effect.id] : []))).size,
    ).toBe(8);
    expect(stage.drone.state.phase).toBe("hovering");
    stage.holdsBack = () => false;
    stage.wait(10 * MINUTE);
    expect(stage.drone.state.phase).toBe("returning");
  });

  it("that is answered late still leads to landing", () => {
    const stage = STORY.hovering(new Stage()).holdingBack("facts");
    stage.wait(stage.plan.landByMs - stage.now - 1_000).walk();
    stage.wait(30_000);
    expect(stage.drone.state.phase).toBe("hovering");
    const entry = stage.drone.effects.findLast((effect) => effect.kind === "submit");
    if (entry?.kind !== "submit") throw new Error("nothing was submitted");
    stage.submit(drone.device, entry.entry);
    stage.settle();
    expect(stage.drone.state.phase).toBe("landing");
  });
});

describe("the way home", () => {
  it("ends where the drone took off, not where it stands before it takes off again", () => {
    const stage = situation("returning");
    stage.fly(POINT, { airborne: false, motorsOn: false });
    expect(stage.drone.state.phase).toBe("returning");
    stage.fly(BASE, { airborne: true });
    expect(stage.drone.state.phase).toBe("returning");
    expect(stage.flyHome().drone.state.phase).toBe("idle");
  });

  it("is begun once all timers of the mission are off", () => {
    expect([...situation("returning").drone.timers.keys()]).toEqual([]);
    const open = situation("returning, contract open");
    expect([...open.drone.timers.keys()]).toEqual([`inquire/${toHex(ID)}`]);
  });

  it("cancels when the others go on without it", () => {
    const cancel = expect.objectContaining({ kind: "submit", id: expect.stringMatching(/^cancel\//) });
    const onReceipt = (stage: Stage, label: string): DeviceEffect[] => {
      return step(stage, events(stage)[`receipt ${label}`]!).effects;
    };
    const unpaid = situation("signed").wait(10 * MINUTE);
    expect(unpaid.drone.state).toMatchObject({ phase: "idle", awaited: [{ label: "awaiting-deposit" }] });
    expect(onReceipt(unpaid, "in-flight")).toEqual([cancel]);
    expect(onReceipt(unpaid, "may-land")).toEqual([cancel]);
    const unmet = situation("returning, contract open");
    expect(onReceipt(unmet, "may-land")).toEqual([cancel]);
    // It knew that, and who did not come is to pay for the flight.
    expect(onReceipt(unmet, "in-flight")).toEqual([]);
  });

  it("cancels nothing that it has delivered, whatever it hears again", () => {
    const stage = situation("parcel-gone, countersigned").wait(3 * MINUTE);
    expect(stage.drone.state).toMatchObject({ phase: "returning", awaited: [{ label: "may-land" }] });
    for (const label of ["in-flight", "may-land"])
      expect(step(stage, events(stage)[`receipt ${label}`]!).effects).toEqual([]);
  });

  it("asks how a contract ended that it has left, and forgets it a day after its end", () => {
    const stage = situation("returning, contract open");
    const [name, last] = [`inquire/${toHex(ID)}`, `unheard/${toHex(ID)}`];
    const { landingEndsMs, endsMs } = stage.plan;
    expect(stage.drone.timers.get(name)).toBe(landingEndsMs + MINUTE);
    const disputable = receipt(ID, { kind: "facts", label: "disputable" });
    expect(step(stage, disputable).effects).toEqual([{ kind: "timer", name, atMs: endsMs + MINUTE }]);
    stage.ledger.now = endsMs + DAY;
    expectAsks(stage, name, name);
    // It was a clock that leapt.
    expectAsks(stage, last, name);
    stage.ledger.now += 1;
    // Not before it has asked.
    expectAsks(stage, name, last);
    const { state, effects } = step(stage, { kind: "timer", name: last });
    expect(state.awaited).toEqual([]);
    expect(effects).toEqual([expect.objectContaining({ kind: "progress", step: "unheard" })]);
    expect(step(stage, { kind: "timer", name: `inquire/${toHex(OTHER)}` }).effects).toEqual([]);
  });

  it("does not end the memory of a contract whose receipt comes late", () => {
    const stage = situation("returning, contract open").flyHome();
    expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [{ termsId: ID }] });
    const { state, effects } = step(stage, events(stage)["receipt closed by a deadline"]!);
    expect(state).toMatchObject({ phase: "idle", awaited: [] });
    expect(effects).toEqual([
      { kind: "timer", name: `inquire/${toHex(ID)}`, atMs: null },
      { kind: "keep", name: "receipt", bytes: Uint8Array.of(1) },
    ]);
  });
});

describe("the parcel", () => {
  it("countersigned with another statement is not taken for a countersignature", () => {
    const stage = situation("parcel-gone");
    const fact = signFact(alice.device, {
      kind: "parcel-removed",
      subject: ID,
      timeMs: stage.now,
      body: ["may-land", OTHER, 850, 0],
    });
    const body = encodeMessage({ fact });
    const event: DeviceEvent = {
      kind: "session-message",
      session: sessionOf(stage),
      peer: idOf(alice),
      type: "parcel",
      body,
    };
    expect(() => step(stage, event)).toThrow(/another statement/);
  });

  it("refused with two signatures goes with one, and refused again sends the drone home", () => {
    const stage = situation("parcel-gone, countersigned");
    const refused = receipt(ID, { kind: "facts", outcome: "fact-invalid", signer: drone.device });
    stage.drone.handle(refused);
    expect(stage.drone.state).toMatchObject({ phase: "parcel-gone", submitted: "alone" });
    stage.drone.handle(refused);
    expect(stage.drone.state).toMatchObject({
      phase: "returning",
      awaited: [{ termsId: ID }],
      withParcel: false,
    });
  });
});

describe("positions", () => {
  it("are pushed at most once in the configured time, however often the driver reports", () => {
    const stage = STORY.outbound(new Stage());
    const place = { ...BASE, latitudeE7: BASE.latitudeE7 + 20_000 };
    for (let reports = 0; reports < 100; reports += 1) {
      stage.wait(100);
      stage.fly(place);
    }
    const pushes = stage.drone.effects.filter(
      (effect) => effect.kind === "send" && effect.type === "position",
    );
    expect(pushes).toHaveLength(2 * 2);
    expect(stage.drone.effects.filter(({ kind }) => kind === "record")).toHaveLength(100);
  });
});
