/** The three devices together, on a real ledger: how deliveries go, and how they end when something fails. */
import { describe, expect, it } from "vitest";
import { BASE, DAY, MINUTE, POINT, SHOP_CONFIG } from "./testing/cast.ts";
import { Stage } from "./testing/stage.ts";
import { STORY } from "./testing/story.ts";

const PAID = { alice: 7_510n, drone: 500n, shop: 1_990n };
const NO_SHOW = { alice: 9_500n, drone: 300n, shop: 200n };
const REFUNDED = { alice: 10_000n, drone: 0n, shop: 0n };

/** The contract has ended, everybody is free for the next order. */
function expectOver(stage: Stage, balances: Stage["balances"]): void {
  expect(stage.label).toBe("closed");
  expect(stage.balances).toEqual(balances);
  expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [] });
  expect(["done", "refused"]).toContain(stage.phone.state.phase);
  expect(stage.actors.flatMap(({ dropped }) => dropped)).toEqual([]);
}

/** The deadlines pass, and the drone is back. */
function toTheEnd(stage: Stage): Stage {
  stage.flyHome();
  for (let minutes = 0; minutes < 60 && stage.label !== "closed"; minutes += 1) {
    stage.wait(MINUTE);
    if (
      (stage.ledger.ledger.contractView(stage.termsId)?.state.deadlines?.refundFrom ?? Infinity) <= stage.now
    ) {
      stage.expire(stage.termsId);
    }
  }
  return stage;
}

describe("a delivery", () => {
  it("goes from order to papers", () => {
    const stage = STORY.home(new Stage());
    expectOver(stage, PAID);
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: true });
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "receipt", "invoice"]);
    expect(stage.drone.kept()).toEqual(["receipt"]);
    expect(stage.drone.actuated()).toEqual(["fly-to", "hover", "land", "return", "home"]);
    expect(stage.shop.state.orders[0]?.status).toBe("ended");
  });

  it("can be followed by the next one", () => {
    const stage = STORY.home(new Stage());
    stage.drone.sensor("scale", 700);
    stage.phone.sensor("position", { timeMs: stage.now, ...BASE });
    stage
      .order({ orderId: new Uint8Array(16).fill(2) })
      .arrive()
      .walk()
      .touchDown()
      .lift();
    // The person said "in hand" at the first delivery; that says nothing about this one.
    expect(stage.phone.state).toMatchObject({ phase: "landed", inHand: false });
    stage.inHand().flyHome();
    expectOver(stage, { alice: 5_020n, drone: 1_000n, shop: 3_980n });
    expect(stage.shop.state.nextInvoice).toBe(3);
  });

  it("costs who does not come the no-show", () => {
    const stage = STORY.hovering(new Stage()).wait(15 * MINUTE);
    expect(stage.drone.state.phase).toBe("returning");
    expect(stage.drone.submitted()).toEqual([]);
    expectOver(toTheEnd(stage), NO_SHOW);
    expect(stage.phone.state).toMatchObject({ delivered: false });
  });

  it("costs who does not take the parcel the no-show", () => {
    const stage = STORY.landed(new Stage()).wait(20 * MINUTE);
    expect(stage.drone.state).toMatchObject({ phase: "returning", withParcel: true });
    expectOver(toTheEnd(stage), NO_SHOW);
  });

  it("costs nothing when the drone does not get there", () => {
    const stage = STORY.outbound(new Stage()).wait(20 * MINUTE);
    expect(stage.drone.submitted()).toEqual(["cancel"]);
    expect(stage.label).toBe("closed");
    expectOver(stage.flyHome(), REFUNDED);
  });

  it("costs nothing when the drone is blown off the point for good", () => {
    const stage = STORY.hovering(new Stage())
      .fly(BASE)
      .wait(15 * MINUTE);
    expectOver(stage.flyHome(), REFUNDED);
  });

  it("costs nothing when the drone may land but cannot", () => {
    const stage = STORY.hovering(new Stage());
    stage.drone.sensor("obstacle", true);
    stage.walk().wait(20 * MINUTE);
    expect(stage.drone.actuated()).not.toContain("land");
    expect(stage.drone.submitted()).toEqual(["meet", "cancel"]);
    expectOver(stage.flyHome(), REFUNDED);
  });

  it("is refused when the drone has no parcel in time, and the price goes back", () => {
    const stage = new Stage();
    stage.drone.sensor("scale", 0);
    stage.order();
    expect(stage.drone.state.phase).toBe("loading");
    expect(stage.label).toBe("in-flight");
    stage.wait(20 * MINUTE);
    expectOver(stage, REFUNDED);
    expect(stage.drone.actuated()).toEqual([]);
  });

  it("starts once the parcel is in the bay", () => {
    const stage = new Stage();
    stage.drone.sensor("scale", 0);
    stage.order().wait(MINUTE);
    stage.drone.sensor("scale", 640);
    expect(stage.drone.state.phase).toBe("outbound");
  });

  it("is not paid, and costs nothing, when the parcel was lost on the way", () => {
    const stage = STORY.landing(new Stage());
    stage.drone.sensor("scale", 0);
    stage.touchDown();
    expect(stage.drone.state.phase).toBe("returning");
    expectOver(stage.flyHome(), REFUNDED);
  });

  it("that would cost more than was allowed is refused before the drone is asked", () => {
    const stage = new Stage();
    stage.order({ maxPriceMinor: "2489" });
    expect(stage.phone.state).toMatchObject({ phase: "refused", code: "terms-invalid" });
    expect(stage.shop.state.orders[0]?.status).toBe("refused");
    expect(stage.drone.state.phase).toBe("idle");
    expect(stage.drone.effects.filter(({ kind }) => kind === "send")).toEqual([]);
  });
});

