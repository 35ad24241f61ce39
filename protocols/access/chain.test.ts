import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { openChain, passOn } from "./chain.ts";
import type { Link } from "./chain.ts";
import { guestKeyId, openClaim, openGuestKey, signClaim, signGuestKey } from "./key.ts";
import type { GuestKey } from "./key.ts";
import { ACTIONS } from "./rights.ts";
import type { Right } from "./rights.ts";
import {
  claimed,
  claimOf,
  DAY,
  friend,
  guest,
  HOUR,
  keyOf,
  link,
  linkOf,
  MONDAY_8H,
  owner,
  passedOn,
  signed,
  stranger,
} from "./testing/kit.ts";

function refusal(run: () => unknown): string {
  try {
    run();
    return "nothing";
  } catch (error) {
    const where = error instanceof SegmentError && error.code === "key-exceeds" ? ` ${error.where}` : "";
    return errorCode(error) + where;
  }
}

describe("a guest key", () => {
  const full = keyOf({
    rights: [
      { target: "door", actions: ["open", "lock"] },
      { target: "light-2", actions: ["on"] },
    ],
    week: [{ days: 31, fromMinute: 480, toMinute: 1_080 }],
    offsets: [{ fromMs: 0, minutes: 60 }],
    uses: 3,
    depth: 2,
    refreshMs: HOUR,
  });

  it("is read as it was written", () => {
    expect(openGuestKey(crypto, signed(full))).toEqual(full);
    expect(openGuestKey(crypto, signed(keyOf()))).toEqual(keyOf());
  });

  it("is refused with any byte changed", () => {
    const bytes = signed(full);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ (1 << (at % 8));
      expect(refusal(() => openGuestKey(crypto, changed))).toBe("guest-key-invalid");
      expect(refusal(() => openGuestKey(crypto, bytes.slice(0, at)))).toBe("guest-key-invalid");
    }
  });

  it("cannot be signed by another than its issuer, nor with what nobody could read", () => {
    const bad: Partial<GuestKey>[] = [
      { rights: [] },
      { rights: [{ target: "Door", actions: ["open"] }] },
      { rights: [{ target: "door", actions: [] }] },
      {
        rights: [
          { target: "door", actions: ["open"] },
          { target: "door", actions: ["lock"] },
        ],
      },
      { uses: 0 },
      { depth: 5 },
      { refreshMs: 1 },
      { name: "a\u0000b" },
      { name: "x".repeat(65) },
      { windows: [{ fromMs: 2, untilMs: 1 }] },
      { nonce: new Uint8Array(15) },
      { holder: { kind: "identity", identity: new Uint8Array(32) } },
    ];
    for (const changes of bad)
      expect([JSON.stringify(changes), refusal(() => signed(keyOf(changes)))]).toEqual([
        JSON.stringify(changes),
        "guest-key-invalid",
      ]);
    expect(refusal(() => signGuestKey(keyOf(), stranger))).toBe("guest-key-invalid");
    const { payload } = verify1(crypto, "guestKey", signed(keyOf()));
    expect(refusal(() => openGuestKey(crypto, sign1("guestKey", payload, owner)))).toBe("nothing");
    expect(refusal(() => openGuestKey(crypto, sign1("guestKey", payload, stranger)))).toBe(
      "guest-key-invalid",
    );
    expect(refusal(() => openGuestKey(crypto, sign1("lockOrder", payload, owner)))).toBe("guest-key-invalid");
  });
});

describe("a claim", () => {
  const bytes = signed(keyOf({ holder: { kind: "link", linkKey: link.publicKey } }));

  it("binds the key to whoever has the link's secret", () => {
    const [opened] = openChain(crypto, [{ key: bytes, claim: claimOf(bytes, guest) }]);
    expect(opened!.holder).toEqual(guest.publicKey);
    expect(openClaim(crypto, claimOf(bytes, guest)).linkKey).toEqual(link.publicKey);
  });

  it("is refused of another secret, for another key, changed, missing, or where none belongs", () => {
    const other = signed(keyOf({ nonce: new Uint8Array(16).fill(2) }));
    const refused = (one: Link): string => refusal(() => openChain(crypto, [one]));
    expect(refused({ key: bytes, claim: claimOf(bytes, guest, stranger) })).toBe("guest-key-invalid");
    expect(refused({ key: bytes, claim: claimOf(other, guest) })).toBe("guest-key-invalid");
    expect(refused({ key: bytes, claim: null })).toBe("guest-key-invalid");
    expect(refused({ key: other, claim: claimOf(other, guest) })).toBe("guest-key-invalid");
    const claim = claimOf(bytes, guest);
    for (let at = 0; at < claim.length; at++) {
      const changed = claim.slice();
      changed[at] = changed[at]! ^ 0x81;
      expect(refused({ key: bytes, claim: changed })).toBe("guest-key-invalid");
    }
    const weak = { key: guestKeyId(crypto, bytes), identity: new Uint8Array(32) };
    expect(refusal(() => signClaim(weak, link))).toBe("guest-key-invalid");
  });
});

