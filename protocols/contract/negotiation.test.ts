import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { agentId } from "../identity/keys.ts";
import { stepNegotiation, owedTo, heldOf, refusalOf, subjectOf } from "./negotiation.ts";
import type { NegotiationContext, NegotiationEffect, NegotiationEvent } from "./negotiation.ts";
import { MAX_FACTS_OF_PARTY } from "./bounds.ts";
import { signFact } from "./facts.ts";
import { factOwedTo } from "./negotiation-facts.ts";
import { encodeNegotiationMessage, readNegotiationMessage } from "./negotiation-messages.ts";
import type { NegotiationMessage } from "./negotiation-messages.ts";
import { MAX_OFFERS_OF_PEER, MAX_OFFERS_OF_STRANGER, MAX_OFFERS_OF_STRANGERS } from "./negotiation-rules.ts";
import { statusOf } from "./negotiation-state.ts";
import type { Negotiations } from "./negotiation-state.ts";
import { encodeNode, NodeBudget } from "./node-codec.ts";
import { deliveryTerms } from "./templates/delivery.ts";
import { saleTerms } from "./templates/sale.ts";
import { encodeTerms, signTerms, termsId } from "./terms.ts";
import type { Node, Terms } from "./terms.ts";
import { crypto, DELIVERY, MINUTE, ORDERED_AT, signerOf } from "./testing/delivery.ts";

/** Seeds of the delivery's three, see testing/delivery.ts. */
const SEEDS = { buyer: 1, drone: 2, shop: 3 } as const;
type Name = keyof typeof SEEDS;
const NAMES: Name[] = ["buyer", "drone", "shop"];
const idOf = (name: Name): string => agentId(signerOf(SEEDS[name]).publicKey);

function contextOf(name: Name, now = ORDERED_AT + MINUTE): NegotiationContext {
  const signer = signerOf(SEEDS[name]);
  const account = signerOf(SEEDS[name] + 100).publicKey;
  return { crypto, signer, self: agentId(signer.publicKey), account, network: "village", now };
}

function terms(nonce: number, changes: Partial<Terms> = {}): Uint8Array {
  return encodeTerms({
    ...deliveryTerms({ ...DELIVERY, nonce: new Uint8Array(16).fill(nonce) }),
    ...changes,
  });
}

function offerOf(
  bytes: Uint8Array,
  signers: Name[],
  replaces: Uint8Array | null = null,
): NegotiationMessage & { kind: "contract-offer" } {
  const id = termsId(crypto, bytes);
  const signatures = signers.map((name) => signTerms(signerOf(SEEDS[name]), id));
  return { kind: "contract-offer", body: { terms: bytes, signatures, replaces, note: "", params: "" } };
}

function signatureOf(bytes: Uint8Array, signer: Name): NegotiationMessage {
  const id = termsId(crypto, bytes);
  return {
    kind: "contract-signature",
    body: { termsId: id, signature: signTerms(signerOf(SEEDS[signer]), id) },
  };
}

const from = (name: Name, message: NegotiationMessage): NegotiationEvent => {
  return { kind: "message", from: idOf(name), message };
};

/** One party, with all that it did. */
class Party {
  state: Negotiations = new Map();
  effects: NegotiationEffect[] = [];
  readonly name: Name;
  now = ORDERED_AT + MINUTE;

  constructor(name: Name) {
    this.name = name;
  }

  step(event: NegotiationEvent): this {
    const { state, effects } = stepNegotiation(this.state, event, contextOf(this.name, this.now));
    this.state = state;
    this.effects.push(...effects);
    return this;
  }

  /** The refusal's code; the state must not have changed. */
  refused(event: NegotiationEvent): string {
    const before = this.state;
    try {
      this.step(event);
    } catch (error) {
      expect(this.state).toBe(before);
      return (error as { code: string }).code;
    }
    throw new Error("it was not refused");
  }

  status(bytes: Uint8Array): string {
    const one = this.state.get(toHex(termsId(crypto, bytes)));
    return one === undefined ? "unknown" : statusOf(this.state, one, idOf(this.name), this.now);
  }

  news(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === "news" ? [effect.what] : []));
  }

  opened(): number {
    return this.effects.filter(({ kind }) => kind === "open").length;
  }
}

const FIRST = terms(1);
const SECOND = terms(2);
const first = termsId(crypto, FIRST);
const second = termsId(crypto, SECOND);

