/** The shop's step: what it offers, whom it believes, and when it opens a contract. */
import { describe, expect, it } from "vitest";
import { signTerms } from "../../protocols/contract/terms.ts";
import { openInvoice } from "../../protocols/delivery/invoice.ts";
import { readPlan } from "../../protocols/delivery/plan.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import {
  euro,
  alice,
  crypto,
  drone,
  idOf,
  DAY,
  MINUTE,
  POINT,
  shop,
  SHOP_CONFIG,
  START_MS,
  wish,
} from "../testing/cast.ts";
import { rehearse } from "../testing/rehearsal.ts";
import { Stage } from "../testing/stage.ts";
import { BROKEN, garbage, message, receipt, stranger } from "../testing/events.ts";
import type { DeviceEffect, DeviceEvent, Step } from "../device.ts";
import { EXAMINATION_MAX_AGE_MS } from "./examination.ts";
import type { OrderStatus, ShopState } from "./state.ts";

const OTHER = new Uint8Array(32).fill(9);
const ORDER = new Uint8Array(16).fill(1);

/** An order in each of its states, come there by a real delivery. */
const SITUATIONS: Record<string, () => Stage> = {
  none: () => new Stage(),
  offered: () => new Stage().holdingBack("examine").order(),
  assigned: () => {
    const stage = new Stage();
    stage.loses = ({ to, type }) => type === "offer" && to === idOf(drone);
    return stage.order();
  },
  open: () => new Stage().holdingBack("deposit").order(),
  held: () => new Stage().order(),
  ended: () => new Stage().order().wait(20 * MINUTE),
  refused: () =>
    new Stage()
      .holdingBack("examine")
      .order()
      .wait(5 * MINUTE),
};
const { names, situation, step, expectPhase, expectInert, expectUnmoved, expectAsks } = rehearse({
  actorOf: ({ shop: actor }) => actor,
  situations: SITUATIONS,
  phaseOf: ({ orders }) => orders[0]?.status ?? "none",
});

function order(changes: Record<string, unknown> = {}, from = alice): DeviceEvent & { kind: "message" } {
  const { shop: _shop, shopCard: _card, currency: _currency, maxPriceMinor: _max, ...rest } = wish();
  return message(from, "order", { ...rest, card: from.card, ...changes });
}

/** A real, certified examination for the stage's contract, changed. */
function examination(
  stage: Stage,
  changes: { termsId?: Uint8Array; amount?: bigint; currency?: string } = {},
  who = alice,
): Uint8Array {
  const body = {
    kind: "examine" as const,
    termsId: stage.termsId,
    currency: euro,
    amount: 2_490n,
    ...changes,
  };
  return stage.certify(who.device, { body }).bytes;
}

function signature(stage: Stage, proof: Uint8Array | null, from = alice, signer = from): DeviceEvent {
  const { termsId } = stage;
  const signed = signTerms(signer.device, termsId);
  return message(from, "signature", { orderId: ORDER, termsId, signature: signed, examination: proof });
}

function refusedBecause({ state, effects }: Step<ShopState>): string | undefined {
  expect(state.orders.at(-1)?.status).toBe("refused");
  expect(effects.some(({ kind }) => kind === "submit")).toBe(false);
  const told = effects.find((effect) => effect.kind === "send" && effect.to === idOf(alice));
  return told?.kind === "send" ? (told.body as { message: string }).message : undefined;
}

/** Events that are none of the shop's business: they change nothing and cause nothing. */
const INERT = /stranger|another|^command$|^sensor$|^session/;

const TRANSITIONS: Record<string, Record<string, OrderStatus>> = {
  none: { order: "offered" },
  offered: {
    "refusal of the buyer": "refused",
    timer: "refused",
    signature: "assigned",
    "in-flight": "held",
    "may-land": "held",
    closed: "ended",
  },
  assigned: {
    "refusal of the buyer": "refused",
    "refusal of the drone": "refused",
    timer: "refused",
    "signature of the drone": "open",
    "in-flight": "held",
    "may-land": "held",
    closed: "ended",
  },
  open: { "in-flight": "held", "may-land": "held", closed: "ended", "refused to open": "refused" },
  held: { closed: "ended" },
  ended: {},
  refused: {},
};