describe("a key that was passed on", () => {
  it("stands with the one of which it is a part", () => {
    const chain = openChain(crypto, passedOn());
    expect(chain.map(({ holder }) => holder)).toEqual([guest.publicKey, friend.publicKey]);
    expect(chain.map(({ key }) => key.name)).toEqual(["Ana", "Bo"]);
  });

  it("may come from the claimant of a link", () => {
    const parent = claimed(keyOf({ depth: 1 }), guest);
    const { lock, tenure, issuer, parent: none, ...part } = keyOf({ depth: 0 });
    expect([lock, tenure, issuer, none].length).toBe(4);
    const key = passOn(crypto, [parent], part, guest);
    expect(openChain(crypto, [parent, { key, claim: null }])).toHaveLength(2);
    // Whoever else has the link's secret is not its holder.
    expect(
      refusal(() => openChain(crypto, [claimed(keyOf({ depth: 1 }), friend), { key, claim: null }])),
    ).toBe("guest-key-invalid");
    expect(refusal(() => passOn(crypto, [parent], part, friend))).toBe("guest-key-invalid");
  });

  it.each<[string, Partial<GuestKey>, Partial<GuestKey>]>([
    ["depth", { depth: 0 }, {}],
    ["depth", { depth: 1 }, { depth: 1 }],
    ["rights", {}, { rights: [{ target: "door", actions: ["open", "lock"] }] }],
    ["rights", {}, { rights: [{ target: "light", actions: ["on"] }] }],
    ["windows", {}, { windows: [{ fromMs: MONDAY_8H, untilMs: MONDAY_8H + 2 * DAY + 1 }] }],
    ["windows", {}, { windows: [{ fromMs: MONDAY_8H - HOUR - 1, untilMs: MONDAY_8H }] }],
    ["windows", {}, { windows: [] }],
    ["week", office(), {}],
    ["week", office(), { ...office(), offsets: [{ fromMs: 0, minutes: 120 }] }],
    ["week", office(), { ...office(), week: [{ days: 63, fromMinute: 480, toMinute: 1_080 }] }],
    ["uses", { uses: 2 }, { uses: 3 }],
    ["uses", { uses: 2 }, { uses: null }],
    ["refreshMs", { refreshMs: HOUR }, { refreshMs: HOUR + 1 }],
    ["refreshMs", { refreshMs: HOUR }, { refreshMs: null }],
    ["lock", {}, { lock: stranger.publicKey }],
    ["lock", {}, { tenure: new Uint8Array(16) }],
  ])("may not exceed it in %s: %o, %o", (where, parent, part) => {
    expect(refusal(() => openChain(crypto, passedOn(parent, part)))).toBe(`key-exceeds ${where}`);
  });

  it("is refused without the one before, from another than its holder, or beside another", () => {
    const [parent, part] = passedOn();
    const refused = (links: Link[]): string => refusal(() => openChain(crypto, links));
    expect(refused([])).toBe("guest-key-invalid");
    expect(refused([part])).toBe("guest-key-invalid");
    expect(refused([part, parent])).toBe("guest-key-invalid");
    expect(refused([parent, parent])).toBe("guest-key-invalid");
    expect(refused(passedOn({}, { issuer: stranger.publicKey }))).toBe("guest-key-invalid");
    expect(refused(passedOn({}, { issuer: owner.publicKey }))).toBe("guest-key-invalid");
    expect(refused([linkOf(keyOf({ depth: 1, uses: 5 })), part])).toBe("guest-key-invalid");
    expect(refused(Array.from({ length: 6 }, () => parent))).toBe("guest-key-invalid");
  });
});

function office(): Partial<GuestKey> {
  return {
    week: [{ days: 31, fromMinute: 480, toMinute: 1_080 }],
    offsets: [{ fromMs: 0, minutes: 60 }],
  };
}

