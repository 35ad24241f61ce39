/** What the screens say by which a host lets a place, in each language. */
import type { Texts } from "../language.ts";

export interface LetWords {
  /** On the lock's page. */
  let: string;
  notYours: string;
  otherRoot: string;
  notHeard: string;
  noCurrency: string;
  noGuest: string;
  guest: string;
  chooseGuest: string;
  byCard: string;
  byCardHow: string;
  card: string;
  cardHint: string;
  met(name: string): string;
  place: string;
  placeHint: string;
  address: string;
  price: string;
  deposit: string;
  depositHint: string;
  cancelFee: string;
  cancelBy: string;
  cancelByHint: string;
  arrival: string;
  departure: string;
  others: string;
  othersHow: string;
  priceIn(code: string): string;
  depositIn(code: string): string;
  cancelFeeIn(code: string): string;
  note: string;
  read: string;
  offerTo(name: string): string;
  signBy(time: string): string;
  alsoIn(amounts: string): string;
  sign: string;
  signAsk(name: string): string;
  change: string;
  sent: string;
  /** By the name of the parameter that is refused. */
  wrong: Readonly<Record<string, string>>;
}

export const LET_WORDS: Texts<LetWords> = {
  en: {
    let: "Let this house",
    notYours: "Only an owner of the lock may do this.",
    otherRoot:
      "This lock was set up with other words than this phone’s, so it stands for another account: only a phone with the lock’s own words can let it.",
    notHeard:
      "The lock has not been heard over the network yet. It must be online once, because it signs the contract too.",
    noCurrency: "The network has no currency yet, or the notaries have not answered: try again in a moment.",
    noGuest: "Nobody is known yet. The guest’s phone must be online once, or show its card.",
    guest: "Guest",
    chooseGuest: "Choose the guest",
    byCard: "The guest is not in the list",
    byCardHow: "The card stands in the guest’s app under Settings, as a code and a line.",
    card: "Card of the guest’s phone",
    cardHint: "It begins with segment:card:",
    met: (name) => `“${name}” is in the list now.`,
    place: "What is let",
    placeHint: "As the guest will see it, such as “Lake house”",
    address: "Address",
    price: "Price of the whole stay",
    deposit: "Deposit",
    depositHint: "Held against damage, and goes back unless you claim it; empty for none.",
    cancelFee: "Fee if the guest cancels in time",
    cancelBy: "The guest may cancel until",
    cancelByHint: "Later, cancelling costs the whole price.",
    arrival: "Arrival",
    departure: "Departure",
    others: "Other currencies that you accept",
    othersHow: "The guest chooses. Leave the price empty where you do not accept it.",
    priceIn: (code) => `Price in ${code}`,
    depositIn: (code) => `Deposit in ${code}`,
    cancelFeeIn: (code) => `Cancellation fee in ${code}`,
    note: "A line to the guest",
    read: "Read the offer",
    offerTo: (name) => `Offer to ${name}`,
    signBy: (time) => `The guest may sign it until ${time}.`,
    alsoIn: (amounts) => `You also accept ${amounts}.`,
    sign: "Sign and send the offer",
    signAsk: (name) =>
      `Sign this offer to ${name}? A signature cannot be taken back; the lock signs it by itself once you have.`,
    change: "Change it",
    sent: "Signed and sent: the guest reads it under Contracts.",
    wrong: {
      guest: "Choose the guest first.",
      place: "Say in a line what is let.",
      address: "Write the address.",
      price: "Write the price as an amount above zero, such as 240.00.",
      deposit: "Write the deposit as an amount such as 100.00, or leave it empty.",
      cancelFee: "Write the fee as an amount not above the price, or leave it empty.",
      arrival: "The arrival must be at least five minutes after the time until which the guest may cancel.",
      departure: "The departure must be after the arrival.",
      cancelBy: "The guest must have ten minutes or more from now to sign and to cancel.",
      signBy: "The guest must have ten minutes or more from now to sign and to cancel.",
      currency: "Choose a currency.",
    },
  },
  fr: {
    let: "Louer ce logement",
    notYours: "Seul un propriétaire de la serrure peut le faire.",
    otherRoot:
      "Cette serrure a été mise en place avec d’autres mots que ceux de ce téléphone, elle relève donc d’un autre compte : seul un téléphone avec les mots de la serrure peut louer.",
    notHeard:
      "La serrure n’a pas encore été entendue par le réseau. Elle doit être une fois en ligne, car elle signe aussi le contrat.",
    noCurrency:
      "Le réseau n’a pas encore de monnaie, ou les notaires n’ont pas répondu : réessayez dans un instant.",
    noGuest:
      "Personne n’est encore connu. Le téléphone du voyageur doit être une fois en ligne, ou montrer sa carte.",
    guest: "Voyageur",
    chooseGuest: "Choisissez le voyageur",
    byCard: "Le voyageur n’est pas dans la liste",
    byCardHow: "La carte se trouve dans l’app du voyageur sous Réglages, en code et en ligne.",
    card: "Carte du téléphone du voyageur",
    cardHint: "Elle commence par segment:card:",
    met: (name) => `« ${name} » est maintenant dans la liste.`,
    place: "Ce qui est loué",
    placeHint: "Comme le voyageur le verra, par exemple « Maison du lac »",
    address: "Adresse",
    price: "Prix de tout le séjour",
    deposit: "Caution",
    depositHint: "Retenue en cas de dégât, rendue si vous ne réclamez rien ; vide : aucune.",
    cancelFee: "Frais si le voyageur annule à temps",
    cancelBy: "Le voyageur peut annuler jusqu’au",
    cancelByHint: "Plus tard, annuler coûte tout le prix.",
    arrival: "Arrivée",
    departure: "Départ",
    others: "Autres monnaies que vous acceptez",
    othersHow: "Le voyageur choisit. Laissez le prix vide là où vous n’acceptez pas.",
    priceIn: (code) => `Prix en ${code}`,
    depositIn: (code) => `Caution en ${code}`,
    cancelFeeIn: (code) => `Frais d’annulation en ${code}`,
    note: "Un mot au voyageur",
    read: "Lire l’offre",
    offerTo: (name) => `Offre à ${name}`,
    signBy: (time) => `Le voyageur peut la signer jusqu’au ${time}.`,
    alsoIn: (amounts) => `Vous acceptez aussi ${amounts}.`,
    sign: "Signer et envoyer l’offre",
    signAsk: (name) =>
      `Signer cette offre à ${name} ? Une signature ne peut pas être reprise ; la serrure la signe d’elle-même après vous.`,
    change: "La changer",
    sent: "Signée et envoyée : le voyageur la lit sous Contrats.",
    wrong: {
      guest: "Choisissez d’abord le voyageur.",
      place: "Dites en une ligne ce qui est loué.",
      address: "Écrivez l’adresse.",
      price: "Écrivez le prix, un montant au-dessus de zéro tel que 240,00.",
      deposit: "Écrivez la caution, un montant tel que 100,00, ou laissez vide.",
      cancelFee: "Écrivez les frais, au plus le prix, ou laissez vide.",
      arrival: "L’arrivée doit être au moins cinq minutes après la fin du temps pour annuler.",
      departure: "Le départ doit être après l’arrivée.",
      cancelBy: "Le voyageur doit avoir au moins dix minutes à partir de maintenant pour signer et annuler.",
      signBy: "Le voyageur doit avoir au moins dix minutes à partir de maintenant pour signer et annuler.",
      currency: "Choisissez une monnaie.",
    },
  },
};
