/**
 * Random entries of legs by random signers, against a model written from the rules alone: the ledger takes
 * exactly what somebody has the right to take, and moves exactly that.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { approveLegs } from "../../protocols/ledger/joint.ts";
import type { Charge, Leg, LegsContent } from "../../protocols/ledger/legs.ts";
import type { Person } from "./committee.ts";
import { START_MS } from "./committee.ts";
import {
  approvalFrame,
  HOUR,
  legsBody,
  makePurse,
  MINUTE,
  purse,
  purseMembers,
  subscriptionOf,
} from "./shared-money.ts";
import { alice, bank, DirectLedger, drone, euro, people, shop } from "./village.ts";

const SECOND = 1_000;
const subscriptions = [subscriptionOf(1), subscriptionOf(2)];
const accounts = [...people.map(({ root }) => root.publicKey), purse];

interface LegsStep {
  kind: "legs";
  by: Person;
  content: LegsContent;
  /** Of the entry; few, so that they come again. */
  nonce: number;
  approvers: Person[];
  /** What they approve: this very entry, or one with another nonce. */
  approvedNonce: number;
  lateMs: number;
}
type Step = LegsStep | { kind: "other"; by: Person; body: EntryBody; root?: boolean };

/** What the rules say, in the simplest words; amounts by account in hex. */
class Model {
  readonly balances = new Map<string, bigint>();
  readonly revoked = new Set<Person>();
  readonly closed = new Set<string>();
  readonly ended = new Set<string>();
  /** Charges by "terms/mandate/period" and by "terms/mandate". */
  readonly sums = new Map<string, bigint>();
  readonly latestPeriod = new Map<string, number>();
  readonly spentNonces = new Set<number>();

  /** Moves the money if all have the right to it. */
  takes({ by, content, nonce, approvers, approvedNonce, lateMs }: LegsStep, now: number): boolean {
    if (this.revoked.has(by)) return false;
    const { legs, charges } = content;
    if (legs.reduce((sum, { change }) => sum + change, 0n) !== 0n) return false;
    if (new Set(charges.map(({ leg }) => leg)).size < charges.length) return false;
    const sums = new Map<string, bigint>();
    let takesFromPurse = false;
    for (const [index, leg] of legs.entries()) {
      const charge = charges.find((one) => one.leg === index);
      if (leg.change > 0n) {
        if (charge !== undefined) return false;
      } else if (charge !== undefined) {
        if (!this.#mayCharge(by, charge, leg, now - lateMs, sums)) return false;
      } else if (equalBytes(leg.account, purse)) takesFromPurse = true;
      else if (!equalBytes(leg.account, by.root.publicKey)) return false;
    }
    const approving = new Set(
      approvers.filter((one) => purseMembers.includes(one) && !this.revoked.has(one)),
    );
    if (takesFromPurse && (approving.size < 2 || approvedNonce !== nonce || this.spentNonces.has(nonce)))
      return false;
    if (!takesFromPurse && approvers.length > 0) return false;
    if (!this.#move(legs)) return false;
    if (takesFromPurse) this.spentNonces.add(nonce);
    this.#charged(charges, legs, now - lateMs);
    return true;
  }

  #mayCharge(by: Person, charge: Charge, leg: Leg, seenMs: number, sums: Map<string, bigint>): boolean {
    const terms = toHex(charge.termsId);
    const subscription = subscriptions.find(({ id }) => equalBytes(id, charge.termsId))!;
    const mandate = subscription.terms.mandates[charge.mandate];
    const name = `${terms}/${charge.mandate}`;
    if (mandate === undefined || this.closed.has(terms) || this.ended.has(name)) return false;
    const from = mandate.from === "alice" ? alice : drone;
    if (by !== shop || !equalBytes(leg.account, from.root.publicKey)) return false;
    const period = periodAt(charge, seenMs);
    // The ledger remembers the latest period and the one before.
    if (period < 0 || period < (this.latestPeriod.get(name) ?? 0) - 1) return false;
    const within = (key: string, cap: bigint): boolean => {
      sums.set(key, (sums.get(key) ?? this.sums.get(key) ?? 0n) - leg.change);
      return sums.get(key)! <= cap;
    };
    return within(`${name}/${period}`, mandate.capMinor) && within(name, mandate.totalMinor);
  }

  #move(legs: Leg[]): boolean {
    const after = new Map(this.balances);
    for (const { account, change } of legs)
      after.set(toHex(account), (after.get(toHex(account)) ?? 0n) + change);
    if ([...after.values()].some((amount) => amount < 0n)) return false;
    for (const [account, amount] of after) this.balances.set(account, amount);
    return true;
  }

