/** What a lock's log says, and how a rental stands at a lock, in the languages that people read. */
import type { TextLanguage } from "../contract/text-format.ts";
import type { AuditEntry } from "./messages.ts";
import { KEY_WORDS } from "./words.ts";

/** Of a line that asks for nothing to be moved, by its `what`. */
const DEEDS: Readonly<Record<TextLanguage, ReadonlyMap<string, string>>> = {
  en: new Map([
    ["pair", "became the owner"],
    ["claim", "took a key’s link"],
    ["stay", "showed a rental"],
    ["departure", "the stay is over and the door is shut"],
    ["walk-up", "asked to stay without a rental"],
    ["watch", "watched the door"],
    ["audit", "asked for the log"],
    ["order", "gave an order"],
    ["request", "asked for something"],
    ["let", "changed who may walk up, and for how much"],
    ["revoke", "ended keys or a stay"],
    ["add-owner", "added an owner"],
    ["remove-owner", "removed an owner"],
    ["hand-over", "handed the lock over"],
    ["reset", "was reset"],
    ["left-open", "door left open"],
    ["bolt-jammed", "bolt jammed"],
    ["many-failures", "many failed attempts"],
    ["battery-low", "battery low"],
  ]),
  fr: new Map([
    ["pair", "est devenu propriétaire"],
    ["claim", "a pris le lien d’une clé"],
    ["stay", "a présenté une location"],
    ["departure", "le séjour est terminé et la porte fermée"],
    ["walk-up", "a demandé à séjourner sans location"],
    ["watch", "a surveillé la porte"],
    ["audit", "a demandé le journal"],
    ["order", "a donné un ordre"],
    ["request", "a demandé quelque chose"],
    ["let", "a changé qui peut venir sans réserver, et à quel prix"],
    ["revoke", "a mis fin à des clés ou à un séjour"],
    ["add-owner", "a ajouté un propriétaire"],
    ["remove-owner", "a retiré un propriétaire"],
    ["hand-over", "a transmis la serrure"],
    ["reset", "a été réinitialisée"],
    ["left-open", "porte restée ouverte"],
    ["bolt-jammed", "pêne coincé"],
    ["many-failures", "beaucoup d’essais manqués"],
    ["battery-low", "pile faible"],
  ]),
};

/** Where a rental stands, by what the notaries have certified; "" before they have. */
const PHASES: Readonly<Record<TextLanguage, ReadonlyMap<string, string>>> = {
  en: new Map([
    ["", "the notaries’ word is awaited"],
    ["awaiting-deposit", "waits for the guest’s deposit"],
    ["booked", "booked, may still be cancelled"],
    ["may-open", "paid into the contract; opens from the arrival on"],
    ["stay", "begun; the host is paid"],
    ["checkout", "over; the deposit waits for the host"],
    ["claimed", "over; the host claims a part of the deposit"],
    ["arbitration", "over; the arbiter decides on the deposit"],
    ["disputed", "disputed: an opening that is shown now still pays"],
    ["unsettled", "disputed: the lock’s signed refusal or the arbiter decides"],
    ["walk-up", "agreed and paid at the door"],
    ["closed", "ended"],
  ]),
  fr: new Map([
    ["", "la parole des notaires est attendue"],
    ["awaiting-deposit", "attend le dépôt du voyageur"],
    ["booked", "réservé, encore annulable"],
    ["may-open", "versé au contrat ; ouvre dès l’arrivée"],
    ["stay", "commencé ; l’hôte est payé"],
    ["checkout", "terminé ; la caution attend l’hôte"],
    ["claimed", "terminé ; l’hôte réclame une partie de la caution"],
    ["arbitration", "terminé ; l’arbitre décide de la caution"],
    ["disputed", "contesté : une ouverture présentée maintenant paie encore"],
    ["unsettled", "contesté : le refus signé de la serrure ou l’arbitre décide"],
    ["walk-up", "convenu et payé à la porte"],
    ["closed", "clos"],
  ]),
};

/** What was asked for or happened: "open the door", "showed a rental". */
export function logDeed(
  { what, target, action }: Pick<AuditEntry, "what" | "target" | "action">,
  language: TextLanguage,
): string {
  if (action !== null && target !== null) return KEY_WORDS[language].deed([action], target);
  return DEEDS[language].get(what) ?? what;
}

/** How a rental stands, as its guest's phone or its lock knows it. */
export function stayStanding(phase: string, language: TextLanguage): string {
  return PHASES[language].get(phase) ?? phase;
}
