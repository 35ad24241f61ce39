/** Fuzz: terms, facts and a contract's state; the checks, the texts and the machine on what was accepted. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { assertSafe, checkTerms, endings, howItEnds } from "../../../protocols/contract/check.ts";
import { distanceMm } from "../../../protocols/contract/distance.ts";
import {
  metBody,
  openFact,
  parcelRemovedBody,
  positionBody,
  readMet,
  readParcelRemoved,
  readPosition,
  signFact,
} from "../../../protocols/contract/facts.ts";
import type { Fact } from "../../../protocols/contract/facts.ts";
import { startContract, stepContract } from "../../../protocols/contract/machine.ts";
import { decodeNode, encodeNode, NodeBudget } from "../../../protocols/contract/node-codec.ts";
import { decodeContractState, encodeContractState } from "../../../protocols/contract/state-codec.ts";
import { describeTerms, endingsTable } from "../../../protocols/contract/text.ts";
import { OPENED, openedBody, readOpened } from "../../../protocols/contract/templates/fact-kinds.ts";
import { energyTerms } from "../../../protocols/contract/templates/energy.ts";
import { rentalPlan } from "../../../protocols/contract/templates/rental.ts";
import { servicesSchema, withServices } from "../../../protocols/contract/templates/services.ts";
import {
  decodeTerms,
  encodeTerms,
  readContract,
  signTerms,
  verifyTermsSignature,
  verifyTermsSignatures,
} from "../../../protocols/contract/terms.ts";
import * as kit from "../../../protocols/contract/testing/delivery.ts";
import { growTerms, SECRET } from "../../../protocols/contract/testing/generate.ts";
import { allServices, COMMISSION, ENERGY, RENTAL } from "../../../protocols/contract/testing/samples.ts";
import { encodeCbor, decodeCbor } from "../../../protocols/encoding/cbor.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzSigned, trusting } from "../support/signed.ts";

const { arbitrated, delivery, MINUTE, ORDERED_AT } = kit;
const buyer = kit.signerOf(1, nodeCrypto);
const drone = kit.signerOf(2, nodeCrypto);
const shop = kit.signerOf(3, nodeCrypto);
const tape = (seed: number): number[] =>
  Array.from({ length: 60 }, (_, i) => (i * 7_919 + seed * 104_729) % 1_000);
/** With mandates; with services and a fund that has its part of their fees. */
const ENERGY_TERMS = energyTerms(ENERGY);
const SERVED = withServices(rentalPlan(RENTAL), servicesSchema.parse(allServices(["guest"])), COMMISSION);
/** Contracts of templates, and four that no template would make. */
const GROWN = [1, 2, 3, 4].map((seed) => growTerms(tape(seed), nodeCrypto.sha256(SECRET), 0));
const TERMS = [delivery.terms, arbitrated.terms, ENERGY_TERMS, SERVED, ...GROWN].map(encodeTerms);

describe("terms", () => {
  fuzz(
    "decodeTerms takes what encodeTerms gives, byte for byte",
    mutated(TERMS),
    (bytes) => mustEqual(encodeTerms(decodeTerms(bytes)), bytes, "the terms"),
    { accepted: 0.1, share: 0.3 },
  );

  fuzz(
    "the checks and the texts stand any terms that decode",
    mutatedCbor(TERMS),
    (bytes) => {
      const terms = decodeTerms(bytes);
      const findings = checkTerms(terms);
      for (const language of ["en", "fr"] as const) {
        describeTerms(terms, language);
        endingsTable(terms, language);
      }
      assertSafe(terms);
      must(findings.length === 0, "safe terms have no findings");
      for (const ending of endings(terms)) must(howItEnds(ending).length > 0, "every ending has a way");
    },
    { accepted: 0.05, share: 0.06 },
  );

  bombs("decodeTerms", [...cborBombs(), ...bombsIn(TERMS.slice(0, 1))], (bytes) => decodeTerms(bytes));

  const nodes = TERMS.map((bytes) => encodeCbor((decodeCbor(bytes) as never[]).at(-1)!));
  fuzz(
    "decodeNode",
    mutatedCbor(nodes),
    (bytes) => {
      const node = decodeNode(decodeCbor(bytes), "contract", new NodeBudget());
      mustEqual(encodeCbor(encodeNode(node, new NodeBudget())), bytes, "the node");
    },
    { accepted: 0.1, share: 0.3 },
  );
});

describe("signatures under terms", () => {
  const { id } = delivery;
  const signatures = [buyer, drone, shop].map((signer) => signTerms(signer, id));
  const { payload } = verify1(nodeCrypto, "terms", signatures[0]!);
  fuzzSigned("verifyTermsSignature", {
    label: "terms",
    payloads: [payload],
    signers: [buyer, drone],
    open: (crypto, bytes) => {
      verifyTermsSignature(crypto, id, bytes);
      mustEqual(verify1(crypto, "terms", bytes).payload, payload, "these terms and no others");
    },
  });

  fuzz(
    "verifyTermsSignatures needs every party once, in any order",
    fc.tuple(mutatedCbor([TERMS[0]!]), fc.array(fc.nat(2), { minLength: 2, maxLength: 4 })),
    ([bytes, order]) => {
      verifyTermsSignatures(
        trusting,
        bytes,
        order.map((which) => signatures[which]!),
      );
      mustEqual(bytes, TERMS[0]!, "the terms that were signed");
      must(order.toSorted((a, b) => a - b).join() === "0,1,2", "each of the three");
    },
    { share: 0.3, accepted: 0.001 },
  );
});

