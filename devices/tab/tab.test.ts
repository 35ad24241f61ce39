import { describe, expect, it } from "vitest";
import { signFact } from "../../protocols/contract/facts.ts";
import { VOUCHER, voucherBody } from "../../protocols/contract/templates/fact-kinds.ts";
import { tabTerms } from "../../protocols/contract/templates/tab.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Case, Terms, When } from "../../protocols/contract/terms.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { draftFacts, draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { Person } from "../../test/ledger/committee.ts";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent } from "../device.ts";
import { alice, crypto, drone, euro, idOf, MINUTE, shop, START_MS } from "../testing/cast.ts";
import { Notaries } from "../testing/notaries.ts";
import { createPayee, MAX_TABS, REDEEM_AGAIN_MS } from "./payee.ts";
import type { PayeeState } from "./payee.ts";
import { payer } from "./payer.ts";
import type { PayerState } from "./payer.ts";

const DAY = 24 * 60 * MINUTE;
const HELD = 2_000n;
const OFFLINE = 4 * DAY;
const MARGIN = 2 * MINUTE;

/** Alice's tab with the shop: 20.00, to be paid from within ten days; the shop may be offline for four. */
function tabOf(change: (waiting: When) => void = () => undefined, nonce = 0): Terms {
  const partyOf = ({ device, root }: Person) => ({ identity: device.publicKey, account: root.publicKey });
  const terms = tabTerms({
    network: "village",
    nonce: new Uint8Array(16).fill(nonce),
    ...{ payer: partyOf(alice), payee: partyOf(shop) },
    ...{ currency: euro, purpose: "bread, day by day", amountMinor: HELD },
    ...{ offeredAtMs: START_MS, signByMs: START_MS + 60 * MINUTE },
    ...{ untilMs: START_MS + 10 * DAY, offlineMs: OFFLINE },
  });
  const [deposit] = (terms.contract as When).cases;
  change(deposit!.then as When);
  return terms;
}

/** One device: its state goes through the journal's encoding at every step. */
class Player<State> {
  readonly #device: Device<State>;
  readonly #person: Person;
  readonly #world: World;
  readonly effects: DeviceEffect[] = [];
  state: State;

  constructor(world: World, person: Person, device: Device<State>) {
    this.#world = world;
    this.#person = person;
    this.#device = device;
    this.state = device.initial();
  }

  get signer() {
    return this.#person.device;
  }