  #charged(charges: Charge[], legs: Leg[], seenMs: number): void {
    for (const charge of charges) {
      const name = `${toHex(charge.termsId)}/${charge.mandate}`;
      const period = periodAt(charge, seenMs);
      this.latestPeriod.set(name, Math.max(period, this.latestPeriod.get(name) ?? 0));
      for (const key of [name, `${name}/${period}`])
        this.sums.set(key, (this.sums.get(key) ?? 0n) - legs[charge.leg]!.change);
    }
  }
}

function periodAt({ mandate }: Charge, seenMs: number): number {
  return Math.floor((seenMs - START_MS) / (mandate === 0 ? HOUR : MINUTE));
}

const amount = fc.oneof(fc.bigInt(1n, 120n), fc.bigInt(1n, 900n), fc.constant(20_000n));
const someone = fc.constantFrom(...people);
const account = fc.constantFrom(...accounts);
const shares = fc.array(fc.tuple(account, amount), { minLength: 1, maxLength: 3 });
/** Mostly such as are allowed: the shop charges whom it may. */
const chargedLeg = fc.record({
  mandate: fc.constantFrom(0, 0, 0, 1, 1, 1, 2),
  subscription: fc.constantFrom(...subscriptions),
  astray: fc.integer({ min: 0, max: 9 }),
  minor: fc.oneof(fc.bigInt(1n, 100n), amount),
});

const charging: fc.Arbitrary<Step> = fc
  .record({
    list: fc.array(chargedLeg, { minLength: 1, maxLength: 3 }),
    to: account,
    own: fc.option(amount, { freq: 4 }),
    by: fc.constantFrom(shop, shop, shop, shop, drone),
    lateMs: fc.constantFrom(0, 0, 0, SECOND, MINUTE, HOUR, 2 * HOUR),
  })
  .map(({ list, to, own, by, lateMs }) => {
    const charges = list.map(({ mandate, subscription }, index) => ({
      leg: index,
      termsId: subscription.id,
      mandate,
    }));
    const taking = list.map(({ mandate, astray, minor }) => {
      const from = (mandate === 0) === astray > 0 ? alice : drone;
      return { account: from.root.publicKey, currency: euro, change: -minor };
    });
    if (own !== null) taking.push({ account: by.root.publicKey, currency: euro, change: -own });
    return legsStep(by, balanced(taking, [to]), charges, { lateMs });
  });

const spending: fc.Arbitrary<Step> = fc
  .record({
    by: someone,
    from: shares,
    to: fc.array(account, { minLength: 1, maxLength: 2 }),
    nonce: fc.integer({ min: 0, max: 5 }),
    approvers: fc.subarray(people),
    astray: fc.integer({ min: 0, max: 9 }),
    off: fc.constantFrom(0n, 0n, 0n, 0n, 0n, 1n),
  })
  .map(({ by, from, to, nonce, approvers, astray, off }) => {
    const fromPurse = astray % 2 === 0;
    const taking = from.map(([some, minor]) => {
      const own = fromPurse ? purse : by.root.publicKey;
      return { account: astray > 7 ? some : own, currency: euro, change: -minor };
    });
    const legs = balanced(taking, to);
    legs[0] = { ...legs[0]!, change: legs[0]!.change - off };
    return legsStep(by, legs, [], {
      nonce,
      approvers: fromPurse || astray === 1 ? approvers : [],
      approvedNonce: astray === 6 ? nonce + 1 : nonce,
    });
  });

function balanced(taking: Leg[], to: Uint8Array[]): Leg[] {
  const sum = taking.reduce((total, { change }) => total - change, 0n);
  const [first, second] = to;
  const part = second === undefined || sum < 2n ? 0n : sum / 2n;
  const giving = [{ account: first!, currency: euro, change: sum - part }];
  if (part > 0n) giving.push({ account: second!, currency: euro, change: part });
  return [...taking, ...giving];
}

function legsStep(by: Person, legs: Leg[], charges: Charge[], more: Partial<LegsStep>): LegsStep {
  const content = { legs, charges, memo: new Uint8Array() };
  return { kind: "legs", by, content, nonce: 0, approvers: [], approvedNonce: 0, lateMs: 0, ...more };
}

const other: fc.Arbitrary<Step> = fc
  .record({
    by: someone,
    subscription: fc.constantFrom(...subscriptions),
    mandate: fc.constantFrom(0, 1, 2),
    what: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ by, subscription: { id: termsId }, mandate, what }): Step => {
    if (what < 5) return { kind: "other", by, body: { kind: "end-mandate", termsId, mandate } };
    if (what < 7) return { kind: "other", by, body: { kind: "choice", termsId, name: "end", value: 1n } };
    if (what < 8)
      return {
        kind: "other",
        by: drone,
        root: true,
        body: { kind: "revoke", identity: drone.device.publicKey },
      };
    const body = {
      kind: "transfer" as const,
      to: purse,
      currency: euro,
      amount: 700n,
      memo: new Uint8Array(),
    };
    return { kind: "other", by, body };
  });

