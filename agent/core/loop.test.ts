import { describe, expect, it } from "vitest";
import type { Device, DeviceContext, DeviceEffect, DeviceEvent, Step } from "../../devices/device.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Store } from "../../protocols/ports.ts";
import { Loop, type Changes } from "./loop.ts";

/** Counts what it is told; each command becomes an effect; some commands are refused or break it. */
interface Counter {
  count: number;
  names: string[];
}
const counter: Device<Counter> = {
  kind: "counter",
  initial: () => ({ count: 0, names: [] }),
  step(state, event): Step<Counter> {
    const name = "name" in event ? event.name : event.kind;
    if (name === "refused") throw new SegmentError("message-invalid", "malformed");
    if (name === "internal") throw new SegmentError("internal", "our own fault");
    if (name === "broken") throw new TypeError("a bug");
    if (name === "ignored") return { state, effects: [] };
    const effects: DeviceEffect[] = [{ kind: "progress", step: name, detail: "" }];
    return { state: { count: state.count + 1, names: [...state.names, name] }, effects };
  },
};

/** A store whose commits wait until the test lets them pass. */
function heldStore(values = new Map<string, Uint8Array>()) {
  const held: { changes: Changes; pass: () => void; fail: (error: Error) => void }[] = [];
  let atOnce = false;
  const apply = (changes: ReadonlyMap<string, Uint8Array | undefined>): void => {
    for (const [key, value] of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
  };
  const store: Store = {
    get: (key) => values.get(key),
    keys: (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
    commit: (changes) =>
      new Promise((resolve, reject) => {
        const pass = (): void => {
          apply(changes);
          resolve();
        };
        if (atOnce) pass();
        else held.push({ changes: new Map(changes), pass, fail: reject });
      }),
    close: async () => {},
  };
  return { store, held, values, passAll: () => (atOnce = true) };
}

function world(values?: Map<string, Uint8Array>) {
  const disk = heldStore(values);
  const acted: string[] = [];
  const planned: string[] = [];
  const dropped: SegmentError[] = [];
  const failures: unknown[] = [];
  let onAct: (step: string) => void = () => {};
  const loop = new Loop<Counter>({
    device: counter,
    store: disk.store,
    context: () => ({}) as DeviceContext,
    plan: (effect, changes) => {
      if (effect.kind !== "progress") return;
      planned.push(effect.step);
      changes.set(`plan/${effect.step}`, Uint8Array.of(1));
    },
    act: (effect) => {
      if (effect.kind !== "progress") return;
      acted.push(effect.step);
      onAct(effect.step);
    },
    dropped: (error) => dropped.push(error),
    failed: (error) => failures.push(error),
  });
  const post = (...names: string[]): void => {
    for (const name of names) loop.post({ event: command(name) });
  };
  return {
    ...disk,
    loop,
    post,
    acted,
    planned,
    dropped,
    failures,
    whenActing: (act: typeof onAct) => (onAct = act),
  };
}

const command = (name: string): DeviceEvent => ({ kind: "command", name, value: null });
const turns = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the loop", () => {
  it("acts on nothing before the commit of its step is durable", async () => {
    const { loop, post, held, acted, planned } = world();
    let acknowledged = 0;
    loop.post({ event: command("a"), afterCommit: () => (acknowledged += 1) });
    post("b");
    await turns();
    expect(held).toHaveLength(1);
    expect([...held[0]!.changes.keys()].sort()).toEqual(["device/state", "plan/a", "plan/b"]);
    expect([planned, acted, acknowledged]).toEqual([["a", "b"], [], 0]);
    held[0]!.pass();
    await loop.idle();
    expect([acted, acknowledged]).toEqual([["a", "b"], 1]);
  });

  it("takes what comes during a commit into the next, at most 64 steps in one, in order", async () => {
    const { loop, post, held, passAll, acted, values } = world();
    post("first");
    await turns();
    const names = Array.from({ length: 150 }, (_, i) => `n${i}`);
    post(...names);
    await turns();
    expect(held).toHaveLength(1);
    held[0]!.pass();
    await turns();
    expect(held).toHaveLength(2);
    expect(held[1]!.changes.size).toBe(65);
    passAll();
    held[1]!.pass();
    await loop.idle();
    expect(acted).toEqual(["first", ...names]);
    expect((decodeMessage(values.get("device/state")!) as Counter).count).toBe(151);
  });

  it("handles events that acting on an effect posts, also the very last", async () => {
    const { loop, post, passAll, acted, whenActing } = world();
    passAll();
    whenActing((step) => {
      const depth = Number(step);
      if (depth < 30) post(String(depth + 1));
    });
    post("1");
    await loop.idle();
    expect(acted).toHaveLength(30);
    // A lost wake-up: the loop has looked for the last time, and has not said so yet.
    for (let wait = 0; wait < 40; wait++) {
      post("30");
      for (let turn = 0; turn < wait; turn++) await Promise.resolve();
      post("30");
      await turns();
      expect(acted).toHaveLength(30 + 2 * (wait + 1));
    }
  });

  it("drops an event that the device refuses: nothing changes, and its sender is told", async () => {
    const { loop, held, acted, dropped, failures } = world();
    let acknowledged = 0;
    const seen: Changes = new Map([["seen/x", Uint8Array.of(1)]]);
    loop.post({ event: command("refused"), changes: seen, afterCommit: () => (acknowledged += 1) });
    await turns();
    expect(held.map(({ changes }) => changes)).toEqual([seen]);
    expect(acknowledged).toBe(0);
    held[0]!.pass();
    await loop.idle();
    expect([acknowledged, acted, failures, loop.state.count]).toEqual([1, [], [], 0]);
    expect(dropped.map(({ code }) => code)).toEqual(["message-invalid"]);
    loop.post({ event: command("a") });
    await turns();
    expect(held).toHaveLength(2);
  });

  it("writes nothing when nothing changed", async () => {
    const { loop, post, held } = world();
    post("ignored", "refused");
    await loop.idle();
    expect(held).toHaveLength(0);
  });

  it.each([
    ["a fault of its own", "broken", TypeError],
    ["an internal error", "internal", SegmentError],
  ])("stops at %s: nothing of its batch is written, and nothing more is taken", async (_what, name, type) => {
    const { loop, post, held, acted, failures } = world();
    post("a", name, "b");
    await loop.idle();
    post("c");
    await turns();
    expect([held.length, acted, failures.length]).toEqual([0, [], 1]);
    expect(failures[0]).toBeInstanceOf(type);
  });

  it("stops when the store fails, and acts on nothing of that step", async () => {
    const { loop, post, held, acted, failures } = world();
    let acknowledged = 0;
    loop.post({ event: command("a"), afterCommit: () => (acknowledged += 1) });
    await turns();
    post("b");
    held[0]!.fail(new SegmentError("store-failed", "the disk is full"));
    await loop.idle();
    expect([acted, acknowledged, held.length]).toEqual([[], 0, 1]);
    expect(failures).toMatchObject([{ code: "store-failed" }]);
  });

  it("takes up its state after a restart, whatever it was", async () => {
    const before = world();
    before.passAll();
    before.post("a", "b");
    await before.loop.idle();
    const after = world(before.values);
    expect(after.loop.state).toEqual({ count: 2, names: ["a", "b"] });
    const large: Counter = { count: 1, names: Array.from({ length: 100_000 }, (_, i) => `name ${i}`) };
    expect(world(new Map([["device/state", encodeMessage(large)]])).loop.state.names).toHaveLength(100_000);
  });

  it("refuses to remember more than it could read back", async () => {
    const { loop, post, held, failures } = world();
    post("x".repeat(5 * 1024 * 1024));
    await loop.idle();
    expect([held.length, failures.length]).toEqual([0, 1]);
  });

  it("finishes what waits when it stops, and takes nothing more", async () => {
    const { loop, post, passAll, acted } = world();
    passAll();
    post("a", "b");
    const stopping = loop.stop();
    post("c");
    await stopping;
    expect(acted).toEqual(["a", "b"]);
  });

  it("bounds what waits", async () => {
    const { loop, post, held } = world();
    post("first");
    await turns();
    for (let i = 0; i < 10_000; i++) post("ignored");
    expect(() => post("one too many")).toThrowError(expect.objectContaining({ code: "queue-full" }));
    held[0]!.pass();
    await loop.idle();
    expect(loop.state.count).toBe(1);
  });
});
