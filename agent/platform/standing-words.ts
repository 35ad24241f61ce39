/** How a contract stands, in a list. */
import type { NegotiationStatus } from "../../protocols/contract/negotiation-state.ts";
import type { TextLanguage } from "../../protocols/contract/text.ts";

export const STANDING_TEXT: Readonly<
  Record<TextLanguage, Readonly<Record<NegotiationStatus | "closed", string>>>
> = {
  en: {
    "waits-for-you": "waits for your signature",
    "waits-for-others": "signed by you, waits for the others",
    agreed: "signed by all, to be opened",
    opened: "open",
    closed: "has ended",
    replaced: "replaced by a counter-offer",
    declined: "declined",
    expired: "expired",
  },
  fr: {
    "waits-for-you": "attend votre signature",
    "waits-for-others": "signé par vous, attend les autres",
    agreed: "signé par tous, à ouvrir",
    opened: "ouvert",
    closed: "terminé",
    replaced: "remplacé par une contre-offre",
    declined: "refusé",
    expired: "expiré",
  },
};
