/** What can go wrong with money, contracts and messages, in the person's language; see `error-words.ts`. */
import type { ErrorCode } from "../../../protocols/errors.ts";
import type { Language } from "../language.ts";

export type ErrorTexts = Partial<Record<ErrorCode, Readonly<Record<Language, string>>>>;

const CONTRACTS: ErrorTexts = {
  "contract-unknown": {
    en: "The network has no such contract yet: wait until all have signed it and it was opened.",
    fr: "Le réseau n’a pas encore ce contrat : attendez que tous l’aient signé et qu’il soit ouvert.",
  },
  "contract-closed": {
    en: "The contract has ended: nothing more can be done by it.",
    fr: "Le contrat est terminé : plus rien ne peut être fait par lui.",
  },
  "contract-not-expected": {
    en: "The contract does not wait for this now: look at how it stands.",
    fr: "Le contrat n’attend pas cela maintenant : regardez où il en est.",
  },
  "contract-too-early": {
    en: "It is too early for this: wait for the time that the contract names.",
    fr: "C’est trop tôt : attendez le moment que le contrat indique.",
  },
  "contract-too-late": {
    en: "The time for this has passed: the contract goes on by itself.",
    fr: "Le délai est passé : le contrat continue de lui-même.",
  },
  "condition-not-met": {
    en: "What was shown does not fulfil what the contract asks for.",
    fr: "Ce qui a été montré ne remplit pas ce que le contrat demande.",
  },
  "fact-invalid": {
    en: "The proof is not one of this contract: ask whoever gave it for it again.",
    fr: "La preuve n’est pas de ce contrat : redemandez-la à qui l’a donnée.",
  },
  "terms-invalid": {
    en: "The contract’s terms cannot be read: ask for the offer again.",
    fr: "Les conditions du contrat sont illisibles : redemandez l’offre.",
  },
  "terms-too-large": {
    en: "The contract’s terms are too long: ask for a simpler offer.",
    fr: "Les conditions du contrat sont trop longues : demandez une offre plus simple.",
  },
  "terms-unsafe": {
    en: "The terms could lose somebody’s money: do not sign them, ask for another offer.",
    fr: "Ces conditions pourraient faire perdre de l’argent : ne les signez pas, demandez une autre offre.",
  },
  "terms-expired": {
    en: "The offer has expired: ask for a new one.",
    fr: "L’offre a expiré : demandez-en une nouvelle.",
  },
  "offer-foreign": {
    en: "The offer is not made for this phone: ask for one that names it.",
    fr: "L’offre n’est pas faite pour ce téléphone : demandez-en une à son nom.",
  },
  "offer-replaced": {
    en: "A newer version of the offer has taken its place: look at that one.",
    fr: "Une version plus récente de l’offre l’a remplacée : regardez celle-là.",
  },
  "offer-declined": {
    en: "Somebody has declined this offer: make another.",
    fr: "Quelqu’un a refusé cette offre : faites-en une autre.",
  },
  "commission-missing": {
    en: "The offer leaves out the network’s part of the fees: ask for another.",
    fr: "L’offre oublie la part du réseau sur les frais : demandez-en une autre.",
  },
};

const PAYMENTS: ErrorTexts = {
  "currency-unknown": {
    en: "The network has no such currency: choose another.",
    fr: "Le réseau n’a pas cette monnaie : choisissez-en une autre.",
  },
  "amount-overflow": {
    en: "The amount is larger than can be counted: write a smaller one.",
    fr: "Le montant dépasse ce qui peut être compté : écrivez-en un plus petit.",
  },
  "mint-capped": {
    en: "The issuer may make no more of this currency for now.",
    fr: "L’émetteur ne peut plus créer de cette monnaie pour l’instant.",
  },
  "mandate-exceeded": {
    en: "More was charged than was allowed: nothing was paid.",
    fr: "Le prélèvement dépasse ce qui était permis : rien n’a été payé.",
  },
  "mandate-ended": {
    en: "The permission to charge has ended: agree on a new one.",
    fr: "L’autorisation de prélèvement a pris fin : convenez d’une nouvelle.",
  },
  "approvals-missing": {
    en: "Others have to approve this payment first.",
    fr: "D’autres doivent d’abord approuver ce paiement.",
  },
  "approvals-used": {
    en: "These approvals have paid once already: ask for new ones.",
    fr: "Ces approbations ont déjà servi à payer : demandez-en de nouvelles.",
  },
  "voucher-invalid": {
    en: "The voucher was not made for this payment: make a new one.",
    fr: "Le bon n’a pas été fait pour ce paiement : faites-en un nouveau.",
  },
  "voucher-replayed": {
    en: "The voucher has counted once already: make a new one.",
    fr: "Le bon a déjà compté une fois : faites-en un nouveau.",
  },
  "voucher-beyond-hold": {
    en: "Less was set aside than this costs: pay with the network, or set aside more.",
    fr: "Ce qui a été mis de côté ne suffit pas : payez avec le réseau, ou mettez davantage de côté.",
  },
  "voucher-late": {
    en: "What was set aside cannot be used any more: set money aside anew while there is a network.",
    fr: "Ce qui a été mis de côté ne sert plus : remettez-en de côté tant qu’il y a un réseau.",
  },
  "tab-unfunded": {
    en: "The money that is set aside was not confirmed yet: connect to the network for a moment.",
    fr: "L’argent mis de côté n’est pas encore confirmé : connectez-vous au réseau un instant.",
  },
  "tab-unknown": {
    en: "No money was set aside for this lock: set some aside while there is a network.",
    fr: "Rien n’a été mis de côté pour cette serrure : faites-le tant qu’il y a un réseau.",
  },
};

const LEDGER: ErrorTexts = {
  "entry-invalid": {
    en: "The network does not understand what this app asks: load its newest version.",
    fr: "Le réseau ne comprend pas la demande de cette app : chargez sa dernière version.",
  },
  "entry-expired": {
    en: "It took too long and was not done: try again.",
    fr: "Cela a pris trop de temps et n’a pas été fait : réessayez.",
  },
  "entry-too-early": {
    en: "The clock of this phone is ahead: set it right.",
    fr: "L’horloge de ce téléphone avance : mettez-la à l’heure.",
  },
  "entry-unauthorized": {
    en: "This phone has no right to do this.",
    fr: "Ce téléphone n’a pas le droit de faire cela.",
  },
  "receipt-invalid": {
    en: "The receipt is damaged: ask for it again.",
    fr: "Le reçu est abîmé : redemandez-le.",
  },
  "receipt-foreign": {
    en: "The notaries of this network have not signed the receipt: do not trust it.",
    fr: "Les notaires de ce réseau n’ont pas signé ce reçu : ne vous y fiez pas.",
  },
  "log-conflict": {
    en: "The network shows two histories and has stopped: tell those who run it.",
    fr: "Le réseau montre deux histoires et s’est arrêté : prévenez ceux qui s’en occupent.",
  },
};

export const MONEY_ERRORS: ErrorTexts = { ...CONTRACTS, ...PAYMENTS, ...LEDGER };