describe("a word that stands alone", () => {
  it("is accepted by who has the parcel", () => {
    const stage = STORY["parcel-gone"](new Stage()).losing("ble/parcel").inHand();
    stage.wait(2 * MINUTE);
    expectOver(stage.flyHome(), PAID);
    expect(stage.drone.submitted()).toEqual(["meet", "parcel"]);
    expect(stage.phone.submitted()).toEqual(["examine", "deposit", "accept"]);
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "invoice"]);
  });

  it("can be objected to, and the loss is shared", () => {
    const stage = STORY["parcel-gone"](new Stage()).wait(2 * MINUTE);
    expect(stage.phone.state).toMatchObject({ phase: "disputable", answer: "none" });
    expect(stage.drone.state.phase).toBe("returning");
    stage.phone.handle({ kind: "command", name: "object", value: null });
    expectOver(stage.settle().flyHome(), { alice: 8_755n, drone: 250n, shop: 995n });
    expect(stage.phone.state).toMatchObject({ delivered: false, awaitsInvoice: false });
    // It is over the whole price, which was not paid.
    expect(stage.phone.kept()).toEqual(["terms", "receipt"]);
  });

  it("counts when nobody objects, and the drone is long home", () => {
    const stage = STORY["parcel-gone"](new Stage())
      .wait(2 * MINUTE)
      .flyHome();
    expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [{ termsId: stage.termsId }] });
    expectOver(toTheEnd(stage), PAID);
    expect(stage.drone.kept()).toEqual(["receipt"]);
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "invoice"]);
  });

  it("brings receipt and invoice to the phone that was away until all was over", () => {
    const stage = STORY["parcel-gone"](new Stage());
    stage.phone.away = true;
    stage.wait(2 * MINUTE);
    expect(toTheEnd(stage).balances).toEqual(PAID);
    expect(stage.phone.state.phase).toBe("landed");
    stage.phone.away = false;
    stage.phone.crash();
    expectOver(stage.settle(), PAID);
    expect(stage.phone.state).toMatchObject({ awaitsInvoice: false });
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "invoice"]);
  });

  it("is heard of even if the notaries' message to the phone is lost", () => {
    const stage = STORY["parcel-gone"](new Stage());
    stage.loses = ({ from, to }) => from === "notaries" && to === stage.phone.id;
    stage.wait(2 * MINUTE);
    expect(stage.phone.state.phase).toBe("disputable");
  });

  it("still counts when the parcel was taken at the last moment", () => {
    const stage = STORY.landed(new Stage());
    stage.wait(stage.plan.removeByMs - stage.now - 6_000).lift();
    stage.wait(60_000);
    expect(stage.label).toBe("disputable");
    expectOver(toTheEnd(stage), PAID);
  });
});