  handle(event: DeviceEvent): DeviceEffect[] {
    const { now, notaries } = this.#world;
    const context: DeviceContext = {
      ...{ now, crypto, network: "village", readings: new Map() },
      ...{ self: idOf(this.#person), signer: this.#person.device, card: this.#person.card },
      verifyReceipt: (bytes) => verifyReceipt(crypto, bytes, notaries.ledger.network),
    };
    const { state, effects } = this.#device.step(this.state, event, context);
    this.state = decodeMessage(encodeMessage(state)) as State;
    this.effects.push(...effects);
    return effects;
  }

  command(name: string, value: unknown): DeviceEffect[] {
    return this.handle({ kind: "command", name, value });
  }

  all<Kind extends DeviceEffect["kind"]>(kind: Kind): Extract<DeviceEffect, { kind: Kind }>[] {
    return this.effects.filter((one): one is Extract<DeviceEffect, { kind: Kind }> => one.kind === kind);
  }
}

class World {
  readonly notaries = new Notaries();
  now = START_MS;
  readonly phone: Player<PayerState>;
  readonly till: Player<PayeeState>;
  readonly terms: Uint8Array;
  readonly id: Uint8Array;
  /** What is said over BLE and lost. */
  loses: (type: string) => boolean = () => false;
  #sessions = 0;

  constructor(terms: Terms = tabOf()) {
    this.terms = encodeTerms(terms);
    this.id = termsId(crypto, this.terms);
    this.phone = new Player(this, alice, payer);
    this.till = new Player(this, shop, createPayee({ longestOfflineMs: OFFLINE }));
  }

  at(now: number): this {
    this.now = now;
    this.notaries.ledger.now = now;
    return this;
  }

  certify(person: Person, draft: EntryDraft) {
    return this.notaries.certify(person.device, draft);
  }

  /** With a network: both sign, the price is held, and each side has what it needs to go offline. */
  funded(): this {
    const signatures = [alice, shop].map(({ device }) => signTerms(device, this.id));
    expect(this.certify(alice, draftOpen(crypto, this.id, this.terms, signatures)).receipt.outcome).toBe(
      "ok",
    );
    const body = { kind: "deposit", termsId: this.id, currency: euro, amount: HELD } as const;
    const { bytes } = this.certify(alice, { body });
    this.till.command("expect", this.terms);
    this.phone.command("carry", { terms: this.terms, receipt: bytes });
    return this;
  }

  /** Phone and till meet; what they say reaches the other, unless it is lost. */
  meet(): this {
    const session = `s${(this.#sessions += 1)}`;
    const opened = {
      kind: "session-opened",
      session,
      sessionHash: new Uint8Array(32),
      purpose: this.id,
    } as const;
    const queue: [to: "phone" | "till", DeviceEffect][] = [];
    const enqueue = (to: "phone" | "till", effects: DeviceEffect[]): void =>
      void queue.push(...effects.map((effect): [typeof to, DeviceEffect] => [to, effect]));
    enqueue("phone", this.till.handle({ ...opened, peer: idOf(alice) }));
    enqueue("till", this.phone.handle({ ...opened, peer: idOf(shop) }));
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [to, effect] = next;
      if (effect.kind !== "say" || this.loses(effect.type)) continue;
      const { type } = effect;
      const body = encodeMessage(effect.body);
      const peer = to === "phone" ? idOf(shop) : idOf(alice);
      const event: DeviceEvent = { kind: "session-message", session, type, body, peer };
      enqueue(to === "phone" ? "till" : "phone", this[to].handle(event));
    }
    return this;
  }

  pay(minor: string): this {
    this.phone.command("pay", { termsId: this.id, minor });
    return this.meet();
  }

  /** The till is online: what it hands in is executed, and it hears of it. */
  online(): string[] {
    return this.till
      .all("submit")
      .splice(0)
      .map(({ entry }) => {
        const { receipt, bytes } = this.certify(shop, entry);
        for (const one of [this.till, this.phone]) one.handle({ kind: "receipt", receipt, bytes });
        return receipt.outcome;
      });
  }

  get paid(): string[] {
    return this.till.all("actuate").map(({ value }) => (value as { minor: string }).minor);
  }

  said(by: "phone" | "till", type: string): Record<string, unknown>[] {
    return this[by]
      .all("say")
      .flatMap((one) => (one.type === type ? [one.body as Record<string, unknown>] : []));
  }
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    if (error instanceof SegmentError) return error.code;
    throw error;
  }
}

