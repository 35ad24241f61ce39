import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { signVote } from "../../protocols/ledger/certificate.ts";
import { NOTARY_CHANNELS } from "../../protocols/ledger/notary.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { Submission } from "../../protocols/ledger/submission.ts";
import { decodeVote, encodeVote } from "../../protocols/ledger/voting.ts";
import { encodeHeader } from "../../protocols/ledger/block.ts";
import { encodeEntryRecord, decodeRecord } from "../../protocols/ledger/record.ts";
import { World } from "./committee.ts";
import type { Member } from "./committee.ts";
import { alice, bank, euro, people, shop } from "./village.ts";

const memo = new Uint8Array();

/** All are registered, and Alice has 100.00. */
function begin(world: World): void {
  for (const { card, device } of people) world.submit(device, { kind: "card", card });
  world.run(20_000);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(20_000);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(20_000);
}

function pay(world: World, amount: bigint): Submission {
  return world.submit(alice.device, {
    kind: "transfer",
    to: shop.root.publicKey,
    currency: euro,
    amount,
    memo,
  });
}

/** Receipts for all, the same blocks everywhere, and the money where it should be. */
function expectSettled(world: World, payments: Submission[], members: Member[] = world.members): void {
  const chains = members.map(({ certified }) => {
    return [...certified].sort(([a], [b]) => a - b).map(([, header]) => toHex(encodeHeader(header)));
  });
  for (const chain of chains) expect(chain).toEqual(chains[0]);
  for (const { core, halted } of members) {
    expect(halted).toBeUndefined();
    for (const { id } of payments) {
      const settled = core.receiptFor(id);
      expect(settled, `a receipt for ${toHex(id)}`).toBeDefined();
      expect(verifyReceipt(crypto, settled!.bytes, world.network)).toMatchObject({
        entryId: id,
        outcome: "ok",
      });
    }
    expect(core.accountBalances(shop.root.publicKey).get(euro)).toBe(BigInt(payments.length));
    expect(core.accountBalances(alice.root.publicKey).get(euro)).toBe(10_000n - BigInt(payments.length));
  }
}

function payOften(world: World, times: number): Submission[] {
  const payments: Submission[] = [];
  for (let i = 0; i < times; i++) {
    payments.push(pay(world, 1n));
    world.run(40);
  }
  return payments;
}

describe("a committee settles", () => {
  it("one transfer in well under a second, each entry in the log once", () => {
    const world = new World(4, { seed: 1 });
    begin(world);
    const before = world.log.length;
    const payment = pay(world, 1n);
    world.run(100);
    expectSettled(world, [payment]);
    expect(world.log.length).toBe(before + 2); // the entry and its cut
  });

  it.each([1, 4, 7, 13])("with %i notaries", (size) => {
    const world = new World(size, { seed: size });
    begin(world);
    const payments = payOften(world, 5);
    world.run(10_000);
    expectSettled(world, payments);
  });

  it.each([0, 1, 2, 3, 4, 5])("late, lost, repeated and shuffled messages: seed %i", (seed) => {
    const world = new World(4, { seed, delayMs: 1_500, lost: 20, twice: 20 });
    begin(world);
    world.run(60_000);
    const payments = payOften(world, 20);
    for (let again = 0; again < 5; again++) {
      world.run(20_000);
      for (const { record } of payments) world.cast("entry", record); // as a device does that has no receipt
    }
    world.run(120_000);
    expectSettled(world, payments);
  });

  it.each([0, 1, 2, 3])("with notary %i away", (away) => {
    const world = new World(4, { seed: 2 });
    world.members[away]!.crash();
    begin(world);
    const payments = payOften(world, 10);
    world.run(20_000);
    expectSettled(
      world,
      payments,
      world.members.filter((_, index) => index !== away),
    );
  });

  it("but not with two of four away, until one is back", () => {
    const world = new World(4, { seed: 3 });
    begin(world);
    world.members[0]!.crash();
    world.members[1]!.crash();
    const payments = payOften(world, 3);
    world.run(60_000);
    expect(world.members[2]!.core.receiptFor(payments[0]!.id)).toBeUndefined();
    world.members[0]!.restart();
    world.run(120_000);
    expectSettled(world, payments, [world.members[0]!, world.members[2]!, world.members[3]!]);
  });

  it("and one that comes back late learns all from the log", () => {
    const world = new World(4, { seed: 4 });
    begin(world);
    world.members[3]!.crash();
    const payments = payOften(world, 30);
    world.run(20_000);
    const late = world.members[3]!;
    let votes = 0;
    late.rewrite = (effect) => {
      if (effect.kind === "cast" && effect.channel === "vote") votes++;
      return [effect];
    };
    late.store.clear();
    late.restart();
    world.run(60_000);
    expectSettled(world, payments);
    // Cuts carry the certificates of earlier blocks: only for the last few must it ask.
    expect(late.core.height).toBeGreaterThan(10);
    expect(votes).toBeLessThan(5);
  });

  it("with clocks minutes apart", () => {
    const world = new World(4, { seed: 5 });
    for (const [index, skewMs] of [-60_000, 0, 30_000, 120_000].entries())
      world.members[index]!.skewMs = skewMs;
    begin(world);
    const payments = payOften(world, 5);
    world.run(20_000);
    expectSettled(world, payments);
    // 2f+1 of these four clocks: the median of any three lies within 30 s of the truth.
    for (const header of world.members[0]!.certified.values())
      expect(header.timeMs - world.now).toBeLessThan(60_000);
  });
});

