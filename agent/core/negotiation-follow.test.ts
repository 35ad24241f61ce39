/** From the last signature to the end of the contract, on a real ledger; some notaries lie or sleep. */
import { describe, expect, it } from "vitest";
import { saleTerms } from "../../protocols/contract/templates/sale.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { START_MS } from "../../test/ledger/committee.ts";
import type { Person } from "../../test/ledger/committee.ts";
import { alice, bank, DirectLedger, euro, shop } from "../../test/ledger/village.ts";
import { MemoryContracts } from "../../test/support/negotiations.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import type { Certified } from "./ledger-client.ts";
import { ContractFollower } from "./negotiation-follow.ts";
import { Negotiator } from "./negotiator.ts";

const MINUTE = 60_000;
const NOTARIES = ["n0", "n1", "n2", "n3"];
type Manner = "honest" | "silent" | "says-deposited" | "says-closed";

/** Alice buys of the shop; both have an agent, and talk to each other. */
function world(manners: Manner[] = ["honest", "honest", "honest", "honest"]) {
  const clock = new VirtualClock(START_MS);
  const village = new DirectLedger().begin();
  const submitted: string[] = [];
  let online = true;
  const agents = new Map<string, ReturnType<typeof agent>>();

  const agent = ({ device, root }: Person) => {
    const self = agentId(device.publicKey);
    const store = new MemoryContracts();
    const news: string[] = [];
    const failed = (error: unknown): never => {
      throw error;
    };
    const shared = { crypto, clock, linkClock: clock, failed };
    const negotiator: Negotiator = new Negotiator({
      ...{ ...shared, signer: device, self, account: root.publicKey, network: "village", store },
      send: (to, kind, body) => Promise.resolve(agents.get(to)?.negotiator.received(self, kind, body)),
      news: ({ what }) => news.push(what),
      open: (one) => follower.open(one),
    });
    const follower = new ContractFollower({
      ...{ ...shared, negotiator, self, notaries: NOTARIES },
      send: async (to, kind, body) => {
        if (!online) throw new SegmentError("broker-unreachable", "gone");
        await Promise.resolve();
        if (kind === "contract-wanted") answer(to, (reply) => follower.answered(to, "contract", reply));
        expect(body.length).toBeGreaterThan(32);
      },
      submit: (draft: EntryDraft): Promise<Certified> => {
        if (!online) return Promise.reject(new SegmentError("quorum-missing", "gone"));
        village.now = clock.now();
        const { refusal } = village.settle(device, draft);
        submitted.push(`${draft.body.kind} ${refusal?.code ?? "ok"}`);
        // What it certifies is not looked at: the contract is asked for.
        if (refusal === undefined) return Promise.resolve({} as Certified);
        return Promise.reject(new SegmentError(refusal.code, refusal.message));
      },
      keep: () => undefined,
      news: (one) => news.push("code" in one ? `${one.what} ${one.code}` : one.what),
    });
    return { self, store, news, negotiator, follower };
  };

  const answer = (notary: string, reply: (body: Uint8Array) => void): void => {
    const manner = manners[NOTARIES.indexOf(notary)];
    for (const { negotiator } of agents.values()) {
      for (const { termsId } of negotiator.all.values()) {
        const view = village.ledger.contractView(termsId);
        if (view === undefined || manner === "silent") continue;
        const { seq, label, closed, pot, path } = view.state;
        const held = pot.map(([currency, minor]) => ({ currency, minor }));
        const truth = { termsId, seq, label, closed, pot: held, path };
        const lies = {
          "says-deposited": { ...truth, seq: 7, path: [0, 0, 0] },
          "says-closed": { ...truth, seq: 9, closed: true },
        };
        reply(encodeMessage(manner === "says-deposited" || manner === "says-closed" ? lies[manner] : truth));
      }
    }
  };

  for (const person of [alice, shop]) {
    const one = agent(person);
    agents.set(one.self, one);
  }
  const [buyer, seller] = [...agents.values()] as [ReturnType<typeof agent>, ReturnType<typeof agent>];
  for (const { negotiator, follower } of agents.values()) {
    negotiator.start();
    follower.start();
  }
  const sale = (priceMinor: bigint): Uint8Array => {
    const partyOf = ({ device, root }: Person) => ({ identity: device.publicKey, account: root.publicKey });
    return encodeTerms(
      saleTerms({
        ...{
          network: "village",
          nonce: new Uint8Array(16).fill(5),
          buyer: partyOf(alice),
          seller: partyOf(shop),
        },
        ...{ currency: euro, goods: "honey", priceMinor, offeredAtMs: clock.now() },
        ...{ signByMs: clock.now() + 10 * MINUTE, shipByMs: clock.now() + 60 * MINUTE },
      }),
    );
  };
  /** Offered by the buyer, signed by the seller. */
  const agree = async (priceMinor: bigint, mayDeposit = true): Promise<Uint8Array> => {
    const offer = { terms: sale(priceMinor), replaces: null, note: "", params: "", mayDeposit };
    const { termsId } = buyer.negotiator.propose(offer);
    await clock.runFor(1_000);
    seller.negotiator.sign(termsId, true);
    return termsId;
  };
  return {
    ...{ clock, village, submitted, buyer, seller, agree, agents },
    label: (termsId: Uint8Array) => village.ledger.contractView(termsId)?.state.label,
    goOnline: (is: boolean) => {
      online = is;
      if (is) for (const { follower } of agents.values()) follower.reachable();
    },
  };
}

