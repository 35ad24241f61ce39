/** English for `text.ts`. */
import { asSentence, formatDuration, listed } from "./words.ts";
import type { Words } from "./words.ts";

const ROLES = new Map([
  ["buyer", "the buyer"],
  ["seller", "the seller"],
  ["shop", "the shop"],
  ["drone", "the drone"],
  ["arbiter", "the arbiter"],
  ["owner", "the owner"],
  ["tenant", "the tenant"],
  ["producer", "the producer"],
  ["consumer", "the consumer"],
  ["reader", "the reader"],
]);

const LABELS = new Map([
  ["awaiting-deposit", "waiting for the deposit"],
  ["in-flight", "in flight"],
  ["may-land", "the drone may land"],
  ["disputable", "time to object"],
  ["arbitration", "the arbiter decides"],
]);

const CHOICES = new Map([
  ["object", "objects"],
  ["accept", "accepts"],
  ["cancel", "cancels"],
  ["delivered", "rules that the goods were delivered"],
  ["not-delivered", "rules that the goods were not delivered"],
]);

const STATEMENTS = new Map([
  ["parcel-removed", "that the parcel was taken"],
  ["position", "where it is"],
  ["met", "whom it met"],
]);

const DETAILS = new Map([
  ["goods", "Goods"],
  ["address", "Address"],
]);

const TEMPLATES = new Map([["delivery", "a delivery"]]);

const UNITS = [
  ["day", "days"],
  ["hour", "hours"],
  ["minute", "minutes"],
  ["second", "seconds"],
  ["millisecond", "milliseconds"],
] as const;

function spaced(name: string): string {
  return name.replaceAll("-", " ");
}

export const english: Words = {
  decimalMark: ".",
  months: [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
  ],
  timeOfDay: (day, time) => `${day}, ${time} UTC`,

  title: (template, parties) => `terms for ${TEMPLATES.get(template) ?? `“${template}”`} between ${parties}`,
  detail: (name, value, time) => {
    if (typeof value === "string") return [`${DETAILS.get(name) ?? name}: “${value}”`];
    if (typeof value !== "number") return [];
    if (name === "orderedAtMs") return [`Ordered: ${time(value)}`];
    if (name === "altitudeMm") return [`Altitude of the place: ${Math.round(value / 1_000)} m`];
    return [`${name}: ${value}`];
  },
  offer: (from, until) => `all must have signed between ${from} and ${until}`,
  step: (number, label, until) => `Step ${number}: ${label}, until ${until}.`,
  evidenceUntil: (time) => ` Evidence of it counts if it arrives by ${time}.`,

  role: (role) => ROLES.get(role) ?? `“${role}”`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `“${spaced(factKind)}”`,
  factName: (factKind) => `“${spaced(factKind)}”`,

  deposits: (who, amount) => `${who} deposits ${amount}`,
  chooses: (who, name) => `${who} ${CHOICES.get(name) ?? `chooses “${spaced(name)}”`}`,
  range: (min, max) => ` from ${min} to ${max}`,
  near: (who, place, radius) =>
    `${listed(who, "and")} ${who.length === 1 ? "is" : "are"} within ${radius} of ${place}`,
  attests: (who, statement) => `${who} states ${statement}`,
  agree: (who, k, statement) => {
    if (who.length === 1) return `${who[0]} states ${statement}`;
    if (k === 1) return `${listed(who, "or")} states ${statement}`;
    if (k === who.length) return `${listed(who, "and")} state alike ${statement}`;
    return `at least ${k} of ${listed(who, "and")} state alike ${statement}`;
  },
  met: (one, other) => `${one} and ${other} have recognised each other`,
  aged: (maxAgeMs, count) =>
    ` (${count === 1 ? "" : "each "}at most ${formatDuration(maxAgeMs, UNITS)} earlier)`,
  before: (time) => `it is before ${time}`,
  notBefore: (time) => `it is ${time} or later`,
  secret: "the agreed secret is shown",
  not: (clause) => `it is not so that ${clause}`,

  atPlace: (who) => `${listed(who, "and")} ${who.length === 1 ? "is" : "are"} at the place`,
  nothingHappens: (label) => `nothing more happens (${label})`,

  paid: (who, amount) => `${who} gets ${amount}`,
  rest: "all that is left",
  measured: ({ role, fact, price, per, position, min, max }) =>
    `${price} for every ${per} that ${role} states under ${fact} (value ${position}), ` +
    `at least ${min} and at most ${max}`,
  ends: "it ends",
  goesOn: (step) => `step ${step} follows`,
  ifThen: (condition, consequence) => `if ${condition}: ${consequence}`,
  ifNothing: (consequence, from) => `if none of this happens, from ${from} on: ${consequence}`,
  either: (condition, consequence, otherwise) => `if ${condition}, ${consequence}; otherwise ${otherwise}`,

  account: (who, paid, got) => {
    if (paid.length === 0) return `${who} gets ${listed(got, "and")}`;
    const back = got.length === 0 ? "nothing" : listed(got, "and");
    return `${who} has paid ${listed(paid, "and")} and gets ${back} back`;
  },
  between: (min, max) => `${min} to ${max}`,
  nobodyPays: "nobody pays or gets anything",

  and: (clauses) => listed(clauses, "and"),
  or: (clauses) => listed(clauses, "or"),
  then: (clauses) => clauses.join("; then "),
  series: (clauses) => clauses.join("; "),
  sentence: asSentence,
};