function events(stage: Stage): Record<string, DeviceEvent> {
  const id = stage.shop.state.orders[0]?.termsId ?? OTHER;
  const refusal = { orderId: ORDER, code: "terms-invalid", message: "" };
  const signed = (from: typeof alice): DeviceEvent => {
    const examined = stage.shop.state.orders.length > 0 && from === alice ? examination(stage) : null;
    const body = {
      orderId: ORDER,
      termsId: id,
      signature: signTerms(from.device, id),
      examination: examined,
    };
    return message(from, "signature", body);
  };
  return {
    started: { kind: "started" },
    "time corrected": { kind: "time-corrected" },
    order: order(),
    "refusal of the buyer": message(alice, "refusal", refusal),
    "refusal of the drone": message(drone, "refusal", refusal),
    "refusal of a stranger": message(stranger, "refusal", refusal),
    signature: signed(alice),
    "signature of the drone": signed(drone),
    "signature of a stranger": signed(stranger),
    timer: { kind: "timer", name: `sign/${"01".repeat(16)}` },
    "timer of another order": { kind: "timer", name: `sign/${"02".repeat(16)}` },
    "timer to ask": { kind: "timer", name: `inquire/${toHex(id)}` },
    "timer to ask about another": { kind: "timer", name: `inquire/${toHex(new Uint8Array(32))}` },
    "may-land": receipt(id, { kind: "facts", label: "may-land" }),
    opened: receipt(id, { kind: "open", label: "awaiting-deposit", signer: shop.device }),
    "in-flight": receipt(id, { kind: "deposit", label: "in-flight" }),
    closed: receipt(id, { kind: "expire" }),
    "refused to open": receipt(id, { kind: "open", outcome: "terms-expired", signer: shop.device }),
    "open already": receipt(id, { kind: "open", outcome: "contract-not-expected", signer: shop.device }),
    "another's refused opening": receipt(id, { kind: "open", outcome: "entry-unauthorized" }),
    "another contract closed": receipt(new Uint8Array(32).fill(8), { kind: "expire" }),
    sensor: { kind: "sensor", name: "door", value: 1 },
    command: { kind: "command", name: "sell", value: null },
    "invoice wanted": message(alice, "invoice-wanted", { termsId: id }),
    "invoice wanted by another": message(drone, "invoice-wanted", { termsId: id }),
    "invoice wanted of another contract": message(alice, "invoice-wanted", { termsId: OTHER }),
    session: { kind: "session-opened", session: "x", peer: idOf(alice), sessionHash: OTHER, purpose: OTHER },
    "session refused": { kind: "session-refused", code: "peer-refused" },
  };
}

describe("every state of an order by every event", () => {
  it.each(names)("%s", (name) => {
    const stage = situation(name);
    for (const [event, happening] of Object.entries(events(stage))) {
      const where = `${name} / ${event}`;
      const effects = expectPhase(stage, happening, TRANSITIONS[name]![event] ?? name, where);
      expect(step(stage, happening).state.orders.length, where).toBeLessThanOrEqual(1);
      if (INERT.test(event)) expectInert(stage, happening, where);
      const opens = effects.some(({ kind }) => kind === "submit");
      expect(opens, where).toBe(where === "assigned / signature of the drone");
    }
  });

  it.each(names)("%s: what is malformed changes nothing", (name) => {
    const stage = situation(name);
    const malformed = [
      ...["order", "signature", "refusal", "invoice-wanted"].flatMap((type) =>
        garbage("message", type, alice, ""),
      ),
      ...BROKEN.map((value): DeviceEvent => ({ kind: "command", name: "order", value })),
    ];
    for (const event of malformed) expect(expectUnmoved(stage, event)).toEqual([]);
  });

  it.each([
    ["offered", true],
    ["assigned", true],
    ["open", false],
    ["held", false],
  ])("%s: after a restart it waits for signatures: %s", (name, waits) => {
    const stage = situation(name);
    const { effects } = step(stage, { kind: "started" });
    expect(step(stage, { kind: "time-corrected" }).effects).toEqual(effects);
    expect(effects[0]).toMatchObject({ kind: "meet" });
    expect(effects.some((effect) => effect.kind === "timer" && effect.atMs === START_MS + 4 * MINUTE)).toBe(
      waits,
    );
  });
});