describe("a tab pays without a network", () => {
  it("by vouchers over BLE; the last one settles later, and the rest comes back", () => {
    const world = new World().funded();
    expect(world.notaries.ledger.balance(alice)).toBe(8_000n);
    world
      .pay("350")
      .at(START_MS + DAY)
      .pay("120")
      .pay("30");
    expect(world.paid).toEqual(["350", "120", "30"]);
    expect(world.phone.state.tabs[0]).toMatchObject({ signedMinor: "500", keptMinor: "500" });
    world.till.command("redeem", world.id);
    expect(world.online()).toEqual(["ok"]);
    expect(world.notaries.ledger.balance(shop)).toBe(500n);
    expect(world.notaries.ledger.balance(alice)).toBe(9_500n);
    expect(world.till.state.tabs[0]!.status).toBe("closed");
    expect(world.phone.state.tabs).toEqual([]);
    expect([...world.till.all("keep"), ...world.phone.all("keep")].map(({ name }) => name)).toEqual([
      "tab-receipt",
      "tab-receipt",
    ]);
  });

  it("goes on after lost answers, crashes and repeats, and pays nothing twice", () => {
    const world = new World().funded();
    world.loses = (type) => type === "voucher-kept";
    world.pay("350");
    expect(world.phone.state.tabs[0]).toMatchObject({ signedMinor: "350", keptMinor: "0" });
    world.loses = () => false;
    // It wakes up with a voucher that nobody has confirmed, and calls again.
    expect(world.phone.handle({ kind: "started" })).toContainEqual(expect.objectContaining({ kind: "dial" }));
    world.meet();
    expect(world.paid).toEqual(["350"]);
    expect(world.phone.state.tabs[0]).toMatchObject({ keptMinor: "350" });
    expect(world.phone.handle({ kind: "started" })).toEqual([]);
  });

  it("is made good after the phone's memory was put back to an older state", () => {
    const world = new World().funded();
    world.pay("100");
    const old = structuredClone(world.phone.state);
    world.pay("300");
    world.phone.state = old;
    world.pay("50");
    expect(world.paid).toEqual(["100", "300", "50"]);
    expect(world.phone.state.tabs[0]).toMatchObject({ signedMinor: "450", keptMinor: "450" });
  });

  it("hands in by itself when the tab takes no more, and again until it is heard", () => {
    const world = new World().funded().pay("350");
    const [due] = world.till.all("timer").slice(-1);
    expect(due).toMatchObject({ atMs: START_MS + 10 * DAY + MARGIN });
    world.at(START_MS + 10 * DAY + MARGIN);
    world.till.handle({ kind: "timer", name: due!.name });
    expect(world.till.all("timer").at(-1)).toMatchObject({ atMs: world.now + REDEEM_AGAIN_MS });
    // Without a network for four days; then it is still in time.
    world.at(START_MS + 14 * DAY);
    world.till.handle({ kind: "timer", name: due!.name });
    expect(new Set(world.till.all("submit").map(({ id }) => id)).size).toBe(2);
    expect(world.online()).toEqual(["ok", "contract-closed"]);
    expect(world.notaries.ledger.balance(shop)).toBe(350n);
  });

  it("gives everything back if the payee agrees, or was never paid", () => {
    const world = new World().funded();
    world.till.command("release", world.id);
    expect(world.online()).toEqual(["ok"]);
    expect(world.notaries.ledger.balance(alice)).toBe(10_000n);
  });
});

