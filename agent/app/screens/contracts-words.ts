/** What the screens of contracts and deliveries say, in each language. */
import type { Texts } from "../language.ts";

export interface ContractScreenWords {
  data: string;
  dataHow: string;
  yours: string;
  open: string;
  others: string;
  ended: string;
  none: string;
  parties: string;
  hasSigned: string;
  says(note: string): string;
  terms: string;
  endings: string;
  columns: readonly [string, string];
  by(time: string): string;
  ways(count: number): string;
  changed: string;
  gone: string;
  come: string;
  sentences: string;
  byItself: string;
  sign: string;
  signQuestion: string;
  signYes: string;
  signed: string;
  decline: string;
  reason: string;
  declineYes: string;
  declined: string;
  declinedBy(who: string, reason: string): string;
  hadSigned: string;
  counter: string;
  counterHow: string;
  counterNote: string;
  payIn: string;
  alsoAccepted(prices: string): string;
  counterSend: string;
  countered: string;
  cannotCounter: string;
  back: string;
  offerUntil(time: string): string;
  standing: string;
  asking: string;
  notOpen: string;
  hasEnded: string;
  holds(amounts: string): string;
  nothing: string;
  until(time: string): string;
  youCan: string;
  nothingToDo: string;
  value: string;
  done: string;
  statable: string;
  stated: string;
  enough: string;
  handIn: string;
  timeout: string;
  seeTimeout: string;
  agreeing(count: number, of: number): string;
  refresh: string;
  track: string;
  unknown: string;
  lastKnown(label: string, time: string): string;
  /** Deliveries. */
  noTrack: string;
  trackHow: string;
  trackDrawing: string;
  goal: string;
  first: string;
  newest: string;
  distance(metres: string): string;
  heardAt(time: string): string;
  height(metres: string): string;
  arrived: string;
  noDelivery: string;
}

