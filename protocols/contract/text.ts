/**
 * Terms as sentences, in English and French: what the person who signs reads. Everything that moves
 * money or that a device obeys is said; keys, ids and codes are left out.
 */
import { encodeCbor } from "../encoding/cbor.ts";
import { toHex } from "../encoding/bytes.ts";
import { endings } from "./check.ts";
import type { Ending, EndingEvent, Payout } from "./check.ts";
import type { AmountExpr, Case, If, Mandate, Node, Observation, Terms, When } from "./terms.ts";
import { encodeNode, NodeBudget } from "./node-codec.ts";
import { plainFormat, WORDS } from "./text-format.ts";
import type { TextFormat, TextLanguage } from "./text-format.ts";
import type { Words } from "./words.ts";

export { plainFormat } from "./text-format.ts";
export type { TextFormat, TextLanguage } from "./text-format.ts";

/** The terms, one sentence or line each. */
export function describeTerms(
  terms: Terms,
  language: TextLanguage,
  format: TextFormat = plainFormat(language),
): string[] {
  const writer = new Writer(WORDS[language], format);
  return [...writer.preamble(terms), ...writer.steps(terms.contract)];
}

/**
 * One step of the terms, as `describeTerms` puts it and with its number there; empty for a step of others.
 */
export function describeStep(
  terms: Terms,
  step: When,
  language: TextLanguage,
  format: TextFormat = plainFormat(language),
): string[] {
  const paragraphs = new Writer(WORDS[language], format).paragraphs(terms.contract);
  const key = keyOf(step);
  return paragraphs.find(({ node }) => keyOf(node) === key)?.lines ?? [];
}

/** What a role is called, without its article where the language has none there: "buyer", "acheteur". */
export function roleName(role: string, language: TextLanguage): string {
  return WORDS[language].role(role);
}

/** What the contract waits for in a step of this label: "waiting for the deposit". */
export function labelText(label: string, language: TextLanguage): string {
  return WORDS[language].label(label);
}

/** What a party states by a fact of this kind: "The lock states that the door was opened." */
export function factText(role: string, kind: string, language: TextLanguage): string {
  const words = WORDS[language];
  return words.sentence(words.attests(words.role(role), words.statement(kind)));
}

/** What a party chooses by a choice of this name: "The buyer accepts." */
export function choiceText(role: string, name: string, language: TextLanguage): string {
  const words = WORDS[language];
  return words.sentence(words.chooses(words.role(role), name));
}

export interface EndingRow {
  /** How it came to this. */
  ending: string;
  /** Who has paid and got what. */
  outcome: string;
  /** By when at the latest. */
  by: string;
}

/** Every way it can end, what each party then has, and by when. */
export function endingsTable(
  terms: Terms,
  language: TextLanguage,
  format: TextFormat = plainFormat(language),
): EndingRow[] {
  const writer = new Writer(WORDS[language], format);
  return endings(terms).map((ending) => ({
    ending: writer.words.sentence(writer.words.then(ending.events.map((event) => writer.event(event)))),
    outcome: writer.words.sentence(writer.outcome(terms, ending)),
    by: format.time(ending.byWhen),
  }));
}

/** What each can have in the end, and every way that leads there: many endings are read so. */
export function byOutcome(rows: readonly EndingRow[]): { outcome: string; ways: EndingRow[] }[] {
  const outcomes = [...new Set(rows.map(({ outcome }) => outcome))];
  return outcomes.map((outcome) => ({ outcome, ways: rows.filter((row) => row.outcome === outcome) }));
}

type Near = Extract<Observation, { kind: "near" }>;

function isSamePlace(a: Near, b: Near | undefined): boolean {
  return (
    b !== undefined &&
    a.latitudeE7 === b.latitudeE7 &&
    a.longitudeE7 === b.longitudeE7 &&
    a.radiusMm === b.radiusMm &&
    a.maxAgeMs === b.maxAgeMs
  );
}

