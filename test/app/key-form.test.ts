import { describe, expect, it } from "vitest";
import { flagsOf, previewOf, wishOf } from "../../agent/app/key-form.ts";
import type { KeyForm } from "../../agent/app/key-form.ts";
import { pastedLink, sharedLink } from "../../agent/app/screens/key-shown.ts";
import { zoneOf } from "../../agent/platform/wall-clock.ts";
import { somebody } from "../support/agents.ts";

const NOW = Date.UTC(2026, 10, 23, 8);
const zone = zoneOf("Europe/Paris");
const form: KeyForm = {
  ...{ who: "Ana", by: "link", id: "", ends: "until", from: "", until: "2026-11-24T18:00", hours: "always" },
  ...{ days: [true, true, true, true, true, false, false], start: "08:00", end: "18:00" },
  ...{ uses: "", may: ["door:open"], passOn: "0", refresh: "24h" },
};
const wrong = (part: Partial<KeyForm>): string | undefined =>
  previewOf({ ...form, ...part }, { zone, now: NOW, language: "en" }).wrong;

describe("the form of a guest key", () => {
  it("reads as the command line does", () => {
    expect(
      flagsOf({ ...form, hours: "some", uses: "10", may: ["light:on", "door:open", "light:off"] }, undefined),
    ).toEqual({
      ...{ for: "Ana", until: "2026-11-24T18:00", hours: ["mon,tue,wed,thu,fri 08:00-18:00"], uses: "10" },
      ...{ may: ["light:on,off", "door:open"], passOn: "0", refresh: "24h" },
    });
    const { content } = wishOf(form, zone, NOW);
    expect(content.windows).toEqual([{ fromMs: NOW - 5 * 60_000, untilMs: Date.UTC(2026, 10, 24, 17) }]);
    expect(content.refreshMs).toBe(24 * 60 * 60_000);
  });

  it("says in sentences what the key will say, in both languages", () => {
    const english = previewOf({ ...form, hours: "some" }, { zone, now: NOW, language: "en" });
    expect(english.wrong).toBeUndefined();
    expect(english.lines[0]).toBe("Ana may open the door.");
    expect(english.lines.join(" ")).toContain("Monday to Friday 08:00 to 18:00");
    const french = previewOf({ ...form, uses: "1" }, { zone, now: NOW, language: "fr" });
    expect(french.lines).toContain("Une seule fois.");
  });

  it.each([
    ["--for", { who: " " }],
    ["--until", { until: "" }],
    ["--until", { until: "2026-11-22T18:00" }],
    ["--hours", { hours: "some", days: [false, false, false, false, false, false, false] }],
    ["--hours", { hours: "some", start: "08:00", end: "08:00" }],
    ["--uses", { uses: "0" }],
    ["--uses", { uses: "many" }],
    ["--may", { may: [] }],
    ["--to", { by: "id", id: "z6Mk" }],
  ] as const)("names what is wrong: %s", (where, part) => {
    expect(wrong(part as Partial<KeyForm>)).toBe(where);
  });

  it("takes one phone alone by its identity", () => {
    const { id, known } = somebody("ana");
    const { content } = wishOf({ ...form, by: "id", id: ` ${id} ` }, zone, NOW);
    expect(content.holder).toEqual(known.identity);
  });
});

describe("a key's link", () => {
  const LINK = "segment:key:hQFn-_8";

  it("travels behind the # of the app's own address", () => {
    const shared = sharedLink(LINK, "https://house.local:8443/#/keys/abc");
    expect(shared).toBe("https://house.local:8443/#/keys/take?link=segment%3Akey%3AhQFn-_8");
    expect(pastedLink(shared)).toBe(LINK);
  });

  it("is found in whatever was pasted", () => {
    expect(pastedLink(`Your key:\n${LINK}\nSee you!`)).toBe(LINK);
    expect(pastedLink(" nonsense ")).toBe("nonsense");
  });
});