export const CONTRACT_SCREEN_WORDS: Texts<ContractScreenWords> = {
  en: {
    data: "Requests for your data",
    dataHow:
      "Approve or decline each on its page, once it is open. Keys to data are given by the device that made it.",
    yours: "Waiting for you",
    open: "Open",
    others: "Waiting for others",
    ended: "Over",
    none: "No offers and no contracts.",
    parties: "Who",
    hasSigned: "signed",
    says: (note) => `They say: “${note}”`,
    terms: "What it says",
    endings: "Every way it can end",
    columns: ["How it can end", "What each then has"],
    by: (time) => `By ${time}`,
    ways: (count) => (count === 1 ? "One way to it" : `${count} ways to it`),
    changed: "What this offer changes",
    gone: "Taken out:",
    come: "Put in:",
    sentences: "Every sentence that changes",
    byItself: "Let my deposit follow by itself",
    sign: "Sign",
    signQuestion: "Sign this contract? A signature cannot be taken back.",
    signYes: "I have read it and sign",
    signed: "Signed; the others are told.",
    decline: "Decline",
    reason: "Why (the others read it)",
    declineYes: "Decline the offer",
    declined: "Declined; the others are told.",
    declinedBy: (who, reason) => `${who} has declined${reason === "" ? "." : `: “${reason}”`}`,
    hadSigned:
      "You had signed it: a signature cannot be taken back. If all the others sign in time, it is a contract.",
    counter: "Offer other terms",
    counterHow: "Change what you like: the version that you have been offered is then not signed any more.",
    counterNote: "A line to the others",
    payIn: "Pay in",
    alsoAccepted: (prices) => `The same is also offered for ${prices}: choose it under “Offer other terms”.`,
    counterSend: "Sign and send the counter-offer",
    countered: "The counter-offer is signed by you and sent.",
    back: "Back",
    cannotCounter: "Its maker did not say what the terms were made from: only sign or decline.",
    offerUntil: (time) => `May be signed until ${time}.`,
    standing: "How it stands",
    asking: "Asking the notaries…",
    notOpen: "The ledger does not have it yet.",
    hasEnded: "It has ended.",
    holds: (amounts) => `It holds ${amounts}.`,
    nothing: "nothing",
    until: (time) => `Next deadline: ${time}`,
    youCan: "You can now",
    nothingToDo: "Nothing is asked of you now.",
    value: "Amount",
    done: "Done; the notaries have certified it.",
    statable: "You can state, if it is so",
    stated: "Your statement is signed; the others are told.",
    enough: "What has been stated is enough.",
    handIn: "Hand it in",
    timeout: "The time of this step is over.",
    seeTimeout: "See to it",
    agreeing: (count, of) => `${count} of ${of} notaries say so.`,
    refresh: "Ask again",
    track: "Where it is now",
    unknown: "This phone has no such contract.",
    lastKnown: (label, time) => `Last known: “${label}”, ${time}.`,
    noTrack: "Nothing has been heard of the drone yet. It tells where it is while it flies.",
    trackHow:
      "Positions that the drone has signed, as far as this phone was there to hear them. North is up.",
    trackDrawing: "The drone’s way to the place",
    goal: "Place",
    first: "First heard",
    newest: "Last heard",
    distance: (metres) => `${metres} from the place`,
    heardAt: (time) => `heard at ${time}`,
    height: (metres) => `${metres} above the ellipsoid`,
    arrived: "The drone says that it is there.",
    noDelivery: "This contract is no delivery.",
  },
  fr: {
    data: "Demandes de vos données",
    dataHow:
      "Approuvez ou refusez chacune sur sa page, une fois ouverte. La clé est donnée par l’appareil qui a fait les données.",
    yours: "Vous attendent",
    open: "Ouverts",
    others: "Attendent les autres",
    ended: "Terminés",
    none: "Aucune offre et aucun contrat.",
    parties: "Qui",
    hasSigned: "signé",
    says: (note) => `On vous dit : « ${note} »`,
    terms: "Ce qu’il dit",
    endings: "Toutes les fins possibles",
    columns: ["Comment cela peut finir", "Ce que chacun a alors"],
    by: (time) => `Au plus tard : ${time}`,
    ways: (count) => (count === 1 ? "Une façon d’y arriver" : `${count} façons d’y arriver`),
    changed: "Ce que cette offre change",
    gone: "Retiré :",
    come: "Ajouté :",
    sentences: "Chaque phrase qui change",
    byItself: "Laisser mon dépôt se faire de lui-même",
    sign: "Signer",
    signQuestion: "Signer ce contrat ? Une signature ne peut pas être reprise.",
    signYes: "J’ai lu et je signe",
    signed: "Signé ; les autres sont prévenus.",
    decline: "Refuser",
    reason: "Pourquoi (les autres le lisent)",
    declineYes: "Refuser l’offre",
    declined: "Refusé ; les autres sont prévenus.",
    declinedBy: (who, reason) => `${who} a refusé${reason === "" ? "." : ` : « ${reason} »`}`,
    hadSigned:
      "Vous l’aviez signé : une signature ne peut pas être reprise. Si tous les autres signent à temps, c’est un contrat.",
    counter: "Proposer autre chose",
    counterHow: "Changez ce que vous voulez : la version qu’on vous a offerte n’est alors plus signée.",
    counterNote: "Un mot aux autres",
    payIn: "Payer en",
    alsoAccepted: (prices) =>
      `La même chose est aussi offerte pour ${prices} : choisissez-le sous « Proposer autre chose ».`,
    counterSend: "Signer et envoyer la contre-offre",
    countered: "La contre-offre est signée par vous et envoyée.",
    back: "Retour",
    cannotCounter: "Son auteur n’a pas dit de quoi les termes sont faits : signez ou refusez seulement.",
    offerUntil: (time) => `À signer jusqu’au ${time}.`,
    standing: "Où il en est",
    asking: "Question aux notaires…",
    notOpen: "Le registre ne l’a pas encore.",
    hasEnded: "Il est terminé.",
    holds: (amounts) => `Il contient : ${amounts}.`,
    nothing: "rien",
    until: (time) => `Prochaine échéance : ${time}`,
    youCan: "Vous pouvez maintenant",
    nothingToDo: "Rien ne vous est demandé maintenant.",
    value: "Montant",
    done: "Fait ; les notaires l’ont certifié.",
    statable: "Vous pouvez attester, si c’est le cas",
    stated: "Votre attestation est signée ; les autres sont prévenus.",
    enough: "Ce qui est attesté suffit.",
    handIn: "Le remettre",
    timeout: "Le temps de cette étape est passé.",
    seeTimeout: "S’en occuper",
    agreeing: (count, of) => `${count} notaires sur ${of} le disent.`,
    refresh: "Redemander",
    track: "Où il est maintenant",
    unknown: "Ce téléphone n’a pas ce contrat.",
    lastKnown: (label, time) => `Dernier état connu : « ${label} », ${time}.`,
    noTrack: "Rien n’a encore été entendu du drone. Il dit où il est pendant qu’il vole.",
    trackHow:
      "Positions signées par le drone, tant que ce téléphone était là pour les entendre. Le nord est en haut.",
    trackDrawing: "Le chemin du drone vers l’endroit",
    goal: "Endroit",
    first: "D’abord entendu",
    newest: "Dernier entendu",
    distance: (metres) => `à ${metres} de l’endroit`,
    heardAt: (time) => `entendu à ${time}`,
    height: (metres) => `${metres} au-dessus de l’ellipsoïde`,
    arrived: "Le drone dit qu’il est là.",
    noDelivery: "Ce contrat n’est pas une livraison.",
  },
};
