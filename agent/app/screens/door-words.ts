/** What the screens of doors say, in each language. */
import type { Action } from "../../../protocols/access/rights.ts";
import type { Texts } from "../language.ts";

export interface DoorWords {
  none: string;
  noneHow: string;
  add: string;
  takeKey: string;
  owner: string;
  guest: string;
  rental: string;
  action(action: Action, target: string): string;
  done(action: Action, target: string): string;
  near: string;
  far: string;
  otherWay(near: boolean): string;
  noWay: string;
  isLocked: string;
  isUnlocked: string;
  isOpen: string;
  isShut: string;
  battery(percent: number): string;
  batteryLow(percent: number): string;
  unknown: string;
  heard(ago: string): string;
  never: string;
  noKey: string;
  clockUnknown: string;
  look: string;
  chosenNone: string;
  noBluetooth: string;
  noBluetoothFar: string;
  more: string;
  waiting(count: number): string;
}

const ACTIONS_EN: Readonly<Record<Action, [string, string]>> = {
  open: ["Open", "is open for you"],
  close: ["Close", "is closed"],
  lock: ["Lock", "is locked"],
  unlock: ["Unlock", "is unlocked"],
  on: ["Switch on", "is on"],
  off: ["Switch off", "is off"],
  watch: ["Watch", "is watched"],
};
const ACTIONS_FR: Readonly<Record<Action, [string, string]>> = {
  open: ["Ouvrir", "ouvert"],
  close: ["Fermer", "fermé"],
  lock: ["Verrouiller", "verrouillé"],
  unlock: ["Déverrouiller", "déverrouillé"],
  on: ["Allumer", "allumé"],
  off: ["Éteindre", "éteint"],
  watch: ["Surveiller", "surveillé"],
};
const TARGETS_FR = new Map([
  ["door", "porte"],
  ["garage", "garage"],
  ["gate", "portail"],
  ["window", "fenêtre"],
  ["shutter", "volet"],
  ["light", "lumière"],
]);

export const DOOR_WORDS: Texts<DoorWords> = {
  en: {
    none: "No device yet",
    noneHow:
      "Add a lock that is yours with the code that it shows, or take a key that somebody gave you as a link.",
    add: "Add a lock",
    takeKey: "Take a key",
    owner: "Yours",
    guest: "Guest key",
    rental: "Rental",
    action: (action, target) =>
      target === "door" ? ACTIONS_EN[action][0] : `${ACTIONS_EN[action][0]}: ${target}`,
    done: (action, target) => `Done: the ${target} ${ACTIONS_EN[action][1]}.`,
    near: "over Bluetooth",
    far: "over the network",
    otherWay: (near) => (near ? "Open over Bluetooth" : "Open over the network"),
    noWay:
      "Not reachable now: this browser has no Bluetooth, and the lock has not been heard over the network.",
    isLocked: "Locked",
    isUnlocked: "Unlocked",
    isOpen: "Door open",
    isShut: "Door shut",
    battery: (percent) => `Battery ${percent}%`,
    batteryLow: (percent) => `Battery low: ${percent}%`,
    unknown: "State unknown",
    heard: (ago) => `heard ${ago}`,
    never: "not heard since the app was opened",
    noKey: "No key of this phone opens it any more. Ask an owner for a new one.",
    clockUnknown: "The lock does not know the time: guest keys wait until it does.",
    look: "Ask how it stands",
    chosenNone: "No device was chosen.",
    noBluetooth:
      "This browser has no Web Bluetooth, and there is no network: doors cannot be reached. Use Chrome, Edge or another Chromium on Android or a computer, or connect the app to a network.",
    noBluetoothFar:
      "This browser has no Web Bluetooth: doors are opened over the network, as long as phone and lock are both online.",
    more: "Details",
    waiting: (count) =>
      count === 1
        ? "1 order waits until the lock hears it."
        : `${count} orders wait until the lock hears them.`,
  },
  fr: {
    none: "Aucun appareil",
    noneHow:
      "Ajoutez une serrure qui est à vous avec le code qu’elle affiche, ou prenez une clé qu’on vous a donnée par un lien.",
    add: "Ajouter une serrure",
    takeKey: "Prendre une clé",
    owner: "À vous",
    guest: "Clé d’invité",
    rental: "Location",
    action: (action, target) =>
      target === "door"
        ? ACTIONS_FR[action][0]
        : `${ACTIONS_FR[action][0]} : ${TARGETS_FR.get(target) ?? target}`,
    done: (action, target) => `C’est fait : ${TARGETS_FR.get(target) ?? target}, ${ACTIONS_FR[action][1]}.`,
    near: "en Bluetooth",
    far: "par le réseau",
    otherWay: (near) => (near ? "Ouvrir en Bluetooth" : "Ouvrir par le réseau"),
    noWay:
      "Hors d’atteinte : ce navigateur n’a pas de Bluetooth, et la serrure n’a pas encore été entendue par le réseau.",
    isLocked: "Verrouillée",
    isUnlocked: "Déverrouillée",
    isOpen: "Porte ouverte",
    isShut: "Porte fermée",
    battery: (percent) => `Pile ${percent} %`,
    batteryLow: (percent) => `Pile faible : ${percent} %`,
    unknown: "État inconnu",
    heard: (ago) => `entendue ${ago}`,
    never: "pas entendue depuis l’ouverture de l’app",
    noKey: "Aucune clé de ce téléphone ne l’ouvre plus. Demandez-en une nouvelle à un propriétaire.",
    clockUnknown: "La serrure ne connaît pas l’heure : les clés d’invités attendent qu’elle la connaisse.",
    look: "Demander son état",
    chosenNone: "Aucun appareil n’a été choisi.",
    noBluetooth:
      "Ce navigateur n’a pas de Web Bluetooth et il n’y a pas de réseau : les portes ne peuvent être atteintes. Utilisez Chrome, Edge ou un autre Chromium sur Android ou sur un ordinateur, ou connectez l’app à un réseau.",
    noBluetoothFar:
      "Ce navigateur n’a pas de Web Bluetooth : les portes s’ouvrent par le réseau, tant que téléphone et serrure sont en ligne.",
    more: "Détails",
    waiting: (count) =>
      count === 1
        ? "1 ordre attend que la serrure l’entende."
        : `${count} ordres attendent que la serrure les entende.`,
  },
};
