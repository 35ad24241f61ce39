/**
 * A notary's core under any casts and any log: mutants, what others signed, one notary that lies, time that
 * jumps. It never throws; the log alone decides its blocks, however it is read; money is conserved; and
 * after a restart it votes for nothing else than it did.
 */
import fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { certificateFields, signVote } from "../../../protocols/ledger/certificate.ts";
import { signEntry } from "../../../protocols/ledger/entry.ts";
import type { EntryBody } from "../../../protocols/ledger/entry.ts";
import { ledgerRules } from "../../../protocols/ledger/ledger.ts";
import { NotaryCore } from "../../../protocols/ledger/notary.ts";
import type {
  NotaryChannel,
  NotaryConfig,
  NotaryEffect,
  NotaryEvent,
} from "../../../protocols/ledger/notary.ts";
import { encodeCut, encodeEntryRecord } from "../../../protocols/ledger/record.ts";
import { signNoRelease, signStamp } from "../../../protocols/ledger/statements.ts";
import { makeSubmission } from "../../../protocols/ledger/submission.ts";
import { decodeVote, encodeVote } from "../../../protocols/ledger/voting.ts";
import type { Signer } from "../../../protocols/ports.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { seededRandom, START_MS, World } from "../../ledger/committee.ts";
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
import { fuzz } from "../support/harness.ts";
import { mutated } from "../support/mutate.ts";
import { rememberingSigner } from "../support/signed.ts";

/** Most cases verify and make the same signatures: each is worked out once. */
const crypto = rememberingCrypto(nodeCrypto);

interface Cast {
  channel: NotaryChannel;
  bytes: Uint8Array;
}

/** An honest village's day: what stood in the log, and what was cast. */
function recordDay(): { world: World; log: Uint8Array[]; casts: Cast[] } {
  const world = new World(4, { seed: 5, delayMs: 20 });
  const casts: Cast[] = [];
  const cast = world.cast.bind(world);
  world.cast = (channel, bytes, from) => {
    casts.push({ channel, bytes });
    cast(channel, bytes, from);
  };
  for (const { device, card } of people) world.submit(device, { kind: "card", card });
  world.run(3_000);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(2_000);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(2_000);
  const delivery = deliveryOf(1, world.now);
  world.submit(shop.device, delivery.open.body, delivery.open.attachment);
  world.run(2_000);
  world.submit(alice.device, { kind: "deposit", termsId: delivery.id, currency: euro, amount: 2_490n });
  world.run(2_000);
  for (const draft of [meetingDraft(delivery, world.now), removedDraft(delivery, world.now)]) {
    world.submit(drone.device, draft.body, draft.attachment);
    world.run(2_000);
  }
  const memo = new Uint8Array();
  world.submit(alice.device, {
    kind: "transfer",
    to: shop.root.publicKey,
    currency: euro,
    amount: 100n,
    memo,
  });
  world.run(3_000);
  return { world, log: world.log, casts };
}

const { world, log, casts } = recordDay();
const configs: NotaryConfig[] = world.configs.map((config) => ({
  ...{ ...config, crypto, termSigner: rememberingSigner(config.termSigner) },
}));
const LIAR = 3;
const liar = configs[LIAR]!.termSigner;
const rules = ledgerRules(crypto, world.network);
const END_MS = world.now;
const random = seededRandom(3);
const knownTermsId = deliveryOf(1, START_MS + 7_000).id;

/** A day's entry by anybody, as valid as its signer can make it. */
function entryBy(signer: Signer, body: EntryBody, attachment?: Uint8Array): Uint8Array {
  const maker = { crypto, random, network: world.network, signer };
  return makeSubmission(
    maker,
    START_MS + 5_000,
    attachment === undefined ? { body } : { body, attachment },
    3_600_000,
  ).record;
}