describe("chains of any length", () => {
  const actions = fc.subarray([...ACTIONS], { minLength: 1 });
  const rights: fc.Arbitrary<Right[]> = fc
    .uniqueArray(fc.tuple(fc.constantFrom("door", "light", "shutter"), actions), {
      minLength: 1,
      selector: ([target]) => target,
    })
    .map((all) => all.map(([target, some]) => ({ target, actions: some })).toSorted(byTarget));
  const limits = fc.record({
    rights,
    from: fc.nat(5),
    length: fc.integer({ min: 1, max: 6 }),
    hour: fc.nat(4),
    hours: fc.integer({ min: 1, max: 6 }),
    uses: fc.option(fc.integer({ min: 1, max: 5 })),
    depth: fc.nat(4),
    refresh: fc.option(fc.integer({ min: 1, max: 4 })),
  });
  type Limits = typeof limits extends fc.Arbitrary<infer T> ? T : never;

  const contentOf = (all: Limits): Partial<GuestKey> => ({
    rights: all.rights,
    windows: [{ fromMs: all.from * DAY, untilMs: (all.from + all.length) * DAY }],
    week: [{ days: 127, fromMinute: all.hour * 60, toMinute: (all.hour + all.hours) * 60 }],
    offsets: [{ fromMs: 0, minutes: 60 }],
    uses: all.uses,
    depth: all.depth,
    refreshMs: all.refresh === null ? null : all.refresh * HOUR,
  });

  /** What a part may be, told apart from chain.ts: number by number. */
  const isWithin = (part: Limits, whole: Limits): boolean =>
    part.rights.every(({ target, actions: some }) =>
      some.every((one) => whole.rights.find((right) => right.target === target)?.actions.includes(one)),
    ) &&
    part.from >= whole.from &&
    part.from + part.length <= whole.from + whole.length &&
    part.hour >= whole.hour &&
    part.hour + part.hours <= whole.hour + whole.hours &&
    (part.uses ?? Infinity) <= (whole.uses ?? Infinity) &&
    part.depth < whole.depth &&
    (part.refresh ?? Infinity) <= (whole.refresh ?? Infinity);

  const people = [guest, friend, stranger, owner, guest];
  const chainOf = (all: Limits[]): Link[] => {
    const links: Link[] = [];
    for (const [index, one] of all.entries()) {
      const issuer = index === 0 ? owner : people[index - 1]!;
      const before = links.at(-1);
      links.push(
        linkOf(
          keyOf({
            ...contentOf(one),
            issuer: issuer.publicKey,
            parent: before === undefined ? null : guestKeyId(crypto, before.key),
            holder: { kind: "identity", identity: people[index]!.publicKey },
          }),
        ),
      );
    }
    return links;
  };

  /** The same, narrower in each number by so much. */
  const narrowed = (whole: Limits, by: Limits): Limits => ({
    rights: whole.rights.slice(0, Math.max(1, by.rights.length)),
    from: whole.from + (by.from % whole.length),
    length: Math.max(1, whole.length - (by.from % whole.length) - (by.length % 2)),
    hour: whole.hour + (by.hour % whole.hours),
    hours: Math.max(1, whole.hours - (by.hour % whole.hours) - (by.hours % 2)),
    uses: whole.uses === null ? by.uses : Math.min(whole.uses, by.uses ?? 9),
    depth: whole.depth - 1 - (whole.depth > 1 ? by.depth % 2 : 0),
    refresh: whole.refresh === null ? by.refresh : Math.min(whole.refresh, by.refresh ?? 9),
  });

  it("are accepted where each key is within the one before it", () => {
    fc.assert(
      fc.property(limits, fc.array(limits, { maxLength: 4 }), (first, others) => {
        const all = [first];
        for (const by of others) if (all.at(-1)!.depth > 0) all.push(narrowed(all.at(-1)!, by));
        for (let at = 1; at < all.length; at++) expect(isWithin(all[at]!, all[at - 1]!)).toBe(true);
        expect(openChain(crypto, chainOf(all))).toHaveLength(all.length);
      }),
      { numRuns: 60 },
    );
  });

  it("are accepted exactly if nothing exceeds", () => {
    let accepted = 0;
    const nearly = fc.tuple(
      limits,
      limits,
      fc.constantFrom(...(["rights", "uses", "depth", "refresh"] as const)),
    );
    fc.assert(
      fc.property(nearly, ([whole, by, field]) => {
        if (whole.depth === 0) return;
        const part = { ...narrowed(whole, by), [field]: by[field] };
        const isFine = isWithin(part, whole);
        if (isFine) accepted++;
        const result = refusal(() => openChain(crypto, chainOf([whole, part])));
        expect(result === "nothing").toBe(isFine);
        if (!isFine) expect(result).toContain("key-exceeds");
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.tuple(limits, limits), ([whole, part]) => {
        const result = refusal(() => openChain(crypto, chainOf([whole, part])));
        expect(result === "nothing").toBe(isWithin(part, whole));
      }),
      { numRuns: 100 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

function byTarget(a: Right, b: Right): number {
  return a.target < b.target ? -1 : 1;
}
