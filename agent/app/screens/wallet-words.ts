/** What the screens of the wallet say, in each language. */
import type { Texts } from "../language.ts";

export interface WalletWords {
  noNetwork: string;
  notAsked: string;
  nothing: string;
  balances: string;
  said(agreeing: number, notaries: number, when: string): string;
  offline: string;
  refresh: string;
  pay: string;
  ask: string;
  account: string;
  accountHow: string;
  history: string;
  noMovements: string;
  missing(count: number): string;
  /** Of one payment. */
  requestLine: string;
  requestHint: string;
  byHand: string;
  byRequest: string;
  to: string;
  toHint: string;
  amount: string;
  currency: string;
  memo: string;
  memoHint: string;
  check: string;
  confirm(amount: string, to: string): string;
  confirmMemo(memo: string): string;
  confirmAccount: string;
  irrevocable: string;
  payNow: string;
  back: string;
  paid(amount: string, to: string): string;
  receipt: string;
  days: string;
  daysHint: string;
  makeRequest: string;
  requestFor(amount: string): string;
  requestQr: string;
  share: string;
  noCurrency: string;
  none: string;
  from: string;
  when: string;
  block: string;
  entry: string;
  currencyId: string;
  verify: string;
  verified(signed: number, of: number): string;
  verifyWhat: string;
  download: string;
}

export const WALLET_WORDS: Texts<WalletWords> = {
  en: {
    noNetwork:
      "This phone is in no network: it has no account yet. Join one in the settings; locks and keys work without.",
    notAsked: "The notaries have not been asked yet.",
    nothing: "The account holds nothing.",
    balances: "You have",
    said: (agreeing, notaries, when) => `${agreeing} of ${notaries} notaries said so ${when}.`,
    offline: "No network now: this is the last that is known.",
    refresh: "Ask again",
    pay: "Pay",
    ask: "Ask for money",
    account: "Your account",
    accountHow: "Whoever pays you needs this; it may be shown to anybody.",
    history: "History",
    noMovements: "Nothing has moved yet.",
    missing: (count) => `Of ${count} movement${count === 1 ? "" : "s"} nobody has the receipt any more.`,
    requestLine: "Payment request",
    requestHint: "The line that begins with segment:pay? — paste it, or scan its code.",
    byHand: "Write it by hand",
    byRequest: "Pay a request",
    to: "To the account",
    toHint: "It begins with z6Mk; whoever is paid finds it in the wallet.",
    amount: "Amount",
    currency: "Currency",
    memo: "What for",
    memoHint: "Up to 64 bytes. Everybody who sees the entry can read it.",
    check: "Check the payment",
    confirm: (amount, to) => `You pay ${amount} to ${to}.`,
    confirmMemo: (memo) => `For: “${memo}”`,
    confirmAccount: "The whole account:",
    irrevocable: "Once the notaries have certified it, it cannot be taken back.",
    payNow: "Pay now",
    back: "Change it",
    paid: (amount, to) => `Paid ${amount} to ${to}.`,
    receipt: "Show the receipt",
    days: "To be paid within (days)",
    daysHint: "Empty: without end.",
    makeRequest: "Make the request",
    requestFor: (amount) => `A request for ${amount}`,
    requestQr: "The request as a QR code",
    share: "Share",
    noCurrency: "The network has no currency yet, or none is known here: ask again when there is a network.",
    none: "No receipt of this entry is kept here.",
    from: "From",
    when: "When",
    block: "Block",
    entry: "Entry",
    currencyId: "Currency’s id",
    verify: "Verify the receipt",
    verified: (signed, of) =>
      `Valid: ${signed} of ${of} notaries have signed the block that holds this entry. Checked on this phone just now.`,
    verifyWhat: "Checks every signature on this phone, with no network.",
    download: "Save the receipt",
  },
  fr: {
    noNetwork:
      "Ce téléphone n’est dans aucun réseau : il n’a pas encore de compte. Rejoignez-en un dans les réglages ; " +
      "serrures et clés marchent sans.",
    notAsked: "Les notaires n’ont pas encore été interrogés.",
    nothing: "Le compte est vide.",
    balances: "Vous avez",
    said: (agreeing, notaries, when) => `${agreeing} notaires sur ${notaries} l’ont dit ${when}.`,
    offline: "Pas de réseau : c’est le dernier état connu.",
    refresh: "Redemander",
    pay: "Payer",
    ask: "Demander de l’argent",
    account: "Votre compte",
    accountHow: "Il le faut à qui vous paie ; vous pouvez le montrer à tous.",
    history: "Historique",
    noMovements: "Rien n’a bougé.",
    missing: (count) =>
      count === 1
        ? "D’un mouvement, plus personne n’a le reçu."
        : `De ${count} mouvements, plus personne n’a le reçu.`,
    requestLine: "Demande de paiement",
    requestHint: "La ligne qui commence par segment:pay? — collez-la, ou scannez son code.",
    byHand: "Remplir à la main",
    byRequest: "Payer une demande",
    to: "Au compte",
    toHint: "Il commence par z6Mk ; qui est payé le trouve dans son portefeuille.",
    amount: "Montant",
    currency: "Monnaie",
    memo: "Pour quoi",
    memoHint: "64 octets au plus. Toute personne qui voit l’écriture peut le lire.",
    check: "Vérifier le paiement",
    confirm: (amount, to) => `Vous payez ${amount} à ${to}.`,
    confirmMemo: (memo) => `Pour : « ${memo} »`,
    confirmAccount: "Le compte en entier :",
    irrevocable: "Une fois certifié par les notaires, le paiement ne peut plus être repris.",
    payNow: "Payer maintenant",
    back: "Modifier",
    paid: (amount, to) => `Payé : ${amount} à ${to}.`,
    receipt: "Voir le reçu",
    days: "À payer dans les (jours)",
    daysHint: "Vide : sans fin.",
    makeRequest: "Faire la demande",
    requestFor: (amount) => `Une demande de ${amount}`,
    requestQr: "La demande en code QR",
    share: "Partager",
    noCurrency:
      "Le réseau n’a pas encore de monnaie, ou aucune n’est connue ici : redemandez avec le réseau.",
    none: "Aucun reçu de cette écriture n’est gardé ici.",
    from: "De",
    when: "Quand",
    block: "Bloc",
    entry: "Écriture",
    currencyId: "Identifiant de la monnaie",
    verify: "Vérifier le reçu",
    verified: (signed, of) =>
      `Valable : ${signed} notaires sur ${of} ont signé le bloc qui contient cette écriture. Vérifié à l’instant ` +
      "sur ce téléphone.",
    verifyWhat: "Vérifie chaque signature sur ce téléphone, sans réseau.",
    download: "Enregistrer le reçu",
  },
};
