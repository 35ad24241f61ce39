/** Phones and a lock, each with its real step: from the pairing code to the revoked key. */
import { describe, expect, it } from "vitest";
import { ana, bo, olga, sam } from "../lock/testing/door.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import { LOCK_ID, refusal, Street } from "./testing/street.ts";
import type { Phone } from "./testing/street.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Olga's phone owns the lock. */
function owned(): { street: Street; owner: Phone } {
  const street = new Street();
  const owner = street.phone(olga);
  owner.pair();
  expect(owner.verdict).toBe("done");
  return { street, owner };
}

describe("pairing", () => {
  it("makes the phone an owner, that opens with one tap", () => {
    const { street, owner } = owned();
    expect(owner.state.locks).toMatchObject([{ id: LOCK_ID, name: "Front door", isOwned: true }]);
    expect(owner.tap()).toBe("done");
    expect(street.bolts).toEqual(["unlocked"]);
  });

  it("takes a code once; a wrong or used one leaves the phone without a lock", () => {
    const street = new Street();
    const late = street.phone(sam);
    const code = street.code();
    street.phone(olga).pair(code);
    late.pair(code);
    street.wait(20_000);
    expect(late.verdict).toBe("radio-failed");
    expect(late.state.locks).toEqual([]);
    expect(refusal(() => late.pair("segment:pair:AAAA"))).toBe("pairing-invalid");
  });

  it("works over the network too, once", () => {
    const street = new Street();
    const [phone, late] = [street.phone(olga), street.phone(sam)];
    const code = street.code();
    phone.pair(code, "Front door", false);
    expect(phone.verdict).toBe("done");
    expect(phone.state.locks).toMatchObject([{ id: LOCK_ID, isOwned: true }]);
    expect(phone.tap()).toBe("done");
    late.pair(code, "Front door", false);
    expect(late.verdict).toBe("peer-refused");
    expect(late.state.locks).toEqual([]);
  });

  it("is told apart from a code that is too old", () => {
    const street = new Street();
    const phone = street.phone(olga);
    const code = street.code();
    street.wait(6 * MINUTE);
    expect(refusal(() => phone.pair(code))).toBe("pairing-expired");
  });
});

describe("a tap", () => {
  it("opens once, however often the radio fails before it is heard", () => {
    const { street, owner } = owned();
    owner.isNear = false;
    street.settle();
    expect(owner.tap()).toBe("waiting");
    street.wait(5_000);
    owner.isNear = true;
    street.wait(1_000);
    expect(owner.verdict).toBe("done");
    street.wait(HOUR);
    expect(street.bolts.filter((bolt) => bolt === "unlocked")).toHaveLength(1);
  });

  it("is forgotten when the lock is not reached in time: nothing opens for somebody who has left", () => {
    const { street, owner } = owned();
    owner.isNear = false;
    street.settle();
    owner.tap();
    street.wait(16_000);
    expect(owner.verdict).toBe("radio-failed");
    owner.isNear = true;
    street.wait(MINUTE);
    expect(street.bolts).toEqual([]);
  });

  it("is forgotten by a restart of the phone", () => {
    const { street, owner } = owned();
    owner.isNear = false;
    street.settle();
    owner.tap();
    owner.restart();
    owner.isNear = true;
    street.wait(MINUTE);
    expect(street.bolts).toEqual([]);
    expect(owner.tap()).toBe("done");
  });

  it("leaves the session open for the next one, and not for ever", () => {
    const { street, owner } = owned();
    owner.tap();
    const { id } = owner.session!;
    street.wait(10_000);
    owner.tap("unlock");
    expect(owner.session?.id).toBe(id);
    street.wait(40_000);
    expect(owner.session).toBeUndefined();
  });

  it("goes over the bus from afar, and never later", () => {
    const { street, owner } = owned();
    owner.isNear = false;
    street.settle();
    expect(owner.tap("open", "door", false)).toBe("done");
    expect(street.bolts).toEqual(["unlocked"]);
    street.isOnline = false;
    street.wait(10_000);
    const before = street.bolts.length;
    owner.tap("open", "door", false);
    street.wait(30_000);
    expect(owner.verdict).toBe("broker-unreachable");
    street.isOnline = true;
    street.wait(MINUTE);
    expect(street.bolts.slice(before)).not.toContain("unlocked");
  });

  it("is not sent to a lock that would only refuse it", () => {
    const { street, owner } = owned();
    const guest = street.phone(ana);
    expect(refusal(() => guest.tap())).toBe("key-foreign");
    owner.give({ windows: [{ fromMs: street.now, untilMs: street.now + HOUR }] });
    guest.take(owner.link());
    expect(refusal(() => guest.tap("on", "light"))).toBe("right-missing");
    street.wait(HOUR);
    expect(refusal(() => guest.tap())).toBe("key-expired");
    expect(street.door.state.audit.every(({ code }) => code === null)).toBe(true);
  });
});