const position = positionBody(kit.POINT);
const contents = [
  { kind: "position", subject: delivery.id, timeMs: ORDERED_AT, body: position },
  {
    kind: "met",
    subject: delivery.id,
    timeMs: ORDERED_AT,
    body: metBody({
      sessionHash: new Uint8Array(32).fill(5),
      initiatorIdentity: buyer.publicKey,
      responderIdentity: drone.publicKey,
    }),
  },
  {
    kind: "parcel-removed",
    subject: null,
    timeMs: ORDERED_AT,
    body: parcelRemovedBody({
      label: "may-land",
      sessionHash: new Uint8Array(32),
      gramsBefore: 850,
      gramsAfter: -3,
    }),
  },
  {
    kind: OPENED,
    subject: null,
    timeMs: ORDERED_AT,
    body: openedBody({ label: "may-open", sessionHash: new Uint8Array(32) }),
  },
];
const FACTS = contents.map((content) => signFact(drone, content));
const FACT_PAYLOADS = FACTS.map((bytes) => verify1(nodeCrypto, "fact", bytes).payload);

describe("facts", () => {
  fuzzSigned("openFact", {
    label: "fact",
    payloads: FACT_PAYLOADS,
    signers: [drone],
    open: (crypto, bytes) => {
      const fact = openFact(crypto, bytes);
      const again = encodeCbor([1, fact.kind, fact.subject, fact.timeMs, fact.body]);
      mustEqual(again, verify1(crypto, "fact", bytes).payload, "the fact");
      readBodyOf(fact);
    },
    accepted: 0.05,
  });
  bombs("openFact", [...cborBombs(), ...bombsIn(FACTS)], (bytes) => openFact(trusting, bytes));

  fuzz(
    "the machine takes any facts that are signed by a party",
    fc.array(fc.tuple(mutatedCbor(FACT_PAYLOADS), fc.nat(2)), { minLength: 1, maxLength: 4 }),
    (payloads) => {
      const state = kit.deliveryIn("in-flight");
      const facts = payloads.flatMap(([payload, who]) =>
        factIn(payload, [buyer, drone, shop][who]!.publicKey),
      );
      const input = { kind: "facts" as const, facts, preimages: [] };
      const step = stepContract(nodeCrypto, delivery, state, input, ORDERED_AT + 30 * MINUTE);
      must(!step.ok || step.payments.length === 0, "nobody is paid by facts of the flight");
      must(step.ok || step.code !== "internal", "a proper refusal");
    },
    { accepted: 1 },
  );
});

/** Reads the body of its kind; what the machine reads after it. */
function readBodyOf(fact: Fact): void {
  if (fact.kind === "position") positionBody(readPosition(fact));
  else if (fact.kind === "met") metBody(readMet(fact));
  else if (fact.kind === "parcel-removed") parcelRemovedBody(readParcelRemoved(fact));
  else if (fact.kind === OPENED) openedBody(readOpened(fact));
}

function factIn(payload: Uint8Array, signer: Uint8Array): Fact[] {
  try {
    const [, kind, subject, timeMs, body] = decodeCbor(payload) as never[];
    const bytes = signFact({ publicKey: signer, sign: () => new Uint8Array(64) }, {
      kind,
      subject,
      timeMs,
      body,
    } as never);
    return [openFact(trusting, bytes)];
  } catch {
    // Not every mutant is a fact: those are the affair of openFact's own test.
    return [];
  }
}

describe("a contract's state", () => {
  const states = (["in-flight", "may-land", "disputable"] as const).map((label) => kit.deliveryIn(label));
  const samples = states.map(encodeContractState);
  fuzz(
    "decodeContractState",
    mutated(samples),
    (bytes) => mustEqual(encodeContractState(decodeContractState(bytes)), bytes, "the state"),
    { accepted: 0.1 },
  );
  bombs("decodeContractState", [...cborBombs(), ...bombsIn(samples)], (bytes) => decodeContractState(bytes));

  fuzz(
    "contracts start from any terms that are safe, and wait",
    mutatedCbor(TERMS),
    (bytes) => {
      const contract = readContract(nodeCrypto, bytes);
      assertSafe(contract.terms);
      const step = startContract(contract, contract.terms.notBefore);
      must(step.ok || step.code !== "internal", "a proper refusal");
      if (!step.ok) return;
      const { refundFrom } = step.state.deadlines ?? { refundFrom: 0 };
      const next = stepContract(nodeCrypto, contract, step.state, { kind: "timeout" }, refundFrom);
      must(next.ok || step.state.closed, "a deadline always leads on");
    },
    { share: 0.2, accepted: 0.05 },
  );
});

describe("distance", () => {
  const latitude = fc.integer({ min: -900_000_000, max: 900_000_000 });
  const longitude = fc.integer({ min: -1_800_000_000, max: 1_800_000_000 });
  const point = fc.record({ latitudeE7: latitude, longitudeE7: longitude });
  fuzz(
    "distanceMm is a distance on Earth",
    fc.tuple(point, point),
    ([a, b]) => {
      const there = distanceMm(a, b);
      must(Number.isSafeInteger(there) && there >= 0 && there <= 12_756_274_001, "no longer than the axis");
      must(distanceMm(b, a) === there && distanceMm(a, a) === 0, "the same both ways, nothing to oneself");
    },
    { accepted: 1 },
  );
});
