/** Fuzz: what parties say before a contract is open, and the offers that they make. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import {
  encodeNegotiationMessage,
  isNegotiationKind,
  NEGOTIATION_SCHEMAS,
  readNegotiationMessage,
} from "../../../protocols/contract/negotiation-messages.ts";
import type { NegotiationBody, NegotiationKind } from "../../../protocols/contract/negotiation-messages.ts";
import { signFact } from "../../../protocols/contract/facts.ts";
import { readFactOf } from "../../../protocols/contract/negotiation-facts.ts";
import { readOffer } from "../../../protocols/contract/negotiation-rules.ts";
import { encodeTerms, partyByIdentity, signTerms, termsId } from "../../../protocols/contract/terms.ts";
import * as kit from "../../../protocols/contract/testing/delivery.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { agentId, publicKeyFromId } from "../../../protocols/identity/keys.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedCbor } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzSigned } from "../support/signed.ts";

/** The same few signatures come again and again: each is verified once. */
const crypto = rememberingCrypto(nodeCrypto);
const buyer = kit.signerOf(1, nodeCrypto);
const shop = kit.signerOf(3, nodeCrypto);
const stranger = kit.signerOf(60, nodeCrypto);
const TERMS = [kit.delivery, kit.arbitrated].map(({ terms }) => encodeTerms(terms));
const SIGNATURES = TERMS.flatMap((terms) =>
  [buyer, shop, stranger].map((signer) => signTerms(signer, termsId(crypto, terms))),
);
const id = new Uint8Array(32).fill(3);
const [self, peer] = [agentId(buyer.publicKey), agentId(shop.publicKey)];

const SAMPLES: { [K in NegotiationKind]: NegotiationBody<K> } = {
  "contract-offer": {
    ...{ terms: TERMS[0]!, signatures: SIGNATURES.slice(0, 2), replaces: id },
    ...{ note: "a little later", params: '{"price": "24.90"}' },
  },
  "contract-signature": { termsId: id, signature: SIGNATURES[0]! },
  "contract-fact": { termsId: id, fact: new Uint8Array(100).fill(3) },
  "contract-decline": { termsId: id, code: "too-dear", text: "no" },
  "contract-held": { termsId: id, signers: [self], decliners: [peer], facts: [id], refused: "terms-unsafe" },
};

describe("messages of a negotiation", () => {
  for (const kind of Object.keys(NEGOTIATION_SCHEMAS) as NegotiationKind[]) {
    const sample = SAMPLES[kind];
    fuzz(
      `${kind} gives back what a body of its shape says, or refuses`,
      fc.oneof(
        { weight: 4, arbitrary: mutatedValue([sample]).map(encodeLoose) },
        { weight: 1, arbitrary: mutated([encodeMessage(sample)]) },
      ),
      (body) => {
        must(isNegotiationKind(kind), "its kind");
        const message = readNegotiationMessage(kind, body);
        const again = encodeNegotiationMessage(message);
        mustEqual(encodeNegotiationMessage(readNegotiationMessage(kind, again)), again, "the message");
      },
      { accepted: 0.1 },
    );
  }
  const all = [...cborBombs(), ...bombsIn([encodeMessage(SAMPLES["contract-offer"])])];
  bombs("an offer", all, (bytes) => readNegotiationMessage("contract-offer", bytes));
});

describe("a fact among the parties", () => {
  const [about, ...others] = TERMS.map((terms) => termsId(crypto, terms));
  const contents = [about!, others[0]!, null].flatMap((subject) =>
    ["certified", "position"].map((kind) => ({
      kind,
      subject,
      timeMs: kit.ORDERED_AT,
      body: ["as agreed", 7],
    })),
  );
  const facts = contents.flatMap((content) =>
    [buyer, shop, stranger].map((signer) => signFact(signer, content)),
  );
  const payloads = facts.map((bytes) => verify1(crypto, "fact", bytes).payload);
  const one = { terms: kit.delivery.terms, termsId: about! };

  fuzzSigned("readFactOf takes what a party has signed about these terms alone", {
    label: "fact",
    payloads,
    signers: [buyer, shop, stranger],
    open: (by, bytes) => {
      const fact = readFactOf(by, one, bytes);
      must(partyByIdentity(one.terms, fact.signer) !== undefined, "a party");
      mustEqual(fact.subject ?? new Uint8Array(), about!, "its subject");
    },
    accepted: 0.02,
  });
});

describe("an offer", () => {
  const reader = {
    ...{ crypto, self, account: kit.BUYER.account, network: kit.DELIVERY.network },
    now: kit.ORDERED_AT,
  };
  const terms = fc.oneof(fc.constantFrom(...TERMS), mutatedCbor(TERMS));
  const signatures = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...SIGNATURES) },
      { weight: 1, arbitrary: mutatedBytes(SIGNATURES) },
    ),
    { maxLength: 3 },
  );
  const senders = fc.constantFrom(self, peer, peer, agentId(stranger.publicKey));

  fuzz(
    "readOffer takes what its sender has signed, and names no signer who has not",
    fc.tuple(terms, signatures, fc.oneof(fc.constant(true), fc.boolean()), senders),
    ([bytes, others, signs, from]) => {
      const signer = [buyer, shop, stranger].find(({ publicKey }) => agentId(publicKey) === from)!;
      const own = signs ? [signTerms(signer, termsId(crypto, bytes))] : [];
      const { terms: read, signed } = readOffer(bytes, [...own, ...others], from, reader);
      mustEqual(encodeTerms(read), bytes, "the terms");
      must(signed.has(from), "the sender has signed");
      for (const [who, signature] of signed) {
        must(partyByIdentity(read, publicKeyFromId(who)) !== undefined, "a party");
        must(readsAlone(bytes, signature, who), "whose signature it is");
      }
    },
    { accepted: 0.02, share: 0.2 },
  );

  /** Whether this one signature makes the same offer that party's. */
  function readsAlone(bytes: Uint8Array, signature: Uint8Array, who: string): boolean {
    try {
      return readOffer(bytes, [signature], who, reader).signed.size === 1;
    } catch (error) {
      if (error instanceof SegmentError && error.code !== "internal") return false;
      throw error;
    }
  }
});
