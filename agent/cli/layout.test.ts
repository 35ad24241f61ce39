import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paragraph, printable, table, wrap } from "./layout.ts";

const words = fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1, maxLength: 40 });

describe("wrap", () => {
  it("keeps every character, and every line within the width", () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 5, max: 60 }), (list, width) => {
        const lines = wrap(list.join(" "), width);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(lines.join("").replaceAll(" ", "")).toBe(list.join(""));
      }),
    );
  });

  it("breaks no line before a French mark or within French quotes", () => {
    expect(wrap("aaa : « bb » cc ; dd", 8)).toEqual(["aaa :", "« bb »", "cc ; dd"]);
    expect(wrap("", 10)).toEqual([""]);
  });

  it("indents what follows the first line", () => {
    expect(paragraph("one two three", 14, "  - ")).toEqual(["  - one two", "    three"]);
  });
});

describe("table", () => {
  it("fits the width and keeps every cell", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(words, words, words), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 40, max: 160 }),
        (rows, width) => {
          const cells = rows.map((row) => row.map((cell) => cell.join(" ")));
          const lines = table(cells, [3, 3, 1], width);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
          const letters = (text: string): number => text.replaceAll(/\s/g, "").length;
          expect(letters(lines.join(""))).toBe(letters(cells.flat().join("")));
        },
      ),
    );
  });

  it("gives a narrow column no more than it needs", () => {
    expect(
      table(
        [
          ["a", "1"],
          ["bcd", "22"],
        ],
        [1, 1],
        80,
      ),
    ).toEqual(["a    1", "bcd  22"]);
  });
});

it("printable leaves nothing that steers a terminal", () => {
  expect(printable("Ünï\u0007cødé \u001b[31m\u202etxt\u2028")).toBe("Ünï?cødé ?[31m?txt?");
});
