/** Whom a radio calls, for how long, and when it rests. */
import { describe, expect, it } from "vitest";
import { utf8 } from "../../protocols/encoding/bytes.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { RadioCaller } from "./radio-caller.ts";
import type { Errand } from "./radio-caller.ts";

const known = {
  identity: new Uint8Array(32),
  sessionKey: new Uint8Array(32),
  cardHash: new Uint8Array(32),
};

/** A caller that is asked each half second; `did` says what it did, and when. */
function world() {
  const clock = new VirtualClock(0);
  const did: string[] = [];
  let errands: Errand[] = [];
  const open = new Set<string>();
  const keyOf = ({ peer, purpose }: Errand): string => `${peer} ${new TextDecoder().decode(purpose)}`;
  const caller = new RadioCaller({
    linkClock: clock,
    errands: () => errands,
    isOpen: (errand) => open.has(keyOf(errand)),
    cardOf: (peer) => (peer === "unknown" ? undefined : { ...known, identity: utf8(peer) }),
    dial: ({ identity }, purpose) => {
      const decoder = new TextDecoder();
      did.push(`${clock.now()} dial ${decoder.decode(identity)} ${decoder.decode(purpose)}`);
    },
    hangUp: () => {
      did.push(`${clock.now()} hang up`);
      open.clear();
    },
  });
  const turn = (): void => {
    caller.turn();
    clock.at(clock.now() + 500, turn);
  };
  turn();
  return {
    did,
    wait: (...next: Errand[]) => void (errands = next),
    opened: (key: string) => {
      open.add(key);
      caller.heard(key.split(" ")[0] ?? "");
    },
    heard: (peer: string) => caller.heard(peer),
    until: (ms: number) => clock.runUntil(ms),
  };
}

const errand = (peer: string, purpose: string, more: Partial<Errand> = {}): Errand => {
  return { peer, purpose: utf8(purpose), isUrgent: false, stamp: "1", graceMs: 0, ...more };
};

describe("whom a radio calls", () => {
  it("is whoever something waits for, until a moment after the last word", async () => {
    const { did, wait, opened, until } = world();
    await until(900);
    expect(did).toEqual([]);
    wait(errand("shop", "contracts"));
    await until(1_000);
    opened("shop contracts");
    await until(2_900);
    wait();
    await until(60_000);
    expect(did).toEqual(["1000 dial shop contracts", "3000 hang up"]);
  });

  it("leaves it to the broker first, where there is one", async () => {
    const { did, wait, until } = world();
    wait(errand("shop", "contracts", { graceMs: 4_000 }));
    await until(3_900);
    wait();
    await until(10_000);
    expect(did).toEqual([]);
    wait(errand("shop", "contracts", { graceMs: 4_000 }));
    await until(14_500);
    expect(did).toEqual(["14500 dial shop contracts"]);
  });

  it("rests ever longer where nobody is found, and tries at once what is new", async () => {
    const { did, wait, until } = world();
    wait(errand("shop", "tab"));
    await until(200_000);
    const dialled = did.filter((line) => line.includes("dial")).map((line) => Number(line.split(" ")[0]));
    const rests = dialled.slice(1).map((ms, at) => ms - (dialled[at] ?? 0) - 8_000);
    expect(rests).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000].slice(0, rests.length));
    expect(rests.length).toBeGreaterThanOrEqual(5);
    const before = did.length;
    wait(errand("shop", "tab", { stamp: "2" }));
    await until(200_500);
    expect(did.slice(before)).toEqual(["200500 dial shop tab"]);
  });

  it("goes to who stands and waits first, and hangs up on a session that only lingers", async () => {
    const { did, wait, opened, until } = world();
    const talk = errand("shop", "contracts");
    wait(talk);
    await until(500);
    opened("shop contracts");
    await until(5_400);
    wait(errand("shop", "tab", { isUrgent: true }), talk);
    await until(5_500);
    opened("shop tab");
    await until(6_400);
    wait(talk);
    await until(9_000);
    const [, hungUp, ...later] = did;
    expect(hungUp).toBe("5500 hang up");
    expect(later).toEqual(["5500 dial shop tab", "6500 hang up", "6500 dial shop contracts"]);
  });

  it("gives each peer its turn, and waits longer for an answer where nobody else waits", async () => {
    const { did, wait, opened, until } = world();
    wait(errand("unknown", "contracts"), errand("shop", "contracts"), errand("bank", "contracts"));
    await until(500);
    opened("shop contracts");
    await until(5_500);
    opened("bank contracts");
    expect(did).toEqual(["500 dial shop contracts", "5500 hang up", "5500 dial bank contracts"]);
    wait(errand("bank", "contracts"));
    await until(35_000);
    expect(did).toHaveLength(3);
    await until(35_500);
    expect(did[3]).toBe("35500 hang up");
  });

  it("calls nobody who has called already", async () => {
    const { did, wait, opened, until } = world();
    wait(errand("shop", "contracts"));
    opened("shop contracts");
    await until(10_000);
    expect(did).toEqual([]);
  });
});
