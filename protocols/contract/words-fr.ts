/** French for `text.ts`. */
import { asSentence, formatDuration, listed, numbered } from "./words.ts";
import type { Words } from "./words.ts";

const ROLES = new Map([
  ["network", "le réseau"],
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
  ["guest", "le voyageur"],
  ["host", "l’hôte"],
  ["lock", "la serrure"],
  ["keeper", "le gardien"],
  ["operator", "l’opérateur"],
  ["payer", "le payeur"],
  ["payee", "le bénéficiaire"],
  ["insurer", "l’assureur"],
  ["certifier", "le certificateur"],
  ["payment-service", "le service de paiement"],
  ["recommender", "le service de recommandation"],
  ...numbered("household-", (number) => `le foyer ${number}`),
]);

const LABELS = new Map([
  ["awaiting-deposit", "attente du dépôt"],
  ["in-flight", "en vol"],
  ["may-land", "le drone peut se poser"],
  ["disputable", "délai de contestation"],
  ["arbitration", "l’arbitre décide"],
  ["awaiting-shipment", "attente de l’envoi"],
  ["awaiting-asset", "attente de ce qui est vendu"],
  ["inspection", "délai d’examen et de contestation"],
  ["booked", "réservé, encore annulable"],
  ["may-open", "la porte peut être ouverte"],
  ["checkout", "délai pour que l’hôte constate des dégâts"],
  ["claimed", "délai pour que le voyageur conteste"],
  ["disputed", "délai pour que l’hôte réponde"],
  ["unsettled", "parole contre parole"],
  ["awaiting-approval", "attente de l’accord du propriétaire"],
  ["awaiting-key", "attente de la clé"],
  ["awaiting-security", "attente de la caution d’un foyer"],
  ["sharing", "les foyers partagent leur énergie"],
  ["settling", "délai pour régler ce qui est dû"],
  ["tab", "des bons peuvent être payés et présentés"],
  ["awaiting-cover", "attente de la couverture de l’assureur"],
  ["awaiting-certificate", "attente du certificat"],
]);

const CHOICES = new Map([
  ["object", "conteste"],
  ["accept", "accepte"],
  ["cancel", "annule"],
  ["delivered", "juge que la marchandise a été livrée"],
  ["not-delivered", "juge que la marchandise n’a pas été livrée"],
  ["ship", "déclare que la marchandise est en route"],
  ["for-the-seller", "donne raison au vendeur"],
  ["for-the-buyer", "donne raison à l’acheteur"],
  ["for-the-guest", "donne raison au voyageur"],
  ["for-the-host", "donne raison à l’hôte"],
  ["for-the-owner", "donne raison au propriétaire"],
  ["for-the-reader", "donne raison au lecteur"],
  ["release", "libère ce qui est retenu"],
  ["claim", "réclame des dégâts"],
  ["award", "accorde des dégâts à l’hôte"],
  ["give-in", "cède"],
  ["approve", "donne son accord"],
  ["decline", "refuse"],
  ["close", "met fin au partage"],
  ...numbered("award-", (number) => `accorde à l’opérateur une part de la caution du foyer ${number}`),
]);

const STATEMENTS = new Map([
  ["parcel-removed", "que le colis a été pris"],
  ["position", "où il se trouve"],
  ["met", "qui il a rencontré"],
  ["opened", "que la porte a été ouverte"],
  ["closed", "que la porte est fermée et le voyageur parti"],
  ["refused", "que le voyageur n’a pas pu entrer"],
  ["certified", "que tout est comme convenu"],
  ["voucher", "à combien se montent les bons"],
]);

const FACT_NAMES = new Map([["voucher", "le dernier bon"]]);

const DETAILS = new Map([
  ["goods", "Marchandise"],
  ["address", "Adresse"],
  ["place", "Lieu"],
  ["stream", "Flux"],
  ["purpose", "Pour"],
  ["rules", "Règles"],
]);

const TIMES = new Map([
  ["orderedAtMs", "Commande"],
  ["arrivalMs", "Arrivée"],
  ["departureMs", "Départ"],
  ["spanFromMs", "Données depuis"],
  ["spanUntilMs", "Données jusqu’au"],
  ["payUntilMs", "Bons payables jusqu’au"],
  ["endMs", "Fin du partage"],
]);

const TEMPLATES = new Map([
  ["delivery", "une livraison"],
  ["rental", "une location"],
  ["sale", "une vente"],
  ["data", "un accès à des données"],
  ["energy", "un partage d’énergie"],
  ["tab", "des paiements hors ligne"],
]);

/** Of durations, the largest first. */
export const UNITS = [
  ["jour", "jours"],
  ["heure", "heures"],
  ["minute", "minutes"],
  ["seconde", "secondes"],
  ["milliseconde", "millisecondes"],
] as const;

/** "de" before a role: "du drone", "de l’arbitre". */
function of(role: string): string {
  return role.startsWith("le ") ? `du ${role.slice(3)}` : `de ${role}`;
}

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
    const timed = TIMES.get(name);
    if (timed !== undefined) return [`${timed} : ${time(value)}`];
    if (name === "altitudeMm") return [`Altitude du lieu : ${Math.round(value / 1_000)} m`];
    return [`${name} : ${value}`];
  },
  offer: (from, until) => `tous doivent avoir signé entre le ${from} et le ${until}`,
  step: (number, label, until) => `Étape ${number} : ${label}, jusqu’au ${until}.`,
  evidenceUntil: (time) => ` Les preuves en comptent si elles arrivent au plus tard le ${time}.`,

  role: (role) => ROLES.get(role) ?? `« ${role} »`,
  label: (label) => LABELS.get(label) ?? spaced(label),
  statement: (factKind) => STATEMENTS.get(factKind) ?? `« ${spaced(factKind)} »`,
  factName: (factKind) => FACT_NAMES.get(factKind) ?? `« ${spaced(factKind)} »`,

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
  stated: ({ role, fact, min, max }) =>
    `le montant que ${role} atteste sur ${fact}, au moins ${min} et au plus ${max}`,
  measured: ({ role, fact, price, per, position, min, max }) =>
    `${price} par tranche de ${per} selon ${fact}, attesté par ${role} (valeur ${position}), ` +
    `au moins ${min} et au plus ${max}`,
  chosenAmount: (choice, min, max) => `le montant avec lequel ${choice}, au moins ${min} et au plus ${max}`,
  mandate: ({ from, by, cap, total, periodMs }) =>
    `tant que ce contrat est ouvert, ${by} peut prélever sur le compte ${of(from)} jusqu’à ${cap} par tranche ` +
    `de ${formatDuration(periodMs, UNITS)}, et ${total} en tout ; ${from} peut y mettre fin à tout moment`,
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
