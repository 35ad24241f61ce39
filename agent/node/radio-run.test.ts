/** Homes that pay each other over the memory radio, with no network; tabs and negotiations share it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { signFact } from "../../protocols/contract/facts.ts";
import { VOUCHER, voucherBody } from "../../protocols/contract/templates/fact-kinds.ts";
import { saleTerms } from "../../protocols/contract/templates/sale.ts";
import { tabTerms } from "../../protocols/contract/templates/tab.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { alice, crypto, drone, euro, idOf, MINUTE, shop, START_MS } from "../../devices/testing/cast.ts";
import { Notaries } from "../../devices/testing/notaries.ts";
import { MemoryContracts } from "../../test/support/negotiations.ts";
import type { Person } from "../../test/ledger/committee.ts";
import type { KnownPeer } from "../core/ble-call.ts";
import { Negotiator } from "../core/negotiator.ts";
import { SharedRadio } from "../core/shared-radio.ts";
import type { RadioUse } from "../core/shared-radio.ts";
import { HomeRadio } from "./radio-run.ts";
import { HomeTabs } from "./tabs-run.ts";
import { readPayer, readRefusal, TabBook } from "./tabs.ts";
import type { TabHome } from "./tabs.ts";

const DAY = 24 * 60 * MINUTE;
const HELD = 2_000n;
const people: Person[] = [alice, shop, drone];
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const partyOf = ({ device, root }: Person) => ({ identity: device.publicKey, account: root.publicKey });
/** As the cards of the cast are made. */
const secretOf = ({ device }: Person): Uint8Array => crypto.sha256(device.publicKey);
const knownOf = (person: Person): KnownPeer => ({
  identity: person.device.publicKey,
  sessionKey: crypto.x25519PublicKey(secretOf(person)),
  cardHash: crypto.sha256(person.card),
});

class World {
  readonly notaries = new Notaries();
  readonly clock = new VirtualClock(START_MS);
  readonly air = new MemoryAir({ clock: this.clock, random: seededRandom(4) });
  readonly terms = encodeTerms(
    tabTerms({
      ...{ network: "village", nonce: new Uint8Array(16), payer: partyOf(alice), payee: partyOf(shop) },
      ...{ currency: euro, purpose: "bread, in the morning", amountMinor: HELD },
      ...{ offeredAtMs: START_MS, signByMs: START_MS + 60 * MINUTE },
      ...{ untilMs: START_MS + 180 * MINUTE, offlineMs: 4 * DAY },
    }),
  );
  readonly id = termsId(crypto, this.terms);
  /** Of the deposit, from when there was a network. */
  readonly receipt: Uint8Array;

  constructor() {
    const signatures = [alice, shop].map(({ device }) => signTerms(device, this.id));
    this.notaries.certify(alice.device, draftOpen(crypto, this.id, this.terms, signatures));
    const body = { kind: "deposit", termsId: this.id, currency: euro, amount: HELD } as const;
    this.receipt = this.notaries.certify(alice.device, { body }).bytes;
  }

  /** The shop sells Alice honey. */
  sale() {
    const terms = saleTerms({
      ...{ network: "village", nonce: new Uint8Array(16).fill(3), buyer: partyOf(alice) },
      ...{ seller: partyOf(shop), currency: euro, goods: "honey", priceMinor: 500n },
      ...{ offeredAtMs: START_MS, signByMs: START_MS + 60 * MINUTE, shipByMs: START_MS + DAY },
    });
    return { terms: encodeTerms(terms), replaces: null, note: "", params: "", mayDeposit: false };
  }

  session(person: Person) {
    const { clock } = this;
    const keys = { signer: person.device, sessionSecret: secretOf(person), card: person.card };
    return { crypto, random: seededRandom(6), ...keys, clock, linkClock: clock };
  }

  /** A person's running home: the shop's is found, the others look. */
  run(person: Person, address: string, folder = temporary()): RunningHome {
    return new RunningHome(this, person, address, folder);
  }

  seconds(count: number): Promise<void> {
    return this.clock.runFor(count * 1_000);
  }
}

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "segment-radio-"));
  folders.push(folder);
  return folder;
}

class RunningHome {
  readonly said: string[] = [];
  readonly news: string[] = [];
  readonly home: TabHome;
  readonly tabs: HomeTabs;
  readonly negotiator: Negotiator;
  readonly radio: HomeRadio;
  readonly #world: World;
  readonly #central: ReturnType<MemoryAir["central"]> | undefined;