describe("lost messages", () => {
  it("from the notaries about others' entries are made good by the parties", () => {
    const stage = new Stage();
    const own = new Map<string, string[]>([
      [stage.phone.id, ["examine", "deposit"]],
      [stage.shop.id, ["open"]],
      [stage.drone.id, ["facts"]],
    ]);
    stage.loses = ({ from, to, entry = "" }) => from === "notaries" && own.get(to)?.includes(entry) !== true;
    expectOver(STORY.home(stage), PAID);
  });

  it("of the drone's call reach the phone out of order", () => {
    const stage = new Stage();
    stage.loses = ({ to, type }) =>
      to === stage.phone.id && type === "receipt" && stage.label === "in-flight";
    stage.order().arrive();
    expect(stage.phone.state.phase).toBe("called");
    stage.losing();
    expectOver(stage.walk().touchDown().lift().inHand().flyHome(), PAID);
  });

  it("of the papers over BLE follow over MQTT", () => {
    const stage = STORY["parcel-gone"](new Stage()).losing("ble/papers").inHand();
    expect(stage.drone.state.phase).toBe("paid");
    stage.wait(3 * MINUTE).flyHome();
    expectOver(stage, PAID);
    expect(stage.phone.kept()).toContain("invoice");
  });

  it("let the phone ask the shop for an invoice that the drone never had", () => {
    const stage = new Stage().losing("invoice");
    STORY["parcel-gone"](stage).losing().inHand().flyHome();
    expectOver(stage, PAID);
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "receipt", "invoice"]);
  });

  it("let the phone ask the shop when the release came after the drone had gone", () => {
    const stage = STORY["parcel-gone"](new Stage()).holdingBack("facts").inHand();
    stage.wait(3 * MINUTE).flyHome();
    expect(stage.drone.state.phase).toBe("idle");
    const entry = stage.drone.effects.findLast((effect) => effect.kind === "submit");
    if (entry?.kind !== "submit") throw new Error("nothing was submitted");
    stage.submit(stage.drone.signer, entry.entry);
    expect(stage.settle().phone.kept()).toEqual(["terms", "receipt"]);
    expectOver(stage.wait(5 * MINUTE), PAID);
    expect(stage.phone.kept()).toEqual(["terms", "receipt", "invoice"]);
  });

  it("let the phone end its wait when everybody is silent", () => {
    const stage = STORY.outbound(new Stage());
    stage.loses = () => true;
    const { endsMs } = stage.plan;
    stage.wait(endsMs + DAY - stage.now);
    expect(stage.phone.state.phase).toBe("held");
    stage.wait(2 * MINUTE);
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: false });
    expect(stage.shop.state.orders[0]?.status).toBe("ended");
    expect(stage.drone.state.awaited).toEqual([]);
    expect(stage.actors.map(({ timers }) => timers.size)).toEqual([0, 0, 0]);
  });

  it("let phone and drone end their wait when the contract is never opened", () => {
    const stage = new Stage().holdingBack("open").order();
    expect([stage.phone.state.phase, stage.drone.state.phase]).toEqual(["signed", "signed"]);
    stage.wait(10 * MINUTE);
    expect(stage.phone.state).toMatchObject({ phase: "refused", code: "terms-expired" });
    // Should it have been opened and paid unheard, the drone's cancel gives the buyer everything back.
    expect(stage.drone.state.phase).toBe("idle");
    expect(stage.drone.submitted()).toEqual(["cancel"]);
  });

  it("let the drone cancel what it hears of too late", () => {
    const stage = new Stage();
    stage.loses = ({ to }) => to === stage.drone.id && stage.label === "in-flight";
    stage.holdingBack("choice");
    stage.order().wait(10 * MINUTE);
    expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [{ termsId: stage.termsId }] });
    stage.losing().holdingBack();
    const receipt = stage.phone.effects.find(
      (effect) => effect.kind === "send" && effect.type === "certified",
    );
    if (receipt?.kind !== "send") throw new Error("the phone passed nothing on");
    stage.perform(stage.phone, receipt);
    expectOver(stage.settle(), REFUNDED);
  });
});

