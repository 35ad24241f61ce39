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

const TEMPLATES = new Map([["delivery", "a delivery"]]);

const UNITS = [
  ["day", "days"],
  ["hour", "hours"],
  ["minute", "minutes"],
  ["second", "seconds"],
  ["millisecond", "milliseconds"],
] as const;

function aged(maxAgeMs: number): string {
  return ` (at most ${formatDuration(maxAgeMs, UNITS)} earlier)`;
}

function spaced(name: string): string {
  return name.replaceAll("-", " ");
}

function agreeShort(who: string, k: number, n: number, statement: string): string {
  if (n === 1) return `${who} states ${statement}`;
  return k === n ? `${who} state alike ${statement}` : `${k} of these ${n} state alike ${statement}: ${who}`;
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
    if (name === "goods") return [`Goods: “${String(value)}”`];
    if (name === "address") return [`Address: “${String(value)}”`];
    if (name === "orderedAtMs" && typeof value === "number") return [`Ordered: ${time(value)}`];
    if (name === "altitudeMm" && typeof value === "number") {
      return [`Altitude of the place: ${Math.round(value / 1_000)} m`];
    }
    return value instanceof Uint8Array ? [] : [`${name}: “${String(value)}”`];
  },
  offer: (from, until) => `all must have signed between ${from} and ${until}`,
  step: (number, label, until) => `Step ${number}: ${label}, until ${until}.`,

  role: (role) => ROLES.get(role) ?? `“${role}”`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `“${spaced(factKind)}”`,
  factName: (factKind) => `“${spaced(factKind)}”`,

  deposits: (who, amount) => `${who} deposits ${amount}`,
  chooses: (who, name) => `${who} ${CHOICES.get(name) ?? `chooses “${spaced(name)}”`}`,
  range: (min, max) => ` from ${min} to ${max}`,
  near: (who, place, radius, maxAgeMs) => `${who} is within ${radius} of ${place}${aged(maxAgeMs)}`,
  attests: (who, statement, maxAgeMs) => `${who} states ${statement}${aged(maxAgeMs)}`,
  agree: (who, k, n, statement, maxAgeMs) => agreeShort(who, k, n, statement) + aged(maxAgeMs),
  met: (one, other, maxAgeMs) => `${one} and ${other} have recognised each other${aged(maxAgeMs)}`,
  before: (time) => `it is before ${time}`,
  secret: "the agreed secret is shown",
  not: (clause) => `it is not so that ${clause}`,

  atPlace: (who) => `${who} is at the place`,
  attestsShort: (who, statement) => `${who} states ${statement}`,
  agreeShort,
  metShort: (one, other) => `${one} and ${other} have recognised each other`,
  proven: (clause) => clause,
  nothingHappens: (label) => `nothing more happens (${label})`,

  paid: (who, amount) => `${who} gets ${amount}`,
  rest: "all that is left",
  measured: ({ role, fact, price, per, position, min, max }) =>
    `${price} for every ${per} that ${role} states under ${fact} (value ${position}), ` +
    `at least ${min} and at most ${max}`,
  ends: "it ends",
  goesOn: (step) => `step ${step} follows`,
  ifThen: (condition, consequence) => `if ${condition}: ${consequence}`,
  ifNothing: (consequence, from) => `if nothing of this happens, from ${from} on: ${consequence}`,
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
  sentence: asSentence,
};