  constructor(world: World, person: Person, address: string, folder: string) {
    const { clock, notaries, air } = world;
    this.#world = world;
    const keys = { signer: person.device, sessionSecret: secretOf(person), card: person.card };
    this.home = { folder, id: idOf(person), keys, network: notaries.ledger.network };
    const failed = (error: unknown): void => {
      throw error;
    };
    const machine = { crypto, random: seededRandom(8), clock, linkClock: clock, failed };
    const say = (line: string): void => void this.said.push(line);
    this.tabs = new HomeTabs({
      ...{ machine, home: this.home, clock, longestOfflineMs: 4 * DAY, say },
      sayIn: (session, bytes) => this.radio.send(session, bytes),
      submit: () => Promise.reject(new Error("there is no network")),
    });
    this.negotiator = new Negotiator({
      ...{ crypto, signer: person.device, self: this.home.id, account: person.root.publicKey, clock },
      ...{ network: "village", linkClock: clock, store: new MemoryContracts(), failed },
      send: (to, kind, body) => this.radio.tell(to, kind, body) ?? Promise.reject(new Error("no way")),
      news: ({ what }) => this.news.push(what),
      open: () => undefined,
    });
    const parts = { machine, home: this.home, clock, tabs: this.tabs, negotiator: this.negotiator, say };
    const cardOf = (id: string): KnownPeer | undefined => {
      const found = people.find((one) => idOf(one) === id);
      return found && knownOf(found);
    };
    this.#central = person === shop ? undefined : air.central(address);
    this.radio = new HomeRadio(
      { ...parts, cardOf, isOnline: () => false },
      this.#central === undefined ? { peripheral: air.peripheral(address) } : { central: this.#central },
    );
    this.radio.meet([alice, shop].map(idOf));
    this.negotiator.start();
    this.tabs.start();
    this.radio.start();
  }

  /** As the command does beside the running agent. */
  pay(minor: string): void {
    const { id, terms, receipt, clock, notaries } = this.#world;
    const around = { crypto, network: notaries.ledger.network, now: clock.now() };
    const book = TabBook.ofPayer(this.home, around);
    book.command("carry", { terms, receipt });
    book.command("pay", { termsId: id, minor });
    book.close();
  }

  get keptMinor(): string | undefined {
    return readPayer(this.home).tabs[0]?.keptMinor;
  }

  /** That this home has made: each begins by reading who answers. */
  get calls(): number {
    return this.#central?.counters.reads ?? 0;
  }

  get isTalking(): boolean {
    return this.tabs.isOpen({
      ...{ peer: idOf(shop), purpose: this.#world.id },
      ...{ isUrgent: true, stamp: "", graceMs: 0 },
    });
  }
}

const received = (paid: string, total: string): string =>
  expect.stringMatching(`^tab \\w{8}: received ${paid} EUR over Bluetooth, ${total} EUR in all$`) as string;

describe("vouchers over the radio of a running home", () => {
  it("reach the payee by themselves, one on top of the other, and the radio rests after it", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const phone = world.run(alice, "c0:00:00:00:00:02");
    phone.pay("120");
    await world.seconds(5);
    expect(till.said).toEqual([received("1.20", "1.20")]);
    expect(phone.keptMinor).toBe("120");
    expect(phone.said.at(-1)).toMatch(/: the payee has 1\.20 EUR in all, over Bluetooth$/);
    expect(phone.isTalking).toBe(false);
    phone.pay("80");
    await world.seconds(0.7);
    // While the first is under way, too.
    phone.pay("160");
    await world.seconds(5);
    expect(till.said.at(-1)).toEqual(expect.stringContaining("3.60 EUR in all"));
    expect(phone.keptMinor).toBe("360");
    expect(phone.tabs.errands()).toEqual([]);
    expect(phone.isTalking).toBe(false);
  });

  it("wait for a payee who is away, or has died, and come on top of what it has acknowledged", async () => {
    const world = new World();
    const phone = world.run(alice, "c0:00:00:00:00:02");
    phone.pay("120");
    await world.seconds(30);
    expect(phone.keptMinor).toBe("0");
    const folder = temporary();
    const till = world.run(shop, "c0:00:00:00:00:01", folder);
    await world.seconds(40);
    expect(till.said).toEqual([received("1.20", "1.20")]);
    await till.radio.close();
    await till.tabs.close();
    phone.pay("80");
    await world.seconds(3);
    const again = world.run(shop, "c0:00:00:00:00:03", folder);
    await world.seconds(20);
    expect(again.said).toEqual([received("0.80", "2.00")]);
    expect(phone.keptMinor).toBe("200");
  });

  it("share it with negotiations, each with its own sessions", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const phone = world.run(alice, "c0:00:00:00:00:02");
    const { termsId: sale } = phone.negotiator.propose(world.sale());
    await world.seconds(3);
    expect(till.news).toEqual(["offered"]);
    // The session stays open for the person's answer; who pays meanwhile does not wait for it.
    phone.pay("120");
    await world.seconds(4);
    expect(till.said).toEqual([received("1.20", "1.20")]);
    till.negotiator.sign(sale, false);
    await world.seconds(15);
    expect(phone.news).toEqual(["signed", "agreed"]);
    expect(phone.said.filter((line) => line.includes("refused"))).toEqual([]);
    expect(till.said).toHaveLength(1);
  });

