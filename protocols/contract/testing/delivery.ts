/**
 * A delivery with three parties, for the tests of this folder. Keys are from fixed seeds; facts are
 * unsigned.
 */
import { portableCrypto } from "../../crypto/portable.ts";
import { signerFromSeed } from "../../identity/keys.ts";
import { currencyId } from "../../money/currencies.ts";
import type { Crypto, Signer } from "../../ports.ts";
import { FACT_KINDS, metBody, parcelRemovedBody, positionBody } from "../facts.ts";
import type { Fact } from "../facts.ts";
import type { CborValue } from "../../encoding/cbor.ts";
import { startContract, stepContract } from "../machine.ts";
import type { ContractState, Input, Step } from "../machine.ts";
import { encodeTerms, readContract } from "../terms.ts";
import type { Contract, Terms } from "../terms.ts";
import { deliveryTerms } from "../templates/delivery.ts";
import type { DeliveryParams } from "../templates/delivery.ts";

export const crypto = portableCrypto;

/** The same keys and signatures, whichever crypto makes them. */
export function signerOf(seed: number, by: Crypto = crypto): Signer {
  return signerFromSeed(by, new Uint8Array(32).fill(seed));
}

function party(seed: number): { identity: Uint8Array; account: Uint8Array } {
  return { identity: signerOf(seed).publicKey, account: signerOf(seed + 100).publicKey };
}

export const BUYER = party(1);
export const DRONE = party(2);
export const SHOP = party(3);
export const ARBITER = party(4);
export const EUR = currencyId(crypto, "EUR", signerOf(9).publicKey);
export const KWH = currencyId(crypto, "KWH", signerOf(9).publicKey);

/** 4 March 2026, 10:00 UTC. */
export const ORDERED_AT = 1_772_618_400_000;
export const MINUTE = 60_000;
export const POINT = { latitudeE7: 457_772_000, longitudeE7: 30_870_000, altitudeMm: 410_000 };

export const DELIVERY: DeliveryParams = {
  network: "village",
  nonce: new Uint8Array(16).fill(7),
  buyer: BUYER,
  drone: DRONE,
  shop: SHOP,
  currency: EUR,
  goodsMinor: 1_990n,
  deliveryFeeMinor: 500n,
  noShowFeeMinor: 300n,
  noShowPenaltyMinor: 200n,
  point: POINT,
  address: "12 rue des Lilas, Clermont-Ferrand",
  goods: "2 loaves of bread",
  orderedAtMs: ORDERED_AT,
  signByMs: ORDERED_AT + 10 * MINUTE,
  landByMs: ORDERED_AT + 60 * MINUTE,
  removeByMs: ORDERED_AT + 70 * MINUTE,
};

export function contractOf(terms: Terms): Contract {
  return readContract(crypto, encodeTerms(terms));
}

export const delivery = contractOf(deliveryTerms(DELIVERY));
export const arbitrated = contractOf(deliveryTerms({ ...DELIVERY, arbiter: ARBITER }));

/** A fact as `openFact` would give it; the machine looks at no signature. */
export function fact(
  signer: Uint8Array,
  kind: string,
  timeMs: number,
  body: CborValue[],
  of: Contract,
): Fact {
  return { kind, subject: of.id, timeMs, body, signer, bytes: new Uint8Array(0) };
}

const SESSION = new Uint8Array(32).fill(0x5e);

export interface Meeting {
  timeMs: number;
  droneAt?: typeof POINT;
  buyerAt?: typeof POINT;
}

/** All four facts of the meeting at the point. */
export function meetingFacts(contract: Contract, meeting: Meeting): Fact[] {
  const { timeMs, droneAt = POINT, buyerAt = POINT } = meeting;
  const met = metBody({
    sessionHash: SESSION,
    initiatorIdentity: BUYER.identity,
    responderIdentity: DRONE.identity,
  });
  return [
    fact(DRONE.identity, FACT_KINDS.position, timeMs, positionBody(droneAt), contract),
    fact(BUYER.identity, FACT_KINDS.position, timeMs, positionBody(buyerAt), contract),
    fact(DRONE.identity, FACT_KINDS.met, timeMs, met, contract),
    fact(BUYER.identity, FACT_KINDS.met, timeMs, met, contract),
  ];
}

export function parcelFact(contract: Contract, signer: Uint8Array, timeMs: number, gramsAfter = 0): Fact {
  const body = parcelRemovedBody({ label: "may-land", sessionHash: SESSION, gramsBefore: 850, gramsAfter });
  return fact(signer, FACT_KINDS.parcelRemoved, timeMs, body, contract);
}

export function factsInput(...facts: Fact[]): Input {
  return { kind: "facts", facts, preimages: [] };
}

export const DEPOSIT: Input = { kind: "deposit", by: "buyer", currency: EUR, amount: 2_490n };

export function choiceInput(by: string, name: string, value = 1n): Input {
  return { kind: "choice", by, name, value };
}

export type Done = Extract<Step, { ok: true }>;

export function done(step: Step): Done {
  if (!step.ok) throw new Error(`refused: ${step.code}: ${step.message}`);
  return step;
}

/** Opens a contract and takes the steps, each of which must succeed; the last of them. */
export function run(contract: Contract, inputs: [Input, nowMs: number][]): Done {
  let last = done(startContract(contract, contract.terms.notBefore));
  for (const [input, nowMs] of inputs) last = done(stepContract(crypto, contract, last.state, input, nowMs));
  return last;
}

/** Where the delivery stands after its first steps. */
export function deliveryIn(
  label: "in-flight" | "may-land" | "disputable",
  contract = delivery,
): ContractState {
  const metAt = ORDERED_AT + 30 * MINUTE;
  const steps: [Input, number][] = [[DEPOSIT, ORDERED_AT + MINUTE]];
  if (label !== "in-flight")
    steps.push([factsInput(...meetingFacts(contract, { timeMs: metAt })), metAt + 1_000]);
  if (label === "disputable") {
    const removedAt = metAt + MINUTE;
    steps.push([factsInput(parcelFact(contract, DRONE.identity, removedAt)), removedAt]);
  }
  return run(contract, steps).state;
}
