import { describe, expect, it } from "vitest";
import { rentalTerms } from "../contract/templates/rental.ts";
import type { Node } from "../contract/terms.ts";
import { ARBITER, RENTAL } from "../contract/testing/samples.ts";
import { logDeed, stayStanding } from "./log-words.ts";

function labelsIn(node: Node): string[] {
  switch (node.kind) {
    case "close":
      return [];
    case "pay":
      return labelsIn(node.then);
    case "if":
      return [...labelsIn(node.then), ...labelsIn(node.else)];
    case "when":
      return [
        node.label,
        ...[...node.cases.map(({ then }) => then), node.onTimeout].flatMap((one) => labelsIn(one)),
      ];
  }
}

describe.each(["en", "fr"] as const)("in %s", (language) => {
  it("every state of a rental has words of its own", () => {
    const labels = new Set(labelsIn(rentalTerms({ ...RENTAL, arbiter: ARBITER }).contract));
    expect(labels.size).toBeGreaterThan(6);
    for (const label of labels) expect(stayStanding(label, language)).not.toBe(label);
  });

  it("a line says what was done, or what happened", () => {
    const about = { target: null, action: null };
    const whats = ["pair", "order", "stay", "departure", "walk-up", "let", "revoke", "left-open", "reset"];
    const said = whats.map((what) => logDeed({ what, ...about }, language));
    expect(new Set([...said, ...whats]).size).toBe(2 * whats.length);
    const opened = logDeed({ what: "request", target: "door", action: "open" }, language);
    expect(opened).toBe({ en: "open the door", fr: "ouvrir la porte" }[language]);
    // What another version of a lock writes is shown as it is, whatever it is called.
    expect(logDeed({ what: "constructor", ...about }, language)).toBe("constructor");
  });
});