describe("a notary that crashes", () => {
  it("at any moment never signs two blocks of one height", () => {
    const world = new World(4, { seed: 6, delayMs: 50 });
    begin(world);
    const victim = world.members[1]!;
    const signed = new Map<number, string>();
    victim.rewrite = (effect) => {
      if (effect.kind === "cast" && effect.channel === "vote") {
        const vote = decodeVote(effect.bytes);
        expect(signed.get(vote.height) ?? toHex(vote.hash)).toBe(toHex(vote.hash));
        signed.set(vote.height, toHex(vote.hash));
        expect([...victim.store.keys()]).toContain(`vote/${vote.height}`); // durable first
      }
      return [effect];
    };
    const payments: Submission[] = [];
    for (let i = 0; i < 40; i++) {
      payments.push(pay(world, 1n));
      world.run(7 + 13 * (i % 5));
      victim.crash();
      world.run(30);
      victim.restart();
    }
    world.run(60_000);
    expect(signed.size).toBeGreaterThan(5);
    expectSettled(world, payments);
  });

  it("stops if the log has changed meanwhile, and shows why", () => {
    const world = new World(4, { seed: 7 });
    begin(world);
    pay(world, 1n);
    world.run(5_000);
    const victim = world.members[2]!;
    victim.crash();
    const entry = world.log.findIndex((bytes) => decodeRecord(bytes).kind === "entry");
    world.log.splice(entry, 1);
    victim.restart();
    expect(victim.halted).toMatchObject({ code: "log-conflict" });
    expect(victim.halted!.evidence.length).toBeGreaterThan(0);
    expect(victim.core.handle({ kind: "tick", now: world.now })).toEqual([]);
  });
});

describe("a liar among four notaries", () => {
  const lies: [string, (liar: Member) => void][] = [
    [
      "votes for another block",
      (liar) => {
        liar.rewrite = (effect) => {
          if (effect.kind !== "cast" || effect.channel !== "vote") return [effect];
          const vote = decodeVote(effect.bytes);
          const hash = crypto.sha256(vote.hash);
          const signature = signVote(liar.config.termSigner, { height: vote.height, hash });
          return [{ ...effect, bytes: encodeVote({ ...vote, hash, signature }) }];
        };
      },
    ],
    [
      "votes twice, differently",
      (liar) => {
        liar.rewrite = (effect) => {
          if (effect.kind !== "cast" || effect.channel !== "vote") return [effect];
          const vote = decodeVote(effect.bytes);
          const hash = crypto.sha256(vote.hash);
          const signature = signVote(liar.config.termSigner, { height: vote.height, hash });
          return [{ ...effect, bytes: encodeVote({ ...vote, hash, signature }) }, effect];
        };
      },
    ],
    ["is silent on the bus", (liar) => (liar.rewrite = (effect) => (effect.kind === "cast" ? [] : [effect]))],
    ["appends nothing", (liar) => (liar.rewrite = (effect) => (effect.kind === "append" ? [] : [effect]))],
    [
      "strips attachments and appends rubbish",
      (liar) => {
        liar.rewrite = (effect) => {
          if (effect.kind !== "append") return [effect];
          const record = decodeRecord(effect.bytes);
          const rubbish = { kind: "append" as const, bytes: Uint8Array.of(1, 2, 3) };
          if (record.kind === "cut")
            return [rubbish, { ...effect, bytes: effect.bytes.slice(0, -1) }, effect, effect];
          return [rubbish, { ...effect, bytes: encodeEntryRecord(record.entryBytes, null) }, effect];
        };
      },
    ],
  ];

  it.each(lies)("%s: nothing breaks", (_, lie) => {
    for (let liar = 0; liar < 4; liar++) {
      const world = new World(4, { seed: 8 + liar, delayMs: 30 });
      lie(world.members[liar]!);
      begin(world);
      const payments = payOften(world, 8);
      world.run(30_000);
      expectSettled(
        world,
        payments,
        world.members.filter((_member, index) => index !== liar),
      );
    }
  });

  it("cannot move the log's time beyond the honest clocks", () => {
    const world = new World(4, { seed: 20, delayMs: 30 });
    world.members[1]!.skewMs = 4 * 60_000;
    begin(world);
    payOften(world, 8);
    world.run(5_000);
    for (const header of world.members[0]!.certified.values())
      expect(header.timeMs).toBeLessThanOrEqual(world.now);
  });
});