/** The currency of a payment that depends on this choice; undefined if none does. */
export function currencyChosen(node: Node, choice: { by: string; name: string }): string | undefined {
  switch (node.kind) {
    case "close":
      return undefined;
    case "pay": {
      const { amount } = node;
      const isIt = amount.kind === "chosen" && amount.by === choice.by && amount.name === choice.name;
      return isIt ? node.currency : currencyChosen(node.then, choice);
    }
    case "if":
      return currencyChosen(node.then, choice) ?? currencyChosen(node.else, choice);
    case "when":
      for (const next of [...node.cases.map((one) => one.then), node.onTimeout]) {
        const found = currencyChosen(next, choice);
        if (found !== undefined) return found;
      }
      return undefined;
  }
}

/** Alike for nodes that are alike, with all that follows. */
function keyOf(node: Node): string {
  return toHex(encodeCbor(encodeNode(node, new NodeBudget())));
}

/** Puts one contract into the words of one language. Each `when` becomes a numbered step. */
class Writer {
  readonly words: Words;
  private readonly format: TextFormat;
  private readonly pending: { number: number; node: When }[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(words: Words, format: TextFormat) {
    this.words = words;
    this.format = format;
  }

  preamble(terms: Terms): string[] {
    const { words, format } = this;
    const [name = terms.template] = terms.template.split("/");
    const roles = terms.parties.map((party) => words.role(party.role));
    return [
      words.sentence(words.title(name, words.and(roles))),
      ...terms.details.flatMap(([detail, value]) =>
        words.detail(detail, value, (timeMs) => format.time(timeMs)),
      ),
      words.sentence(words.offer(format.time(terms.notBefore), format.time(terms.offerExpires))),
      ...terms.mandates.map((mandate) => words.sentence(this.mandate(mandate))),
    ];
  }

  private mandate({ from, by, currency, capMinor, periodMs, totalMinor }: Mandate): string {
    const { words, format } = this;
    return words.mandate({
      from: words.role(from),
      by: words.role(by),
      cap: format.amount(capMinor, currency),
      total: format.amount(totalMinor, currency),
      periodMs,
    });
  }

  /** The first step and all that it leads to, in the order of their numbers. */
  steps(contract: Node): string[] {
    return this.paragraphs(contract).flatMap(({ lines }) => lines);
  }

  /** The same, step by step; what comes before the first one stands by itself. */
  paragraphs(contract: Node): { node: Node; lines: string[] }[] {
    const paragraphs: { node: Node; lines: string[] }[] = [];
    if (contract.kind === "when") this.numberOf(contract);
    else paragraphs.push({ node: contract, lines: [this.words.sentence(this.consequence(contract))] });
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
      paragraphs.push({ node: next.node, lines: this.step(next.number, next.node) });
    }
    return paragraphs;
  }

  /** Steps that are alike are told once. */
  private numberOf(node: When): number {
    const key = keyOf(node);
    const number = this.numbers.get(key) ?? this.numbers.size + 1;
    if (!this.numbers.has(key)) this.pending.push({ number, node });
    this.numbers.set(key, number);
    return number;
  }

  private step(number: number, node: When): string[] {
    const { words } = this;
    const waitsForFacts = node.cases.some((one) => one.kind === "facts");
    const heading =
      words.step(number, words.label(node.label), this.format.time(node.actBy)) +
      (waitsForFacts ? words.evidenceUntil(this.format.time(node.claimBy)) : "");
    const cases = node.cases.map((one) =>
      words.sentence(words.ifThen(this.caseText(one), this.consequence(one.then))),
    );
    const silence = words.ifNothing(this.consequence(node.onTimeout), this.format.time(node.refundFrom));
    return [heading, ...cases.map((line) => `- ${line}`), `- ${words.sentence(silence)}`];
  }

