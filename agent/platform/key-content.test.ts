import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../node/crypto.ts";
import { excess } from "../../protocols/access/chain.ts";
import { openGuestKey, signGuestKey } from "../../protocols/access/key.ts";
import type { GuestKey } from "../../protocols/access/key.ts";
import { DAY, guest, HOUR, keyOf, MONDAY_8H, owner } from "../../protocols/access/testing/kit.ts";
import { timeRefusal } from "../../protocols/access/times.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { keyWish } from "./key-content.ts";
import type { ContentFlags, KeyWish } from "./key-content.ts";
import { zoneOf } from "./wall-clock.ts";

const NOW = MONDAY_8H;
const MINUTE = 60_000;
const UNTIL = "2026-11-24 18:00";
const UNTIL_MS = Date.UTC(2026, 10, 24, 17);
const paris = zoneOf("Europe/Paris");

function wish(flags: Partial<ContentFlags> = {}, parent?: GuestKey, zone = paris): KeyWish {
  const until = parent === undefined && flags.forever === undefined ? { until: UNTIL } : {};
  return keyWish({ for: "Ana", ...until, ...flags }, zone, NOW, parent);
}

/** The key as its lock would read it, which refuses what no key may say. */
function keyFrom({ content }: KeyWish, parent?: GuestKey): GuestKey {
  const { holder: identity, ...said } = content;
  const holder: GuestKey["holder"] =
    identity === null ? { kind: "link", linkKey: guest.publicKey } : { kind: "identity", identity };
  const key = keyOf({
    ...said,
    holder,
    issuedMs: NOW,
    parent: parent === undefined ? null : new Uint8Array(32),
  });
  return openGuestKey(nodeCrypto, signGuestKey(key, owner));
}

function problem(flags: Partial<ContentFlags>, parent?: GuestKey): string {
  try {
    wish(flags, parent);
  } catch (error) {
    if (error instanceof SegmentError) return `${error.message} [${error.code}]`;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a key of which little is said", () => {
  it("is a link that opens the door from now until then, as often as needed, confirmed every day", () => {
    const made = wish();
    expect(made).toEqual({
      content: {
        ...{ name: "Ana", holder: null, week: [], offsets: [], uses: null, depth: 0 },
        rights: [{ target: "door", actions: ["open"] }],
        windows: [{ fromMs: NOW - 5 * MINUTE, untilMs: UNTIL_MS }],
        refreshMs: 24 * HOUR,
      },
      followsUntilMs: null,
    });
    expect(timeRefusal(keyFrom(made), NOW)).toBeUndefined();
  });

  it("says all else when it is told to", () => {
    const { content } = wish({
      ...{
        to: agentId(guest.publicKey),
        from: "2026-11-24T07:00:00Z",
        uses: "3",
        passOn: "2",
        refresh: "1h",
      },
      may: ["light-2:off,on", "door:open", "door:lock,open"],
    });
    expect(content).toMatchObject({ holder: guest.publicKey, uses: 3, depth: 2, refreshMs: HOUR });
    expect(content.windows).toEqual([{ fromMs: Date.UTC(2026, 10, 24, 7), untilMs: UNTIL_MS }]);
    expect(content.rights).toEqual([
      { target: "light-2", actions: ["on", "off"] },
      { target: "door", actions: ["open", "lock"] },
    ]);
    expect(wish({ forever: true, refresh: "none" }).content).toMatchObject({ windows: [], refreshMs: null });
    expect(wish({ refresh: "366d" }).content.refreshMs).toBe(366 * DAY);
  });

  it.each<[Partial<ContentFlags>, string]>([
    [{ for: " " }, "--for takes"],
    [{ for: "x".repeat(65) }, "--for takes"],
    [{ for: "A\u0007na" }, "--for takes"],
    [{ until: "2026-11-23 08:59" }, "has passed"],
    [{ from: UNTIL }, "--until takes a time after that of --from"],
    [{ until: "2127-01-01 00:00" }, "within 100 years"],
    [{ forever: true, until: UNTIL }, "--forever alone"],
    [{ forever: true, from: UNTIL }, "--forever alone"],
    [{ uses: "0" }, "--uses takes a number from 1 to 1000000"],
    [{ uses: "1.5" }, "--uses takes"],
    [{ passOn: "5" }, "--pass-on takes a number from 0 to 4"],
    [{ refresh: "59s" }, "--refresh takes"],
    [{ refresh: "0m" }, "--refresh takes"],
    [{ refresh: "367d" }, "--refresh takes"],
    [{ may: ["door"] }, "--may takes"],
    [{ may: ["door:"] }, "--may takes"],
    [{ may: ["door:open:lock"] }, "--may takes"],
    [{ may: ["Door:open"] }, "--may takes"],
    [{ may: ["door:explode"] }, "--may takes"],
    [{ may: Array.from({ length: 17 }, (_, at) => `door-${at}:open`) }, "at most 16 targets"],
  ])("is refused: %j", (flags, words) => {
    const said = problem(flags);
    expect(said).toContain(words);
    expect(said).toMatch(/\[option-invalid\]$/);
    expect(said.length).toBeLessThan(300);
  });

  it("is refused without an end that is said, and for no identity", () => {
    expect(() => keyWish({ for: "Ana" }, paris, NOW)).toThrow("--until, or --forever");
    expect(problem({ to: "Ana" })).toMatch(/\[did-invalid\]$/);
  });
});

