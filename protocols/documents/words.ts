/** What stands in the documents that end users read, in English and French. */

export type DocumentLanguage = "en" | "fr";

export interface DocumentWords {
  decimalMark: string;
  /** "Paid: …"; French sets a space before the colon. */
  named: (name: string, value: string) => string;
  quoted: (text: string) => string;
  /** Statements. */
  statement: string;
  account: string;
  network: string;
  period: string;
  periodText: (from: string | null, to: string) => string;
  opening: string;
  closing: string;
  date: string;
  description: string;
  reference: string;
  moneyIn: string;
  moneyOut: string;
  balance: string;
  currency: string;
  currencyId: string;
  counterparties: string;
  memo: string;
  contract: string;
  total: string;
  nothingMoved: string;
  incomplete: (missing: number) => string;
  unconfirmed: string;
  statementProof: string;
  movement: MovementWords;
  /** Invoices and receipts. */
  invoice: string;
  receipt: string;
  number: string;
  issued: string;
  paidOn: string;
  seller: string;
  buyer: string;
  payer: string;
  payee: string;
  item: string;
  amount: string;
  net: string;
  vat: (percent: string) => string;
  vatNumber: string;
  noVat: string;
  totalPaid: string;
  vatRounding: string;
  paid: string;
  /** An item, where nothing else is said. */
  payment: string;
  proof: (block: string, signed: string, of: string, network: string) => string;
  proofOfEntry: string;
}

interface MovementWords {
  issued: string;
  deed: string;
  from: (others: string) => string;
  to: (others: string) => string;
  shared: string;
  shrunk: string;
  deposit: (contract: string) => string;
  contract: (contract: string) => string;
  deadline: (contract: string) => string;
}

const EN: DocumentWords = {
  decimalMark: ".",
  named: (name, value) => `${name}: ${value}`,
  quoted: (text) => `“${text}”`,
  statement: "Account statement",
  account: "Account",
  network: "Network",
  period: "Period",
  periodText: (from, to) => (from === null ? `up to and including ${to}` : `${from} to ${to}, inclusive`),
  opening: "Opening balance",
  closing: "Closing balance",
  date: "Date (UTC)",
  description: "Description",
  reference: "Entry",
  moneyIn: "In",
  moneyOut: "Out",
  balance: "Balance",
  currency: "Currency",
  currencyId: "Currency id",
  counterparties: "From or to",
  memo: "Memo",
  contract: "Contract",
  total: "Total",
  nothingMoved: "Nothing moved in this period.",
  incomplete: (missing) =>
    `Incomplete: of ${missing} ${missing === 1 ? "movement" : "movements"} neither this wallet nor a notary has ` +
    "the receipt any more. The balances below leave them out.",
  unconfirmed:
    "The notaries could not be asked when this was made: movements of which this wallet had not heard are missing.",
  statementProof:
    "Each movement stands in a receipt that the network's notaries have signed; whoever has the network file " +
    "checks it with: segment verify FILE.",
  movement: {
    issued: "Issued by the currency's issuer",
    deed: "Deed made",
    from: (others) => `Payment from ${others}`,
    to: (others) => `Payment to ${others}`,
    shared: "Shared settlement",
    shrunk: "Demurrage",
    deposit: (contract) => `Deposit into contract ${contract}`,
    contract: (contract) => `Paid by contract ${contract}`,
    deadline: (contract) => `Paid at its deadline by contract ${contract}`,
  },
  invoice: "Invoice",
  receipt: "Receipt",
  number: "Number",
  issued: "Issued",
  paidOn: "Paid on",
  seller: "Seller",
  buyer: "Buyer",
  payer: "Paid by",
  payee: "Paid to",
  item: "Item",
  amount: "Amount",
  net: "Total without VAT",
  vat: (percent) => `VAT ${percent} %`,
  vatNumber: "VAT number",
  noVat: "No VAT is charged.",
  totalPaid: "Total",
  vatRounding:
    "Prices include VAT. VAT is computed on the total and rounded to the nearest minor unit, halves up; the total " +
    "without VAT is the rest.",
  paid: "Paid",
  payment: "Payment",
  proof: (block, signed, of, network) =>
    `Certified in block ${block} by ${signed} of ${of} notaries of the network "${network}".`,
  proofOfEntry: "Ledger entry",
};

const FR: DocumentWords = {
  decimalMark: ",",
  named: (name, value) => `${name}\u00a0: ${value}`,
  quoted: (text) => `«\u00a0${text}\u00a0»`,
  statement: "Relevé de compte",
  account: "Compte",
  network: "Réseau",
  period: "Période",
  periodText: (from, to) => (from === null ? `jusqu’au ${to} inclus` : `du ${from} au ${to} inclus`),
  opening: "Solde initial",
  closing: "Solde final",
  date: "Date (UTC)",
  description: "Libellé",
  reference: "Écriture",
  moneyIn: "Crédit",
  moneyOut: "Débit",
  balance: "Solde",
  currency: "Monnaie",
  currencyId: "Identifiant de la monnaie",
  counterparties: "De ou à",
  memo: "Communication",
  contract: "Contrat",
  total: "Total",
  nothingMoved: "Aucun mouvement sur cette période.",
  incomplete: (missing) =>
    `Incomplet : ni ce portefeuille ni un notaire n’a plus le reçu de ${missing} ` +
    `${missing === 1 ? "mouvement" : "mouvements"}. Les soldes ci-dessous n’en tiennent pas compte.`,
  unconfirmed:
    "Les notaires n’ont pas pu être interrogés à l’établissement de ce relevé : les mouvements dont ce portefeuille " +
    "n’avait pas connaissance y manquent.",
  statementProof:
    "Chaque mouvement figure sur un reçu signé par les notaires du réseau ; qui possède le fichier du réseau le " +
    "vérifie avec : segment verify FICHIER.",
  movement: {
    issued: "Émis par l’émetteur de la monnaie",
    deed: "Titre créé",
    from: (others) => `Paiement de ${others}`,
    to: (others) => `Paiement à ${others}`,
    shared: "Règlement groupé",
    shrunk: "Fonte",
    deposit: (contract) => `Dépôt dans le contrat ${contract}`,
    contract: (contract) => `Versé par le contrat ${contract}`,
    deadline: (contract) => `Versé à l’échéance par le contrat ${contract}`,
  },
  invoice: "Facture",
  receipt: "Reçu",
  number: "Numéro",
  issued: "Émise le",
  paidOn: "Payé le",
  seller: "Vendeur",
  buyer: "Acheteur",
  payer: "Payé par",
  payee: "Payé à",
  item: "Désignation",
  amount: "Montant",
  net: "Total hors TVA",
  vat: (percent) => `TVA ${percent} %`,
  vatNumber: "Numéro de TVA",
  noVat: "TVA non applicable.",
  totalPaid: "Total",
  vatRounding:
    "Prix TVA comprise. La TVA est calculée sur le total et arrondie à l’unité mineure la plus proche, la demie " +
    "vers le haut ; le total hors TVA est le reste.",
  paid: "Payé",
  payment: "Paiement",
  proof: (block, signed, of, network) =>
    `Certifié au bloc ${block} par ${signed} notaires sur ${of} du réseau « ${network} ».`,
  proofOfEntry: "Écriture du registre",
};

export function documentWords(language: DocumentLanguage): DocumentWords {
  return language === "fr" ? FR : EN;
}