  it("leave time to hear what somebody offers who can only be found", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const phone = world.run(alice, "c0:00:00:00:00:02");
    await world.seconds(10);
    const { termsId: sale } = till.negotiator.propose(world.sale());
    await world.seconds(90);
    expect(phone.news).toEqual(["offered"]);
    phone.negotiator.sign(sale, false);
    await world.seconds(3);
    expect(till.news).toEqual(["signed", "agreed"]);
    // Nothing waits any more: the phone listens now and then, and is silent otherwise.
    const before = phone.calls;
    await world.seconds(50);
    expect(phone.calls).toBe(before);
  });

  it("are refused by code and in words, and change nothing", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const rogue = new Rogue(world, alice, "c0:00:00:00:00:02");
    const voucher = (minor: bigint, signer = alice.device, timeMs = world.clock.now()): Uint8Array =>
      signFact(signer, { kind: VOUCHER, subject: world.id, timeMs, body: voucherBody(minor) });
    await rogue.call();
    rogue.say("voucher", { termsId: world.id, voucher: voucher(100n) });
    await world.seconds(2);
    rogue.say("tab", { terms: world.terms, receipt: world.receipt });
    for (const shown of [voucher(100n), voucher(100n), voucher(HELD + 1n), voucher(300n, drone.device)]) {
      rogue.say("voucher", { termsId: world.id, voucher: shown });
      await world.seconds(2);
    }
    rogue.say("voucher", new Uint8Array(9));
    await world.seconds(2);
    expect(rogue.answers).toEqual([
      "tab-unknown",
      "kept 100",
      "voucher-replayed",
      "voucher-beyond-hold",
      "voucher-invalid",
    ]);
    expect(till.said).toEqual([
      expect.stringContaining("refused a voucher: there is no such tab here [tab-unknown]"),
      received("1.00", "1.00"),
      expect.stringContaining("nothing new: 1.00 EUR was paid before [voucher-replayed]"),
      expect.stringContaining("the tab holds 20.00 EUR in all [voucher-beyond-hold]"),
      expect.stringContaining("not signed by the tab's payer [voucher-invalid]"),
      expect.stringContaining("[message-invalid]"),
    ]);
    rogue.hangUp();
    await world.seconds(190 * 60);
    await rogue.call();
    rogue.say("voucher", { termsId: world.id, voucher: voucher(300n) });
    await world.seconds(2);
    expect(rogue.answers.at(-1)).toBe("voucher-late");
  });

  it("are not shown again once refused, and the payer is told why", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const phone = world.run(alice, "c0:00:00:00:00:02");
    phone.pay("120");
    await world.seconds(4);
    // The till begins to redeem, and takes no more.
    const around = { crypto, network: world.notaries.ledger.network, now: world.clock.now() };
    const book = TabBook.ofPayee(till.home, around, 4 * DAY);
    book.command("redeem", world.id);
    book.close();
    phone.pay("80");
    await world.seconds(60);
    const contract = Buffer.from(world.id).toString("hex");
    expect(readRefusal(phone.home, contract)).toMatchObject({ inAll: "200", code: "voucher-late" });
    expect(phone.said.filter((line) => line.includes("the payee refuses"))).toEqual([
      expect.stringMatching(/^tab \w{8}: the payee refuses: the tab is being redeemed \[voucher-late\]$/),
    ]);
    expect(phone.tabs.errands()).toEqual([]);
    expect(till.said.filter((line) => line.includes("[voucher-late]"))).toHaveLength(1);
    expect(phone.keptMinor).toBe("120");
  });

  it("open to nobody whom the home does not know", async () => {
    const world = new World();
    const till = world.run(shop, "c0:00:00:00:00:01");
    const stranger = new Rogue(world, drone, "c0:00:00:00:00:05");
    await stranger.call();
    expect(stranger.refused).toContain("peer-refused");
    expect(till.said).toEqual([expect.stringMatching(/^radio: .*\[peer-refused\]$/)]);
  });
});

/** Somebody who says over the air whatever he likes. */
class Rogue implements RadioUse {
  readonly answers: string[] = [];
  readonly refused: string[] = [];
  readonly #world: World;
  readonly #radio: SharedRadio;
  #session = "";

  constructor(world: World, person: Person, address: string) {
    this.#world = world;
    this.#radio = new SharedRadio({
      session: world.session(person),
      central: world.air.central(address),
      uses: [this],
      refused: (error) => this.refused.push((error as { code: string }).code),
    });
  }

  async call(): Promise<void> {
    this.#radio.dial(knownOf(shop), this.#world.id);
    await this.#world.seconds(4);
  }

  hangUp(): void {
    this.#radio.hangUp();
  }

  say(type: string, body: unknown): void {
    this.#radio.send(this.#session, encodeMessage({ type, body: encodeMessage(body) }));
  }

  serves(): boolean {
    return true;
  }

  opened(session: string): void {
    this.#session = session;
  }

  message(_session: string, _peer: string, bytes: Uint8Array): void {
    const { type, body } = decodeMessage(bytes) as { type: string; body: Uint8Array };
    const said = decodeMessage(body) as { code: string; minor: string };
    this.answers.push(type === "voucher-kept" ? `kept ${said.minor}` : said.code);
  }

  closed(): void {
    this.#session = "";
  }
}
