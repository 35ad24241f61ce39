/** What went wrong, in the person's language. */
import { REMEDIES, SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { Language } from "./language.ts";
import { MONEY_ERRORS } from "./money/error-words.ts";
import type { ErrorTexts } from "./money/error-words.ts";

/** Of what a person may meet in the app; the remedies of the errors themselves speak of the command line. */
const WORDS: ErrorTexts = {
  ...MONEY_ERRORS,
  "passphrase-wrong": {
    en: "That is not the passphrase of this phone.",
    fr: "Ce n’est pas la phrase secrète de ce téléphone.",
  },
  "passkey-refused": {
    en: "The passkey was not used: try again, or unlock with the passphrase.",
    fr: "La clé d’accès n’a pas servi : réessayez, ou déverrouillez avec la phrase secrète.",
  },
  "passkey-unusable": {
    en: "The passkey of this browser cannot keep a secret for the app: use the passphrase.",
    fr: "La clé d’accès de ce navigateur ne peut pas garder de secret pour l’app : utilisez la phrase secrète.",
  },
  "keystore-damaged": {
    en: "The keys in this browser are damaged. Erase the app’s data and begin anew with your words.",
    fr: "Les clés de ce navigateur sont abîmées. Effacez les données de l’app et recommencez avec vos mots.",
  },
  "home-locked": {
    en: "The app is open in another tab or window: close that one first.",
    fr: "L’app est ouverte dans un autre onglet ou une autre fenêtre : fermez-le d’abord.",
  },
  "home-exists": {
    en: "This browser already holds a phone’s keys.",
    fr: "Ce navigateur contient déjà les clés d’un téléphone.",
  },
  "store-failed": {
    en: "The browser cannot keep the data: make room, and leave private browsing.",
    fr: "Le navigateur ne peut pas garder les données : libérez de la place et quittez la navigation privée.",
  },
  "words-invalid": {
    en: "These are not valid words: check their spelling and order; one wrong word is enough.",
    fr: "Ces mots ne sont pas valables : vérifiez l’orthographe et l’ordre ; un seul mot faux suffit.",
  },
  "pairing-invalid": {
    en: "This is no pairing code of a lock: scan it again, or let the lock show it anew.",
    fr: "Ce n’est pas un code d’appairage : scannez-le de nouveau, ou faites-le réafficher par la serrure.",
  },
  "pairing-expired": {
    en: "The pairing code is too old: let the lock show a new one.",
    fr: "Le code d’appairage est trop ancien : faites-en afficher un nouveau par la serrure.",
  },
  "guest-key-invalid": {
    en: "This is no whole link to a key: ask whoever gave it for it again.",
    fr: "Ce n’est pas un lien de clé complet : redemandez-le à la personne qui l’a donné.",
  },
  "key-exceeds": {
    en: "A key that is passed on may not allow more than its own: make it narrower.",
    fr: "Une clé transmise ne peut pas permettre plus que la vôtre : restreignez-la.",
  },
  "key-foreign": {
    en: "This key is not of this lock as it is owned today: ask one of its owners for a new one.",
    fr: "Cette clé n’est pas de cette serrure telle qu’elle appartient aujourd’hui : demandez-en une nouvelle.",
  },
  "key-not-holder": {
    en: "The key was made for another phone: ask for one of your own.",
    fr: "La clé a été faite pour un autre téléphone : demandez-en une pour le vôtre.",
  },
  "key-claimed": {
    en: "Another phone has used this link first: ask the owner for a new one.",
    fr: "Un autre téléphone a utilisé ce lien avant vous : demandez-en un nouveau au propriétaire.",
  },
  "key-not-yet": {
    en: "The key is not valid yet: come back at its time.",
    fr: "La clé n’est pas encore valable : revenez à l’heure prévue.",
  },
  "key-expired": {
    en: "The key’s time has passed: ask for a new one.",
    fr: "Le temps de la clé est passé : demandez-en une nouvelle.",
  },
  "key-outside-hours": {
    en: "The key is not valid at this hour.",
    fr: "La clé n’est pas valable à cette heure.",
  },
  "key-used-up": {
    en: "The key has been used as often as it may be.",
    fr: "La clé a été utilisée autant de fois que permis.",
  },
  "key-revoked": {
    en: "An owner has revoked this key.",
    fr: "Un propriétaire a révoqué cette clé.",
  },
  "key-stale": {
    en: "The key needs a fresh confirmation: connect this phone to the network for a moment, then try again.",
    fr: "La clé doit être confirmée : connectez ce téléphone au réseau un instant, puis réessayez.",
  },
  "right-missing": {
    en: "No key of this phone allows that.",
    fr: "Aucune clé de ce téléphone ne le permet.",
  },
  "owner-required": {
    en: "Only an owner of the lock may do this.",
    fr: "Seul un propriétaire de la serrure peut le faire.",
  },
  "owner-last": {
    en: "The lock needs an owner: add another first, or hand it over.",
    fr: "La serrure a besoin d’un propriétaire : ajoutez-en un autre d’abord, ou transmettez-la.",
  },
  "lock-full": {
    en: "The lock can remember no more of these: an owner removes what is no longer needed.",
    fr: "La serrure ne peut plus rien retenir de plus : un propriétaire retire ce qui ne sert plus.",
  },
  "noise-failed": {
    en: "The device did not prove who it is: try again. If it repeats, it is another one, or was reset.",
    fr: "L’appareil n’a pas prouvé qui il est : réessayez. Si cela se répète, c’en est un autre, ou il a été réinitialisé.",
  },
  "card-expired": {
    en: "The card of a device has expired: its owner makes a new one with the words.",
    fr: "La carte d’un appareil a expiré : son propriétaire en fait une nouvelle avec ses mots.",
  },
  "card-revoked": {
    en: "Its owner has revoked this device: it can do nothing any more.",
    fr: "Son propriétaire a révoqué cet appareil : il ne peut plus rien faire.",
  },
  "home-missing": {
    en: "This browser holds no keys of a phone: load the app again and begin with your words.",
    fr: "Ce navigateur ne contient aucune clé de téléphone : rechargez l’app et commencez avec vos mots.",
  },
  internal: {
    en: "This is a fault in the app: load it again, and report it if it repeats.",
    fr: "C’est un défaut de l’app : rechargez-la, et signalez-le si cela se répète.",
  },
  "request-stale": {
    en: "That was made for another moment: tap again.",
    fr: "C’était fait pour un autre moment : touchez de nouveau.",
  },
  "door-open": { en: "The door is open: shut it first.", fr: "La porte est ouverte : fermez-la d’abord." },
  "time-unknown": {
    en: "The lock does not know the time since it was without power: an owner can open.",
    fr: "La serrure ne connaît plus l’heure depuis une coupure : un propriétaire peut ouvrir.",
  },
  "too-many-attempts": {
    en: "Too many attempts failed: wait a little.",
    fr: "Trop d’essais ont échoué : attendez un peu.",
  },
  "action-unknown": {
    en: "The lock has nothing that could do this.",
    fr: "La serrure n’a rien qui puisse faire cela.",
  },
  "peer-refused": {
    en: "The lock does not accept this phone. Perhaps it has an owner already.",
    fr: "La serrure n’accepte pas ce téléphone. Elle a peut-être déjà un propriétaire.",
  },
  "radio-failed": {
    en: "The lock was not reached over Bluetooth: come closer and try again.",
    fr: "La serrure n’a pas été atteinte en Bluetooth : approchez-vous et réessayez.",
  },
  "radio-unavailable": {
    en: "This browser does not let the app use Bluetooth: switch it on and allow it.",
    fr: "Ce navigateur ne laisse pas l’app utiliser le Bluetooth : activez-le et autorisez-le.",
  },
  "broker-unreachable": {
    en: "The network is not reached now.",
    fr: "Le réseau n’est pas joignable pour l’instant.",
  },
  "broker-refused": {
    en: "The network’s broker refused this phone: check the phone’s clock.",
    fr: "Le relais du réseau a refusé ce téléphone : vérifiez son horloge.",
  },
  "network-invalid": {
    en: "This is no network’s description: paste the whole text of network.json.",
    fr: "Ce n’est pas la description d’un réseau : collez tout le texte de network.json.",
  },
  "queue-full": {
    en: "There is no room for more: remove what is no longer needed.",
    fr: "Il n’y a plus de place : supprimez ce qui ne sert plus.",
  },
  "quorum-missing": {
    en: "Too few notaries answer now: try again in a moment.",
    fr: "Trop peu de notaires répondent : réessayez dans un instant.",
  },
  "funds-short": {
    en: "The wallet does not hold the amount.",
    fr: "Le porte-monnaie ne contient pas ce montant.",
  },
  "account-unknown": {
    en: "The network does not know this phone yet: try again in a moment.",
    fr: "Le réseau ne connaît pas encore ce téléphone : réessayez dans un instant.",
  },
  "amount-invalid": {
    en: "Write an amount such as 24.90, with at most the currency’s decimals.",
    fr: "Écrivez un montant tel que 24,90, avec au plus les décimales de la monnaie.",
  },
  "did-invalid": {
    en: "This is no identity: it begins with z6Mk; copy it whole.",
    fr: "Ce n’est pas une identité : elle commence par z6Mk ; copiez-la entière.",
  },
  "card-invalid": {
    en: "The other device is not known yet: it must be online, or near, once.",
    fr: "L’autre appareil n’est pas encore connu : il doit être une fois en ligne ou proche.",
  },
};

/** What comes over a link or a file and cannot be used: the person need not know how it is broken. */
const BROKEN = {
  en: "What came was incomplete or changed on its way: try again, or ask for it again.",
  fr: "Ce qui est arrivé est incomplet ou a été changé en chemin : réessayez, ou redemandez-le.",
};
const SESSION = {
  en: "The connection with the lock has ended: try again.",
  fr: "La connexion avec la serrure est terminée : réessayez.",
};
const KEY_BROKEN = {
  en: "A key is not a valid one: ask whoever sent it for it again.",
  fr: "Une clé n’est pas valable : redemandez-la à qui l’a envoyée.",
};

const LINK_ERRORS: ErrorTexts = {
  ...{ "cbor-too-large": BROKEN, "cbor-wrong-shape": BROKEN, "cbor-truncated": BROKEN },
  ...{ "cbor-invalid": BROKEN, "cbor-not-deterministic": BROKEN, "text-malformed": BROKEN },
  ...{ "message-invalid": BROKEN, "message-replayed": BROKEN, "seal-broken": BROKEN },
  ...{ "signature-invalid": BROKEN, "signature-malformed": BROKEN, "topic-invalid": BROKEN },
  ...{ "frame-invalid": SESSION, "frame-too-large": SESSION, "session-closed": SESSION },
  ...{ "session-limit": SESSION, "challenge-stale": SESSION },
  ...{ "key-invalid": KEY_BROKEN },
};

/** What is wrong with it stands in the error's own words, in English. */
const FILLED_IN_FR = "Quelque chose de ce qui a été rempli ne convient pas : relisez les champs.";

function wordsOf(code: ErrorCode, language: Language): string | undefined {
  return (WORDS[code] ?? LINK_ERRORS[code])?.[language];
}

/** One sentence or two, that say what to do. */
export function errorText(error: unknown, language: Language): string {
  if (!(error instanceof SegmentError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return language === "fr" ? `L’app a échoué : ${reason}` : `The app failed: ${reason}`;
  }
  const { code, message } = error;
  if (code === "option-invalid") return language === "fr" ? FILLED_IN_FR : `${capital(message)}.`;
  const known = wordsOf(code, language);
  if (known !== undefined) return known;
  // A lock of a later version may refuse by a code that is not known here.
  const remedy = (REMEDIES as Partial<Record<string, string>>)[code] ?? "";
  if (language === "en") return `${capital(message)}. ${remedy}`.trim();
  return `Refusé (${code}) : ${message}. ${remedy}`.trim();
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
