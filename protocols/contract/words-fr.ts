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

const TEMPLATES = new Map([["delivery", "une livraison"]]);

const UNITS = [
  ["jour", "jours"],
  ["heure", "heures"],
  ["minute", "minutes"],
  ["seconde", "secondes"],
  ["milliseconde", "millisecondes"],
] as const;

function aged(maxAgeMs: number): string {
  return ` (au plus ${formatDuration(maxAgeMs, UNITS)} auparavant)`;
}

function spaced(name: string): string {
  return name.replaceAll("-", " ");
}

function agreeShort(who: string, k: number, n: number, statement: string): string {
  if (n === 1) return `${who} atteste ${statement}`;
  if (k === n) return `${who} attestent de même ${statement}`;
  const verb = k === 1 ? "atteste" : "attestent de même";
  return `${k} sur ${n} ${verb} ${statement} : ${who}`;
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

  title: (template, parties) => `conditions pour ${TEMPLATES.get(template) ?? `« ${template} »`} entre ${parties}`,
  detail: (name, value, time) => {
    if (name === "goods") return [`Marchandise : « ${String(value)} »`];
    if (name === "address") return [`Adresse : « ${String(value)} »`];
    if (name === "orderedAtMs" && typeof value === "number") return [`Commande : ${time(value)}`];
    if (name === "altitudeMm" && typeof value === "number") {
      return [`Altitude du lieu : ${Math.round(value / 1_000)} m`];
    }
    return value instanceof Uint8Array ? [] : [`${name} : « ${String(value)} »`];
  },
  offer: (from, until) => `tous doivent avoir signé entre le ${from} et le ${until}`,
  step: (number, label, until) => `Étape ${number} : ${label}, jusqu’au ${until}.`,

  role: (role) => ROLES.get(role) ?? `« ${role} »`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `« ${spaced(factKind)} »`,
  factName: (factKind) => `« ${spaced(factKind)} »`,

  deposits: (who, amount) => `${who} dépose ${amount}`,
  chooses: (who, name) => `${who} ${CHOICES.get(name) ?? `choisit « ${spaced(name)} »`}`,
  range: (min, max) => ` de ${min} à ${max}`,
  near: (who, place, radius, maxAgeMs) => `${who} se trouve à ${radius} au plus de ${place}${aged(maxAgeMs)}`,
  attests: (who, statement, maxAgeMs) => `${who} atteste ${statement}${aged(maxAgeMs)}`,
  agree: (who, k, n, statement, maxAgeMs) => agreeShort(who, k, n, statement) + aged(maxAgeMs),
  met: (one, other, maxAgeMs) => `${one} et ${other} se sont reconnus${aged(maxAgeMs)}`,
  before: (time) => `la date est antérieure au ${time}`,
  secret: "le secret convenu est montré",
  not: (clause) => `le contraire est vrai de ceci : ${clause}`,

  atPlace: (who) => `${who} est sur place`,
  attestsShort: (who, statement) => `${who} atteste ${statement}`,
  agreeShort,
  metShort: (one, other) => `${one} et ${other} se sont reconnus`,
  proven: (clause) => clause,
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
  sentence: asSentence,
};