const step = fc.oneof(
  { weight: 5, arbitrary: charging },
  { weight: 5, arbitrary: spending },
  { weight: 1, arbitrary: other },
);

function begin(): { village: DirectLedger; model: Model } {
  const village = new DirectLedger().begin();
  const model = new Model();
  for (const subscription of subscriptions) expect(village.code(shop.device, subscription.open)).toBe("ok");
  expect(village.code(alice.device, makePurse)).toBe("ok");
  for (const [to, minor] of [
    [purse, 6_000n],
    [drone.root.publicKey, 900n],
    [bank.root.publicKey, 900n],
  ] as const)
    expect(village.code(bank.device, { body: { kind: "mint", currency: euro, to, amount: minor } })).toBe(
      "ok",
    );
  for (const one of accounts) model.balances.set(toHex(one), balanceOf(village, one));
  return { village, model };
}

function balanceOf(village: DirectLedger, one: Uint8Array): bigint {
  return village.ledger.accountBalances(one).get(euro) ?? 0n;
}

/** Executes an entry of legs; the model must have foreseen whether it is taken. */
function runLegs(village: DirectLedger, model: Model, one: LegsStep, reached: Map<string, number>): void {
  const frame = approvalFrame(one.approvedNonce, { notAfter: village.now + HOUR });
  const approvals = one.approvers.map(({ device }) => approveLegs(crypto, device, frame, one.content));
  const draft = { body: legsBody(one.content, approvals) };
  const record = village.record(one.by.device, draft, { nonce: new Uint8Array(16).fill(one.nonce) });
  if (village.ledger.hasSeen(record.entry, record.idHex)) return;
  const foreseen = model.takes(one, village.now);
  const seen = [{ record, timeMs: village.now - one.lateMs }];
  const { refusal } = village.execute([record], seen).executed[0]!;
  expect([refusal?.code ?? "ok", foreseen]).toEqual([refusal?.code ?? "ok", refusal === undefined]);
  const why = `${one.content.charges.length > 0 ? "charge" : one.approvers.length > 0 ? "purse" : "own"} ${refusal?.code ?? "ok"}`;
  reached.set(why, (reached.get(why) ?? 0) + 1);
  // The very same entry does nothing a second time.
  expect(village.ledger.hasSeen(record.entry, record.idHex)).toBe(true);
}

function runOther(
  village: DirectLedger,
  model: Model,
  { by, body, root }: Extract<Step, { kind: "other" }>,
): void {
  const { result } = village.settle(root === true ? by.root : by.device, { body });
  if (result === null) return;
  if (result.kind === "end-mandate") model.ended.add(`${toHex(result.termsId)}/${result.mandate}`);
  else if (result.kind === "choice") model.closed.add(toHex(result.termsId));
  else if (result.kind === "revoke") model.revoked.add(by);
  else
    for (const [one, change] of [
      [purse, 700n],
      [by.root.publicKey, -700n],
    ] as const)
      model.balances.set(toHex(one), model.balances.get(toHex(one))! + change);
}

describe("an entry of legs", () => {
  it("takes what its signer has a right to, and nothing else, whatever came before", () => {
    const steps = fc.array(
      fc.record({ one: step, waitMs: fc.constantFrom(0, 0, 0, SECOND, MINUTE, 20 * MINUTE, HOUR) }),
      { minLength: 10, maxLength: 30, size: "max" },
    );
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(steps, (all) => {
        const { village, model } = begin();
        for (const { one, waitMs } of all) {
          village.now += waitMs;
          if (one.kind === "legs") runLegs(village, model, one, reached);
          else runOther(village, model, one);
          for (const account of accounts)
            expect(balanceOf(village, account)).toBe(model.balances.get(toHex(account)));
          const { accounts: held, holds, supplies } = village.ledger.allBalances();
          expect([...held, ...holds].reduce((sum, { amount: minor }) => sum + minor, 0n)).toBe(
            supplies[0]!.amount,
          );
        }
        for (const [name, sum] of model.sums) {
          const [terms, mandate, period] = name.split("/");
          const { mandates } = subscriptions.find(({ id }) => toHex(id) === terms)!.terms;
          const { capMinor, totalMinor } = mandates[Number(mandate)]!;
          expect(sum).toBeLessThanOrEqual(period === undefined ? totalMinor : capMinor);
        }
      }),
      { numRuns: 60, seed: 1 },
    );
    // The walk is worth something only if it gets around.
    for (const what of [
      "charge ok",
      "charge mandate-exceeded",
      "charge entry-unauthorized",
      "purse ok",
      "purse approvals-missing",
      "purse approvals-used",
      "own ok",
      "own funds-short",
    ])
      expect(reached.get(what) ?? 0, what).toBeGreaterThan(5);
    for (const what of ["charge mandate-ended", "charge contract-closed", "own entry-invalid"])
      expect(reached.get(what) ?? 0, what).toBeGreaterThan(0);
  });
});