describe("the notaries are asked how the contract stands", () => {
  const asked = ({ effects }: Step<ShopState>): boolean => effects.some(({ kind }) => kind === "inquire");
  const timerOf = (stage: Stage, { effects }: Step<ShopState>): unknown[] => {
    const name = `inquire/${toHex(stage.termsId)}`;
    return effects.flatMap((effect) =>
      effect.kind === "timer" && effect.name === name ? [effect.atMs] : [],
    );
  };

  it.each(names)("after a restart and at the deadline, while it is open: %s", (name) => {
    const stage = situation(name);
    const isOpen = name === "open" || name === "held";
    const woken = step(stage, { kind: "started" });
    const rung = step(stage, events(stage)["timer to ask"]!);
    expect([asked(woken), asked(rung)]).toEqual([isOpen, isOpen]);
    if (!isOpen) return;
    const { payEndsMs, landingEndsMs, endsMs } = readPlan(crypto, stage.shop.state.orders[0]!.terms);
    const told = (name === "open" ? payEndsMs : landingEndsMs) + MINUTE;
    expect(stage.shop.timers.get(`inquire/${toHex(stage.termsId)}`)).toBe(told);
    expect(timerOf(stage, woken)).toEqual([told]);
    expect(timerOf(stage, rung)).toEqual([stage.now + MINUTE]);
    const disputed = receipt(stage.termsId, { kind: "facts", label: "disputable" });
    expect(timerOf(stage, step(stage, disputed))).toEqual([endsMs + MINUTE]);
    // An answer that says nothing new does not lead to the next question at once.
    stage.ledger.now = endsMs + 3 * MINUTE;
    expect(timerOf(stage, step(stage, disputed))).toEqual([stage.now + MINUTE]);
    expect(timerOf(stage, step(stage, events(stage)["closed"]!))).toEqual([null]);
  });

  it("not for ever: after a day in vain the order counts as ended", () => {
    const stage = situation("held");
    const name = `inquire/${toHex(stage.termsId)}`;
    const last = `unheard/${toHex(stage.termsId)}`;
    stage.ledger.now = stage.plan.endsMs + DAY;
    expectAsks(stage, name, name);
    // It was a clock that leapt.
    expectAsks(stage, last, name);
    stage.ledger.now += 1;
    // Not before it has asked.
    expectAsks(stage, name, last);
    const { state, effects } = step(stage, { kind: "timer", name: last });
    expect(state.orders[0]?.status).toBe("ended");
    expect(effects).toEqual([expect.objectContaining({ kind: "progress", step: "unheard" })]);
  });
});

