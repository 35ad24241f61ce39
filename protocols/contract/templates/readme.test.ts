/** The README's tables are what the renderer says, its numbers are the machine's, and nobody is left out. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { endings } from "../check.ts";
import type { Terms } from "../terms.ts";
import { endingsTable } from "../text.ts";
import { ORDERED_AT } from "../testing/delivery.ts";
import { ARBITER, DATA, DAY, PLANS } from "../testing/samples.ts";
import { dataTerms } from "./data.ts";
import { TEMPLATES } from "./index.ts";
import { termsOf } from "./services.ts";

const README = readFileSync(new URL("README.md", import.meta.url), "utf8");
const BY_NAME = new Map(PLANS.map(([name, plan]) => [name, () => termsOf(plan())]));

function termsNamed(name: string): Terms {
  const make = BY_NAME.get(name);
  if (make === undefined) throw new Error(`no plan is called "${name}"`);
  return make();
}

function table(terms: Terms): string {
  const rows = endingsTable(terms, "en").map(
    ({ ending, outcome, by }) => `| ${ending} | ${outcome} | ${by} |`,
  );
  return ["", "| ending | who then has what | by |", "|---|---|---|", ...rows, ""].join("\n");
}

/** The part under a heading, to the next of the same level. */
function section(heading: string): string {
  const [, ...after] = README.split(`\n## ${heading}\n`);
  return after.join("").split("\n## ")[0] ?? "";
}

describe("the templates' README", () => {
  // After a change of words or templates: npx vitest run protocols/contract/templates/readme.test.ts --update
  it("shows the endings as the renderer tells them", async () => {
    let tables = 0;
    const expected = README.replaceAll(/<!-- endings: (.+?) -->\n[^]*?<!-- end -->/g, (_, name: string) => {
      tables++;
      return `<!-- endings: ${name} -->\n${table(termsNamed(name))}\n<!-- end -->`;
    });
    expect(tables).toBe(7);
    await expect(expected).toMatchFileSnapshot("./README.md");
  });

  it.each(TEMPLATES)(
    "has a section for $name/$version, and says of each party what a lie can win",
    ({ name, version }) => {
      const text = section(`${name}/${version}`);
      const lies = text.split("What a lie can win:")[1] ?? "";
      for (const [of, plan] of PLANS.filter(([of]) => of.startsWith(name))) {
        for (const { role } of plan().parties) {
          const said = role.startsWith("household-") ? "household" : role;
          expect(lies, `${of}: ${role}`).toContain(`- **${said}**:`);
        }
      }
    },
  );

  it("counts the endings as they are", () => {
    const count = (name: string): number => endings(termsNamed(name)).length;
    const approved = { ...DATA, approval: true, approveByMs: ORDERED_AT + 2 * DAY };
    const row = (name: string): string =>
      README.split("\n").find((line) => line.startsWith(`| [${name}]`)) ?? "";
    const counts: [template: string, numbers: number[]][] = [
      ["delivery/1", [count("delivery"), count("delivery with an arbiter")]],
      ["rental/1", [count("rental"), count("rental with an arbiter")]],
      ["sale/1", [count("sale"), count("sale of a deed"), count("sale with an arbiter")]],
      [
        "data/1",
        [
          count("data"),
          endings(dataTerms(approved)).length,
          endings(dataTerms({ ...DATA, arbiter: ARBITER })).length,
          endings(dataTerms({ ...approved, arbiter: ARBITER })).length,
        ],
      ],
      ["energy/1", [count("energy"), count("energy without securities"), count("energy with an arbiter")]],
      ["tab/1", [count("tab")]],
    ];
    for (const [template, numbers] of counts) {
      const cells = row(template).split("|").slice(3).join("|");
      expect(
        [...cells.matchAll(/\b[0-9]+\b/g)].map(([digits]) => Number(digits)),
        template,
      ).toEqual(numbers);
    }
  });
});