const memo = new Uint8Array(3);
const second = deliveryOf(2, START_MS + 4_000);
/** Signed by whom they name: greedy, early, for others' money. */
const entries: Uint8Array[] = [
  entryBy(alice.device, {
    kind: "transfer",
    to: drone.root.publicKey,
    currency: euro,
    amount: 2n ** 63n - 1n,
    memo,
  }),
  entryBy(alice.device, { kind: "transfer", to: alice.root.publicKey, currency: euro, amount: 1n, memo }),
  entryBy(drone.device, { kind: "mint", currency: euro, to: drone.root.publicKey, amount: 1_000_000n }),
  entryBy(bank.device, { kind: "mint", currency: euro, to: shop.root.publicKey, amount: 2n ** 63n - 1n }),
  entryBy(bank.device, { kind: "currency", code: "SUN", exponent: 0, name: "Sun" }),
  entryBy(shop.device, second.open.body, second.open.attachment),
  entryBy(shop.device, second.open.body, new Uint8Array(10)),
  entryBy(alice.device, { kind: "deposit", termsId: second.id, currency: euro, amount: 2_490n }),
  entryBy(alice.device, { kind: "deposit", termsId: second.id, currency: euro, amount: 2_489n }),
  entryBy(alice.device, { kind: "choice", termsId: second.id, name: "cancel", value: 1n }),
  entryBy(drone.device, { kind: "choice", termsId: knownTermsId, name: "cancel", value: 1n }),
  entryBy(liar, { kind: "revoke", identity: alice.device.publicKey }),
  entryBy(liar, expireOf(second.id, 2)),
];

/** An expiry on the word of one notary, thrice. */
function expireOf(termsId: Uint8Array, seq: number): EntryBody {
  const statement = signNoRelease(rules, liar, { termsId, seq, timeMs: START_MS + 3_600_000 });
  return { kind: "expire", termsId, seq, statements: [statement, statement, statement] };
}

const foreign = signEntry(
  crypto,
  alice.device,
  { network: "city", zone: "main", nonce: new Uint8Array(16), notBefore: START_MS, notAfter: END_MS + 1 },
  { kind: "transfer", to: shop.root.publicKey, currency: euro, amount: 1n, memo },
);

const times = fc.constantFrom(
  0,
  1,
  START_MS,
  START_MS + 5_000,
  END_MS,
  END_MS + 10 ** 9,
  Number.MAX_SAFE_INTEGER,
);
const heights = fc.oneof(fc.integer({ min: 1, max: 14 }), fc.constantFrom(1_000, Number.MAX_SAFE_INTEGER));

/** What one notary may sign that lies. */
const lies: fc.Arbitrary<Cast> = fc.oneof(
  fc.tuple(heights, times).map(([height, timeMs]): Cast => {
    return { channel: "stamp", bytes: signStamp(rules, liar, { height, timeMs, seen: [] }) };
  }),
  fc.tuple(heights, fc.nat(200), fc.boolean()).map(([height, seed, wanted]): Cast => {
    const hash = nodeCrypto.sha256(Uint8Array.of(seed));
    const signature = signVote(liar, { height, hash });
    return { channel: "vote", bytes: encodeVote({ height, hash, notary: LIAR, signature, wanted }) };
  }),
  fc.tuple(fc.constantFrom(knownTermsId, second.id), fc.nat(6), times).map(([termsId, seq, timeMs]): Cast => {
    return { channel: "statement", bytes: signNoRelease(rules, liar, { termsId, seq, timeMs }) };
  }),
);

/** Cuts that one notary makes up: of its own stamps, and of honest ones that it has heard. */
const stampCasts = casts.filter(({ channel }) => channel === "stamp").map(({ bytes }) => bytes);
const falseCuts = fc
  .tuple(
    heights,
    fc.array(
      fc.oneof(
        fc.constantFrom(...stampCasts),
        lies.map(({ bytes }) => bytes),
      ),
      { maxLength: 5 },
    ),
    fc.nat(3),
  )
  .map(([height, stamps, kind]) => {
    const hash = nodeCrypto.sha256(Uint8Array.of(kind));
    const certificate = [0, 1, 2].map((notary) => ({ notary, signature: signVote(liar, { height, hash }) }));
    const certificates = kind === 0 ? [] : [{ height: kind, certificate: certificateFields(certificate) }];
    return encodeCut({ height, stamps, certificates });
  });

