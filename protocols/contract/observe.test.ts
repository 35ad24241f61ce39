import { describe, expect, it } from "vitest";
import type { CborValue } from "../encoding/cbor.ts";
import { FACT_KINDS, metBody, positionBody } from "./facts.ts";
import type { Fact } from "./facts.ts";
import { startContract, stepContract } from "./machine.ts";
import type { ContractState } from "./machine.ts";
import type { Contract, Node, Observation } from "./terms.ts";
import {
  BUYER,
  contractOf,
  crypto,
  delivery,
  done,
  DRONE,
  fact,
  MINUTE,
  ORDERED_AT,
  POINT,
  SHOP,
} from "./testing/delivery.ts";

const NOW = ORDERED_AT + 30 * MINUTE;
const CLOSE: Node = { kind: "close" };

/** A contract that waits for facts, and its state. */
function waitingFor(
  condition: Observation,
  then: Node = CLOSE,
): { contract: Contract; state: ContractState } {
  const contract = contractOf({
    ...delivery.terms,
    contract: {
      kind: "when",
      label: "waiting",
      cases: [{ kind: "facts", condition, then }],
      actBy: NOW + 60 * MINUTE,
      claimBy: NOW + 61 * MINUTE,
      refundFrom: NOW + 62 * MINUTE,
      onTimeout: CLOSE,
    },
  });
  return { contract, state: done(startContract(contract, ORDERED_AT)).state };
}

/** What fails of a condition, or "holds". */
function verdict(
  condition: Observation,
  facts: (of: Contract) => Fact[],
  preimages: Uint8Array[] = [],
): string {
  const { contract, state } = waitingFor(condition);
  const step = stepContract(
    crypto,
    contract,
    state,
    { kind: "facts", facts: facts(contract), preimages },
    NOW,
  );
  return step.ok ? "holds" : step.message;
}

