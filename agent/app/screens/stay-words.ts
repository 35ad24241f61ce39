/** What the screens say of stays: a guest's own, and those for which a host lets its lock. */
import type { ErrorCode } from "../../../protocols/errors.ts";
import type { Texts } from "../language.ts";

export interface StayWords {
  rental: string;
  stays: string;
  staysHere: string;
  none: string;
  facts: { arrival: string; departure: string; place: string };
  /** How it stands. */
  asking: string;
  notHeld: string;
  from(time: string): string;
  until(time: string): string;
  paid: string;
  missed: string;
  shutDoor: string;
  over: string;
  overDeposit: string;
  overClaimed: string;
  disputed: string;
  refusedSigned: string;
  contract: string;
  /** Why the lock does not open. */
  refusals(code: ErrorCode, arrival: string): string | undefined;
  /** For the host. */
  refuse: string;
  refuseAsk: string;
  refuseYes: string;
  refused: string;
  refusedWaits: string;
  isRefused: string;
}

export const STAY_WORDS: Texts<StayWords> = {
  en: {
    rental: "Rental",
    stays: "Stays that you rented",
    staysHere: "Rentals",
    none: "Nobody has rented it yet.",
    facts: { arrival: "Arrival", departure: "Departure", place: "Place" },
    asking: "Waits for the notaries",
    notHeld: "Signed; the price is not held yet",
    from: (time) => `You may open from ${time}`,
    until: (time) => `You may open until ${time}`,
    paid: "paid",
    missed: "Over: nobody came",
    shutDoor: "The stay is over: shut the door behind you",
    over: "Over",
    overDeposit: "Over; the deposit goes back unless the host claims it",
    overClaimed: "Over; the host claims a part of the deposit",
    disputed: "In dispute",
    refusedSigned:
      "The lock has refused you, and this phone keeps its signed word. If you were not let in, object in the contract.",
    contract: "Open the contract",
    refusals: (code, arrival) => {
      if (code === "key-not-yet") return `It is before the arrival: the door opens for you from ${arrival}.`;
      if (code === "contract-closed") return "The stay is over: the contract opens nothing any more.";
      if (code === "key-expired") return "It is after the departure.";
      if (code === "key-revoked")
        return "The host lets nobody in by this contract. This phone keeps the lock’s signed word on it.";
      if (code === "contract-not-expected")
        return "The contract does not let you in: look at it under Contracts.";
      if (code === "fact-invalid")
        return "The first opening is done at the door, over Bluetooth: both sign there that the stay begins.";
      if (code === "right-missing") return "Whoever has rented may open the door, and nothing else.";
      return undefined;
    },
    refuse: "Refuse this guest",
    refuseAsk:
      "The lock lets this guest in no more, and signs its refusal for the guest, who gets the money back with it. This cannot be undone. To end the rental before it has begun, cancel it in the contract instead.",
    refuseYes: "Refuse the guest",
    refused: "The lock has heard it: this guest is refused.",
    refusedWaits: "It waits until this phone meets the lock, or the network carries it.",
    isRefused: "The lock refuses this guest.",
  },
  fr: {
    rental: "Location",
    stays: "Séjours que vous avez loués",
    staysHere: "Locations",
    none: "Personne ne l’a encore loué.",
    facts: { arrival: "Arrivée", departure: "Départ", place: "Lieu" },
    asking: "Attend les notaires",
    notHeld: "Signé ; le prix n’est pas encore retenu",
    from: (time) => `Vous pouvez ouvrir dès ${time}`,
    until: (time) => `Vous pouvez ouvrir jusqu’à ${time}`,
    paid: "payé",
    missed: "Terminé : personne n’est venu",
    shutDoor: "Le séjour est terminé : fermez la porte derrière vous",
    over: "Terminé",
    overDeposit: "Terminé ; la caution est rendue sauf réclamation de l’hôte",
    overClaimed: "Terminé ; l’hôte réclame une part de la caution",
    disputed: "Contesté",
    refusedSigned:
      "La serrure vous a refusé, et ce téléphone garde sa parole signée. Si vous n’avez pas pu entrer, contestez dans le contrat.",
    contract: "Ouvrir le contrat",
    refusals: (code, arrival) => {
      if (code === "key-not-yet") return `C’est avant l’arrivée : la porte s’ouvre pour vous dès ${arrival}.`;
      if (code === "contract-closed") return "Le séjour est terminé : le contrat n’ouvre plus rien.";
      if (code === "key-expired") return "C’est après le départ.";
      if (code === "key-revoked")
        return "L’hôte ne laisse plus entrer personne par ce contrat. Ce téléphone garde la parole signée de la serrure.";
      if (code === "contract-not-expected")
        return "Le contrat ne vous laisse pas entrer : voyez-le sous Contrats.";
      if (code === "fact-invalid")
        return "La première ouverture se fait à la porte, en Bluetooth : les deux y signent que le séjour commence.";
      if (code === "right-missing") return "Qui a loué peut ouvrir la porte, et rien d’autre.";
      return undefined;
    },
    refuse: "Refuser ce voyageur",
    refuseAsk:
      "La serrure ne laisse plus entrer ce voyageur et signe son refus, avec lequel il récupère l’argent. C’est définitif. Pour finir la location avant qu’elle commence, annulez-la plutôt dans le contrat.",
    refuseYes: "Refuser le voyageur",
    refused: "La serrure l’a appris : ce voyageur est refusé.",
    refusedWaits: "Cela attend que ce téléphone rencontre la serrure, ou que le réseau le porte.",
    isRefused: "La serrure refuse ce voyageur.",
  },
};
