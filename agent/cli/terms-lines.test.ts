import { describe, expect, it } from "vitest";
import { endingsTable } from "../../protocols/contract/text.ts";
import type { TextLanguage } from "../../protocols/contract/text.ts";
import { rentalTerms } from "../../protocols/contract/templates/rental.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { termsLines } from "./terms-lines.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 22);
const WIDTH = 80;

/** 24 ways to end with a deposit, 12 without. */
function rental(depositMinor: bigint): Terms {
  const party = (seed: number) => ({
    identity: new Uint8Array(32).fill(seed),
    account: new Uint8Array(32).fill(seed + 100),
  });
  const host = party(2);
  return rentalTerms({
    ...{ network: "village", nonce: new Uint8Array(16), currency: `EUR.${"0".repeat(16)}` },
    ...{ guest: party(1), host, lock: { ...host, identity: party(3).identity } },
    ...{ place: "a", address: "b", priceMinor: 100n, depositMinor, cancelFeeMinor: 10n },
    ...{ offeredAtMs: NOW, signByMs: NOW + HOUR, cancelByMs: NOW + DAY },
    ...{ arrivalMs: NOW + 2 * DAY, departureMs: NOW + 4 * DAY },
  });
}

const words = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("terms on a terminal", () => {
  it("show few endings as a table", () => {
    const text = termsLines(rental(0n), "en", WIDTH);
    expect(text.some((line) => /^How it can end\s+What each then has\s+By$/.test(line))).toBe(true);
  });

  it.each<[TextLanguage, string]>([
    ["en", "by"],
    ["fr", "au plus tard"],
  ])("show many by what comes of them, and leave none out (%s)", (language, by) => {
    const terms = rental(50n);
    const rows = endingsTable(terms, language);
    expect(rows.length).toBeGreaterThan(12);
    const lines = termsLines(terms, language, WIDTH);
    expect(lines.filter((line) => line.length > WIDTH)).toEqual([]);
    const text = words(lines.join("\n"));
    for (const row of rows) {
      const [before, after] = text.split(words(` - ${row.ending} (${by} ${row.by})`));
      expect(after, row.ending).toBeDefined();
      // What comes of it is the last outcome that is told before it.
      const told = rows.map(({ outcome }) => [before!.lastIndexOf(words(outcome)), outcome] as const);
      expect(told.toSorted((a, b) => b[0] - a[0])[0]![1]).toBe(row.outcome);
    }
  });
});