describe("an order", () => {
  it("that comes twice is one contract", () => {
    const stage = situation("offered");
    const { state, effects } = step(stage, order());
    expect(state).toEqual(stage.shop.state);
    expect(effects).toEqual([]);
  });

  it("with another's card is nobody's", () => {
    expect(() => step(new Stage(), order({ card: stranger.card }))).toThrow(/another's card/);
  });

  it.each([
    ["of an unknown article", { article: "Gold" }],
    ["of an article that JavaScript knows", { article: "constructor" }],
    ["of another such", { article: "__proto__" }],
    ["for a slot that is too short to fly", { slotUntil: START_MS + 5 * MINUTE }],
    ["for a slot that begins too late", { slotFrom: START_MS + 30 * MINUTE }],
  ])("%s is refused with a reason, and nothing is remembered", (_name, changes) => {
    const stage = new Stage();
    const { state, effects } = step(stage, order(changes));
    expect(state).toEqual(stage.shop.state);
    expect(effects.map(({ kind }) => kind)).toEqual(["meet", "send"]);
    expect(effects[1]).toMatchObject({ to: idOf(alice), type: "refusal", body: { code: "terms-invalid" } });
  });

  it("does not push out those under way, however many come", () => {
    const stage = new Stage();
    let state = stage.shop.state;
    let last: DeviceEffect[] = [];
    for (let orders = 0; orders <= 100; orders += 1) {
      const orderId = new Uint8Array(16).fill(orders);
      const next = stage.shop.device.step(state, order({ orderId }), stage.shop.context());
      state = decodeMessage(encodeMessage(next.state), {
        maxBytes: 4_000_000,
        maxItems: 100_000,
      }) as ShopState;
      last = next.effects;
    }
    expect(state.orders).toHaveLength(100);
    expect(state.orders[0]?.orderId).toEqual(new Uint8Array(16));
    expect(last[1]).toMatchObject({ type: "refusal", body: { code: "queue-full" } });
    const ended = {
      ...state,
      orders: state.orders.map((one, at) => (at === 7 ? { ...one, status: "ended" as const } : one)),
    };
    const roomy = stage.shop.device.step(
      ended,
      order({ orderId: new Uint8Array(16).fill(200) }),
      stage.shop.context(),
    );
    expect(roomy.state.orders).toHaveLength(100);
    expect(roomy.state.orders.some(({ status }) => status === "ended")).toBe(false);
  });
});

describe("the buyer's proof", () => {
  const waiting = (): Stage => situation("offered");

  it("that is right brings the order to the drone, and opens nothing yet", () => {
    const stage = waiting();
    const { state, effects } = step(stage, signature(stage, examination(stage)));
    expect(state.orders[0]).toMatchObject({ status: "assigned" });
    expect(effects).toContainEqual(expect.objectContaining({ kind: "send", type: "offer", to: idOf(drone) }));
    expect(effects.some(({ kind }) => kind === "submit")).toBe(false);
  });

  it.each<[string, (stage: Stage) => Uint8Array | null, RegExp]>([
    ["is missing", () => null, /no certified examination/],
    ["is no receipt", () => Uint8Array.of(1, 2, 3), /not certified/],
    ["is of another kind", (stage) => certifiedCard(stage), /another kind/],
    ["is for another contract", (stage) => examination(stage, { termsId: OTHER }), /another contract/],
    ["is of another wallet", (stage) => examination(stage, {}, drone), /another wallet/],
    ["is over less than the price", (stage) => examination(stage, { amount: 2_489n }), /less than the price/],
    ["is over more than the wallet holds", (stage) => spent(stage), /does not hold/],
  ])("%s: refused", (_name, make, reason) => {
    const stage = waiting();
    expect(refusedBecause(step(stage, signature(stage, make(stage))))).toMatch(reason);
  });

  it("has grown old: refused", () => {
    const stage = new Stage({
      shop: {
        timing: { ...SHOP_CONFIG.timing, payMs: 60 * MINUTE },
      },
    });
    stage.holdingBack("examine").order();
    const proof = examination(stage);
    stage.wait(EXAMINATION_MAX_AGE_MS);
    expect(step(stage, signature(stage, proof)).state.orders[0]?.status).toBe("assigned");
    stage.wait(1);
    expect(refusedBecause(step(stage, signature(stage, proof)))).toMatch(/too old/);
  });

  it("comes with another's signature: nobody's", () => {
    const stage = waiting();
    const proof = examination(stage);
    expect(() => step(stage, signature(stage, proof, alice, stranger))).toThrow(/another key/);
  });

  it("comes too late: refused", () => {
    const stage = waiting();
    const event = signature(stage, examination(stage));
    stage.ledger.now += 4 * MINUTE + 1;
    expect(refusedBecause(step(stage, event))).toMatch(/too late/);
  });
});

describe("the contract", () => {
  it("is opened once all three have signed, with an invoice that adds up", () => {
    const stage = situation("open");
    expect(stage.label).toBe("awaiting-deposit");
    const sent = stage.shop.effects.find((effect) => effect.kind === "send" && effect.type === "invoice");
    const { invoice } = (sent?.kind === "send" ? sent.body : {}) as { invoice: Uint8Array };
    const opened = openInvoice(crypto, invoice, { shop: idOf(shop), termsId: stage.termsId });
    expect(opened).toMatchObject({ number: "000001", totalMinor: 2_490n, currency: euro });
    expect(opened.lines).toEqual([
      { text: "Bread", minor: 1_990n },
      { text: "Delivery by drone", minor: 500n },
    ]);
  });

  it.each(names)("has an invoice, from when it is opened, for the buyer who asks for it: %s", (name) => {
    const stage = situation(name);
    const { state, effects } = step(stage, events(stage)["invoice wanted"]!);
    expect(state).toEqual(stage.shop.state);
    if (!["open", "held", "ended"].includes(name)) return expect(effects).toEqual([]);
    const toDrone = stage.shop.effects.find((effect) => effect.kind === "send" && effect.type === "invoice");
    const body = toDrone?.kind === "send" ? toDrone.body : undefined;
    expect(body).toBeDefined();
    expect(effects).toEqual([
      expect.objectContaining({ kind: "send", to: idOf(alice), type: "invoice", body, durable: true }),
    ]);
  });

  it("that the drone does not want is refused to the buyer", () => {
    const stage = new Stage({ drone: { rangeM: 100 } }).order();
    expect(stage.shop.state.orders[0]?.status).toBe("refused");
    expect(stage.phone.state).toMatchObject({ phase: "refused", code: "terms-invalid" });
    expect(stage.label).toBe(undefined);
  });

  it("that the drone never signs is refused to both at the deadline", () => {
    const stage = situation("assigned").wait(5 * MINUTE);
    expect(stage.shop.state.orders[0]?.status).toBe("refused");
    expect(stage.phone.state).toMatchObject({ phase: "refused", code: "terms-expired" });
  });

  it("that the notaries do not open frees the drone and the phone", () => {
    const stage = new Stage().holdingBack("open").order();
    expect([stage.drone.state.phase, stage.phone.state.phase]).toEqual(["signed", "signed"]);
    stage.shop.handle(
      receipt(stage.termsId, { kind: "open", outcome: "terms-expired", signer: shop.device }),
    );
    stage.settle();
    expect([stage.drone.state.phase, stage.phone.state.phase]).toEqual(["idle", "refused"]);
  });

  it("is at the ordered place", () => {
    expect(situation("held").plan.point).toEqual(POINT);
  });
});

/** A certified entry of another kind. */
function certifiedCard(stage: Stage): Uint8Array {
  return stage.certify(alice.device, { body: { kind: "card", card: alice.card } }).bytes;
}

/** The wallet is emptied, then examined. */
function spent(stage: Stage): Uint8Array {
  const body = {
    kind: "transfer" as const,
    to: shop.root.publicKey,
    currency: euro,
    amount: 9_000n,
    memo: new Uint8Array(),
  };
  stage.certify(alice.device, { body });
  return examination(stage);
}