describe("a negotiation", () => {
  it("gathers the signatures of all parties, then opens, once", () => {
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop"])));
    expect(buyer.status(FIRST)).toBe("waits-for-you");
    buyer.step({ kind: "sign", termsId: first, mayDeposit: true });
    expect(buyer.status(FIRST)).toBe("waits-for-others");
    buyer.step(from("drone", signatureOf(FIRST, "drone")));
    expect(buyer.status(FIRST)).toBe("agreed");
    expect(buyer.opened()).toBe(1);
    buyer.step(from("drone", signatureOf(FIRST, "drone"))).step(from("shop", offerOf(FIRST, NAMES)));
    expect(buyer.opened()).toBe(1);
    expect(buyer.news()).toEqual(["offered", "signed", "agreed"]);
    buyer.step({ kind: "opened", termsId: first }).step({ kind: "opened", termsId: first });
    expect(buyer.status(FIRST)).toBe("opened");
    expect(buyer.news().filter((what) => what === "opened")).toHaveLength(1);
  });

  it("signs no version that a counter-offer replaces, and does not forget what all have signed", () => {
    const buyer = new Party("buyer")
      .step(from("shop", offerOf(FIRST, ["shop"])))
      .step(from("drone", offerOf(SECOND, ["drone"], first)));
    expect([buyer.status(FIRST), buyer.status(SECOND)]).toEqual(["replaced", "waits-for-you"]);
    expect(buyer.refused({ kind: "sign", termsId: first, mayDeposit: true })).toBe("offer-replaced");
    // Signed by all before the counter-offer came: binding, whatever else is said.
    const shop = new Party("shop").step(from("buyer", offerOf(FIRST, ["buyer", "drone"])));
    shop.step({ kind: "sign", termsId: first, mayDeposit: true });
    shop.step(from("drone", offerOf(SECOND, ["drone"], first)));
    expect([shop.status(FIRST), shop.opened()]).toEqual(["agreed", 1]);
  });

  it("takes a counter-offer only between the same parties", () => {
    const { parties, ...others } = deliveryTerms({ ...DELIVERY, nonce: new Uint8Array(16).fill(8) });
    const stranger = { identity: signerOf(50).publicKey, account: signerOf(150).publicKey };
    const other = encodeTerms({
      ...others,
      parties: parties.map((party) => (party.role === "drone" ? { ...party, ...stranger } : party)),
    });
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop"])));
    expect(buyer.refused(from("shop", offerOf(other, ["shop"], first)))).toBe("offer-foreign");
    expect(buyer.status(FIRST)).toBe("waits-for-you");
    // The other way round the claim is known to be void.
    const late = new Party("buyer").step(from("shop", offerOf(other, ["shop"], first)));
    late.step(from("shop", offerOf(FIRST, ["shop"])));
    expect(late.status(FIRST)).toBe("waits-for-you");
  });

  it("expires: nothing is signed or taken in after it, and in time it is forgotten", () => {
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop", "drone"])));
    buyer.now = ORDERED_AT + 11 * MINUTE;
    expect(buyer.status(FIRST)).toBe("expired");
    expect(buyer.refused({ kind: "sign", termsId: first, mayDeposit: true })).toBe("terms-expired");
    expect(buyer.refused(from("drone", signatureOf(FIRST, "drone")))).toBe("terms-expired");
    expect(buyer.refused(from("shop", offerOf(SECOND, ["shop"])))).toBe("terms-expired");
    buyer.now += 25 * 60 * MINUTE;
    expect(buyer.step({ kind: "tick" }).status(FIRST)).toBe("unknown");
    expect(buyer.effects.at(-1)).toEqual({ kind: "forget", termsId: first });
  });

  it("is declined for all by one, who is told of no more", () => {
    const shop = new Party("shop").step(from("buyer", offerOf(FIRST, ["buyer"])));
    shop.step({ kind: "decline", termsId: first, code: "declined", text: "sold out" });
    expect(shop.status(FIRST)).toBe("declined");
    expect(shop.refused({ kind: "sign", termsId: first, mayDeposit: false })).toBe("offer-declined");
    const one = shop.state.get(toHex(first))!;
    expect(owedTo(one, idOf("buyer"), idOf("shop"))?.kind).toBe("contract-decline");
    // The drone does not know the terms: it need not hear that they are declined.
    expect(owedTo(one, idOf("drone"), idOf("shop"))).toBeUndefined();
    shop.step(from("buyer", { kind: "contract-held", body: heldOf(one) }));
    expect(owedTo(shop.state.get(toHex(first))!, idOf("buyer"), idOf("shop"))).toBeUndefined();
  });

  it("tells each what it lacks: the offer, then single signatures, until it says that it holds them", () => {
    const buyer = new Party("buyer").step({
      ...{ kind: "propose", terms: FIRST, replaces: null, note: "", params: "", mayDeposit: true },
    });
    const owed = (): string | undefined =>
      owedTo(buyer.state.get(toHex(first))!, idOf("shop"), idOf("buyer"))?.kind;
    expect(owed()).toBe("contract-offer");
    const held = { termsId: first, signers: [idOf("buyer")], decliners: [], facts: [], refused: null };
    buyer.step(from("shop", { kind: "contract-held", body: held }));
    expect(owed()).toBeUndefined();
    buyer.step(from("drone", signatureOf(FIRST, "drone")));
    expect(owed()).toBe("contract-signature");
    buyer.step(from("shop", { kind: "contract-held", body: refusalOf(first, "terms-unsafe") }));
    expect(owed()).toBeUndefined();
    expect(buyer.news()).toContain("refused");
    buyer.step(from("shop", { kind: "contract-held", body: refusalOf(first, "queue-full") }));
    expect(owed()).toBe("contract-offer");
  });
});