describe("a guest's key", () => {
  it("comes as a link, opens without a network, and is written down with the name", () => {
    const { street, owner } = owned();
    street.isOnline = false;
    owner.give({ name: "Ana" });
    const guest = street.phone(ana);
    guest.take(owner.link());
    expect(guest.tap()).toBe("done");
    expect(street.bolts).toEqual(["unlocked"]);
    expect(street.door.state.audit.at(-1)).toMatchObject({ who: ana.id, name: "Ana", code: null });
  });

  it("belongs to the first who uses the link", () => {
    const { street, owner } = owned();
    owner.give();
    const link = owner.link();
    const [first, second] = [street.phone(ana), street.phone(bo)];
    first.take(link);
    first.look();
    expect(first.state.held[0]?.isClaimed).toBe(true);
    second.take(link);
    expect(second.tap()).toBe("key-claimed");
    expect(first.tap()).toBe("done");
  });

  it("that is worth nothing any more makes room for another", () => {
    const { street, owner } = owned();
    const [first, second] = [street.phone(ana), street.phone(bo)];
    owner.give();
    const link = owner.link();
    first.take(link);
    first.tap();
    second.take(link);
    owner.give({ holder: bo.signer.publicKey });
    second.take(owner.link());
    expect([second.tap(), second.tap()]).toEqual(["key-claimed", "done"]);
    expect(second.state.held).toHaveLength(1);
  });

  it("for a known phone is refused by any other before it is shown", () => {
    const { street, owner } = owned();
    owner.give({ holder: ana.signer.publicKey });
    expect(refusal(() => street.phone(bo).take(owner.link()))).toBe("key-not-holder");
    const guest = street.phone(ana);
    guest.take(owner.link());
    expect(guest.tap()).toBe("done");
  });

  it("opens as often as it says", () => {
    const { street, owner } = owned();
    owner.give({ uses: 2 });
    const guest = street.phone(ana);
    guest.take(owner.link());
    expect([guest.tap(), guest.tap(), guest.tap()]).toEqual(["done", "done", "key-used-up"]);
    expect(guest.state.held).toEqual([]);
  });

  it("is passed on narrower, never wider", () => {
    const { street, owner } = owned();
    owner.give({ depth: 1, uses: 5 });
    const guest = street.phone(ana);
    guest.take(owner.link());
    const key = guest.state.held[0]!;
    const part = (changes: object) => ({
      ...{ key: key.id, nonce: guest.nonce(), name: "Bo", holder: bo.signer.publicKey, secret: null },
      rights: [{ target: "door", actions: ["open"] }],
      windows: [{ fromMs: street.now, untilMs: street.now + HOUR }],
      ...{ week: [], offsets: [], uses: 1, depth: 0, refreshMs: null, ...changes },
    });
    for (const wider of [
      { rights: [{ target: "light", actions: ["on"] }] },
      { windows: [] },
      { uses: null },
      { depth: 1 },
    ])
      expect(refusal(() => guest.command("pass-on", part(wider)))).toBe("key-exceeds");
    guest.command("pass-on", part({}));
    const friend = street.phone(bo);
    friend.take(guest.link(key.links));
    expect([friend.tap(), friend.tap()]).toEqual(["done", "key-used-up"]);
  });

  it("is given only by owners", () => {
    const { street, owner } = owned();
    owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    expect(refusal(() => guest.give())).toBe("owner-required");
  });
});

