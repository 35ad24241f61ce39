/** Deliveries that services have joined: they are paid, and it flies, lands and ends as without them. */
import { describe, expect, it } from "vitest";
import { signFact } from "../protocols/contract/facts.ts";
import { CERTIFIED } from "../protocols/contract/templates/fact-kinds.ts";
import { signTerms } from "../protocols/contract/terms.ts";
import { openInvoice } from "../protocols/delivery/invoice.ts";
import { readPlan } from "../protocols/delivery/plan.ts";
import { agentId } from "../protocols/identity/keys.ts";
import { draftFacts } from "../protocols/ledger/drafts.ts";
import { personOf } from "../test/ledger/committee.ts";
import type { Person } from "../test/ledger/committee.ts";
import { bank, people } from "../test/ledger/village.ts";
import type { ShopConfig } from "./shop/state.ts";
import { BASE, crypto, euro, idOf, MINUTE } from "./testing/cast.ts";
import { message } from "./testing/events.ts";
import { Stage } from "./testing/stage.ts";
import { STORY } from "./testing/story.ts";

const [insurer, certifier, recommender, arbiter] = ["insurer", "certifier", "recommender", "arbiter"].map(
  (name) => personOf(name),
) as [Person, Person, Person, Person];
const COVER = 3_000n;
const PRICE = 2_490n;
const FEES = 40n + 60n + 10n;

const CONFIG: Partial<ShopConfig> = {
  arbiterCard: arbiter.card,
  services: {
    insurer: { card: insurer.card, feeMinor: 40n, coverMinor: COVER, insured: ["buyer"] },
    certifier: { card: certifier.card, feeMinor: 60n },
    recommendation: { card: recommender.card, feeMinor: 10n },
    joinMs: MINUTE,
    // The network keeps a tenth.
    commission: { account: bank.root.publicKey, ppm: 100_000 },
  },
};

/** All are known to the ledger, and the insurer has its cover. */
function served(config = CONFIG): Stage {
  const stage = new Stage({ shop: config });
  for (const { device, card } of [insurer, certifier, recommender, arbiter])
    expect(stage.ledger.code(device, { body: { kind: "card", card } })).toBe("ok");
  const to = insurer.root.publicKey;
  stage.ledger.settle(bank.device, { body: { kind: "mint", currency: euro, to, amount: COVER } });
  return stage;
}

function ordered(stage: Stage, changes: Record<string, unknown> = {}): Stage {
  return stage.order({ arbiter: idOf(arbiter), maxPriceMinor: "2600", ...changes });
}

/** What the shop has asked of them by its offer. */
function sign(stage: Stage, ...persons: Person[]): Stage {
  for (const person of persons) {
    const { termsId } = stage;
    const orderId = stage.shop.state.orders.at(-1)!.orderId;
    const signature = signTerms(person.device, termsId);
    const asked = stage.shop.effects.some((one) => one.kind === "send" && one.to === idOf(person));
    expect(asked, person.name).toBe(true);
    stage.shop.handle(message(person, "signature", { orderId, termsId, signature, examination: null }));
    stage.settle();
  }
  return stage;
}

function cover(stage: Stage): Stage {
  const { termsId } = stage;
  stage.submit(insurer.device, { body: { kind: "deposit", termsId, currency: euro, amount: COVER } });
  return stage.settle();
}

function certify(stage: Stage): Stage {
  const { termsId, now } = stage;
  const fact = signFact(certifier.device, { kind: CERTIFIED, subject: termsId, timeMs: now, body: [] });
  stage.submit(certifier.device, draftFacts(crypto, termsId, [fact]));
  return stage.settle();
}

function decline(stage: Stage, person: Person): Stage {
  const { termsId } = stage;
  stage.submit(person.device, { body: { kind: "choice", termsId, name: "decline", value: 1n } });
  return stage.settle();
}

/** All have signed, the services have done what they must. */
function flying(): Stage {
  return certify(cover(sign(ordered(served()), arbiter, insurer, certifier, recommender)));
}

const holdings = (stage: Stage): bigint[] =>
  [insurer, certifier, recommender, arbiter, bank].map((person) => stage.ledger.balance(person));

/** Nothing is lost or made: the bank began with nothing, Alice with 100.00. */
function expectConserved(stage: Stage): void {
  const all = [...people, insurer, certifier, recommender, arbiter];
  expect(all.reduce((sum, person) => sum + stage.ledger.balance(person), 0n)).toBe(10_000n + COVER);
}