describe("facts among the parties", () => {
  const factBy = (seed: number, kind: string, subject: Uint8Array | null = first): Uint8Array =>
    signFact(signerOf(seed), { kind, subject, timeMs: ORDERED_AT + MINUTE, body: [] });
  const said = (name: Name, fact: Uint8Array): NegotiationEvent =>
    from(name, { kind: "contract-fact", body: { termsId: first, fact } });
  const signed = (): Party => {
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop", "drone"])));
    return buyer.step({ kind: "sign", termsId: first, mayDeposit: true });
  };
  const owed = (party: Party, to: Name): Uint8Array | undefined => {
    const message = factOwedTo(party.state.get(toHex(first))!, idOf(to), idOf(party.name));
    return message?.kind === "contract-fact" ? message.body.fact : undefined;
  };

  it("are kept once all have signed, told once, and passed on until the others keep them", () => {
    const certified = factBy(SEEDS.shop, "certified");
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop", "drone"])));
    expect(buyer.refused(said("shop", certified))).toBe("contract-unknown");
    buyer.step({ kind: "sign", termsId: first, mayDeposit: true });
    buyer.step(said("shop", certified)).step(said("drone", certified));
    expect(buyer.news().filter((what) => what === "stated")).toHaveLength(1);
    expect(owed(buyer, "drone")).toEqual(certified);
    const shop = new Party("shop").step(from("buyer", offerOf(FIRST, NAMES)));
    shop.step({ kind: "fact", termsId: first, fact: certified });
    const held = heldOf(shop.state.get(toHex(first))!);
    buyer.step(from("shop", { kind: "contract-held", body: held }));
    expect(owed(buyer, "shop")).toBeUndefined();
    buyer.step(from("drone", { kind: "contract-held", body: refusalOf(first, "contract-closed") }));
    expect(owed(buyer, "drone")).toBeUndefined();
  });

  it("are refused by strangers, about other contracts, damaged, and in great number", () => {
    const buyer = signed();
    const damaged = factBy(SEEDS.shop, "certified");
    damaged[damaged.length - 1]! ^= 1;
    expect(buyer.refused(said("shop", factBy(77, "certified")))).toBe("fact-invalid");
    expect(buyer.refused(said("shop", factBy(SEEDS.shop, "certified", second)))).toBe("fact-invalid");
    expect(buyer.refused(said("shop", factBy(SEEDS.shop, "certified", null)))).toBe("fact-invalid");
    expect(buyer.refused(said("shop", damaged))).toBe("signature-invalid");
    const stranger = {
      ...said("shop", factBy(SEEDS.shop, "certified")),
      from: agentId(signerOf(77).publicKey),
    };
    expect(buyer.refused(stranger as NegotiationEvent)).toBe("offer-foreign");
    for (let n = 0; n < MAX_FACTS_OF_PARTY; n++) buyer.step(said("shop", factBy(SEEDS.shop, `seen-${n}`)));
    expect(buyer.refused(said("shop", factBy(SEEDS.shop, "one-more")))).toBe("queue-full");
    buyer.step(said("drone", factBy(SEEDS.drone, "seen")));
  });
});