type Step =
  | { kind: "log"; bytes: Uint8Array }
  /** The honest day goes on by so many records. */
  | { kind: "next"; count: number }
  | { kind: "casts"; casts: Cast[] }
  | { kind: "time"; ms: number };

const hostileRecord = fc.oneof(
  fc.constantFrom(...entries, encodeEntryRecord(foreign.bytes, null)),
  mutated([...log, ...entries]),
  falseCuts,
  // The log repeats itself.
  fc.constantFrom(...log),
);
const channels: NotaryChannel[] = ["entry", "stamp", "vote", "statement"];
const hostileCast: fc.Arbitrary<Cast> = fc.oneof(
  { weight: 3, arbitrary: lies },
  { weight: 2, arbitrary: fc.constantFrom(...entries).map((bytes): Cast => ({ channel: "entry", bytes })) },
  {
    weight: 2,
    arbitrary: fc.record({
      channel: fc.constantFrom(...channels),
      bytes: mutated([...casts.slice(0, 40).map(({ bytes }) => bytes), encodeCbor([1])]),
    }),
  },
);

const step = (honestCasts: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 5 }).map((count): Step => ({ kind: "next", count })) },
    { weight: 3, arbitrary: hostileRecord.map((bytes): Step => ({ kind: "log", bytes })) },
    { weight: 3, arbitrary: hostileCast.map((cast): Step => ({ kind: "casts", casts: [cast] })) },
    {
      weight: honestCasts ? 3 : 0,
      arbitrary: fc
        .oneof(
          fc.constantFrom(...casts).map((cast) => [cast]),
          fc.constant(casts.filter(({ channel }) => channel === "vote")),
        )
        .map((some): Step => ({ kind: "casts", casts: some })),
    },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(0, 300, 3_000, 60_000, -60_000, 10 ** 8, 10 ** 12, -(10 ** 12))
        .map((ms): Step => ({ kind: "time", ms })),
    },
  );

/** What a notary has done, as far as it counts for others. */
class Watched {
  readonly core: NotaryCore;
  /** What its store holds. */
  readonly store: Map<string, Uint8Array>;
  halted: Extract<NotaryEffect, { kind: "halted" }> | undefined;

  constructor(index: number, store = new Map<string, Uint8Array>(), now = START_MS) {
    this.core = new NotaryCore(configs[index]!);
    this.store = store;
    const saved = [...store].map(([key, bytes]) => ({ key, bytes }));
    if (saved.length > 0) this.handle({ kind: "restored", now, saved });
  }

  handle(event: NotaryEvent): void {
    for (const effect of this.core.handle(event)) {
      if (effect.kind === "halted") this.halted = effect;
      if (effect.kind === "wake") expect(effect.atMs).not.toBeNaN();
      if (effect.kind !== "persist") continue;
      const before = this.store.get(effect.key);
      // One vote a height, whatever happens in between.
      if (before !== undefined && effect.key.startsWith("vote/")) {
        expect(toHex(decodeVote(effect.bytes).hash)).toBe(toHex(decodeVote(before).hash));
      }
      this.store.set(effect.key, effect.bytes);
    }
  }

  votes(): Record<string, string> {
    const votes = [...this.store].filter(([key]) => key.startsWith("vote/"));
    return Object.fromEntries(votes.map(([key, bytes]) => [key, toHex(decodeVote(bytes).hash)]));
  }
}

function expectConserved(core: NotaryCore): void {
  const { accounts, holds, supplies } = core.allBalances();
  const sums = new Map<string, bigint>(supplies.map(({ currency }) => [currency, 0n]));
  for (const { currency, amount } of [...accounts, ...holds]) {
    expect(amount >= 0n).toBe(true);
    sums.set(currency, (sums.get(currency) ?? -1n) + amount);
  }
  expect([...sums]).toEqual(supplies.map(({ currency, amount }) => [currency, amount]));
}