  /** Payments and decisions up to the next step or the end, as one clause. */
  private consequence(node: Node): string {
    const clauses: string[] = [];
    let at = node;
    while (at.kind === "pay") {
      clauses.push(this.words.paid(this.words.role(at.to), this.amount(at.amount, at.currency)));
      at = at.then;
    }
    if (at.kind === "close") clauses.push(this.words.ends);
    else if (at.kind === "when") clauses.push(this.words.goesOn(this.numberOf(at)));
    else clauses.push(this.decision(at));
    return this.words.and(clauses);
  }

  private decision(node: If): string {
    const { words } = this;
    const condition = this.observation(node.condition);
    return words.either(condition, this.consequence(node.then), this.consequence(node.else));
  }

  private caseText(one: Case): string {
    const { words } = this;
    if (one.kind === "deposit")
      return words.deposits(words.role(one.by), this.format.amount(one.amount, one.currency));
    if (one.kind === "facts") return this.observation(one.condition);
    return words.chooses(words.role(one.by), one.name) + this.range(one);
  }

  /** Of a choice: in money, if a payment depends on it. */
  private range(one: Case & { kind: "choice" }): string {
    if (one.min === one.max) return "";
    const currency = currencyChosen(one.then, one);
    const value = (minor: bigint): string =>
      currency === undefined ? minor.toString() : this.format.amount(minor, currency);
    return this.words.range(value(one.min), value(one.max));
  }

  private amount(amount: AmountExpr, currency: string): string {
    if (amount.kind === "available") return this.words.rest;
    if (amount.kind === "constant") return this.format.amount(amount.minor, currency);
    const { words, format } = this;
    const min = format.amount(amount.min, currency);
    const max = format.amount(amount.max, currency);
    if (amount.kind === "chosen")
      return words.chosenAmount(words.chooses(words.role(amount.by), amount.name), min, max);
    const role = words.role(amount.role);
    const fact = words.factName(amount.factKind);
    if (amount.numerator === amount.denominator) return words.stated({ role, fact, min, max });
    return words.measured({
      role,
      fact,
      price: format.amount(amount.numerator, currency),
      per: amount.denominator.toString(),
      position: amount.index + 1,
      ...{ min, max },
    });
  }

  /** A condition in full; facts of one age are said together, and that age once. */
  private observation(seen: Observation): string {
    const { words } = this;
    if (seen.kind === "and") {
      const ages = new Set(seen.all.map((member) => ("maxAgeMs" in member ? member.maxAgeMs : undefined)));
      const [age] = ages;
      if (ages.size === 1 && age !== undefined) {
        return this.all(seen.all, false) + words.aged(age, seen.all.length);
      }
      return this.all(seen.all, true);
    }
    if (seen.kind === "or") return words.or(seen.any.map((member) => this.grouped(member)));
    if (seen.kind === "not") return this.negated(seen.not);
    return this.bare(seen) + ("maxAgeMs" in seen ? words.aged(seen.maxAgeMs, 1) : "");
  }

  private negated(seen: Observation): string {
    if (seen.kind === "before") return this.words.notBefore(this.format.time(seen.timeMs));
    return this.words.not(this.grouped(seen));
  }

  /** Brackets keep "and" and "or" within one another apart. */
  private grouped(seen: Observation): string {
    const compound = seen.kind === "and" || seen.kind === "or";
    return compound ? `(${this.observation(seen)})` : this.observation(seen);
  }

  /** Joined by "and"; whoever must be near the place of the first is named in one breath with it. */
  private all(members: Observation[], withAges: boolean): string {
    const { words } = this;
    const say = (member: Observation): string => (withAges ? this.grouped(member) : this.bare(member));
    const first = members.find((member) => member.kind === "near");
    const together = members.filter((member) => member.kind === "near" && isSamePlace(member, first));
    if (first === undefined || together.length < 2) return words.and(members.map(say));
    const others = members.filter((member) => !together.includes(member)).map(say);
    const age = withAges ? words.aged(first.maxAgeMs, together.length) : "";
    return words.and([this.near(together as Near[]) + age, ...others]);
  }

