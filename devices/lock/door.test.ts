import { describe, expect, it } from "vitest";
import { HOUR } from "../../protocols/access/testing/kit.ts";
import type { DeviceEffect } from "../device.ts";
import { alertsOf, ana, bolts, CONFIG, lastLine, olga, ownedDoor, verdict } from "./testing/door.ts";
import type { Door } from "./testing/door.ts";

const SECOND = 1_000;

function open(door: Door, action: "open" | "lock" | "unlock" = "open"): DeviceEffect[] {
  return door.ask(door.open(olga), { action });
}

/** The door swings open, and is shut after a while. */
function passThrough(door: Door, ms: number): void {
  door.sense("door-open", true);
  door.wait(ms);
  door.sense("door-open", false);
}

describe("the bolt", () => {
  it("locks again some time after the door was opened, if nobody went through", () => {
    const door = ownedDoor();
    expect(bolts(open(door))).toEqual(["unlocked"]);
    door.sense("bolt-locked", false);
    expect(bolts(door.wait(4_999))).toEqual([]);
    expect(bolts(door.wait(1))).toEqual(["locked"]);
    expect(bolts(door.wait(HOUR))).toEqual([]);
  });

  it("never goes out while the door is open, but some time after it is shut", () => {
    const door = ownedDoor();
    open(door);
    door.sense("bolt-locked", false);
    door.sense("door-open", true);
    expect(bolts(door.wait(30 * SECOND))).toEqual([]);
    expect(bolts(door.sense("door-open", false))).toEqual([]);
    expect(bolts(door.wait(4_999))).toEqual([]);
    expect(bolts(door.wait(1))).toEqual(["locked"]);
  });

  it("waits anew when the door is opened and shut within its time", () => {
    const door = ownedDoor();
    open(door);
    door.sense("bolt-locked", false);
    door.wait(3 * SECOND);
    passThrough(door, SECOND);
    expect(bolts(door.wait(4_999))).toEqual([]);
    expect(bolts(door.wait(1))).toEqual(["locked"]);
  });

  it("stays unlocked when told so, until it is told to lock, with the door shut", () => {
    const door = ownedDoor();
    expect(bolts(open(door, "unlock"))).toEqual(["unlocked"]);
    door.sense("bolt-locked", false);
    passThrough(door, 10 * SECOND);
    expect(bolts(door.wait(HOUR))).toEqual([]);
    door.sense("door-open", true);
    expect(verdict(open(door, "lock"))).toBe("door-open");
    door.sense("door-open", false);
    expect(bolts(open(door, "lock"))).toEqual(["locked"]);
  });

  it("does not lock while the contact says nothing", () => {
    const door = ownedDoor();
    open(door);
    door.restart();
    expect(bolts(door.wait(HOUR))).toEqual([]);
    expect(verdict(open(door, "lock"))).toBe("door-open");
    expect(bolts(open(door))).toEqual(["unlocked"]);
    door.wait(HOUR);
    expect(bolts(door.sense("door-open", false))).toEqual([]);
    expect(bolts(door.wait(5 * SECOND))).toEqual(["locked"]);
  });

  it("locks again after a crash, and with a clock that was put right", () => {
    const door = ownedDoor();
    open(door);
    door.sense("bolt-locked", false);
    door.restart();
    door.sense("door-open", false);
    expect(bolts(door.wait(5 * SECOND))).toEqual(["locked"]);
    open(door);
    door.now -= 1e12;
    door.timers.clear();
    expect(bolts(door.post({ kind: "time-corrected" }))).toEqual([]);
    expect(bolts(door.wait(5 * SECOND))).toEqual(["locked"]);
  });

  it("that springs back by itself is not told to, and can only be opened", () => {
    const door = ownedDoor({ ...CONFIG, door: { ...CONFIG.door, relockMs: null } });
    expect(bolts(open(door))).toEqual(["unlocked"]);
    passThrough(door, SECOND);
    const effects = door.wait(HOUR);
    expect([bolts(effects), alertsOf(effects)]).toEqual([[], []]);
    expect(verdict(open(door, "lock"))).toBe("action-unknown");
    expect(verdict(open(door, "unlock"))).toBe("action-unknown");
  });

  it("locks without a contact, too", () => {
    const door = ownedDoor({ ...CONFIG, door: { ...CONFIG.door, hasContact: false } });
    open(door);
    door.sense("bolt-locked", false);
    expect(bolts(door.wait(5 * SECOND))).toEqual(["locked"]);
    // A driver that nobody has asked for changes nothing.
    expect(door.sense("door-open", true)).toEqual([]);
  });

  it("that does not move is told to the owners", () => {
    const door = ownedDoor();
    open(door);
    // Its sensor still says that it is locked.
    const effects = door.wait(2_500);
    expect(alertsOf(effects)).toEqual([`bolt-jammed ${olga.id}`]);
    expect(lastLine(door)).toMatchObject({ what: "bolt-jammed", who: null });
    const other = ownedDoor();
    open(other);
    other.sense("bolt-locked", false);
    expect(alertsOf(other.wait(4 * SECOND))).toEqual([]);
  });

  it("is recorded as it moves, by hand too", () => {
    const door = ownedDoor();
    const [record] = door.sense("bolt-locked", false);
    expect(record).toEqual({
      kind: "record",
      records: [{ n: "lock/bolt-locked", u: "/", v: 0, t: door.now / 1_000 }],
    });
  });
});