describe("revoking", () => {
  it("takes effect at once where there is a network", () => {
    const { street, owner } = owned();
    const key = owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    owner.command("revoke", { key });
    expect(owner.state.orders).toEqual([]);
    expect(guest.tap()).toBe("key-revoked");
    expect(street.bolts).toEqual([]);
  });

  it("without one goes with the owner's phone, also after its restart", () => {
    const { street, owner } = owned();
    const key = owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    street.isOnline = false;
    owner.isNear = false;
    street.settle();
    owner.command("revoke", { key });
    expect(guest.tap()).toBe("done");
    owner.restart();
    owner.isNear = true;
    owner.look();
    expect(owner.state.orders).toEqual([]);
    expect(guest.tap()).toBe("key-revoked");
  });

  it("reaches a key that must be confirmed within its period, even if nobody visits the lock", () => {
    const { street, owner } = owned();
    const key = owner.give({ refreshMs: HOUR });
    const guest = street.phone(ana);
    guest.take(owner.link());
    // The lock hears nobody; the guest's phone asks the owner's now and then.
    const deaf = street.door.post.bind(street.door);
    street.wait(3 * HOUR);
    expect(guest.tap()).toBe("done");
    street.door.post = (event) => (event.kind === "message" ? [] : deaf(event));
    owner.command("revoke", { key });
    expect(guest.tap()).toBe("done");
    street.wait(HOUR);
    expect(guest.tap()).toBe("key-stale");
  });
});

describe("owners", () => {
  it("add one another, and remove one whose phone was lost, with all keys of it", () => {
    const { street, owner } = owned();
    const second = street.phone(bo);
    owner.command("add-owner", { lock: LOCK_ID, card: bo.card });
    owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    expect(guest.tap()).toBe("done");
    expect(street.door.state.owners.map(({ id }) => id)).toEqual([olga.id, bo.id]);
    // What a second owner's phone learns from the first's: how the lock stands.
    second.state = { ...second.state, locks: owner.state.locks.map((lock) => ({ ...lock, orders: 0 })) };
    second.command("remove-owner", { lock: LOCK_ID, identity: olga.signer.publicKey });
    expect(street.door.state.owners.map(({ id }) => id)).toEqual([bo.id]);
    expect(guest.tap()).toBe("key-foreign");
    expect(owner.tap()).not.toBe("done");
  });

  it("become guests once they were removed, and open by a key like any other", () => {
    const { street, owner } = owned();
    const second = street.phone(bo);
    owner.command("add-owner", { lock: LOCK_ID, card: bo.card });
    second.command("own", {
      link: owner.logs.map((value) => (value as { link: string }).link).at(-1),
      name: "Door",
    });
    expect(second.tap()).toBe("done");
    owner.command("remove-owner", { lock: LOCK_ID, identity: bo.signer.publicKey });
    expect(second.tap()).toBe("right-missing");
    expect(second.state.locks).toMatchObject([{ id: LOCK_ID, isOwned: false }]);
    owner.give();
    second.take(owner.link());
    expect(second.tap()).toBe("done");
  });

  it("read the log; a guest does not", () => {
    const { street, owner } = owned();
    owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    guest.tap();
    const ask = (phone: Phone) =>
      phone.command("read-log", { lock: LOCK_ID, nonce: phone.nonce(), from: 0, isNear: true });
    ask(owner);
    const [page] = owner.logs as { entries: { what: string; who: string }[] }[];
    expect(page?.entries.map(({ what, who }) => [what, who])).toContainEqual(["request", ana.id]);
    ask(guest);
    expect([guest.verdict, guest.logs]).toEqual(["owner-required", []]);
  });

  it("hear that the door was left open, and that the lock was reset", () => {
    const { street, owner } = owned();
    street.door.sense("door-open", true);
    street.wait(2 * MINUTE);
    expect(owner.steps).toContain("alert-left-open Front door");
    street.door.sense("battery", 150);
    street.wait(1_000);
    expect(owner.steps).toContain("alert-battery-low Front door");
    street.door.sense("button", true);
    street.wait(11_000);
    expect(owner.steps).toContain("alert-reset Front door");
    expect(owner.state.locks[0]?.isOwned).toBe(false);
    expect(refusal(() => owner.tap())).toBe("right-missing");
  });
});