describe("what does not count", () => {
  const safe = deliveryTerms(DELIVERY);
  /** The terms with another key for the buyer. */
  const withBuyer = (key: { identity: Uint8Array } | { account: Uint8Array }): Uint8Array =>
    encodeTerms({
      ...safe,
      parties: safe.parties.map((party) => (party.role === "buyer" ? { ...party, ...key } : party)),
    });
  /** The same subtree again and again: more nodes than terms may have, in fewer bytes. */
  const repeated = (depth: number): Node => {
    if (depth === 0) return { kind: "close" };
    const then = repeated(depth - 1);
    const times = [60, 61, 62].map((minutes) => ORDERED_AT + MINUTE * (minutes - depth * 10)) as [
      number,
      number,
      number,
    ];
    const [actBy, claimBy, refundFrom] = times;
    const cases = ["a", "b"].map((name) => ({
      kind: "choice" as const,
      by: "buyer",
      name,
      min: 1n,
      max: 1n,
      then,
    }));
    return { kind: "when", label: "bomb", cases, actBy, claimBy, refundFrom, onTimeout: then };
  };
  /** Such bytes as this code would never write. */
  const bombOf = (node: Node): Uint8Array => {
    const fields = decodeCbor(FIRST, { maxDepth: 256 }) as CborValue[];
    const budget = Object.assign(new NodeBudget(), { enter: () => undefined });
    return encodeCbor([...fields.slice(0, 10), encodeNode(node, budget)]);
  };
  const unsafe: Terms["contract"] = {
    ...{ kind: "pay", to: "shop", currency: DELIVERY.currency },
    ...{ amount: { kind: "constant", minor: 5n }, then: { kind: "close" } },
  };
  const buyer = (): Party => new Party("buyer");

  it.each<[string, NegotiationEvent, string]>([
    ["an offer that its sender has not signed", from("drone", offerOf(FIRST, ["shop"])), "signature-invalid"],
    [
      "a signature for another version",
      from("shop", {
        ...offerOf(FIRST, ["shop"]),
        body: { ...offerOf(FIRST, ["shop"]).body, signatures: offerOf(SECOND, ["shop"]).body.signatures },
      }),
      "signature-invalid",
    ],
    [
      "terms for another network",
      from("shop", offerOf(terms(3, { network: "other" }), ["shop"])),
      "offer-foreign",
    ],
    [
      "terms that do not name this agent",
      from("shop", offerOf(withBuyer({ identity: signerOf(77).publicKey }), ["shop"])),
      "offer-foreign",
    ],
    [
      "terms that name another account for it",
      from("shop", offerOf(withBuyer({ account: signerOf(77).publicKey }), ["shop"])),
      "offer-foreign",
    ],
    ["unsafe terms", from("shop", offerOf(terms(4, { contract: unsafe }), ["shop"])), "terms-unsafe"],
    [
      "bytes that are no terms",
      from("shop", {
        kind: "contract-offer",
        body: { ...offerOf(FIRST, ["shop"]).body, terms: new Uint8Array(99) },
      }),
      "terms-invalid",
    ],
    [
      "a signature under terms that nobody has offered",
      from("shop", signatureOf(FIRST, "shop")),
      "contract-unknown",
    ],
    [
      "a decline of such terms",
      from("shop", { kind: "contract-decline", body: { termsId: first, code: "declined", text: "" } }),
      "contract-unknown",
    ],
    ["an offer that replaces itself", from("shop", offerOf(FIRST, ["shop"], first)), "offer-foreign"],
  ])("%s", (_what, event, code) => {
    expect(buyer().refused(event)).toBe(code);
  });

  it("changes nothing of what is there: another's signature, a stranger's word", () => {
    const party = buyer().step(from("shop", offerOf(FIRST, ["shop"])));
    const forged = { ...signatureOf(SECOND, "drone") } as NegotiationMessage & { kind: "contract-signature" };
    const claimed = { kind: "contract-signature" as const, body: { ...forged.body, termsId: first } };
    expect(party.refused(from("drone", claimed))).toBe("signature-invalid");
    const stranger = agentId(signerOf(60).publicKey);
    const decline: NegotiationMessage = {
      kind: "contract-decline",
      body: { termsId: first, code: "declined", text: "" },
    };
    expect(party.refused({ kind: "message", from: stranger, message: decline })).toBe("offer-foreign");
    expect(party.status(FIRST)).toBe("waits-for-you");
  });

  it("a bomb: too large, too deep, too many nodes, refused before anything is built", () => {
    const large = new Uint8Array(16_384);
    const deep = new Uint8Array(10_000).fill(0x81);
    const wide = bombOf(repeated(5));
    expect(wide.length).toBeLessThan(16_384);
    for (const bytes of [large, deep, wide]) {
      const message = {
        kind: "contract-offer" as const,
        body: { ...offerOf(FIRST, ["shop"]).body, terms: bytes },
      };
      const started = performance.now();
      expect(buyer().refused(from("shop", message))).toMatch(/^terms-(invalid|too-large)$/);
      expect(performance.now() - started).toBeLessThan(1_000);
    }
    const over = encodeNegotiationMessage({
      ...{
        kind: "contract-offer",
        body: { ...offerOf(FIRST, ["shop"]).body, terms: new Uint8Array(16_385) },
      },
    });
    expect(() => readNegotiationMessage("contract-offer", over)).toThrowError(/16384 bytes/);
  });

  it("hides nothing in a note", () => {
    for (const note of ["\u202etxt", "line\nbreak", "x".repeat(281)]) {
      const body = { ...offerOf(FIRST, ["shop"]).body, note };
      const bytes = encodeNegotiationMessage({ kind: "contract-offer", body });
      expect(() => readNegotiationMessage("contract-offer", bytes)).toThrowError(/note/);
    }
  });
});