describe("hours of the week", () => {
  const days = (text: string): string => {
    const [span] = wish({ hours: [`${text} 08:00-18:00`] }).content.week;
    return (span?.days ?? 0).toString(2).padStart(7, "0").split("").toReversed().join("");
  };

  it("name days one by one, as spans, and over the end of the week", () => {
    expect(days("mon")).toBe("1000000");
    expect(days("mon-fri")).toBe("1111100");
    expect(days("tue,Thu,SUN")).toBe("0101001");
    expect(days("mon-tue,fri-sat")).toBe("1100110");
    expect(days("sat-mon")).toBe("1000011");
    expect(days("sun-sat")).toBe("1111111");
    expect(days("daily")).toBe("1111111");
  });

  it("go on over midnight, and up to the end of the day", () => {
    const { week } = wish({ hours: ["fri 22:00-06:00", "sat 18:30-24:00", "sun 00:00-24:00"] }).content;
    expect(week.map(({ fromMinute, toMinute }) => [fromMinute, toMinute])).toEqual([
      [1_320, 1_800],
      [1_110, 1_440],
      [0, 1_440],
    ]);
  });

  it("are those of the wall on both sides of a change of the clocks", () => {
    const key = keyFrom(wish({ until: "2027-06-01 12:00", hours: ["daily 08:00-18:00"] }));
    expect(key.offsets).toEqual([
      { fromMs: 0, minutes: 60 },
      { fromMs: Date.UTC(2027, 2, 28, 1), minutes: 120 },
    ]);
    const refusal = (...utc: [number, number, number, number, number]) => timeRefusal(key, Date.UTC(...utc));
    expect(refusal(2027, 0, 11, 6, 59)).toBe("key-outside-hours");
    expect(refusal(2027, 0, 11, 7, 0)).toBeUndefined();
    expect(refusal(2027, 3, 12, 5, 59)).toBe("key-outside-hours");
    expect(refusal(2027, 3, 12, 6, 0)).toBeUndefined();
    expect(refusal(2027, 3, 12, 16, 0)).toBe("key-outside-hours");
  });

  it("of the night before reach into the next morning", () => {
    const key = keyFrom(wish({ until: "2026-12-31 12:00", hours: ["sun 22:00-06:00"] }));
    // Sunday 29 November, 23:00, and Monday, 05:59 and 06:00, in Paris.
    expect(timeRefusal(key, Date.UTC(2026, 10, 29, 22))).toBeUndefined();
    expect(timeRefusal(key, Date.UTC(2026, 10, 30, 4, 59))).toBeUndefined();
    expect(timeRefusal(key, Date.UTC(2026, 10, 30, 5))).toBe("key-outside-hours");
  });

  it("without an end follow the clocks for five years, and say so where these change", () => {
    const made = wish({ forever: true, hours: ["mon-fri 08:00-18:00"] });
    expect(made.followsUntilMs).toBe(Date.UTC(2031, 10, 23, 8));
    expect(made.content.windows).toEqual([]);
    expect(made.content.offsets).toHaveLength(11);
    expect(keyFrom(made).offsets.at(-1)).toEqual({ fromMs: Date.UTC(2031, 9, 26, 1), minutes: 60 });
    const steady = wish({ forever: true, hours: ["mon 08:00-18:00"] }, undefined, zoneOf("Asia/Tokyo"));
    expect(steady).toMatchObject({
      followsUntilMs: null,
      content: { offsets: [{ fromMs: 0, minutes: 540 }] },
    });
  });

  it("are refused where the clocks change more often than a key can say", () => {
    expect(problem({ until: "2050-01-01 12:00", hours: ["mon 08:00-18:00"] })).toMatch(
      /clocks of Europe\/Paris change too often .*\[option-invalid\]$/,
    );
    const steady = wish(
      { until: "2120-01-01 12:00", hours: ["mon 08:00-18:00"] },
      undefined,
      zoneOf("Asia/Tokyo"),
    );
    expect(steady.content.offsets).toHaveLength(1);
  });

  it.each([
    ...["", "mon", "08:00-18:00", "mon 8:00-18:00", "mon 08:00", "mon 08:00-08:00", "mon 24:00-06:00"],
    ...[
      "mon 08:00-24:01",
      "mon 08:60-18:00",
      "noday 08:00-18:00",
      "mon-tue-wed 08:00-18:00",
      "mon, 08:00-18:00",
    ],
    ...["mon-fri 08:00-18:00-20:00", "lun 08:00-18:00"],
  ])("are refused: %j", (text) => {
    const said = problem({ hours: [text] });
    expect(said).toMatch(/^--hours takes .*\[option-invalid\]$/s);
    expect(said.length).toBeLessThan(300);
  });

  it("are at most 32 spans, of few characters each", () => {
    const said = problem({ hours: ["mon ".repeat(10_000)] });
    expect(said).toMatch(/^--hours takes /);
    expect(said.length).toBeLessThan(300);
    const hours = Array.from({ length: 33 }, () => "mon 08:00-18:00");
    expect(problem({ hours })).toMatch(/at most 32 spans.*\[option-invalid\]$/);
    expect(keyFrom(wish({ hours: hours.slice(1) })).week).toHaveLength(32);
  });
});