describe("observations", () => {
  const says =
    (role: Uint8Array, kind: string, body: CborValue[], timeMs = NOW) =>
    (of: Contract) =>
      fact(role, kind, timeMs, body, of);
  const attest: Observation = { kind: "attest", role: "shop", factKind: "packed", maxAgeMs: 1_000 };
  const packed = says(SHOP.identity, "packed", []);
  const before = (timeMs: number): Observation => ({ kind: "before", timeMs });
  const secret = new Uint8Array([1, 2, 3]);
  const hash: Observation = { kind: "hash", digest: crypto.sha256(secret) };

  it("near: within the radius, to the millimetre", () => {
    const near = (radiusMm: number): Observation => ({
      kind: "near",
      role: "buyer",
      latitudeE7: POINT.latitudeE7,
      longitudeE7: POINT.longitudeE7,
      radiusMm,
      maxAgeMs: 1_000,
    });
    const place = positionBody({ ...POINT, latitudeE7: POINT.latitudeE7 + 1_000 });
    const there = says(BUYER.identity, FACT_KINDS.position, place);
    expect(verdict(near(11_114), (of) => [there(of)])).toBe("holds");
    expect(verdict(near(11_113), (of) => [there(of)])).toBe("buyer is 12 m from the point, 12 m allowed");
    // A device is where it is: its position may name no contract.
    expect(verdict(near(11_114), (of) => [{ ...there(of), subject: null }])).toBe("holds");
    expect(verdict(near(1), (of) => [says(BUYER.identity, "position", ["here"])(of)])).toMatch(
      /not a position/,
    );
  });

  it("attest: about this contract, by this role, fresh", () => {
    expect(verdict(attest, (of) => [packed(of)])).toBe("holds");
    expect(verdict(attest, (of) => [{ ...packed(of), subject: null }])).toMatch(/names no contract/);
    expect(verdict(attest, (of) => [{ ...packed(of), signer: DRONE.identity }])).toMatch(
      /no "packed" fact of shop/,
    );
    expect(verdict(attest, (of) => [says(SHOP.identity, "packed", [], NOW - 1_001)(of)])).toMatch(
      /2 s old, 1 s/,
    );
  });

  it("signed: k of n with the same body", () => {
    const roles = ["buyer", "drone", "shop"];
    const two: Observation = { kind: "signed", k: 2, roles, factKind: "kwh", maxAgeMs: 1_000 };
    const says42 = (role: Uint8Array) => says(role, "kwh", [42]);
    expect(verdict(two, (of) => [says42(BUYER.identity)(of), says42(SHOP.identity)(of)])).toBe("holds");
    expect(verdict(two, (of) => [says42(BUYER.identity)(of), says(SHOP.identity, "kwh", [43])(of)])).toMatch(
      /^1 of 2 signatures under the same "kwh" fact: there is no "kwh" fact of drone/,
    );
    const differ = (of: Contract): Fact[] => [
      says42(BUYER.identity)(of),
      says(SHOP.identity, "kwh", [43])(of),
      says(DRONE.identity, "kwh", ["42"])(of),
    ];
    expect(verdict(two, differ)).toMatch(/their statements differ/);
    expect(
      verdict({ ...two, k: 3 }, (of) => [BUYER, SHOP, DRONE].map((party) => says42(party.identity)(of))),
    ).toBe("holds");
  });

  it("met: the same session, in which each was", () => {
    const met: Observation = { kind: "met", roles: ["drone", "buyer"], maxAgeMs: 1_000 };
    const session = {
      sessionHash: secret,
      initiatorIdentity: BUYER.identity,
      responderIdentity: DRONE.identity,
    };
    const body = metBody({ ...session, sessionHash: crypto.sha256(secret) });
    const both = (droneBody: CborValue[], buyerBody: CborValue[]) => (of: Contract) => [
      says(DRONE.identity, "met", droneBody)(of),
      says(BUYER.identity, "met", buyerBody)(of),
    ];
    expect(verdict(met, both(body, body))).toBe("holds");
    const turned = [body[0]!, body[2]!, body[1]!];
    expect(verdict(met, both(turned, turned))).toBe("holds");
    expect(verdict(met, both(turned, body))).toMatch(/different sessions/);
    const other = [crypto.sha256(new Uint8Array(1)), body[1]!, body[2]!];
    expect(verdict(met, both(body, other))).toMatch(/different sessions/);
    const begunByShop = [body[0]!, SHOP.identity, body[2]!];
    expect(verdict(met, both(body, begunByShop))).toMatch(/different sessions/);
    const endedByShop = [body[0]!, body[1]!, SHOP.identity];
    expect(verdict(met, both(body, endedByShop))).toMatch(/different sessions/);
    const withShop = [body[0]!, body[1]!, SHOP.identity];
    expect(verdict(met, both(withShop, withShop))).toMatch(/was not between drone and buyer/);
    expect(verdict(met, both(body, ["hello"]))).toMatch(/does not say who met/);
  });

  it("before: by the newest fact that is asked for, else by the log", () => {
    const packedBefore = (timeMs: number): Observation => ({ kind: "and", all: [attest, before(timeMs)] });
    const at = (timeMs: number) => (of: Contract) => [says(SHOP.identity, "packed", [], timeMs)(of)];
    expect(verdict(packedBefore(NOW - 9), at(NOW - 10))).toBe("holds");
    expect(verdict(packedBefore(NOW - 10), at(NOW - 10))).toMatch(/past the time limit/);
    // A later fact that nobody asked for shifts nothing.
    const other = says(BUYER.identity, "other", [], NOW + 60_000);
    expect(verdict(packedBefore(NOW - 9), (of) => [...at(NOW - 10)(of), other(of)])).toBe("holds");
    const late: Observation = { kind: "and", all: [attest, { kind: "not", not: before(NOW - 9) }] };
    expect(verdict(late, (of) => [...at(NOW - 10)(of), other(of)])).toMatch(/must not/);
    expect(verdict(before(NOW), () => [])).toMatch(/past the time limit/);
    expect(verdict(before(NOW + 1), () => [])).toBe("holds");
  });

  it("hash, and, or, not", () => {
    expect(verdict(hash, () => [], [secret])).toBe("holds");
    expect(verdict(hash, () => [], [new Uint8Array(3)])).toMatch(/secret behind the hash/);
    expect(verdict({ kind: "and", all: [attest, hash] }, (of) => [packed(of)], [secret])).toBe("holds");
    expect(verdict({ kind: "and", all: [attest, hash] }, (of) => [packed(of)])).toMatch(/secret/);
    expect(verdict({ kind: "or", any: [attest, hash] }, () => [], [secret])).toBe("holds");
    expect(verdict({ kind: "or", any: [attest, hash] }, () => [])).toMatch(
      /^there is no "packed" .*; nor: the secret/,
    );
    expect(verdict({ kind: "not", not: before(NOW) }, () => [])).toBe("holds");
    expect(verdict({ kind: "not", not: before(NOW + 1) }, () => [])).toMatch(/must not/);
  });
});