describe("who has missed how the contract ended", () => {
  const deaf = (stage: Stage, who: { id: string }): Stage => {
    stage.loses = ({ to, type }) => to === who.id && (type === "receipt" || type === "certified");
    return stage;
  };
  const hears = (stage: Stage): Stage => stage.losing();

  it("asks until it is told: the shop, of the deposit and of the release", () => {
    const stage = new Stage();
    deaf(stage, stage.shop);
    STORY.home(stage);
    expect(stage.shop.state.orders[0]?.status).toBe("open");
    hears(stage).wait(60 * MINUTE);
    expect(stage.shop.state.orders[0]?.status).toBe("ended");
    expect(stage.shop.inquiries()).toBe(1);
    expect(stage.shop.timers.size).toBe(0);
  });

  it("asks until it is told: every minute, for as long as nobody answers", () => {
    const stage = STORY.landed(new Stage());
    deaf(stage, stage.shop).lift().inHand().flyHome();
    stage.wait(60 * MINUTE);
    const asked = stage.shop.inquiries();
    expect(asked).toBeGreaterThan(30);
    expect(stage.shop.state.orders[0]?.status).toBe("held");
    hears(stage).wait(MINUTE);
    expect([stage.shop.state.orders[0]?.status, stage.shop.inquiries()]).toEqual(["ended", asked + 1]);
    stage.wait(60 * MINUTE);
    expect(stage.shop.inquiries()).toBe(asked + 1);
  });

  it("asks until it is told: the buyer, of the refund", () => {
    const stage = STORY.outbound(new Stage());
    const { balances } = deaf(stage, stage.phone).wait(14 * MINUTE);
    expect(balances).toEqual(REFUNDED);
    expect(stage.phone.state.phase).toBe("held");
    hears(stage).wait(6 * MINUTE);
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: false });
    expect(stage.phone.kept()).toEqual(["terms", "receipt"]);
    expectOver(stage.flyHome(), REFUNDED);
  });

  it("asks until it is told: the buyer who could still object", () => {
    const stage = new Stage({ shop: { timing: { ...SHOP_CONFIG.timing, disputeMs: 30 * MINUTE } } });
    deaf(STORY["parcel-gone"](stage), stage.phone);
    stage.wait(stage.plan.landingEndsMs - stage.now);
    expect([stage.label, stage.phone.state.phase]).toEqual(["disputable", "landed"]);
    hears(stage).wait(MINUTE + 1);
    expect(stage.phone.state).toMatchObject({ phase: "disputable", answer: "none" });
    // It knows when that ends, and does not ask before.
    const asked = stage.phone.inquiries();
    stage.wait(10 * MINUTE);
    expect(stage.phone.inquiries()).toBe(asked);
  });

  it("asks until it is told: the drone, of a contract that it has left", () => {
    const stage = STORY.hovering(new Stage())
      .wait(15 * MINUTE)
      .flyHome();
    deaf(stage, stage.drone);
    expect(toTheEnd(stage).balances).toEqual(NO_SHOW);
    expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [{ termsId: stage.termsId }] });
    hears(stage).wait(10 * MINUTE);
    expectOver(stage, NO_SHOW);
    expect([stage.drone.kept(), stage.drone.timers.size]).toEqual([["receipt"], 0]);
  });

  it.each(["phone", "shop", "drone"] as const)("asks when it wakes up: the %s", (name) => {
    const stage =
      name === "drone"
        ? STORY.hovering(new Stage())
            .wait(15 * MINUTE)
            .flyHome()
        : STORY.outbound(new Stage());
    const actor = stage[name];
    deaf(stage, actor);
    if (name === "drone") toTheEnd(stage);
    else stage.wait(14 * MINUTE).flyHome();
    expect(stage.label).toBe("closed");
    hears(stage);
    const before = actor.inquiries();
    actor.crash();
    stage.settle();
    expect(actor.inquiries()).toBe(before + 1);
    expectOver(stage, name === "drone" ? NO_SHOW : REFUNDED);
    expect(stage.shop.state.orders[0]?.status).toBe("ended");
  });

  it("changes nothing when nothing was missed", () => {
    for (const from of ["outbound", "hovering", "landing", "landed", "parcel-gone", "returning"] as const) {
      const stage = STORY[from](new Stage());
      const before = stage.actors.map(({ state }) => state);
      const submitted = stage.actors.map((actor) => actor.submitted().length);
      for (const actor of stage.actors) stage.perform(actor, { kind: "inquire", termsId: stage.termsId });
      stage.settle();
      expect(stage.actors.map(({ state }) => state)).toEqual(before);
      expect(stage.actors.map((actor) => actor.submitted().length)).toEqual(submitted);
    }
  });
});