describe("a delivery with services", () => {
  it("waits on the ground until they have joined, then ends delivered, and they have their fees", () => {
    const stage = sign(ordered(served()), insurer, certifier, recommender);
    // One signature is missing still.
    expect(stage.shop.state.orders[0]?.status).toBe("assigned");
    sign(stage, arbiter);
    expect([stage.label, stage.drone.state.phase]).toEqual(["awaiting-cover", "signed"]);
    expect(cover(stage).label).toBe("awaiting-certificate");
    expect([stage.drone.state.phase, stage.shop.state.orders[0]?.status]).toEqual(["signed", "open"]);
    expect(certify(stage).label).toBe("in-flight");
    expect([stage.drone.state.phase, stage.phone.state.phase]).toEqual(["outbound", "held"]);
    stage.arrive().walk().touchDown().lift().inHand().flyHome();
    expect(stage.label).toBe("closed");
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: true });
    expect(stage.drone.state).toMatchObject({ phase: "idle", awaited: [] });
    expect(stage.balances).toEqual({ alice: 10_000n - PRICE - FEES, drone: 500n, shop: 1_990n });
    expect(holdings(stage)).toEqual([COVER + 36n, 54n, 9n, 0n, 11n]);
    expectConserved(stage);
    expect(stage.actors.flatMap(({ dropped }) => dropped)).toEqual([]);
    expect(stage.phone.kept()).toContain("invoice");
    const { invoice } = stage.shop.state.orders[0]!;
    const { lines, totalMinor } = openInvoice(crypto, invoice!);
    expect(totalMinor).toBe(PRICE + FEES);
    expect(lines.map(({ text, minor }) => [text, minor])).toEqual([
      ["Bread", 1_990n],
      ["Delivery by drone", 500n],
      ["Insurance", 40n],
      ["Certification", 60n],
      ["Recommendation", 10n],
    ]);
  });

  it("goes through every crash before the flight", () => {
    const stage = ordered(served());
    for (const step of [
      () => sign(stage, insurer, certifier, recommender, arbiter),
      () => cover(stage),
      () => certify(stage),
    ]) {
      for (const actor of stage.actors) actor.crash();
      stage.drone.sensor("scale", 850);
      stage.fly(BASE, { airborne: false, motorsOn: false });
      step();
    }
    expect(stage.drone.state.phase).toBe("outbound");
  });

  it("does not fly when one of them declines: nobody pays", () => {
    for (const who of [insurer, certifier]) {
      const stage = sign(ordered(served()), insurer, certifier, recommender, arbiter);
      if (who === certifier) cover(stage);
      decline(stage, who);
      expect([stage.label, stage.drone.state.phase]).toEqual(["closed", "idle"]);
      expect(stage.balances).toEqual({ alice: 10_000n, drone: 0n, shop: 0n });
      expect(holdings(stage)).toEqual([COVER, 0n, 0n, 0n, 0n]);
      expect(stage.drone.actuated()).not.toContain("fly-to");
    }
  });

  it("does not fly when one of them is silent: the contract ends, and the drone waits no longer", () => {
    const stage = sign(ordered(served()), insurer, certifier, recommender, arbiter);
    const { payEndsMs } = stage.plan;
    expect(payEndsMs).toBeGreaterThan(
      stage.ledger.ledger.contractView(stage.termsId)!.state.deadlines!.refundFrom,
    );
    for (let left = 2 * MINUTE; stage.label !== "closed"; left += MINUTE) {
      stage.wait(left);
      const { deadlines } = stage.ledger.ledger.contractView(stage.termsId)!.state;
      if (deadlines!.refundFrom <= stage.now) stage.expire(stage.termsId);
    }
    stage.wait(2 * MINUTE);
    expect(stage.balances).toEqual({ alice: 10_000n, drone: 0n, shop: 0n });
    expect([stage.drone.state.phase, stage.phone.state.phase]).toEqual(["idle", "done"]);
  });

  it("pays the cover where the arbiter finds that nothing came, and that is no delivery paid for", () => {
    const stage = flying().arrive().walk().touchDown();
    stage.loses = ({ type }) => type === "parcel";
    stage.lift().wait(3 * MINUTE);
    expect(stage.label).toBe("disputable");
    stage.phone.handle({ kind: "command", name: "object", value: true });
    stage.settle();
    expect(stage.label).toBe("arbitration");
    const { termsId } = stage;
    stage.submit(arbiter.device, { body: { kind: "choice", termsId, name: "not-delivered", value: 1n } });
    stage.settle();
    expect(stage.label).toBe("closed");
    expect(stage.balances).toEqual({ alice: 10_000n + COVER - 100n, drone: 0n, shop: 0n });
    expectConserved(stage);
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: false });
  });

  it("that the buyer does not meet costs fees and no-show, and is no delivery paid for", () => {
    const stage = flying().arrive();
    stage.wait(stage.plan.landByMs - stage.now + 10 * MINUTE);
    stage.expire(stage.termsId);
    expect(stage.label).toBe("closed");
    expect(stage.balances).toEqual({ alice: 10_000n - 500n - 100n, drone: 300n, shop: 200n });
    expect(stage.phone.state).toMatchObject({ phase: "done", delivered: false });
    expect(stage.phone.effects.some((one) => one.kind === "send" && one.type === "invoice-wanted")).toBe(
      false,
    );
  });
});

describe("the buyer's phone", () => {
  it("pays no more for services than the person allows", () => {
    const stage = ordered(served(), { maxPriceMinor: (PRICE + FEES - 1n).toString() });
    expect(stage.phone.state).toMatchObject({ phase: "refused" });
    expect(ordered(served(), { maxPriceMinor: (PRICE + FEES).toString() }).phone.state.phase).toBe("signed");
  });

  it("takes no arbiter but the person's", () => {
    for (const other of [undefined, agentId(insurer.device.publicKey)]) {
      const stage = served().order({
        maxPriceMinor: "2600",
        ...(other === undefined ? {} : { arbiter: other }),
      });
      expect(stage.phone.state).toMatchObject({ phase: "refused" });
    }
  });

  it("sees the cover in the plan, and none where there is no insurer", () => {
    const { plan } = ordered(served());
    expect(plan).toMatchObject({ priceMinor: (PRICE + FEES).toString(), coverMinor: COVER.toString() });
    expect(readPlan(crypto, STORY.home(new Stage()).shop.state.orders[0]!.terms).coverMinor).toBe("0");
  });
});
