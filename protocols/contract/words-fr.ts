/** French for `text.ts`. */
import { asSentence, formatDuration, listed } from "./words.ts";
import type { Words } from "./words.ts";

const ROLES = new Map([
  ["buyer", "l’acheteur"],
  ["seller", "le vendeur"],
  ["shop", "le magasin"],
  ["drone", "le drone"],
  ["arbiter", "l’arbitre"],
  ["owner", "le propriétaire"],
  ["tenant", "le locataire"],
  ["producer", "le producteur"],
  ["consumer", "le consommateur"],
  ["reader", "le lecteur"],
]);

const LABELS = new Map([
  ["awaiting-deposit", "attente du dépôt"],
  ["in-flight", "en vol"],
  ["may-land", "le drone peut se poser"],
  ["disputable", "délai de contestation"],
  ["arbitration", "l’arbitre décide"],
]);

const CHOICES = new Map([
  ["object", "conteste"],
  ["accept", "accepte"],
  ["cancel", "annule"],
  ["delivered", "juge que la marchandise a été livrée"],
  ["not-delivered", "juge que la marchandise n’a pas été livrée"],
]);

const STATEMENTS = new Map([
  ["parcel-removed", "que le colis a été pris"],
  ["position", "où il se trouve"],
  ["met", "qui il a rencontré"],
]);

const DETAILS = new Map([
  ["goods", "Marchandise"],
  ["address", "Adresse"],
]);

const TEMPLATES = new Map([["delivery", "une livraison"]]);

const UNITS = [
  ["jour", "jours"],
  ["heure", "heures"],
  ["minute", "minutes"],
  ["seconde", "secondes"],
  ["milliseconde", "millisecondes"],
] as const;

function spaced(name: string): string {
  return name.replaceAll("-", " ");
}

export const french: Words = {
  decimalMark: ",",
  months: [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
  ],
  timeOfDay: (day, time) => `${day.replace(/^1 /, "1er ")} à ${time} UTC`,

  title: (template, parties) =>
    `conditions pour ${TEMPLATES.get(template) ?? `« ${template} »`} entre ${parties}`,
  detail: (name, value, time) => {
    if (typeof value === "string") return [`${DETAILS.get(name) ?? name} : « ${value} »`];
    if (typeof value !== "number") return [];
    if (name === "orderedAtMs") return [`Commande : ${time(value)}`];
    if (name === "altitudeMm") return [`Altitude du lieu : ${Math.round(value / 1_000)} m`];
    return [`${name} : ${value}`];
  },
  offer: (from, until) => `tous doivent avoir signé entre le ${from} et le ${until}`,
  step: (number, label, until) => `Étape ${number} : ${label}, jusqu’au ${until}.`,
  evidenceUntil: (time) => ` Les preuves en comptent si elles arrivent au plus tard le ${time}.`,

  role: (role) => ROLES.get(role) ?? `« ${role} »`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `« ${spaced(factKind)} »`,
  factName: (factKind) => `« ${spaced(factKind)} »`,

  deposits: (who, amount) => `${who} dépose ${amount}`,
  chooses: (who, name) => `${who} ${CHOICES.get(name) ?? `choisit « ${spaced(name)} »`}`,
  range: (min, max) => ` de ${min} à ${max}`,
  near: (who, place, radius) =>
    `${listed(who, "et")} se ${who.length === 1 ? "trouve" : "trouvent"} à ${radius} au plus de ${place}`,
  attests: (who, statement) => `${who} atteste ${statement}`,
  agree: (who, k, statement) => {
    if (who.length === 1) return `${who[0]} atteste ${statement}`;
    if (k === 1) return `${listed(who, "ou")} atteste ${statement}`;
    if (k === who.length) return `${listed(who, "et")} attestent de même ${statement}`;
    return `au moins ${k} parmi ${listed(who, "et")} attestent de même ${statement}`;
  },
  met: (one, other) => `${one} et ${other} se sont reconnus`,
  aged: (maxAgeMs, count) =>
    ` (${count === 1 ? "" : "chaque fois "}au plus ${formatDuration(maxAgeMs, UNITS)} auparavant)`,
  before: (time) => `la date est antérieure au ${time}`,
  notBefore: (time) => `la date est le ${time} ou après`,
  secret: "le secret convenu est montré",
  not: (clause) => `le contraire est vrai de ceci : ${clause}`,

  atPlace: (who) => `${listed(who, "et")} ${who.length === 1 ? "est" : "sont"} sur place`,
  nothingHappens: (label) => `plus rien ne se passe (${label})`,

  paid: (who, amount) => `${who} reçoit ${amount}`,
  rest: "tout ce qui reste",
  measured: ({ role, fact, price, per, position, min, max }) =>
    `${price} par tranche de ${per} selon ${fact}, attesté par ${role} (valeur ${position}), ` +
    `au moins ${min} et au plus ${max}`,
  ends: "tout est terminé",
  goesOn: (step) => `l’étape ${step} suit`,
  // "si il" never occurs: clauses begin with a role, "la date", "le secret" or "le contraire".
  ifThen: (condition, consequence) => `si ${condition} : ${consequence}`,
  ifNothing: (consequence, from) => `si rien de cela n’arrive, à partir du ${from} : ${consequence}`,
  either: (condition, consequence, otherwise) => `si ${condition}, ${consequence} ; sinon ${otherwise}`,

  account: (who, paid, got) => {
    if (paid.length === 0) return `${who} reçoit ${listed(got, "et")}`;
    const back = got.length === 0 ? "ne récupère rien" : `récupère ${listed(got, "et")}`;
    return `${who} a payé ${listed(paid, "et")} et ${back}`;
  },
  between: (min, max) => `de ${min} à ${max}`,
  nobodyPays: "personne ne paie ni ne reçoit rien",

  and: (clauses) => listed(clauses, "et"),
  or: (clauses) => listed(clauses, "ou"),
  then: (clauses) => clauses.join(" ; puis "),
  series: (clauses) => clauses.join(" ; "),
  sentence: asSentence,
};