describe("room", () => {
  /** A sale that somebody offers to the buyer. */
  function saleBy(seed: number, nonce: number): NegotiationEvent {
    const seller = signerOf(seed);
    const bytes = encodeTerms(
      saleTerms({
        ...{ network: "village", nonce: new Uint8Array(16).fill(nonce), buyer: DELIVERY.buyer },
        seller: { identity: seller.publicKey, account: signerOf(seed + 100).publicKey },
        ...{ currency: DELIVERY.currency, goods: "spam", priceMinor: 1n, offeredAtMs: ORDERED_AT },
        ...{ signByMs: ORDERED_AT + 10 * MINUTE, shipByMs: ORDERED_AT + 60 * MINUTE },
      }),
    );
    const signatures = [signTerms(seller, termsId(crypto, bytes))];
    const body = { terms: bytes, signatures, replaces: null, note: "", params: "" };
    return { kind: "message", from: agentId(seller.publicKey), message: { kind: "contract-offer", body } };
  }
  const offersIn = (party: Party): number => party.state.size;

  it("is little for one stranger, bounded for all, and the oldest give way", () => {
    const buyer = new Party("buyer");
    for (let nonce = 0; nonce < MAX_OFFERS_OF_STRANGER; nonce++) buyer.step(saleBy(10, nonce));
    expect(buyer.refused(saleBy(10, 99))).toBe("queue-full");
    for (let seed = 11; offersIn(buyer) < MAX_OFFERS_OF_STRANGERS; seed++) buyer.step(saleBy(seed, 1));
    const oldest = [...buyer.state.keys()][0]!;
    for (let seed = 60; seed < 80; seed++) buyer.step(saleBy(seed, 1));
    expect(offersIn(buyer)).toBe(MAX_OFFERS_OF_STRANGERS);
    expect(buyer.state.has(oldest)).toBe(false);
    expect(buyer.effects.filter(({ kind }) => kind === "forget")).toHaveLength(20);
  });

  it("is never taken from whom this agent has signed with, nor from what it has signed", () => {
    const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop"])));
    buyer.step({ kind: "sign", termsId: first, mayDeposit: true });
    buyer.step(from("shop", offerOf(SECOND, ["shop"])));
    for (let seed = 10; seed < 60; seed++) buyer.step(saleBy(seed, 1));
    expect([buyer.status(FIRST), buyer.status(SECOND)]).toEqual(["waits-for-others", "waits-for-you"]);
    for (let nonce = 10; nonce < 9 + MAX_OFFERS_OF_PEER; nonce++)
      buyer.step(from("shop", offerOf(terms(nonce), ["shop"])));
    expect(buyer.refused(from("shop", offerOf(terms(99), ["shop"])))).toBe("queue-full");
  });
});