  private near(members: Near[]): string {
    const [first] = members;
    const who = members.map((member) => this.words.role(member.role));
    return this.words.near(who, this.place(first!), this.metres(first!.radiusMm));
  }

  /** A simple observation without its age. */
  private bare(seen: Observation): string {
    const { words } = this;
    switch (seen.kind) {
      case "near":
        return this.near([seen]);
      case "attest":
        return words.attests(words.role(seen.role), words.statement(seen.factKind));
      case "signed":
        return words.agree(
          seen.roles.map((role) => words.role(role)),
          seen.k,
          words.statement(seen.factKind),
        );
      case "met":
        return words.met(words.role(seen.roles[0]), words.role(seen.roles[1]));
      case "before":
        return words.before(this.format.time(seen.timeMs));
      case "hash":
        return words.secret;
      default:
        return this.observation(seen);
    }
  }

  private place(point: { latitudeE7: number; longitudeE7: number }): string {
    return `${this.degrees(point.latitudeE7)}°, ${this.degrees(point.longitudeE7)}°`;
  }

  /** Five decimals are one metre. */
  private degrees(e7: number): string {
    const rounded = Math.round(Math.abs(e7) / 100);
    const whole = Math.floor(rounded / 100_000);
    const decimals = (rounded % 100_000).toString().padStart(5, "0");
    return `${e7 < 0 && rounded > 0 ? "-" : ""}${whole}${this.words.decimalMark}${decimals}`;
  }

  private metres(mm: number): string {
    const decimals =
      mm % 1_000 === 0 ? "" : this.words.decimalMark + (mm % 1_000).toString().padStart(3, "0");
    return `${Math.floor(mm / 1_000)}${decimals} m`;
  }

  event(event: EndingEvent): string {
    const { words } = this;
    switch (event.kind) {
      case "deposit":
        return words.deposits(words.role(event.by), this.format.amount(event.amount, event.currency));
      case "choice":
        return words.chooses(words.role(event.by), event.name);
      case "facts":
        return this.summary(event.condition);
      case "timeout":
        return words.nothingHappens(words.label(event.label));
      case "decision":
        return event.holds ? this.observation(event.condition) : this.negated(event.condition);
    }
  }

  /** A condition without its places and ages: the step has said them. */
  private summary(seen: Observation): string {
    const { words } = this;
    if (seen.kind === "or") {
      const say = (member: Observation): string =>
        member.kind === "and" ? `(${this.summary(member)})` : this.summary(member);
      return words.or(seen.any.map(say));
    }
    if (seen.kind === "near") return words.atPlace([words.role(seen.role)]);
    if (seen.kind !== "and") return this.bare(seen);
    const near = seen.all.flatMap((member) => (member.kind === "near" ? [words.role(member.role)] : []));
    const others = seen.all.filter((member) => member.kind !== "near").map((member) => this.summary(member));
    return words.and(near.length === 0 ? others : [words.atPlace(near), ...others]);
  }

  outcome(terms: Terms, ending: Ending): string {
    const { words } = this;
    const clauses = [...terms.parties, ...terms.beneficiaries].flatMap((party) => {
      const of = (list: Payout[]): string[] =>
        list.filter((one) => one.role === party.role && one.max > 0n).map((one) => this.payout(one));
      const paid = of(ending.deposits);
      const got = of(ending.payouts);
      return paid.length + got.length === 0 ? [] : [words.account(words.role(party.role), paid, got)];
    });
    return clauses.length === 0 ? words.nobodyPays : words.series(clauses);
  }

  private payout({ min, max, currency }: Payout): string {
    const most = this.format.amount(max, currency);
    return min === max ? most : this.words.between(this.format.amount(min, currency), most);
  }
}