describe("what does not count", () => {
  const refusedWith = (world: World): unknown => world.said("till", "voucher-refused").at(-1)?.["code"];

  it("a voucher beyond the hold: the phone does not sign it, and the till does not take it", () => {
    const world = new World().funded();
    expect(codeOf(() => world.phone.command("pay", { termsId: world.id, minor: "2001" }))).toBe(
      "voucher-beyond-hold",
    );
    const content = { kind: VOUCHER, subject: world.id, timeMs: world.now, body: voucherBody(2_001n) };
    world.phone.state.tabs[0]!.voucher = signFact(alice.device, content);
    world.meet();
    expect(refusedWith(world)).toBe("voucher-beyond-hold");
    expect(world.paid).toEqual([]);
  });

  it.each([
    ["replayed", (world: World) => world.pay("5").phone.state.tabs[0]!.voucher!, "voucher-replayed"],
    [
      "signed by another",
      ({ id, now }: World) =>
        signFact(drone.device, { kind: VOUCHER, subject: id, timeMs: now, body: voucherBody(9n) }),
      "voucher-invalid",
    ],
    [
      "of another tab",
      ({ now }: World) =>
        signFact(alice.device, {
          ...{ kind: VOUCHER, subject: new Uint8Array(32), timeMs: now, body: voucherBody(9n) },
        }),
      "voucher-invalid",
    ],
    [
      "from the future",
      ({ id, now }: World) =>
        signFact(alice.device, { kind: VOUCHER, subject: id, timeMs: now + DAY, body: voucherBody(9n) }),
      "voucher-invalid",
    ],
    [
      "cut",
      (world: World) => world.pay("5").phone.state.tabs[0]!.voucher!.slice(0, -1),
      "signature-malformed",
    ],
  ])("one that is %s", (_, make, code) => {
    const world = new World().funded();
    const voucher = make(world);
    const before = structuredClone(world.till.state);
    const body = encodeMessage({ termsId: world.id, voucher });
    world.meet();
    world.till.handle({ kind: "session-message", session: "s9", peer: idOf(alice), type: "voucher", body });
    expect(refusedWith(world)).toBe(code);
    expect(world.till.state.tabs.map(({ paidMinor }) => paidMinor)).toEqual(
      before.tabs.map(({ paidMinor }) => paidMinor),
    );
  });

  it("one that could not be redeemed in time, should the network stay away as long as it may", () => {
    const world = new World()
      .funded()
      .at(START_MS + 10 * DAY + MARGIN)
      .pay("5");
    expect(world.paid).toEqual(["5"]);
    world.at(world.now + 1).pay("5");
    expect(refusedWith(world)).toBe("voucher-late");
    world.at(START_MS + 14 * DAY + 1);
    expect(codeOf(() => world.phone.command("pay", { termsId: world.id, minor: "5" }))).toBe("voucher-late");
  });

  it("one without a deposit that the notaries have certified", () => {
    const world = new World();
    world.till.command("expect", world.terms);
    const content = { kind: VOUCHER, subject: world.id, timeMs: world.now, body: voucherBody(9n) };
    const body = encodeMessage({ termsId: world.id, voucher: signFact(alice.device, content) });
    world.till.handle({ kind: "session-message", session: "s9", peer: idOf(alice), type: "voucher", body });
    expect(refusedWith(world)).toBe("tab-unfunded");
  });

  it("on the ledger: the payer cannot hand in an early voucher alone, nor take the money back before its time", () => {
    const world = new World().funded().pay("5");
    const early = world.phone.state.tabs[0]!.voucher!;
    world.pay("1000");
    expect(world.certify(alice, draftFacts(crypto, world.id, [early])).receipt.outcome).toBe(
      "condition-not-met",
    );
    const release = { kind: "choice", termsId: world.id, name: "release", value: 1n } as const;
    expect(world.certify(alice, { body: release }).receipt.outcome).toBe("contract-not-expected");
    world.till.command("redeem", world.id);
    expect(world.online()).toEqual(["ok"]);
    expect(world.notaries.ledger.balance(shop)).toBe(1_005n);
  });

  it.each([
    [
      "the payer could end it",
      (waiting: When) => waiting.cases.push({ ...waiting.cases[1]!, by: "payer" } as Case),
    ],
    [
      "a voucher counts for a day only",
      (waiting: When) => ((waiting.cases[0] as { condition: { maxAgeMs: number } }).condition.maxAgeMs = DAY),
    ],
    [
      "vouchers count half",
      (waiting: When) => {
        const { then } = waiting.cases[0]!;
        if (then.kind === "pay" && then.amount.kind === "field") then.amount.denominator = 2n;
      },
    ],
    [
      "the redeemed money goes elsewhere",
      (waiting: When) => {
        const { then } = waiting.cases[0]!;
        if (then.kind === "pay") then.to = "payer";
      },
    ],
  ])("terms under which %s are no tab", (_, change) => {
    const world = new World(tabOf(change));
    expect(codeOf(() => world.till.command("expect", world.terms))).toBe("terms-invalid");
  });

  it("another's tab, and a tab of a payer who is not let in", () => {
    const world = new World().funded();
    expect(world.till.all("advertise").at(-1)).toEqual({ kind: "advertise", to: [idOf(alice)] });
    const stranger = new Player(world, drone, createPayee({ longestOfflineMs: DAY }));
    expect(codeOf(() => stranger.command("expect", world.terms))).toBe("tab-unknown");
    expect(codeOf(() => world.till.command("redeem", new Uint8Array(32)))).toBe("tab-unknown");
  });

  it("more tabs than fit: those that are over make room, the others do not", () => {
    const world = new World();
    for (let n = 0; n <= MAX_TABS; n++) {
      const terms = encodeTerms(tabOf(() => undefined, n));
      const expecting = (): unknown => world.till.command("expect", terms);
      if (n < MAX_TABS) expecting();
      else expect(codeOf(expecting)).toBe("queue-full");
    }
    world.till.state.tabs[3]!.status = "closed";
    world.till.command("expect", encodeTerms(tabOf(() => undefined, MAX_TABS)));
    expect(world.till.state.tabs).toHaveLength(MAX_TABS);
  });
});
