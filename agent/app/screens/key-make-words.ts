/** What the form of a new guest key says. */
import type { Texts } from "../language.ts";

export interface MakeWords {
  noLock: string;
  lock: string;
  part: string;
  who: string;
  whoHint: string;
  whom: string;
  byLink: string;
  byId: string;
  id: string;
  idHint: string;
  ends: string;
  forever: string;
  untilTime: string;
  asParent: string;
  from: string;
  fromNow: string;
  until: string;
  hours: string;
  always: string;
  someHours: string;
  dayNames: readonly string[];
  start: string;
  end: string;
  uses: string;
  usesHint: string;
  what: string;
  passOn: string;
  passOnOptions: readonly string[];
  offline: string;
  offlineHint: string;
  offlineOptions: readonly (readonly [string, string])[];
  more: string;
  reads: string;
  make: string;
  made: string;
  follows(zone: string, until: string): string;
  wrong: Readonly<Record<string, string>>;
}

export const MAKE_WORDS: Texts<MakeWords> = {
  en: {
    noLock: "Only an owner makes keys: add a lock first.",
    lock: "Of which lock",
    part: "A part of a key that you hold; what you leave as it is stays.",
    who: "Whom is it for",
    whoHint: "As you call them: it stands in the log",
    whom: "Given how",
    byLink: "By a link: the first to use it has the key",
    byId: "To one phone alone",
    id: "Identity of that phone",
    idHint: "It begins with z6Mk; the guest finds it in the app under Settings",
    ends: "Valid until",
    forever: "Without an end",
    untilTime: "Until a time",
    asParent: "As long as your own key",
    from: "Valid from",
    fromNow: "Leave it empty for now",
    until: "Until",
    hours: "At which hours",
    always: "At any hour",
    someHours: "Only at some hours of the week",
    dayNames: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    start: "From",
    end: "To",
    uses: "How often in all",
    usesHint: "Leave it empty for as often as needed",
    what: "What for",
    passOn: "May it be passed on",
    passOnOptions: [
      "No",
      "Yes, once",
      "Yes, and once more from there",
      "Yes, three times one after the other",
    ],
    offline: "If it is revoked while the lock is offline",
    offlineHint:
      "The shorter, the safer; but without your phone’s confirmation in that time the key waits until there is one.",
    offlineOptions: [
      ["1h", "it works 1 hour longer at most"],
      ["24h", "it works 1 day longer at most"],
      ["7d", "it works 7 days longer at most"],
      ["none", "it works until the lock hears of it"],
    ],
    more: "More choices",
    reads: "This is what the key will say",
    make: "Make the key",
    made: "The key is made. Share its link.",
    follows: (zone, until) => `Its hours follow the changes of the clocks of ${zone} until ${until} only.`,
    wrong: {
      "--for": "Write a name of 1 to 64 characters.",
      "--to": "This is no identity of a phone.",
      "--until": "Choose a time to come, after the beginning, within 100 years, that the clocks show once.",
      "--from": "Choose a time that the clocks show once.",
      "--hours": "Choose days, and two times that differ.",
      "--uses": "Write a whole number from 1 on, or nothing.",
      "--may": "Choose at least one thing.",
    },
  },
  fr: {
    noLock: "Seul un propriétaire fait des clés : ajoutez d’abord une serrure.",
    lock: "De quelle serrure",
    part: "Une partie d’une clé que vous tenez ; ce que vous ne changez pas reste.",
    who: "Pour qui",
    whoHint: "Comme vous l’appelez : c’est inscrit au journal",
    whom: "Donnée comment",
    byLink: "Par un lien : le premier qui l’utilise a la clé",
    byId: "À un seul téléphone",
    id: "Identité de ce téléphone",
    idHint: "Elle commence par z6Mk ; l’invité la trouve dans l’app sous Réglages",
    ends: "Valable jusqu’à",
    forever: "Sans fin",
    untilTime: "Jusqu’à un moment",
    asParent: "Aussi longtemps que votre clé",
    from: "Valable dès",
    fromNow: "Laissez vide pour maintenant",
    until: "Jusqu’à",
    hours: "À quelles heures",
    always: "À toute heure",
    someHours: "Seulement à certaines heures de la semaine",
    dayNames: ["Lun", "Mar", "Mer", "Jeu", "Ven", "Sam", "Dim"],
    start: "De",
    end: "À",
    uses: "Combien de fois en tout",
    usesHint: "Laissez vide pour autant que nécessaire",
    what: "Pour quoi",
    passOn: "Peut-elle être transmise",
    passOnOptions: ["Non", "Oui, une fois", "Oui, et une fois de plus ensuite", "Oui, trois fois à la suite"],
    offline: "Si elle est révoquée pendant que la serrure est hors ligne",
    offlineHint:
      "Plus c’est court, plus c’est sûr ; mais sans confirmation de votre téléphone dans ce délai la clé attend d’en avoir une.",
    offlineOptions: [
      ["1h", "elle marche encore 1 heure au plus"],
      ["24h", "elle marche encore 1 jour au plus"],
      ["7d", "elle marche encore 7 jours au plus"],
      ["none", "elle marche jusqu’à ce que la serrure l’apprenne"],
    ],
    more: "Autres choix",
    reads: "Voici ce que dira la clé",
    make: "Faire la clé",
    made: "La clé est faite. Partagez son lien.",
    follows: (zone, until) =>
      `Ses heures suivent les changements d’heure de ${zone} jusqu’au ${until} seulement.`,
    wrong: {
      "--for": "Écrivez un nom de 1 à 64 caractères.",
      "--to": "Ce n’est pas l’identité d’un téléphone.",
      "--until":
        "Choisissez un moment à venir, après le début, dans les 100 ans, que les horloges montrent une fois.",
      "--from": "Choisissez un moment que les horloges montrent une seule fois.",
      "--hours": "Choisissez des jours, et deux heures différentes.",
      "--uses": "Écrivez un nombre entier à partir de 1, ou rien.",
      "--may": "Choisissez au moins une chose.",
    },
  },
};