describe("whoever publishes on the bus", () => {
  it("brings down no notary with rubbish, nor with real messages in the wrong place", () => {
    const world = new World(4, { seed: 30 });
    const heard: Uint8Array[] = [];
    for (const member of world.members) {
      member.rewrite = (effect) => {
        if (effect.kind === "cast" || effect.kind === "append") heard.push(effect.bytes);
        return [effect];
      };
    }
    begin(world);
    const real = [...heard, ...world.log].map((bytes) => Array.from(bytes));
    const bytes = fc.oneof(
      fc.array(fc.nat(255), { maxLength: 300 }),
      fc.constantFrom(...real),
      mutated(real),
    );
    const channel = fc.constantFrom(...NOTARY_CHANNELS);
    fc.assert(
      fc.property(channel, bytes, fc.nat(100_000), (on, message, later) => {
        const { core } = world.members[0]!;
        core.handle({ kind: "cast", now: world.now + later, channel: on, bytes: Uint8Array.from(message) });
      }),
      { numRuns: 500, seed: 1 },
    );
    world.members[0]!.core.handle({ kind: "tick", now: world.now });
    const payments = [pay(world, 1n)];
    world.run(20_000);
    expectSettled(world, payments);
  });

  it("nor does rubbish in the log", () => {
    const world = new World(4, { seed: 31 });
    begin(world);
    const before = world.members[0]!.core.height;
    const real = world.log.map((bytes) => Array.from(bytes));
    const rubbish = fc.sample(fc.oneof(fc.array(fc.nat(255), { maxLength: 300 }), mutated(real)), {
      seed: 1,
      numRuns: 300,
    });
    for (const bytes of rubbish) world.append(Uint8Array.from(bytes));
    for (const bytes of real) world.append(Uint8Array.from(bytes)); // and all again
    const payments = [pay(world, 1n)];
    world.run(20_000);
    expectSettled(world, payments);
    expect(world.members[0]!.core.height).toBeGreaterThan(before);
  });
});

/** A real message with one byte changed. */
function mutated(real: number[][]): fc.Arbitrary<number[]> {
  return fc
    .record({ message: fc.constantFrom(...real), at: fc.nat(10_000), to: fc.nat(255) })
    .map(({ message, at, to }) => {
      const copy = [...message];
      copy[at % copy.length] = to;
      return copy;
    });
}

describe("an orderer that shows two histories", () => {
  it("stops the zone with evidence instead of forking it", () => {
    const world = new World(4, { seed: 9 });
    begin(world);
    // Two notaries read another entry first than the other two.
    const real = world.draft(alice.device, transfer(1n)).record;
    const other = world.draft(alice.device, transfer(2n)).record;
    const index = world.log.length;
    for (const [place, member] of world.members.entries()) {
      const bytes = place < 2 ? real : other;
      member.handle({ kind: "record", now: world.now, index, bytes });
    }
    world.log.push(real);
    world.run(10_000);
    expect(world.members.every(({ halted }) => halted?.code === "log-conflict")).toBe(true);
    expect(world.members[0]!.halted!.evidence.length).toBe(3); // our header, and two votes for another
    expect(world.members.some(({ certified }) => certified.has(4))).toBe(false);
  });
});

function transfer(amount: bigint) {
  return { body: { kind: "transfer" as const, to: shop.root.publicKey, currency: euro, amount, memo } };
}

describe("a broker that changes the heights of votes", () => {
  it("cannot make honest notaries contradict each other", () => {
    const world = new World(4, { seed: 9 });
    begin(world);
    const votes: Uint8Array[] = [];
    for (const member of world.members) {
      member.rewrite = (effect) => {
        if (effect.kind === "cast" && effect.channel === "vote") votes.push(effect.bytes);
        return [effect];
      };
    }
    for (const amount of [1n, 2n, 3n]) {
      pay(world, amount);
      world.run(5_000);
    }
    // Each vote again, for the block after and the block before its own.
    const moved = votes.flatMap((bytes) => {
      const vote = decodeVote(bytes);
      return [vote.height - 1, vote.height + 1].map((height) => encodeVote({ ...vote, height }));
    });
    expect(moved.length).toBeGreaterThan(20);
    for (const member of world.members) {
      for (const bytes of moved) member.handle({ kind: "cast", now: world.now, channel: "vote", bytes });
    }
    pay(world, 4n);
    world.run(5_000);
    expect(world.members.map(({ halted }) => halted)).toEqual(world.members.map(() => undefined));
    const heights = world.members.map(({ core }) => core.height);
    expect(new Set(heights).size).toBe(1);
    expect(heights[0]).toBeGreaterThanOrEqual(7);
  });
});
