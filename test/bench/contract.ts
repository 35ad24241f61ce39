/** Contracts: one step, and the checks before anyone signs the largest terms. */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { checkTerms } from "../../protocols/contract/check.ts";
import { distanceMm } from "../../protocols/contract/distance.ts";
import { FACT_KINDS, metBody, positionBody } from "../../protocols/contract/facts.ts";
import type { Fact } from "../../protocols/contract/facts.ts";
import { startContract, stepContract } from "../../protocols/contract/machine.ts";
import type { ContractState, Input, Step } from "../../protocols/contract/machine.ts";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { decodeTerms, encodeTerms, readContract } from "../../protocols/contract/terms.ts";
import type { Case, Node, Terms } from "../../protocols/contract/terms.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { perSecond } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { msOf } from "./primitives.ts";

const START_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const POINT = { latitudeE7: 457_772_000, longitudeE7: 30_870_000, altitudeMm: 410_000 };
const EUR = currencyId(crypto, "EUR", new Uint8Array(32).fill(9));
const BUYER = partyOf(1);
const DRONE = partyOf(2);
const SHOP = partyOf(3);

function partyOf(seed: number): { identity: Uint8Array; account: Uint8Array } {
  return { identity: new Uint8Array(32).fill(seed), account: new Uint8Array(32).fill(seed + 100) };
}

function delivery(): Terms {
  return deliveryTerms({
    network: "bench",
    nonce: new Uint8Array(16),
    buyer: BUYER,
    drone: DRONE,
    shop: SHOP,
    currency: EUR,
    goodsMinor: 1_990n,
    deliveryFeeMinor: 500n,
    noShowFeeMinor: 300n,
    noShowPenaltyMinor: 200n,
    point: POINT,
    address: "12 rue des Lilas",
    goods: "2 loaves of bread",
    orderedAtMs: START_MS,
    signByMs: START_MS + 10 * MINUTE_MS,
    landByMs: START_MS + 60 * MINUTE_MS,
    removeByMs: START_MS + 70 * MINUTE_MS,
  });
}

function done(step: Step): ContractState {
  if (!step.ok) throw new Error(`refused: ${step.code}: ${step.message}`);
  return step.state;
}

/** The meeting: four facts, verified before, two of them near the point. */
function steps(): Bench {
  const contract = readContract(crypto, encodeTerms(delivery()));
  const nowMs = START_MS + 30 * MINUTE_MS;
  const fact = (signer: Uint8Array, kind: string, body: CborValue[]): Fact => {
    return { kind, subject: contract.id, timeMs: nowMs, body, signer, bytes: new Uint8Array() };
  };
  const met = metBody({
    sessionHash: new Uint8Array(32),
    initiatorIdentity: BUYER.identity,
    responderIdentity: DRONE.identity,
  });
  const facts = [BUYER, DRONE].flatMap(({ identity }) => [
    fact(identity, FACT_KINDS.position, positionBody(POINT)),
    fact(identity, FACT_KINDS.met, met),
  ]);
  const deposit: Input = { kind: "deposit", by: "buyer", currency: EUR, amount: 2_490n };
  const flying = done(
    stepContract(crypto, contract, done(startContract(contract, START_MS)), deposit, START_MS + MINUTE_MS),
  );
  const meeting: Input = { kind: "facts", facts, preimages: [] };
  return {
    name: "contracts: steps by four facts, signatures apart",
    unit: "steps/s",
    better: "more",
    run: () => perSecond(() => done(stepContract(crypto, contract, flying, meeting, nowMs)), 150, 100),
    limit: {
      name: "its two distances over ground",
      run: () => {
        const away = { ...POINT, latitudeE7: POINT.latitudeE7 + 100 };
        return perSecond(() => distanceMm(POINT, away), 150, 100) / 2;
      },
    },
  };
}

/**
 * Terms of all the nodes that are allowed: as many states in a row as the depth allows, each
 * with cases that end at once and share out the pot; then details up to the bytes allowed.
 */
function largestTerms(): Terms {
  const base = delivery();
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  for (let states = 26; states > 0; states--) {
    for (let cases = 7; cases > 0; cases--) {
      const terms = { ...base, template: "bench/1", contract: stateOf(0, states, names.slice(0, cases)) };
      const full = fits(terms) ? filled(terms) : undefined;
      if (full !== undefined) return full;
    }
  }
  throw new Error("no terms fit");
}

function stateOf(index: number, states: number, choices: readonly string[]): Node {
  if (index === states) return payAll("buyer");
  const from = START_MS + 10 * MINUTE_MS + index * 3 * MINUTE_MS;
  const times = { actBy: from + MINUTE_MS, claimBy: from + 2 * MINUTE_MS, refundFrom: from + 3 * MINUTE_MS };
  const label = index === 0 ? "awaiting-deposit" : `state-${index}`;
  if (index === 0) {
    const then = stateOf(1, states, choices);
    const cases: Case[] = [{ kind: "deposit", by: "buyer", currency: EUR, amount: 1_000n, then }];
    return { kind: "when", label, cases, ...times, onTimeout: { kind: "close" } };
  }
  const cases = choices.map((name): Case => {
    return { kind: "choice", by: "buyer", name, min: 1n, max: 1n, then: payAll("drone") };
  });
  return { kind: "when", label, cases, ...times, onTimeout: stateOf(index + 1, states, choices) };
}

function payAll(to: string): Node {
  return { kind: "pay", to, currency: EUR, amount: { kind: "available" }, then: { kind: "close" } };
}

function fits(terms: Terms): boolean {
  try {
    encodeTerms(terms);
    return true;
  } catch {
    return false;
  }
}

/** The same with details until no more fit. */
function filled(terms: Terms): Terms {
  let full = terms;
  for (let length = 500; length > 0; length = length >> 1) {
    for (;;) {
      const more: Terms = {
        ...full,
        details: [...full.details, [`detail-${full.details.length}`, new Uint8Array(length)]],
      };
      if (!fits(more)) break;
      full = more;
    }
  }
  return full;
}

function check(): Bench {
  let bytes: Uint8Array = new Uint8Array();
  return {
    name: "contracts: decoding and checking the largest terms",
    unit: "ms",
    better: "less",
    open: () => {
      bytes = encodeTerms(largestTerms());
      const [finding] = checkTerms(decodeTerms(bytes));
      if (finding !== undefined) throw new Error(`the terms are unsafe: ${finding.message}`);
    },
    run: () => msOf(() => checkTerms(decodeTerms(bytes)), 150),
    limit: { name: "decoding alone", run: () => msOf(() => decodeTerms(bytes), 150) },
  };
}

export const contractBenches: Bench[] = [steps(), check()];
