/** No name of the machine stands beside a field of a counter-offer. */
import { describe, expect, it } from "vitest";
import { party } from "../../../protocols/contract/templates/fields.ts";
import { TEMPLATES } from "../../../protocols/contract/templates/index.ts";
import { DEAL_WORDS } from "./deal-words.ts";

/** Who the parties are is no field of a counter-offer, nor in which currency: that is a list of its own. */
const FIELDS = new Set(
  TEMPLATES.flatMap(({ fields }) =>
    Object.entries(fields).flatMap(([name, { kind }]) => (kind === party.kind ? [] : [name])),
  ),
);

describe("fields of counter-offers", () => {
  it.each([...FIELDS])("%s has a name in each language", (name) => {
    for (const { fields } of Object.values(DEAL_WORDS)) {
      expect(fields[name]).toMatch(/^\p{Lu}/u);
      expect(fields[name]).not.toBe(name);
    }
  });

  it("and each template has one", () => {
    for (const { name } of TEMPLATES)
      for (const { templates } of Object.values(DEAL_WORDS)) expect(templates[name]).toMatch(/^\p{Lu}/u);
  });
});