describe("a lost session", () => {
  const cut = (stage: Stage): Stage => stage.part().walk();

  it("goes on at every stage", () => {
    const stage = cut(STORY.landing(new Stage()));
    cut(stage.touchDown());
    cut(stage.lift());
    expectOver(stage.inHand().flyHome(), PAID);
  });

  it("is made up for when what was said in it got lost", () => {
    const stage = STORY.hovering(new Stage());
    for (const [type, go] of [
      ["ble/meeting", () => stage.walk()],
      ["ble/landed", () => stage.touchDown()],
      ["ble/parcel", () => stage.lift().inHand()],
    ] as const) {
      stage.losing(type);
      go();
      stage.losing();
      cut(stage);
    }
    stage.inHand();
    expectOver(stage.flyHome(), PAID);
  });
});

describe("a crash", () => {
  const stages = ["outbound", "hovering", "landing", "landed", "parcel-gone", "returning"] as const;
  const rest = (stage: Stage, from: (typeof stages)[number]): Stage => {
    const go = [
      () => stage.arrive(),
      () => stage.walk(),
      () => stage.touchDown(),
      () => stage.lift(),
      () => stage.inHand(),
      () => stage.flyHome(),
    ];
    for (const next of go.slice(stages.indexOf(from))) next();
    return stage;
  };

  it.each(stages)("of the drone while %s changes nothing in the end", (name) => {
    const stage = STORY[name](new Stage());
    const grams = stage.drone.readings.get("scale");
    const position = stage.drone.readings.get("position");
    stage.drone.crash();
    stage.settle();
    stage.drone.sensor("scale", grams);
    stage.drone.sensor("position", position);
    stage.settle();
    expectOver(rest(stage, name), PAID);
  });

  it.each(stages)("of the phone while the drone is %s changes nothing in the end", (name) => {
    const stage = STORY[name](new Stage());
    stage.phone.crash();
    stage.settle();
    if (stages.indexOf(name) >= 2) stage.walk();
    expectOver(rest(stage, name), PAID);
  });

  it.each(stages)("of the shop while the drone is %s changes nothing in the end", (name) => {
    const stage = STORY[name](new Stage());
    stage.shop.crash();
    expectOver(rest(stage.settle(), name), PAID);
  });

  it("of the phone does not forget that the parcel is in hand", () => {
    const stage = STORY.landed(new Stage()).inHand();
    stage.phone.crash();
    expectOver(stage.settle().walk().lift().flyHome(), PAID);
  });
});

describe("a veto", () => {
  const vetoes: [string, (stage: Stage) => void, (stage: Stage) => void][] = [
    [
      "something is below",
      (stage) => stage.drone.sensor("obstacle", true),
      (stage) => stage.drone.sensor("obstacle", false),
    ],
    [
      "the battery is low",
      (stage) => stage.drone.sensor("position", { ...reading(stage), batteryPermille: 149 }),
      (stage) => stage.drone.sensor("position", { ...reading(stage), batteryPermille: 150 }),
    ],
    [
      "it is off the point",
      (stage) => stage.drone.sensor("position", { ...reading(stage), latitudeE7: POINT.latitudeE7 + 2_000 }),
      (stage) => stage.drone.sensor("position", { ...reading(stage), latitudeE7: POINT.latitudeE7 }),
    ],
    [
      "it is not in the air",
      (stage) => stage.drone.sensor("position", { ...reading(stage), airborne: false }),
      (stage) => stage.drone.sensor("position", { ...reading(stage), airborne: true }),
    ],
  ];

  it.each(vetoes)("because %s is lifted when it has passed", (_name, begin, end) => {
    const stage = STORY.hovering(new Stage());
    // Between the evidence and the label something comes in between.
    stage.onSubmit = () => begin(stage);
    stage.walk();
    expect(stage.drone.steps()).toContain("landing-vetoed");
    expect(stage.drone.actuated()).not.toContain("land");
    stage.wait(30_000);
    end(stage);
    stage.fly(POINT);
    expect(stage.drone.actuated()).toContain("land");
    expectOver(stage.touchDown().lift().inHand().flyHome(), PAID);
  });

  it("stops a landing under way", () => {
    const stage = STORY.landing(new Stage());
    stage.drone.sensor("obstacle", true);
    expect(stage.drone.actuated()).toEqual(["fly-to", "hover", "land", "hover"]);
    stage.fly(POINT);
    stage.drone.sensor("obstacle", false);
    stage.fly(POINT);
    expectOver(stage.touchDown().lift().inHand().flyHome(), PAID);
  });
});

function reading(stage: Stage): Record<string, unknown> {
  return stage.drone.readings.get("position") as Record<string, unknown>;
}
