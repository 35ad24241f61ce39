/** Fuzz: the ledger's rules. Whatever entries come, soundly signed, no money is made or lost. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { equalBytes } from "../../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { applyEntry } from "../../../protocols/ledger/apply.ts";
import type { Applied } from "../../../protocols/ledger/apply.ts";
import { Draft, readAmount } from "../../../protocols/ledger/draft.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import { openEntry, signEntry } from "../../../protocols/ledger/entry.ts";
import { ledgerRules } from "../../../protocols/ledger/ledger.ts";
import { NotaryCore } from "../../../protocols/ledger/notary.ts";
import type { CurrencyPolicy } from "../../../protocols/ledger/policy.ts";
import { NOTARY_CHANNELS } from "../../../protocols/ledger/notary-events.ts";
import { encodeCut, encodeEntryRecord } from "../../../protocols/ledger/record.ts";
import { signNoRelease, signStamp } from "../../../protocols/ledger/statements.ts";
import { encodeVote } from "../../../protocols/ledger/voting.ts";
import { MAX_AMOUNT } from "../../../protocols/money/amounts.ts";
import { currencyId } from "../../../protocols/money/currencies.ts";
import type { Signer } from "../../../protocols/ports.ts";
import { seededRandom, START_MS } from "../../ledger/committee.ts";
import {
  alice,
  bank,
  deliveryOf,
  drone,
  euro,
  meetingDraft,
  people,
  removedDraft,
  shop,
} from "../../ledger/village.ts";
import {
  approvalFrame,
  approved,
  charge,
  leg,
  legsBody,
  legsOf,
  makePurse,
  purse,
  subscriptionOf,
} from "../../ledger/shared-money.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes, mutatedInside } from "../support/mutate.ts";
import { must } from "../support/must.ts";
import { asIfSigned, trusting } from "../support/signed.ts";
import { configs, network } from "../support/village.ts";

const MINUTE = 60_000;
const rules = ledgerRules(trusting, network);
const random = seededRandom(21);
const signers = people.flatMap(({ device, root }) => [device, root]);
const first = deliveryOf(1);
const second = deliveryOf(2);
const frame = {
  network: "village",
  zone: "main",
  notBefore: START_MS - MINUTE,
  notAfter: START_MS + 10 * MINUTE,
};

/** The ledger's state as a map; `null` is never in it. */
type State = Map<string, Uint8Array>;

function apply(state: State, bytes: Uint8Array, attachment: Uint8Array | undefined, timeMs: number): Applied {
  const context = { ...rules, timeMs, seenMs: timeMs, stateRoot: new Uint8Array(32), attachment };
  const entry = openEntry(trusting, bytes);
  const applied = applyEntry(state, entry, context);
  const again = applyEntry(state, entry, context);
  must(applied.ok === again.ok, "the same entry, the same outcome");
  if (!applied.ok) {
    must(applied.code !== "internal", `no fault of our own: ${applied.message}`);
    return applied;
  }
  must(again.ok && sameWrites(applied.writes, again.writes), "the same entry, the same writes");
  for (const [key, value] of applied.writes) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
  mustConserve(state);
  return applied;
}

function sameWrites(
  a: ReadonlyMap<string, Uint8Array | null>,
  b: ReadonlyMap<string, Uint8Array | null>,
): boolean {
  const isSame = (key: string, value: Uint8Array | null): boolean => {
    const other = b.get(key);
    return value === null || other === null || other === undefined
      ? value === other
      : equalBytes(value, other);
  };
  return a.size === b.size && [...a].every(([key, value]) => isSame(key, value));
}

/** Per currency: what accounts and contracts hold is what was minted. */
function mustConserve(state: State): void {
  const sums = new Map<string, bigint>();
  const add = (currency: string, amount: bigint) => sums.set(currency, (sums.get(currency) ?? 0n) + amount);
  const draft = new Draft(state, START_MS);
  for (const [key, bytes] of state) {
    const [kind, name, currency] = key.split("/") as [string, string, string];
    if (kind === "account" || kind === "hold") {
      const amount = readAmount(bytes);
      must(amount > 0n && amount <= MAX_AMOUNT, `${key} holds an amount`);
      add(currency, amount);
    } else if (kind === "currency") add(name, -draft.currency(name)!.supply);
  }
  for (const [currency, sum] of sums) must(sum === 0n, `${currency} is off by ${sum}`);
}

function sign(signer: Signer, draft: EntryDraft): Uint8Array {
  const nonce = draft.nonce ?? random.bytes(16);
  return signEntry(nodeCrypto, signer, { ...frame, nonce }, draft.body).bytes;
}

const base: State = new Map();