describe("a part of a key", () => {
  const whole = keyOf({
    rights: [{ target: "door", actions: ["open", "lock"] }],
    windows: [
      { fromMs: NOW - HOUR, untilMs: NOW + DAY },
      { fromMs: NOW + 2 * DAY, untilMs: NOW + 3 * DAY },
    ],
    week: [{ days: 127, fromMinute: 480, toMinute: 1_080 }],
    offsets: [{ fromMs: 0, minutes: 60 }],
    ...{ uses: 5, depth: 2, refreshMs: 2 * HOUR },
  });

  it("is the whole of it, not to be passed on further, where nothing else is said", () => {
    const { content } = wish({}, whole);
    const { rights, windows, week, offsets, uses, refreshMs } = whole;
    expect(content).toMatchObject({ rights, windows, week, offsets, uses, refreshMs, depth: 0 });
    expect(excess(whole, keyFrom({ content, followsUntilMs: null }, whole))).toBeUndefined();
  });

  it("lies within its windows, and keeps its clock whatever the zone", () => {
    const narrow = wish({ until: "2026-11-25T20:00:00Z", hours: ["mon 09:00-12:00"], uses: "1" }, whole);
    expect(narrow.content.windows).toEqual([
      { fromMs: NOW - HOUR, untilMs: NOW + DAY },
      { fromMs: NOW + 2 * DAY, untilMs: NOW + 2 * DAY + 12 * HOUR },
    ]);
    expect(narrow.content.offsets).toEqual(whole.offsets);
    expect(excess(whole, keyFrom(narrow, whole))).toBeUndefined();
    const later = wish({ from: "2026-11-25T10:00:00Z" }, whole).content.windows;
    expect(later).toEqual([{ fromMs: NOW + 2 * DAY + 2 * HOUR, untilMs: NOW + 3 * DAY }]);
  });

  it.each<[Partial<ContentFlags>]>([
    [{ forever: true }],
    [{ from: "2026-11-23T06:59:00Z" }],
    [{ until: "2026-11-26T08:01:00Z" }],
    [{ from: "2026-11-24T09:00:00Z", until: "2026-11-24T10:00:00Z" }],
  ])("is refused at other times: %j", (flags) => {
    expect(problem(flags, whole)).toMatch(/\[key-exceeds\]$/);
  });

  it("of a key without an end needs one of its own only where it is said", () => {
    const endless = keyOf({ windows: [], depth: 1 });
    expect(wish({}, endless).content.windows).toEqual([]);
    expect(wish({ until: UNTIL }, endless).content.windows).toEqual([
      { fromMs: NOW - 5 * MINUTE, untilMs: UNTIL_MS },
    ]);
    expect(problem({ from: UNTIL }, endless)).toMatch(/--until, or --forever \[option-invalid\]$/);
  });

  it("is not made of a key that cannot be passed on", () => {
    expect(problem({}, keyOf({ depth: 0 }))).toBe("this key cannot be passed on [key-exceeds]");
  });
});
