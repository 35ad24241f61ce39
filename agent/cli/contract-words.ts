/** What the contract commands say around the terms, in the languages of the terms. */
import type { TextLanguage } from "../../protocols/contract/text.ts";

export interface ContractWords {
  /** `role` comes with its article: "the buyer". */
  signs(role: string): string;
  depositsNothing: string;
  deposits(amounts: string, byItself: boolean): string;
  mandate(by: string, cap: string, total: string): string;
  takenOut: string;
  putIn: string;
  same: string;
  question: string;
  contract(id: string, template: string, role: string): string;
  holds(amounts: string): string;
  nothing: string;
  ended: string;
  youCan: string;
  lastKnown(label: string, time: string): string;
  notSigned(id: string): string;
}

export const CONTRACT_WORDS: Readonly<Record<TextLanguage, ContractWords>> = {
  en: {
    signs: (role) => `You sign as ${role}.`,
    depositsNothing: "Nothing is deposited by you.",
    deposits: (amounts, byItself) =>
      `Your account deposits at most ${amounts}: ` +
      (byItself
        ? "the running agent does so by itself once all have signed and the contract waits for it."
        : "when you say so (segment contract act ID deposit)."),
    mandate: (by, cap, total) =>
      `You let ${by} charge your account at most ${cap} in each period, ${total} in all.`,
    takenOut: "Taken out:",
    putIn: "Put in:",
    same: "The sentences are the same.",
    question: "Sign? [y/N] ",
    contract: (id, template, role) => `Contract ${id} (${template}); you are ${role}.`,
    holds: (amounts) => `It holds ${amounts}.`,
    nothing: "nothing",
    ended: "It has ended.",
    youCan: "You can now:",
    lastKnown: (label, time) => `Last known: "${label}" at ${time}.`,
    notSigned: (id) => `Not signed yet: ${id}`,
  },
  fr: {
    signs: (role) => `Vous signez pour ${role}.`,
    depositsNothing: "Vous ne déposez rien.",
    deposits: (amounts, byItself) =>
      `Votre compte dépose au plus ${amounts} : ` +
      (byItself
        ? "l’agent en marche le fait de lui-même quand tous ont signé et que le contrat l’attend."
        : "quand vous le direz (segment contract act ID deposit)."),
    mandate: (by, cap, total) =>
      `Vous laissez ${by} prélever sur votre compte au plus ${cap} par période, ${total} en tout.`,
    takenOut: "Retiré :",
    putIn: "Ajouté :",
    same: "Les phrases sont les mêmes.",
    question: "Signer ? [o/N] ",
    contract: (id, template, role) => `Contrat ${id} (${template}) ; vous êtes ${role}.`,
    holds: (amounts) => `Il contient : ${amounts}.`,
    nothing: "rien",
    ended: "Il est terminé.",
    youCan: "Vous pouvez maintenant :",
    lastKnown: (label, time) => `Dernier état connu : « ${label} », ${time}.`,
    notSigned: (id) => `Pas encore signé : ${id}`,
  },
};

/** What `contract fact` and `contract status` say of statements. */
export interface FactWords {
  signed(text: string): string;
  stated: string;
  kept(text: string, time: string): string;
  canState: string;
  none: string;
  /** When such a fact counts. */
  counts(from: string | undefined, until: string): string;
  /** Of facts that others must sign too. */
  alike(others: readonly string[]): string;
  enough: string;
}

export const FACT_WORDS: Readonly<Record<TextLanguage, FactWords>> = {
  en: {
    signed: (text) => `Signed: ${text}`,
    stated: "Stated so far:",
    kept: (text, time) => `${text} (${time})`,
    canState: "You can state, as it is:",
    none: "The contract waits for no statement of yours now.",
    counts: (from, until) => `It counts ${from === undefined ? "" : `from ${from} `}until ${until}.`,
    alike: (others) => `It takes the same from: ${others.join(", ")}.`,
    enough: "What has been stated is enough:",
  },
  fr: {
    signed: (text) => `Signé : ${text}`,
    stated: "Attesté jusqu’ici :",
    kept: (text, time) => `${text} (${time})`,
    canState: "Vous pouvez attester, si c’est le cas :",
    none: "Le contrat n’attend aucune attestation de vous maintenant.",
    counts: (from, until) =>
      from === undefined ? `Cela compte jusqu’au ${until}.` : `Cela compte du ${from} au ${until}.`,
    alike: (others) => `Il faut la même attestation de : ${others.join(", ")}.`,
    enough: "Ce qui est attesté suffit :",
  },
};
