/** English for `text.ts`. */
import { asSentence, formatDuration, listed, numbered } from "./words.ts";
import type { Words } from "./words.ts";

const ROLES = new Map([
  ["network", "the network"],
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
  ["guest", "the guest"],
  ["host", "the host"],
  ["lock", "the lock"],
  ["keeper", "the keeper"],
  ["operator", "the operator"],
  ["payer", "the payer"],
  ["payee", "the payee"],
  ["insurer", "the insurer"],
  ["certifier", "the certifier"],
  ["payment-service", "the payment service"],
  ["recommender", "the recommendation service"],
  ...numbered("household-", (number) => `household ${number}`),
]);

const LABELS = new Map([
  ["awaiting-deposit", "waiting for the deposit"],
  ["in-flight", "in flight"],
  ["may-land", "the drone may land"],
  ["disputable", "time to object"],
  ["arbitration", "the arbiter decides"],
  ["awaiting-shipment", "waiting for the goods to be sent"],
  ["awaiting-asset", "waiting for what is sold"],
  ["inspection", "time to look and to object"],
  ["booked", "booked, and still to be cancelled"],
  ["may-open", "the door may be opened"],
  ["checkout", "time for the host to look for damage"],
  ["claimed", "time for the guest to object"],
  ["disputed", "time for the host to answer"],
  ["unsettled", "word against word"],
  ["awaiting-approval", "waiting for the owner's approval"],
  ["awaiting-key", "waiting for the key"],
  ["awaiting-security", "waiting for a household's security"],
  ["sharing", "the households share energy"],
  ["settling", "time to settle what is owed"],
  ["tab", "vouchers can be paid and handed in"],
  ["awaiting-cover", "waiting for the insurer's cover"],
  ["awaiting-certificate", "waiting for the certificate"],
]);

const CHOICES = new Map([
  ["object", "objects"],
  ["accept", "accepts"],
  ["cancel", "cancels"],
  ["delivered", "rules that the goods were delivered"],
  ["not-delivered", "rules that the goods were not delivered"],
  ["ship", "states that the goods are on their way"],
  ["for-the-seller", "rules for the seller"],
  ["for-the-buyer", "rules for the buyer"],
  ["for-the-guest", "rules for the guest"],
  ["for-the-host", "rules for the host"],
  ["for-the-owner", "rules for the owner"],
  ["for-the-reader", "rules for the reader"],
  ["release", "releases what is held"],
  ["claim", "claims damage"],
  ["award", "awards damage to the host"],
  ["give-in", "gives in"],
  ["approve", "approves"],
  ["decline", "declines"],
  ["close", "closes"],
  ...numbered("award-", (number) => `awards the operator a part of the security of household ${number}`),
]);

const STATEMENTS = new Map([
  ["parcel-removed", "that the parcel was taken"],
  ["position", "where it is"],
  ["met", "whom it met"],
  ["opened", "that the door was opened"],
  ["closed", "that the door is shut and the guest gone"],
  ["refused", "that it did not let the guest in"],
  ["certified", "that all is as agreed"],
  ["voucher", "how much the vouchers come to"],
]);

const FACT_NAMES = new Map([["voucher", "the last voucher"]]);

const DETAILS = new Map([
  ["goods", "Goods"],
  ["address", "Address"],
  ["place", "Place"],
  ["stream", "Stream"],
  ["purpose", "For"],
  ["rules", "Rules"],
]);

const TIMES = new Map([
  ["orderedAtMs", "Ordered"],
  ["arrivalMs", "Arrival"],
  ["departureMs", "Departure"],
  ["spanFromMs", "Data from"],
  ["spanUntilMs", "Data until"],
  ["payUntilMs", "Vouchers may be paid until"],
  ["endMs", "The sharing ends"],
]);

const TEMPLATES = new Map([
  ["delivery", "a delivery"],
  ["rental", "a rental"],
  ["sale", "a sale"],
  ["data", "access to data"],
  ["energy", "the sharing of energy"],
  ["tab", "payments offline"],
]);

/** Of durations, the largest first. */
export const UNITS = [
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
    const timed = TIMES.get(name);
    if (timed !== undefined) return [`${timed}: ${time(value)}`];
    if (name === "altitudeMm") return [`Altitude of the place: ${Math.round(value / 1_000)} m`];
    return [`${name}: ${value}`];
  },
  offer: (from, until) => `all must have signed between ${from} and ${until}`,
  step: (number, label, until) => `Step ${number}: ${label}, until ${until}.`,
  evidenceUntil: (time) => ` Evidence of it counts if it arrives by ${time}.`,

  role: (role) => ROLES.get(role) ?? `“${role}”`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `“${spaced(factKind)}”`,
  factName: (factKind) => FACT_NAMES.get(factKind) ?? `“${spaced(factKind)}”`,

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
  stated: ({ role, fact, min, max }) =>
    `the amount that ${role} states on ${fact}, at least ${min} and at most ${max}`,
  measured: ({ role, fact, price, per, position, min, max }) =>
    `${price} for every ${per} that ${role} states under ${fact} (value ${position}), ` +
    `at least ${min} and at most ${max}`,
  chosenAmount: (choice, min, max) => `the amount with which ${choice}, at least ${min} and at most ${max}`,
  mandate: ({ from, by, cap, total, periodMs }) =>
    `while this contract is open, ${by} may take up to ${cap} in every ${formatDuration(periodMs, UNITS)} ` +
    `from the account of ${from}, and ${total} in all; ${from} may end this at any time`,
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