describe("repeats and reordering", () => {
  const THIRD = terms(3);
  const third = termsId(crypto, THIRD);
  /** What the others may say to the buyer, in any order and any number of times. */
  const said: NegotiationEvent[] = [
    from("shop", offerOf(FIRST, ["shop"])),
    from("drone", signatureOf(FIRST, "drone")),
    from("drone", offerOf(FIRST, ["drone", "shop"])),
    from("drone", offerOf(SECOND, ["drone"], first)),
    from("shop", signatureOf(SECOND, "shop")),
    from("shop", offerOf(SECOND, ["drone", "shop"], first)),
    from("shop", offerOf(THIRD, ["shop"])),
    from("drone", { kind: "contract-decline", body: { termsId: third, code: "declined", text: "no" } }),
    from("shop", offerOf(FIRST, ["shop"], null)),
  ];
  const sum = (party: Party): [status: string, signers: string[], decliners: string[]][] =>
    [FIRST, SECOND, THIRD].map((bytes) => {
      const one = party.state.get(toHex(termsId(crypto, bytes)));
      return [
        party.status(bytes),
        [...(one?.signatures.keys() ?? [])].sort(),
        [...(one?.declines.keys() ?? [])],
      ];
    });
  const settle = (order: readonly NegotiationEvent[]): Party => {
    const buyer = new Party("buyer");
    // What comes too early is refused and said again, until nothing changes any more.
    for (let round = 0; round < 3; round++) {
      for (const event of [...order, ...said]) {
        try {
          buyer.step(event);
        } catch (error) {
          expect((error as { code: string }).code).toBe("contract-unknown");
        }
      }
    }
    return buyer;
  };

  it("lead to the same, whatever the order", () => {
    const expected = sum(settle(said));
    expect(expected.map(([status]) => status)).toEqual(["replaced", "waits-for-you", "declined"]);
    fc.assert(
      fc.property(fc.shuffledSubarray([...said, ...said]), (order) => {
        expect(sum(settle(order))).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it("open a contract once, in every order, whenever the buyer signs", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...said, ...said]), fc.nat(15), (order, when) => {
        const buyer = new Party("buyer");
        for (const [at, event] of [...order, ...said, ...said].entries()) {
          const signing: NegotiationEvent = { kind: "sign", termsId: second, mayDeposit: true };
          for (const one of at >= when ? [signing, event] : [event]) {
            try {
              buyer.step(one);
            } catch (error) {
              expect((error as { code: string }).code).toBe("contract-unknown");
            }
          }
        }
        expect([buyer.status(SECOND), buyer.opened()]).toEqual(["agreed", 1]);
      }),
      { numRuns: 25 },
    );
  });
});

describe("negotiation messages", () => {
  const messages: NegotiationMessage[] = [
    offerOf(FIRST, NAMES, second),
    signatureOf(FIRST, "drone"),
    { kind: "contract-decline", body: { termsId: first, code: "declined", text: "not at this price" } },
    {
      kind: "contract-held",
      body: { termsId: first, signers: [idOf("drone")], decliners: [], facts: [], refused: "queue-full" },
    },
  ];

  it.each(messages.map((message) => [message.kind, message] as const))(
    "come out as they went in: %s",
    (kind, message) => {
      expect(readNegotiationMessage(kind, encodeNegotiationMessage(message))).toEqual(message);
    },
  );

  it("are about terms by their hash", () => {
    expect(messages.map((message) => toHex(subjectOf(crypto, message)))).toEqual(Array(4).fill(toHex(first)));
  });

  it("are refused when mutated, or mean something else; nothing else happens", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...messages),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (message, at, by) => {
          const bytes = encodeNegotiationMessage(message);
          const place = at % bytes.length;
          bytes[place] = bytes[place]! ^ by;
          const buyer = new Party("buyer").step(from("shop", offerOf(FIRST, ["shop"])));
          const before = buyer.state.get(toHex(first))!.signatures.size;
          try {
            buyer.step(from("drone", readNegotiationMessage(message.kind, bytes)));
          } catch (error) {
            expect(error).toMatchObject({ name: "SegmentError" });
            expect(buyer.state.get(toHex(first))!.signatures.size).toBe(before);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