describe("a battery that runs out", () => {
  it("is a line in the log and an alert to the owners, once until it was changed", () => {
    const door = ownedDoor();
    expect(alertsOf(door.sense("battery", 151))).toEqual([]);
    expect(alertsOf(door.sense("battery", 150))).toEqual([`battery-low ${olga.id}`]);
    expect(lastLine(door)).toMatchObject({ what: "battery-low" });
    expect(alertsOf(door.sense("battery", 160))).toEqual([]);
    expect(alertsOf(door.sense("battery", 140))).toEqual([]);
    expect(alertsOf(door.sense("battery", 900))).toEqual([]);
    expect(alertsOf(door.sense("battery", 100))).toEqual([`battery-low ${olga.id}`]);
    expect(() => door.sense("battery", 1_001)).toThrow(/battery/);
  });
});

describe("a door left open", () => {
  it("is a line in the log and an alert to all owners, once each time", () => {
    const door = ownedDoor();
    const order = door.order(olga.signer, { kind: "add-owner", card: ana.card });
    door.say(door.open(olga), "lock-order", { order });
    door.sense("door-open", true);
    expect(alertsOf(door.wait(60 * SECOND - 1))).toEqual([]);
    expect(alertsOf(door.wait(1))).toEqual([`left-open ${olga.id}`, `left-open ${ana.id}`]);
    expect(lastLine(door)).toMatchObject({ what: "left-open" });
    expect(alertsOf(door.wait(HOUR))).toEqual([]);
    expect(alertsOf(door.restart())).toEqual([]);
    expect(alertsOf(door.wait(HOUR))).toEqual([]);
    door.sense("door-open", false);
    door.sense("door-open", true);
    expect(alertsOf(door.wait(60 * SECOND))).toHaveLength(2);
  });

  it("is not told when it was shut in time, and is after a crash in between", () => {
    const door = ownedDoor();
    passThrough(door, 59 * SECOND);
    expect(alertsOf(door.wait(HOUR))).toEqual([]);
    door.sense("door-open", true);
    door.restart();
    expect(alertsOf(door.wait(60 * SECOND))).toHaveLength(1);
  });
});

describe("a sensor", () => {
  it("that reports nonsense is refused", () => {
    const door = ownedDoor();
    for (const name of ["door-open", "bolt-locked", "button", "clock-known"])
      expect(() => door.sense(name, 1)).toThrow(expect.objectContaining({ code: "reading-invalid" }));
    expect(door.sense("something else", 1)).toEqual([]);
  });
});
