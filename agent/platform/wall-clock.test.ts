import { describe, expect, it } from "vitest";
import { SegmentError } from "../../protocols/errors.ts";
import { momentOf, zoneFormat, zoneOf } from "./wall-clock.ts";

const paris = zoneOf("Europe/Paris");

function at(text: string, zone = paris): string {
  return new Date(momentOf("--from", text, zone)).toISOString();
}

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SegmentError) return `${error.message} [${error.code}]`;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a time on the wall", () => {
  it("is read by the zone's clock, in winter and in summer", () => {
    expect(at("2026-11-24 18:00")).toBe("2026-11-24T17:00:00.000Z");
    expect(at("2026-07-01T18:00:30")).toBe("2026-07-01T16:00:30.000Z");
    expect(at("2026-11-24 18:00", zoneOf("Asia/Kathmandu"))).toBe("2026-11-24T12:15:00.000Z");
    expect(at("2026-11-24 18:00", zoneOf("America/St_Johns"))).toBe("2026-11-24T21:30:00.000Z");
    expect(at("2026-11-24 18:00", zoneOf("UTC"))).toBe("2026-11-24T18:00:00.000Z");
  });

  it("is read as it stands where it says its own offset", () => {
    expect(at("2026-11-24T18:00:00Z")).toBe("2026-11-24T18:00:00.000Z");
    expect(at("2026-11-24T18:00+01:00")).toBe("2026-11-24T17:00:00.000Z");
    expect(at("2026-11-24 18:00-03:30")).toBe("2026-11-24T21:30:00.000Z");
  });

  it("is refused when the clock skips it, and around it is not", () => {
    expect(at("2026-03-29 01:59")).toBe("2026-03-29T00:59:00.000Z");
    expect(problem(() => at("2026-03-29 02:30"))).toContain(
      "a time that is shown by the clocks of Europe/Paris",
    );
    expect(at("2026-03-29 03:00")).toBe("2026-03-29T01:00:00.000Z");
  });

  it("is refused when the clock shows it twice, with the way to say which one", () => {
    expect(problem(() => at("2026-10-25 02:30"))).toContain("such as 2026-10-25T02:30+02:00");
    expect(at("2026-10-25T02:30+02:00")).toBe("2026-10-25T00:30:00.000Z");
    expect(at("2026-10-25T02:30+01:00")).toBe("2026-10-25T01:30:00.000Z");
    expect(at("2026-10-25 03:00")).toBe("2026-10-25T02:00:00.000Z");
  });

  it.each([
    ...["", "tomorrow", "2026-11-24", "18:00", "2026-02-29 12:00", "2026-13-01 12:00", "2026-11-24 24:00"],
    ...["2026-11-24 18:60", "2026-11-24T18:00:61", "2026-11-24T18:00+15:00", "2026-11-24T18:00+1"],
    ...["1969-12-31 12:00", "1970-01-01 00:30"],
  ])("is refused: %j", (text) => {
    expect(problem(() => at(text))).toMatch(/^--from takes a time .*\[option-invalid\]$/s);
  });

  it("is refused in few words where it is long", () => {
    expect(problem(() => at("2026-11-24 18:00 ".repeat(1_000))).length).toBeLessThan(200);
  });
});

describe("a zone", () => {
  it("is this machine's unless one is named, and is known by its name", () => {
    expect(zoneOf(undefined).name).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    expect(zoneOf("europe/paris").name).toBe("Europe/Paris");
    for (const name of ["", "Mars/Base", "Europe/Paris; x"])
      expect(problem(() => zoneOf(name))).toMatch(/^--zone takes a time zone .*\[option-invalid\]$/);
  });

  it("writes times as its clocks show them", () => {
    const winter = Date.UTC(2026, 10, 24, 17);
    expect(zoneFormat(paris, "en").time(winter)).toBe("24 November 2026, 18:00 (Europe/Paris)");
    expect(zoneFormat(paris, "fr").time(Date.UTC(2026, 6, 1, 22, 30))).toBe(
      "2 juillet 2026 à 00:30 (Europe/Paris)",
    );
    expect(zoneFormat(zoneOf("UTC"), "fr").time(winter)).toBe("24 novembre 2026 à 17:00 UTC");
  });
});