/** A fuzz of what never comes to blocks, or never stops, would say nothing. */
const reached = { halts: 0, restarts: 0, most: 0 };
afterAll(() => {
  expect(reached.most).toBeGreaterThanOrEqual(world.members[0]!.core.height);
  expect(reached.restarts).toBeGreaterThan(0);
  expect(reached.halts).toBeGreaterThan(0);
});

interface Disturbed {
  index: number;
  steps: Step[];
  pages: number[];
  restartAt: number;
}

function disturbed(honestCasts: boolean): fc.Arbitrary<Disturbed> {
  return fc.record({
    index: fc.nat(2),
    steps: fc.array(step(honestCasts), { minLength: 1, maxLength: 60 }),
    pages: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    restartAt: fc.nat(60),
  });
}

/**
 * One notary lives through it as it comes; returns the log that it has read, and what its store held before
 * step `markAt`.
 */
function live(
  watched: Watched,
  steps: readonly Step[],
  markAt: number,
): { read: Uint8Array[]; marked: Map<string, Uint8Array> } {
  const read: Uint8Array[] = [];
  let marked: Map<string, Uint8Array> | undefined;
  let now = START_MS;
  let next = 0;
  const append = (bytes: Uint8Array): void => {
    watched.handle({ kind: "record", now, index: read.length, bytes });
    read.push(bytes);
  };
  for (const [index, one] of steps.entries()) {
    if (index === markAt) marked = new Map(watched.store);
    if (one.kind === "time") {
      now = Math.max(0, now + one.ms);
      watched.handle({ kind: "tick", now });
    } else if (one.kind === "casts") {
      for (const cast of one.casts) watched.handle({ kind: "cast", now, ...cast });
    } else if (one.kind === "log") append(one.bytes);
    else for (const bytes of log.slice(next, (next += one.count))) append(bytes);
    if (watched.halted !== undefined) break;
  }
  return { read, marked: marked ?? new Map(watched.store) };
}

/** Another reads the same log later, in pages of any size. */
function readAgain(watched: Watched, read: readonly Uint8Array[], pages: readonly number[]): void {
  for (let index = 0, page = 0, left = pages[0]!; index < read.length; index++) {
    left -= 1;
    const more = left > 0 && index + 1 < read.length;
    watched.handle({ kind: "record", now: END_MS, index, bytes: read[index]!, more });
    if (left === 0) left = pages[(page += 1) % pages.length]!;
  }
}

function check({ index, steps, pages, restartAt }: Disturbed, mayHalt: boolean): void {
  const first = new Watched(index);
  const { read, marked } = live(first, steps, restartAt);
  reached.most = Math.max(reached.most, first.core.height);
  expectConserved(first.core);
  if (first.halted !== undefined) {
    reached.halts += 1;
    expect(mayHalt).toBe(true);
    expect(first.halted.evidence.length).toBeGreaterThan(1);
    return;
  }
  const later = new Watched(index);
  readAgain(later, read, pages);
  expect(later.votes()).toEqual(first.votes());
  expect(later.core.allBalances()).toEqual(first.core.allBalances());
  expect([later.core.height, later.core.timeMs]).toEqual([first.core.height, first.core.timeMs]);
  // Had it died in the middle, it would begin anew with what it had made durable.
  const again = new Watched(index, marked, END_MS);
  readAgain(again, read, pages);
  reached.restarts += 1;
  expect(again.halted).toBeUndefined();
  expect(again.votes()).toEqual(first.votes());
}

describe("a notary's core", () => {
  fuzz(
    "is moved by no single liar, and the same log gives the same blocks",
    disturbed(false),
    (sequence) => check(sequence, false),
    { share: 0.03 },
  );

  fuzz(
    "stops with evidence, if at all, when many vote otherwise",
    disturbed(true),
    (sequence) => check(sequence, true),
    { share: 0.01 },
  );
});
