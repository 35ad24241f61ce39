/** What the screens say around contracts; what stands in them comes from the terms. */
import type { Texts } from "../language.ts";
import { RARE_FIELDS } from "./field-words.ts";

export interface DealWords {
  templates: Readonly<Record<string, string>>;
  /** Parameters that a counter-offer may change. */
  fields: Readonly<Record<string, string>>;
  thisPhone: string;
  signs(role: string): string;
  depositsNothing: string;
  deposits(amounts: string, byItself: boolean): string;
  mandate(by: string, cap: string, total: string): string;
  deposit(amount: string): string;
}

export const DEAL_WORDS: Texts<DealWords> = {
  en: {
    templates: {
      ...{ delivery: "Delivery", sale: "Sale", rental: "Rental", data: "Data", energy: "Energy", tab: "Tab" },
    },
    fields: {
      ...RARE_FIELDS.en,
      ...{ price: "Price", goods: "Goods", signBy: "To be signed by", shipBy: "To be shipped by" },
      ...{ inspectBy: "May be objected to until", arrival: "Arrival", departure: "Departure" },
      ...{ deposit: "Deposit", address: "Address", goodsPrice: "Price of the goods", landBy: "To land by" },
      ...{ deliveryFee: "Delivery fee", noShowFee: "Fee if nobody comes", removeBy: "To be taken by" },
      ...{
        noShowPenalty: "Penalty if nobody comes",
        disputedRefund: "Refund where word stands against word",
      },
      ...{ place: "Place", cancelFee: "Fee for cancelling", cancelBy: "May be cancelled until" },
      ...{ keyBy: "Key to be given by", approveBy: "To be approved by", stream: "Stream of data" },
    },
    thisPhone: "this phone",
    signs: (role) => `You sign as ${role}.`,
    depositsNothing: "Nothing is deposited by you.",
    deposits: (amounts, byItself) =>
      `Your account deposits at most ${amounts}, ` +
      (byItself ? "by itself once all have signed and the contract waits for it." : "when you say so."),
    mandate: (by, cap, total) =>
      `You let ${by} charge your account at most ${cap} in each period, ${total} in all.`,
    deposit: (amount) => `Deposit ${amount}`,
  },
  fr: {
    templates: {
      ...{ delivery: "Livraison", sale: "Vente", rental: "Location", data: "Données" },
      ...{ energy: "Énergie", tab: "Ardoise" },
    },
    fields: {
      ...RARE_FIELDS.fr,
      ...{ price: "Prix", goods: "Marchandise", signBy: "À signer avant", shipBy: "À expédier avant" },
      ...{ inspectBy: "Contestable jusqu’au", arrival: "Arrivée", departure: "Départ" },
      ...{
        deposit: "Caution",
        address: "Adresse",
        goodsPrice: "Prix de la marchandise",
        landBy: "Atterrir avant",
      },
      ...{
        deliveryFee: "Frais de livraison",
        noShowFee: "Frais si personne ne vient",
        removeBy: "À prendre avant",
      },
      ...{
        noShowPenalty: "Pénalité si personne ne vient",
        disputedRefund: "Remboursement parole contre parole",
      },
      ...{ place: "Lieu", cancelFee: "Frais d’annulation", cancelBy: "Annulable jusqu’au" },
      ...{ keyBy: "Clé à donner avant", approveBy: "À approuver avant", stream: "Flux de données" },
    },
    thisPhone: "ce téléphone",
    signs: (role) => `Vous signez pour ${role}.`,
    depositsNothing: "Vous ne déposez rien.",
    deposits: (amounts, byItself) =>
      `Votre compte dépose au plus ${amounts}, ` +
      (byItself ? "de lui-même quand tous ont signé et que le contrat l’attend." : "quand vous le direz."),
    mandate: (by, cap, total) =>
      `Vous laissez ${by} prélever sur votre compte au plus ${cap} par période, ${total} en tout.`,
    deposit: (amount) => `Déposer ${amount}`,
  },
};
