import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import type { Changes } from "./loop.ts";
import { Seen } from "./seen.ts";

describe("what was seen", () => {
  it("may be acknowledged only once it is durable, and is remembered across restarts", async () => {
    const clock = new VirtualClock(1_000);
    const store = new MemoryStore({ clock });
    const seen = new Seen(store, clock);
    const changes: Changes = new Map();
    expect(seen.stateOf("a/1")).toBe("new");
    seen.add("a/1", changes);
    expect(seen.stateOf("a/1")).toBe("under way");
    void store.commit(changes);
    expect(new Seen(store.reopen(), clock).stateOf("a/1")).toBe("new");
    await clock.runAll();
    expect(seen.stateOf("a/1")).toBe("under way");
    seen.confirm("a/1");
    seen.confirm("never added");
    expect([seen.stateOf("a/1"), seen.stateOf("never added")]).toEqual(["durable", "new"]);
    expect(new Seen(store.crash(), clock).stateOf("a/1")).toBe("durable");
  });

  it("forgets the oldest beyond its bound, also of before a restart, and tells the store", async () => {
    const clock = new VirtualClock(1_000);
    const store = new MemoryStore({ clock });
    const add = async (seen: Seen, marks: string[]): Promise<Changes> => {
      const changes: Changes = new Map();
      for (const mark of marks) seen.add(mark, changes);
      void store.commit(changes);
      await clock.runFor(10);
      return changes;
    };
    const first = new Seen(store, clock);
    // Made in the opposite order of their names, so that only their times tell which is older.
    await add(first, ["z"]);
    await add(first, ["y"]);
    await add(
      first,
      Array.from({ length: 19_998 }, (_, i) => `m/${i}`),
    );
    expect([first.stateOf("z"), store.keys("seen/").length]).toEqual(["under way", 20_000]);
    const again = new Seen(store, clock);
    const changes = await add(again, ["new"]);
    expect(["z", "y", "new"].map((mark) => again.stateOf(mark))).toEqual(["new", "durable", "under way"]);
    expect([changes.size, store.keys("seen/").length, store.get("seen/z")]).toEqual([2, 20_000, undefined]);
  });
});