function settle(signer: Signer, draft: EntryDraft): void {
  const applied = apply(base, sign(signer, draft), draft.attachment, START_MS);
  if (!applied.ok) throw new Error(`the village does not begin: ${applied.code} ${applied.message}`);
}

for (const { card, device } of people) settle(device, { body: { kind: "card", card } });
settle(bank.device, { body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
settle(bank.device, { body: { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n } });
settle(bank.device, { body: { kind: "mint", currency: euro, to: shop.root.publicKey, amount: 500n } });
settle(alice.device, first.open);
const deposit: EntryDraft = { body: { kind: "deposit", termsId: first.id, currency: euro, amount: 2_490n } };
settle(alice.device, deposit);
const subscription = subscriptionOf(1);
settle(shop.device, subscription.open);
settle(alice.device, makePurse);
settle(bank.device, { body: { kind: "mint", currency: euro, to: purse, amount: 5_000n } });
/** Money that melts: a tenth a minute, to the shop. */
const sun = currencyId(nodeCrypto, "SUN", bank.root.publicKey);
const policy: CurrencyPolicy = {
  ...{ kind: "money", minters: [bank.root.publicKey, alice.root.publicKey] },
  cap: { minor: 2_000n, periodMs: MINUTE },
  demurrage: { ppm: 100_000, periodMs: MINUTE, fund: shop.root.publicKey },
};
settle(bank.device, { body: { kind: "currency", code: "SUN", exponent: 0, name: "Sun", policy } });
settle(bank.device, { body: { kind: "mint", currency: sun, to: alice.root.publicKey, amount: 1_000n } });

const landBy = first.landByMs + 20 * MINUTE;
const statements = [0, 1, 2].map((i) =>
  signNoRelease(rules, configs[i]!.termSigner, { termsId: first.id, seq: 1, timeMs: landBy }),
);
const to = drone.root.publicKey;
const DEED: CurrencyPolicy = { kind: "deed", documentHash: new Uint8Array(32).fill(4) };
const SPENT = legsOf([leg(purse, -2_000n), leg(bank, 2_000n)]);
const CHARGED = legsOf([leg(alice, -300n), leg(shop, 300n)], [charge(0, subscription, 0)]);
const MELTING = legsOf([leg(alice, -100n, sun), leg(drone, 100n, sun)]);
const DRAFTS: [Signer, EntryDraft][] = [
  [alice.device, { body: { kind: "transfer", to, currency: euro, amount: 7_510n, memo: new Uint8Array(3) } }],
  [shop.device, { body: { kind: "transfer", to, currency: euro, amount: 1n, memo: new Uint8Array(0) } }],
  [bank.device, { body: { kind: "mint", currency: euro, to, amount: MAX_AMOUNT - 10_500n } }],
  [bank.device, { body: { kind: "currency", code: "KWH", exponent: 3, name: "Energy" } }],
  [drone.root, { body: { kind: "revoke", identity: drone.device.publicKey } }],
  [alice.device, { body: { kind: "card", card: alice.card } }],
  [alice.device, { body: { kind: "examine", termsId: second.id, currency: euro, amount: 2_490n } }],
  [alice.device, deposit],
  [drone.device, { body: { kind: "choice", termsId: first.id, name: "cancel", value: 1n } }],
  [alice.device, { body: { kind: "expire", termsId: first.id, seq: 1, statements } }],
  [bank.device, { body: { kind: "mint", currency: sun, to, amount: 1_000n } }],
  [alice.device, { body: { kind: "transfer", to, currency: sun, amount: 500n, memo: new Uint8Array(0) } }],
  [bank.device, { body: { kind: "currency", code: "DEED", exponent: 0, name: "Field", policy: DEED } }],
  [shop.device, { body: legsBody(CHARGED) }],
  [alice.device, { body: legsBody(MELTING) }],
  [bank.device, approved(SPENT, approvalFrame(1), [drone, shop])],
  [alice.device, { body: { kind: "end-mandate", termsId: subscription.id, mandate: 0 } }],
  [alice.device, { body: { kind: "joint", k: 1, members: [to, alice.root.publicKey] } }],
  [alice.device, second.open],
  [drone.device, meetingDraft(first, START_MS)],
  [drone.device, removedDraft(first, START_MS + 1_000)],
];
const payloads = DRAFTS.map(([signer, draft]) => verify1(nodeCrypto, "entry", sign(signer, draft)).payload);
const attachments = DRAFTS.flatMap(([, { attachment }]) => attachment ?? []);
const whoever = fc.constantFrom(...signers);
const times = fc.constantFrom(START_MS, START_MS, START_MS, START_MS + 9 * MINUTE, landBy);

describe("applyEntry", () => {
  const bodies = fc.record({
    entry: fc.oneof(
      fc
        .nat(DRAFTS.length - 1)
        .map((i) => ({ signer: DRAFTS[i]![0], payload: payloads[i]!, attachment: DRAFTS[i]![1].attachment })),
      fc
        .tuple(mutatedInside(payloads), whoever)
        .map(([payload, signer]) => ({ payload, signer, attachment: undefined })),
    ),
    timeMs: times,
  });
  fuzz(
    "any entries one after the other conserve money, and never fail from within",
    fc.array(bodies, { minLength: 1, maxLength: 4 }),
    (steps) => {
      const state = new Map(base);
      let last: Applied | undefined;
      for (const { entry, timeMs } of steps) {
        last = attempt(() =>
          apply(state, asIfSigned("entry", entry.payload, entry.signer), entry.attachment, timeMs),
        );
      }
      requireApplied(last);
    },
    { share: 0.2, accepted: 0.1 },
  );

  // Mostly what the contract waits for, by a party.
  const purposes = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: "open", termsId: second.id, signer: alice.device }) },
    { weight: 4, arbitrary: fc.constant({ kind: "facts", termsId: first.id, signer: drone.device }) },
    fc.record({
      kind: fc.constantFrom("open", "facts"),
      termsId: fc.constantFrom(first.id, second.id),
      signer: whoever,
    }),
  );
  fuzz(
    "any attachment that the entry names",
    fc.tuple(mutatedInside(attachments), purposes, times),
    ([attachment, { kind, termsId, signer }, timeMs]) => {
      const body = [termsId, nodeCrypto.sha256(attachment)];
      const fields = [1, "village", "main", kind, new Uint8Array(16), timeMs - MINUTE, timeMs + MINUTE, body];
      const bytes = asIfSigned("entry", encodeCbor(fields), signer);
      requireApplied(apply(new Map(base), bytes, attachment, timeMs));
    },
    { share: 0.2, accepted: 0.02 },
  );
});

