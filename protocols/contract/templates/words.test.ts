/** Everything that a template can say reads as a sentence, in both languages. */
import { describe, expect, it } from "vitest";
import { factsNamed } from "../evidence-rules.ts";
import type { Node, Terms } from "../terms.ts";
import { describeTerms, endingsTable } from "../text.ts";
import type { TextLanguage } from "../text.ts";
import { allServices, COMMISSION, PLANS } from "../testing/samples.ts";
import { english } from "../words-en.ts";
import { french } from "../words-fr.ts";
import type { Words } from "../words.ts";
import { servicesSchema, withServices } from "./services.ts";

interface Names {
  roles: Set<string>;
  labels: Set<string>;
  choices: Set<string>;
  facts: Set<string>;
}

/** All names that the machine knows in these terms. */
function namesIn(terms: Terms): Names {
  const roles = new Set([...terms.parties, ...terms.beneficiaries].map(({ role }) => role));
  const names: Names = { roles, labels: new Set(), choices: new Set(), facts: new Set() };
  collect(terms.contract, names);
  return names;
}

function collect(node: Node, names: Names): void {
  if (node.kind === "pay") collect(node.then, names);
  if (node.kind === "if") for (const branch of [node.then, node.else]) collect(branch, names);
  if (node.kind !== "when") return;
  names.labels.add(node.label);
  for (const one of node.cases) {
    if (one.kind === "choice") names.choices.add(one.name);
    if (one.kind === "facts")
      for (const fact of factsNamed(one.condition)) names.facts.add(fact.split("/")[1]!);
    collect(one.then, names);
  }
  collect(node.onTimeout, names);
}

const TERMS: [name: string, terms: Terms][] = PLANS.map(([name, plan, insured]) => {
  const { insurer, ...others } = allServices(insured);
  const services = insured.length === 0 ? others : { ...others, insurer };
  return [name, withServices(plan(), servicesSchema.parse(services), COMMISSION)];
});

const LANGUAGES: [language: TextLanguage, words: Words][] = [
  ["en", english],
  ["fr", french],
];

/** English labels that say it already. */
const PLAIN = new Set(["in-flight"]);

describe.each(LANGUAGES)("in %s", (language, words) => {
  it.each(TERMS)("no name of the machine shows: %s", (_, terms) => {
    const { roles, labels, choices, facts } = namesIn(terms);
    const spaced = (name: string): string => name.replaceAll("-", " ");
    for (const role of roles) expect(words.role(role)).not.toMatch(/[“«]/);
    for (const label of labels) if (!PLAIN.has(label)) expect(words.label(label)).not.toBe(spaced(label));
    for (const choice of choices) expect(words.chooses("X", choice)).not.toMatch(/[“«]/);
    for (const fact of facts) expect(words.statement(fact)).not.toMatch(/[“«]/);
    for (const [detail, value] of terms.details) {
      for (const line of words.detail(detail, value, () => "T")) expect(line).not.toContain(detail);
    }
  });

  it.each(TERMS)("sentences begin with a capital and end: %s", (_, terms) => {
    const lines = [
      ...describeTerms(terms, language),
      ...endingsTable(terms, language).flatMap(({ ending, outcome }) => [ending, outcome]),
    ];
    for (const line of lines) {
      expect(line).toMatch(/^(- )?\p{Lu}/u);
      expect(line).not.toMatch(/undefined|\[object|NaN|\b[a-z]+-[0-9]\b|E7|Minor|Ms\b/);
      if (language === "fr") expect(line).not.toMatch(/ de le | à le | si il /i);
    }
  });
});
