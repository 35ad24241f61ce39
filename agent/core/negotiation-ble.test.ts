/** Two agents negotiate with no broker and no network, over the memory radio. */
import { describe, expect, it } from "vitest";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { saleTerms } from "../../protocols/contract/templates/sale.ts";
import { encodeTerms, verifyTermsSignatures } from "../../protocols/contract/terms.ts";
import { errorCode } from "../../protocols/errors.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { MemoryAir } from "../../simulators/radio/memory.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS, type Somebody } from "../../test/support/agents.ts";
import { MemoryContracts } from "../../test/support/negotiations.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { NEGOTIATION_PURPOSE, NegotiationTalks } from "./negotiation-ble.ts";
import { Negotiator } from "./negotiator.ts";
import { SharedRadio } from "./shared-radio.ts";

const MINUTE = 60_000;
const SHOP = "c0:00:00:00:00:01";
const PHONE = "c0:00:00:00:00:02";
const shop = somebody("shop");
const phone = somebody("phone");
const stranger = somebody("stranger");

function saleOf(goods: string, details: [string, string][] = []): Uint8Array {
  const partyOf = ({ keys, root }: Somebody) => ({
    identity: keys.signer.publicKey,
    account: root.publicKey,
  });
  const terms = saleTerms({
    ...{ network: NETWORK, nonce: new Uint8Array(16).fill(3), buyer: partyOf(phone), seller: partyOf(shop) },
    ...{ currency: currencyId(crypto, "EUR", phone.root.publicKey), goods, priceMinor: 1_000n },
    ...{ offeredAtMs: START_MS, signByMs: START_MS + 60 * MINUTE, shipByMs: START_MS + 120 * MINUTE },
  });
  return encodeTerms({ ...terms, details: [...terms.details, ...details] });
}

function world() {
  const clock = new VirtualClock(START_MS);
  const air = new MemoryAir({ clock, random: seededRandom(4) });
  const agent = (who: Somebody, address: string, store = new MemoryContracts()) => {
    const news: string[] = [];
    const opened: Negotiation[] = [];
    const refused: string[] = [];
    const { signer, sessionSecret, card } = who.keys;
    const negotiator: Negotiator = new Negotiator({
      ...{
        crypto,
        signer,
        self: who.id,
        account: who.root.publicKey,
        network: NETWORK,
        clock,
        linkClock: clock,
      },
      store,
      send: (to, kind, body) => talks.send(to, kind, body) ?? Promise.reject(new Error("no way")),
      news: ({ what }) => news.push(what),
      open: (one) => opened.push(one),
      failed: (error) => {
        throw error;
      },
    });
    const talks = new NegotiationTalks({
      say: (session, bytes) => radio.send(session, bytes),
      reachable: (peer) => negotiator.reachable(peer),
      received: (peer, kind, body) => negotiator.received(peer, kind, body),
    });
    const radio = new SharedRadio({
      session: { crypto, random: seededRandom(6), signer, sessionSecret, card, clock, linkClock: clock },
      peripheral: air.peripheral(address),
      central: air.central(address),
      uses: [talks],
      refused: (error) => refused.push(errorCode(error)),
    });
    negotiator.start();
    return { negotiator, radio, talks, news, opened, refused, store };
  };
  return { clock, air, agent, seconds: (count: number) => clock.runFor(count * 1_000) };
}

const propose = (terms: Uint8Array, params = "") => {
  return { terms, replaces: null, note: "", params, mayDeposit: true };
};

describe("a negotiation over BLE alone", () => {
  it("comes to an agreement that either can open later", async () => {
    const { agent, seconds } = world();
    const seller = agent(shop, SHOP);
    const buyer = agent(phone, PHONE);
    const { termsId, termsBytes } = seller.negotiator.propose(propose(saleOf("honey")));
    await seconds(10);
    expect(buyer.news).toEqual([]);
    seller.radio.expect([phone.id]);
    buyer.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(5);
    expect(buyer.news).toEqual(["offered"]);
    buyer.negotiator.sign(termsId, true);
    await seconds(5);
    expect(seller.news).toEqual(["signed", "agreed"]);
    buyer.radio.hangUp();
    await seconds(5);
    for (const { opened } of [seller, buyer]) {
      expect(opened).toHaveLength(1);
      verifyTermsSignatures(crypto, termsBytes, [...opened[0]!.signatures.values()]);
    }
  });

  it("goes on after a lost link and a restart, from what was kept", async () => {
    const { agent, seconds } = world();
    const seller = agent(shop, SHOP);
    const buyer = agent(phone, PHONE);
    const { termsId } = seller.negotiator.propose(propose(saleOf("honey")));
    seller.radio.expect([phone.id]);
    buyer.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(5);
    buyer.radio.hangUp();
    await seconds(2);
    // Signed while nobody is near, and then the phone dies.
    buyer.negotiator.sign(termsId, true);
    await seconds(30);
    expect(seller.news).toEqual([]);
    buyer.negotiator.close();
    await buyer.radio.close();
    const again = agent(phone, "c0:00:00:00:00:03", buyer.store);
    again.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(8);
    expect(seller.news).toEqual(["signed", "agreed"]);
  });

  it("carries the largest offers, in parts", async () => {
    const { agent, seconds } = world();
    const seller = agent(shop, SHOP);
    const buyer = agent(phone, PHONE);
    const many = Array.from({ length: 28 }, (_, at): [string, string] => [`note-${at}`, "x".repeat(490)]);
    const terms = saleOf("honey", many);
    expect(terms.length).toBeGreaterThan(14_000);
    const one = seller.negotiator.propose(propose(terms, JSON.stringify({ text: "y".repeat(4_000) })));
    seller.radio.expect([phone.id]);
    buyer.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(30);
    expect(buyer.negotiator.get(one.termsId).params).toHaveLength(one.params.length);
    buyer.negotiator.sign(one.termsId, true);
    await seconds(5);
    expect(seller.news).toEqual(["signed", "agreed"]);
  });

  it("lets in nobody whom the agent does not expect, and takes no offer from him", async () => {
    const { agent, seconds } = world();
    const seller = agent(shop, SHOP);
    const other = agent(stranger, PHONE);
    seller.radio.expect([phone.id]);
    other.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(5);
    expect(other.refused).toContain("peer-refused");
    expect(seller.talks.isOpen(stranger.id)).toBe(false);
  });

  it("refuses a part out of its order, and goes on", async () => {
    const { agent, seconds } = world();
    const seller = agent(shop, SHOP);
    const buyer = agent(phone, PHONE);
    seller.radio.expect([phone.id]);
    buyer.radio.dial(shop.known, NEGOTIATION_PURPOSE);
    await seconds(5);
    await buyer.talks.send(shop.id, "contract-offer", new Uint8Array(9));
    await seconds(2);
    expect(seller.refused).toEqual(["message-invalid"]);
    const { termsId } = buyer.negotiator.propose(propose(saleOf("wax")));
    await seconds(5);
    expect(seller.negotiator.get(termsId).from).toBe(phone.id);
    expect(buyer.talks.send(stranger.id, "contract-offer", new Uint8Array(9))).toBeUndefined();
    await expect(buyer.talks.send(shop.id, "contract-offer", new Uint8Array(99_999))).rejects.toMatchObject({
      code: "frame-too-large",
    });
  });
});