describe("a contract that all have signed", () => {
  it("is opened once, and the deposit that was signed for follows, once", async () => {
    const { clock, village, submitted, buyer, agree, label } = world();
    const termsId = await agree(2_500n);
    await clock.runFor(5 * MINUTE);
    expect(submitted).toEqual(["open ok", "deposit ok"]);
    expect(label(termsId)).toBe("awaiting-shipment");
    expect(village.balance(alice)).toBe(7_500n);
    expect(buyer.news).toEqual(expect.arrayContaining(["agreed", "opened", "moved", "deposited"]));
  });

  it("takes no deposit that was not left to the agent", async () => {
    const { clock, village, submitted, agree, label } = world();
    const termsId = await agree(2_500n, false);
    await clock.runFor(9 * MINUTE);
    expect([label(termsId), submitted]).toEqual(["awaiting-deposit", ["open ok"]]);
    expect(village.balance(alice)).toBe(10_000n);
  });

  it("is believed to stand as 3 of 4 notaries say, and nothing is paid on the word of fewer", async () => {
    const one = world(["honest", "says-deposited", "honest", "honest"]);
    const termsId = await one.agree(2_500n);
    await one.clock.runFor(5 * MINUTE);
    expect(one.label(termsId)).toBe("awaiting-shipment");
    const two = world(["honest", "says-closed", "says-closed", "honest"]);
    await two.agree(2_500n);
    await two.clock.runFor(9 * MINUTE);
    const paid = ({ submitted }: typeof two): boolean =>
      submitted.some((entry) => entry.startsWith("deposit"));
    expect(paid(two)).toBe(false);
    expect(two.buyer.news).not.toContain("ended");
    const asleep = world(["honest", "silent", "silent", "honest"]);
    await asleep.agree(2_500n);
    await asleep.clock.runFor(9 * MINUTE);
    expect(paid(asleep)).toBe(false);
    expect(paid(one)).toBe(true);
  });

  it("waits for the network, and is opened when it is back", async () => {
    const { clock, submitted, buyer, agree, goOnline } = world();
    goOnline(false);
    await agree(2_500n);
    await clock.runFor(3 * MINUTE);
    expect(submitted).toEqual([]);
    // Told once, not at each attempt.
    expect(buyer.news.filter((one) => one.startsWith("not-opened"))).toEqual(["not-opened quorum-missing"]);
    goOnline(true);
    await clock.runFor(2 * MINUTE);
    expect(submitted.filter((one) => one.endsWith("ok"))).toEqual(["open ok", "deposit ok"]);
  });

  it("is not opened after the offer has expired", async () => {
    const { clock, submitted, agree, goOnline } = world();
    goOnline(false);
    await agree(2_500n);
    await clock.runFor(11 * MINUTE);
    goOnline(true);
    await clock.runFor(5 * MINUTE);
    expect(submitted).toEqual([]);
  });

  it("tells once that the money is short, and goes on once it is there", async () => {
    const { clock, village, submitted, buyer, agree, label } = world();
    const termsId = await agree(20_000n);
    await clock.runFor(3 * MINUTE);
    expect(submitted.filter((one) => one === "deposit funds-short").length).toBeGreaterThan(1);
    expect(buyer.news.filter((one) => one.startsWith("not-deposited"))).toEqual([
      "not-deposited funds-short",
    ]);
    village.now = clock.now();
    const more = { kind: "mint" as const, currency: euro, to: alice.root.publicKey, amount: 15_000n };
    expect(village.code(bank.device, { body: more })).toBe("ok");
    await clock.runFor(2 * MINUTE);
    expect(label(termsId)).toBe("awaiting-shipment");
  });

  it("is followed to its end, and then left alone", async () => {
    const { clock, village, buyer, seller, agree } = world();
    const termsId = await agree(2_500n);
    await clock.runFor(2 * MINUTE);
    village.now = clock.now();
    const cancel = { kind: "choice" as const, termsId, name: "cancel", value: 1n };
    expect(village.code(shop.device, { body: cancel })).toBe("ok");
    // Nobody has told them: they ask when a deadline should have moved it.
    await clock.runFor(70 * MINUTE);
    for (const { news, store, negotiator } of [buyer, seller]) {
      expect(news.at(-1)).toBe("ended");
      expect([store.isSettled(termsId), negotiator.all.size]).toEqual([true, 0]);
    }
    expect(village.balance(alice)).toBe(10_000n);
  });
});
