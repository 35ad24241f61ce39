/** Mutants of sound entries of legs, soundly signed: whatever they say, nobody loses what was not agreed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { sign1, verify1 } from "../../protocols/identity/cose.ts";
import { applyEntry } from "../../protocols/ledger/apply.ts";
import type { Applied } from "../../protocols/ledger/apply.ts";
import { readAmount } from "../../protocols/ledger/draft.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { openEntry, readBody, signEntry } from "../../protocols/ledger/entry.ts";
import type { Entry } from "../../protocols/ledger/entry.ts";
import { ledgerRules } from "../../protocols/ledger/ledger.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Signer } from "../../protocols/ports.ts";
import { mutatedInside } from "../fuzz/support/mutate.ts";
import { committeeOf, START_MS } from "./committee.ts";
import {
  approvalFrame,
  approved,
  charge,
  leg,
  legsBody,
  legsOf,
  makePurse,
  MINUTE,
  purse,
  subscriptionOf,
} from "./shared-money.ts";
import { alice, bank, drone, euro, people, shop } from "./village.ts";

type State = Map<string, Uint8Array>;

const rules = ledgerRules(crypto, committeeOf(4).network);
const subscription = subscriptionOf(1);
const spend = legsOf([leg(purse, -2_000n), leg(bank, 2_000n)]);
const frame = approvalFrame(1);
const window = { notBefore: START_MS - MINUTE, notAfter: START_MS + MINUTE };

function sign(signer: Signer, { body, nonce = new Uint8Array(16) }: EntryDraft): Uint8Array {
  return signEntry(crypto, signer, { network: "village", zone: "main", nonce, ...window }, body).bytes;
}

function apply(state: State, entry: Entry, attachment?: Uint8Array): Applied {
  const context = { ...rules, timeMs: START_MS, seenMs: START_MS, stateRoot: new Uint8Array(32), attachment };
  return applyEntry(state, entry, context);
}

function write(state: State, applied: Applied): void {
  if (!applied.ok) throw new Error(`${applied.code} ${applied.message}`);
  for (const [key, value] of applied.writes) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
}

const base: State = new Map();
const mint = (to: Uint8Array, amount: bigint): EntryDraft => {
  return { body: { kind: "mint", currency: euro, to, amount } };
};
const BEGINNING: [Signer, EntryDraft][] = [
  ...people.map(({ device, card }): [Signer, EntryDraft] => [device, { body: { kind: "card", card } }]),
  [bank.device, { body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } }],
  [alice.device, makePurse],
  ...[alice, drone, shop].map(({ root }): [Signer, EntryDraft] => [
    bank.device,
    mint(root.publicKey, 5_000n),
  ]),
  [bank.device, mint(purse, 5_000n)],
  [shop.device, subscription.open],
];
for (const [signer, draft] of BEGINNING)
  write(base, apply(base, openEntry(crypto, sign(signer, draft)), draft.attachment));

const charged = legsOf(
  [leg(alice, -300n), leg(drone, -50n), leg(shop, -10n), leg(bank, 360n)],
  [charge(0, subscription, 0), charge(1, subscription, 1)],
);
const members = [alice, bank].map(({ root }) => root.publicKey);
const SAMPLES: [Signer, EntryDraft][] = [
  [shop.device, { body: legsBody(charged) }],
  [bank.device, approved(spend, frame, [drone, shop])],
  [alice.device, { body: { kind: "end-mandate", termsId: subscription.id, mandate: 0 } }],
  [alice.device, { body: { kind: "joint", k: 2, members } }],
];
const payloads = SAMPLES.map(([signer, draft]) => verify1(crypto, "entry", sign(signer, draft)).payload);

function balances(state: State): Map<string, bigint> {
  const entries = [...state].filter(([key]) => key.startsWith("account/"));
  return new Map(entries.map(([key, bytes]) => [key, readAmount(bytes)]));
}

/** How much each account has lost, by its root in hex. */
function losses(before: State, after: State): Map<string, bigint> {
  const [then, now] = [balances(before), balances(after)];
  const lost = new Map<string, bigint>();
  for (const [key, amount] of then) {
    const loss = amount - (now.get(key) ?? 0n);
    if (loss > 0n) lost.set(key.split("/")[1]!, loss);
  }
  return lost;
}

/** What an accepted mutant may have cost: its signer what he signs, others what they have agreed to. */
function expectAgreed(entry: Entry, lost: Map<string, bigint>): void {
  const signer = people.find(({ device }) => toHex(device.publicKey) === toHex(entry.signer))!;
  const allowed = new Map([[toHex(signer.root.publicKey), 5_000n]]);
  if (signer === shop) {
    allowed.set(toHex(alice.root.publicKey), 1_000n);
    allowed.set(toHex(drone.root.publicKey), 100n);
  }
  const body = readBody(entry);
  const isAsApproved =
    body.kind === "legs" && body.legs.length === 2 && toHex(entry.nonce) === toHex(frame.nonce);
  if (isAsApproved) allowed.set(toHex(purse), 2_000n);
  for (const [account, loss] of lost) expect(loss, account).toBeLessThanOrEqual(allowed.get(account) ?? 0n);
}

describe("mutants of entries that share money", () => {
  it("are refused, or cost nobody what was not agreed", () => {
    for (const [signer, draft] of SAMPLES)
      expect(apply(base, openEntry(crypto, sign(signer, draft)))).toMatchObject({ ok: true });
    const mutants = fc.tuple(mutatedInside(payloads), fc.constantFrom(...people));
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(mutants, ([payload, { device }]) => {
        let entry: Entry;
        try {
          entry = openEntry(crypto, sign1("entry", payload, device));
        } catch (error) {
          expect(error).toBeInstanceOf(SegmentError);
          return;
        }
        const applied = apply(base, entry);
        if (!applied.ok) {
          refused++;
          expect(applied.code).not.toBe("internal");
          return;
        }
        accepted++;
        const after = new Map(base);
        write(after, applied);
        const sum = (state: State): bigint =>
          [...balances(state).values()].reduce((total, one) => total + one, 0n);
        expect(sum(after)).toBe(sum(base));
        expectAgreed(entry, losses(base, after));
      }),
      { numRuns: 1_000, seed: 1 },
    );
    expect(accepted).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(250);
  });
});