/** An entry that does not even open is nobody's. */
function attempt(run: () => Applied): Applied | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SegmentError && error.code !== "internal") return undefined;
    throw error;
  }
}

function requireApplied(applied: Applied | undefined): void {
  if (applied === undefined) throw new SegmentError("entry-invalid", "no entry");
  if (!applied.ok) throw new SegmentError(applied.code, applied.message);
}

describe("NotaryCore", () => {
  const entries = DRAFTS.slice(0, 6).map(([signer, draft]) => encodeEntryRecord(sign(signer, draft), null));
  const stamps = configs.map(({ termSigner }) =>
    signStamp(rules, termSigner, { height: 1, timeMs: START_MS, seen: [] }),
  );
  const hash = new Uint8Array(32);
  const vote = encodeVote({ height: 1, hash, notary: 2, signature: new Uint8Array(64), wanted: true });
  const certificate = [0, 1, 2].map((notary) => [notary, new Uint8Array(64)]);
  const cut = encodeCut({ height: 1, stamps, certificates: [{ height: 1, certificate }] });
  const samples = [...entries, ...stamps, vote, statements[0]!, cut];
  const events = fc.tuple(fc.nat(NOTARY_CHANNELS.length), mutatedBytes(samples), fc.nat(5_000));

  fuzz(
    "handle answers whatever is heard and whatever stands in the log",
    fc.array(events, { minLength: 1, maxLength: 8 }),
    (list) => {
      const core = new NotaryCore({ ...configs[0]!, crypto: trusting });
      core.handle({ kind: "restored", now: START_MS, saved: [] });
      let now = START_MS;
      for (const [which, bytes, laterMs] of list) {
        now += laterMs;
        const channel = NOTARY_CHANNELS[which];
        if (channel === undefined) core.handle({ kind: "record", now, index: core.nextIndex, bytes });
        else core.handle({ kind: "cast", now, channel, bytes });
        core.handle({ kind: "tick", now });
      }
    },
    { share: 0.1, accepted: 1 },
  );

  fuzz(
    "handle takes back whatever its store has kept, or stops",
    fc.array(
      fc.tuple(
        fc.constantFrom("vote/1", "certificate/1", "vote/x", "other"),
        mutatedBytes([vote, encodeCbor(certificate as never)]),
      ),
      { maxLength: 3 },
    ),
    (saved) => {
      const core = new NotaryCore({ ...configs[0]!, crypto: trusting });
      core.handle({ kind: "restored", now: START_MS, saved: saved.map(([key, bytes]) => ({ key, bytes })) });
    },
    { share: 0.2 },
  );
});
