import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import { openChain } from "./chain.ts";
import type { Link } from "./chain.ts";
import { CLOCK_AHEAD_MS, requireRight } from "./judge.ts";
import type { Knowledge } from "./judge.ts";
import type { GuestKey } from "./key.ts";
import { guestKeyId } from "./key.ts";
import {
  claimed,
  DAY,
  friend,
  guest,
  HERE,
  HOUR,
  keyOf,
  linkOf,
  MONDAY_8H,
  owner,
  passedOn,
  stranger,
} from "./testing/kit.ts";

const NOW = MONDAY_8H;

function knows(changes: Partial<Knowledge> = {}): Knowledge {
  return {
    ...HERE,
    now: NOW,
    isTimeKnown: true,
    isOwner: (identity) => equalBytes(identity, owner.publicKey),
    isRevoked: () => false,
    uses: () => 0,
    claimant: () => undefined,
    ...changes,
  };
}

interface Case {
  links?: Link[];
  key?: Partial<GuestKey>;
  who?: Uint8Array;
  target?: string;
  action?: "open" | "lock";
  refreshedMs?: number[];
  knowledge?: Partial<Knowledge>;
}

function verdict(one: Case): string {
  const links = one.links ?? [linkOf(keyOf(one.key))];
  const chain = openChain(crypto, links);
  const keys = chain.map(({ id }) => id);
  const refreshes = (one.refreshedMs ?? []).map((timeMs) => ({ ...HERE, timeMs, keys }));
  const asked = {
    who: one.who ?? chain.at(-1)!.holder,
    target: one.target ?? "door",
    action: one.action ?? ("open" as const),
  };
  try {
    requireRight(chain, asked, refreshes, knows(one.knowledge));
    return "let in";
  } catch (error) {
    return errorCode(error);
  }
}

describe("a key at the door", () => {
  const revoked = (link: Link) => (id: Uint8Array) => equalBytes(id, guestKeyId(crypto, link.key));
  const [parent, part] = passedOn({ uses: 3 }, { uses: 2 });
  const byLink = claimed(keyOf(), guest);

  it.each<[string, string, Case]>([
    ["let in", "as it is", {}],
    ["let in", "passed on", { links: passedOn() }],
    ["let in", "by a link", { links: [byLink] }],
    ["key-foreign", "of another lock", { key: { lock: stranger.publicKey } }],
    ["key-foreign", "of an earlier tenure", { key: { tenure: new Uint8Array(16) } }],
    ["key-foreign", "of no owner", { key: { issuer: stranger.publicKey } }],
    ["key-foreign", "of a former owner", { knowledge: { isOwner: () => false } }],
    ["key-not-holder", "in another's hand", { who: stranger.publicKey }],
    ["key-not-holder", "in the hand of who passed it on", { links: passedOn(), who: guest.publicKey }],
    ["key-revoked", "revoked", { knowledge: { isRevoked: () => true } }],
    ["key-revoked", "revoked parent", { links: [parent, part], knowledge: { isRevoked: revoked(parent) } }],
    ["key-revoked", "revoked part", { links: [parent, part], knowledge: { isRevoked: revoked(part) } }],
    [
      "key-claimed",
      "claimed by another before",
      { links: [byLink], knowledge: { claimant: () => friend.publicKey } },
    ],
    ["let in", "claimed before", { links: [byLink], knowledge: { claimant: () => guest.publicKey } }],
    ["right-missing", "for another target", { target: "light" }],
    ["right-missing", "for another action", { action: "lock" }],
    ["time-unknown", "while the time is not known", { knowledge: { isTimeKnown: false } }],
    ["key-not-yet", "too early", { knowledge: { now: NOW - HOUR - 1 } }],
    ["key-expired", "too late", { knowledge: { now: NOW + 2 * DAY } }],
    [
      "key-outside-hours",
      "at another hour",
      {
        key: {
          week: [{ days: 127, fromMinute: 0, toMinute: 1 }],
          offsets: [{ fromMs: 0, minutes: 0 }],
        },
      },
    ],
    ["key-used-up", "used up", { key: { uses: 2 }, knowledge: { uses: () => 2 } }],
    ["let in", "the last time", { key: { uses: 2 }, knowledge: { uses: () => 1 } }],
    [
      "key-used-up",
      "used up by others to whom it was passed on",
      { links: [parent, part], knowledge: { uses: (id) => (revoked(parent)(id) ? 3 : 0) } },
    ],
    ["let in", "made a short while ago", { key: { refreshMs: HOUR + 1 } }],
    ["key-stale", "made too long ago", { key: { refreshMs: HOUR } }],
    ["let in", "confirmed", { key: { refreshMs: HOUR }, refreshedMs: [NOW - HOUR + 1] }],
    ["key-stale", "confirmed too long ago", { key: { refreshMs: HOUR }, refreshedMs: [NOW - HOUR] }],
    ["let in", "confirmed a little ahead", { key: { refreshMs: HOUR }, refreshedMs: [NOW + CLOCK_AHEAD_MS] }],
    [
      "key-stale",
      "confirmed far ahead",
      { key: { refreshMs: HOUR }, refreshedMs: [NOW + CLOCK_AHEAD_MS + 1] },
    ],
    ["key-stale", "made far ahead", { key: { refreshMs: HOUR, issuedMs: NOW + DAY } }],
  ])("%s: %s", (expected, _, one) => {
    expect(verdict(one)).toBe(expected);
  });

  it("needs the confirmation of each key, of this lock", () => {
    const links = passedOn({ refreshMs: HOUR }, { refreshMs: HOUR, issuedMs: NOW });
    const chain = openChain(crypto, links);
    const asked = { who: friend.publicKey, target: "door", action: "open" as const };
    const code = (keys: Uint8Array[], changes = {}): string => {
      try {
        requireRight(chain, asked, [{ ...HERE, timeMs: NOW, keys, ...changes }], knows());
        return "let in";
      } catch (error) {
        return errorCode(error);
      }
    };
    // The part is young, and its parent is confirmed.
    expect(code([chain[0]!.id])).toBe("let in");
    // Who passes on can make young parts of an old key, but not confirm it.
    expect(code([chain[1]!.id])).toBe("key-stale");
    expect(code([chain[0]!.id], { tenure: new Uint8Array(16) })).toBe("key-stale");
    expect(code([chain[0]!.id], { lock: stranger.publicKey })).toBe("key-stale");
  });

  it("is of nobody where there is none", () => {
    expect(() =>
      requireRight([], { who: guest.publicKey, target: "door", action: "open" }, [], knows()),
    ).toThrow(expect.objectContaining({ code: "right-missing" }));
  });
});