describe("looking on", () => {
  /** What a phone was shown, the newest last. */
  const shown = (phone: Phone): { isLocked: boolean | null; last: string | null; battery: number | null }[] =>
    phone.logs.flatMap((value) => {
      const { state, last } = value as AccessBody<"lock-watched">;
      return [{ isLocked: state.isLocked, last: last?.name ?? null, battery: state.batteryPermille }];
    });
  const watch = (phone: Phone): string => {
    phone.command("watch", { lock: LOCK_ID, nonce: phone.nonce(), isNear: false });
    return phone.verdict;
  };

  it("shows who may watch how the lock stands, whenever that changes; and lets nobody in", () => {
    const { street, owner } = owned();
    owner.give({ rights: [{ target: "door", actions: ["watch"] }], name: "Home Assistant" });
    const link = owner.link();
    const bridge = street.phone(bo);
    bridge.take(link);
    expect(watch(bridge)).toBe("done");
    expect(shown(bridge)).toEqual([{ isLocked: true, last: null, battery: null }]);
    street.door.sense("battery", 870);
    owner.tap();
    street.door.sense("bolt-locked", false);
    street.settle();
    expect(shown(bridge).at(-1)).toEqual({ isLocked: false, last: "", battery: 870 });
    expect(refusal(() => bridge.tap())).toBe("right-missing");
    expect(street.bolts).toEqual(["unlocked"]);
    // Looking on is no act: it stands nowhere in the log.
    expect(street.door.state.audit.map(({ what }) => what)).not.toContain("watch");
  });

  it("ends with the key, with its time, and is not for strangers", () => {
    const { street, owner } = owned();
    const key = owner.give({ rights: [{ target: "door", actions: ["watch"] }], name: "Screen" });
    const link = owner.link();
    const bridge = street.phone(bo);
    bridge.take(link);
    expect(watch(bridge)).toBe("done");
    owner.command("revoke", { key });
    street.settle();
    const seen = shown(bridge).length;
    street.door.sense("bolt-locked", false);
    street.settle();
    expect(shown(bridge)).toHaveLength(seen);
    expect(watch(bridge)).toBe("key-revoked");
    expect(watch(owner)).toBe("done");
    street.wait(2 * MINUTE);
    const told = owner.logs.length;
    street.door.sense("bolt-locked", true);
    street.settle();
    expect(owner.logs).toHaveLength(told);
    expect(street.door.state.watchers).toEqual([]);
    expect(street.door.state.audit.map(({ what, code }) => [what, code])).toContainEqual([
      "watch",
      "key-revoked",
    ]);
  });
});

describe("a second owner", () => {
  /** What the owner's phone shows for the new one. */
  const linkOf = (phone: Phone): string => (phone.logs.at(-1) as { link: string }).link;

  it("owns and opens, whoever of the two brings the order to the lock", () => {
    for (const isOnline of [true, false]) {
      const { street, owner } = owned();
      street.isOnline = isOnline;
      const second = street.phone(ana);
      owner.command("add-owner", { lock: LOCK_ID, card: ana.card });
      if (isOnline) street.settle();
      // The other phone is not the one: it takes nothing.
      expect(refusal(() => street.phone(bo).command("own", { link: linkOf(owner), name: "Door" }))).toBe(
        "key-not-holder",
      );
      second.command("own", { link: linkOf(owner), name: "Door" });
      expect(second.tap()).toBe("done");
      expect(second.state.locks).toMatchObject([{ id: LOCK_ID, isOwned: true, name: "Door" }]);
      expect(second.state.orders).toEqual([]);
      expect(owner.tap()).toBe("done");
      expect(street.door.state.owners.map(({ id }) => id)).toEqual([olga.id, ana.id]);
      second.command("remove-owner", { lock: LOCK_ID, identity: olga.signer.publicKey });
      second.tap();
      expect(owner.tap()).not.toBe("done");
    }
  });

  it("is the only one after a hand-over, in a new tenure", () => {
    const { street, owner } = owned();
    const heir = street.phone(ana);
    owner.command("hand-over", { lock: LOCK_ID, card: ana.card });
    heir.command("own", { link: linkOf(owner), name: "Door" });
    expect(heir.tap()).toBe("done");
    expect(owner.tap()).not.toBe("done");
    expect(street.door.state.owners.map(({ id }) => id)).toEqual([ana.id]);
    expect(heir.state.locks[0]!.tenure).toEqual(street.door.state.tenure);
  });

  it("is not made by a link that was changed, or is none", () => {
    const { street, owner } = owned();
    owner.command("add-owner", { lock: LOCK_ID, card: ana.card });
    const link = linkOf(owner);
    const second = street.phone(ana);
    for (const wrong of [
      "segment:owner:AAAA",
      "",
      `${link.slice(0, -6)}AAAAAA`,
      link.replace("owner", "key"),
    ])
      expect(refusal(() => second.command("own", { link: wrong, name: "Door" }))).toBe("message-invalid");
    expect(second.state.locks).toEqual([]);
  });
});
