/**
 * What parties say to each other before a contract is open, and the facts that they state in it. Over MQTT
 * these travel sealed and signed (protocols/messaging), over BLE inside the Noise session; either way the
 * receiver knows who speaks.
 */
import { z } from "zod";
import { encodeMessage } from "../encoding/messages.ts";
import { parseBody } from "../messaging/schemas.ts";
import { MAX_KEPT_FACTS, MAX_PARTIES, MAX_TERMS_BYTES } from "./bounds.ts";
import { MAX_FACT_BYTES } from "./facts.ts";
import { UNREADABLE } from "./terms.ts";

/** Characters of a note, and of the reason for declining. */
export const MAX_NOTE_LENGTH = 280;
/** Characters of the parameters that a template was filled in with. */
export const MAX_PARAMS_LENGTH = 4_096;

const bytes = (min: number, max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `expected ${min} to ${max} bytes`,
  );
const id32 = bytes(32, 32);
const signature = bytes(1, 512);
const agent = z.string().regex(/^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/, "expected an id z6Mk…");
const code = z.string().regex(/^[a-z][a-z-]{0,31}$/, "expected a code");
/** Shown to the person as it is: nothing in it may hide or move what stands beside it. */
const line = z
  .string()
  .max(MAX_NOTE_LENGTH)
  .refine((text) => !UNREADABLE.test(text), "holds control characters or changes of direction");

/** Bodies by kind. */
export const NEGOTIATION_SCHEMAS = {
  /** Terms to sign, with the signatures that there are; the sender's is among them. */
  "contract-offer": z.strictObject({
    terms: bytes(1, MAX_TERMS_BYTES),
    signatures: z.array(signature).min(1).max(MAX_PARTIES),
    /** The version that this one is to take the place of. */
    replaces: id32.nullable(),
    note: line,
    /** The template's parameters as JSON, so that whoever gets the offer can change one and counter. */
    params: z.string().max(MAX_PARAMS_LENGTH),
  }),
  /** Another signature under terms that the receiver has. */
  "contract-signature": z.strictObject({ termsId: id32, signature }),
  "contract-decline": z.strictObject({ termsId: id32, code, text: line }),
  /** What its sender states, once all have signed: evidence that the others may hand in, or sign too. */
  "contract-fact": z.strictObject({ termsId: id32, fact: bytes(1, MAX_FACT_BYTES) }),
  /**
   * The answer to each of the others: what its sender holds of these terms now, so that nobody repeats
   * what has arrived. `refused` says why it takes none of it.
   */
  "contract-held": z.strictObject({
    termsId: id32,
    signers: z.array(agent).max(MAX_PARTIES),
    /** Who has declined. */
    decliners: z.array(agent).max(MAX_PARTIES),
    /** SHA-256 of each fact that it keeps. */
    facts: z.array(id32).max(MAX_KEPT_FACTS),
    refused: code.nullable(),
  }),
} as const;

export type NegotiationKind = keyof typeof NEGOTIATION_SCHEMAS;
export type NegotiationBody<K extends NegotiationKind> = z.output<(typeof NEGOTIATION_SCHEMAS)[K]>;
export type NegotiationMessage = {
  [K in NegotiationKind]: { kind: K; body: NegotiationBody<K> };
}[NegotiationKind];
export type Held = NegotiationBody<"contract-held">;

export function isNegotiationKind(kind: string): kind is NegotiationKind {
  return Object.hasOwn(NEGOTIATION_SCHEMAS, kind);
}

/** Throws `message-invalid`. */
export function readNegotiationMessage(kind: NegotiationKind, body: Uint8Array): NegotiationMessage {
  return { kind, body: parseBody(NEGOTIATION_SCHEMAS[kind], body) } as NegotiationMessage;
}

export function encodeNegotiationMessage(message: NegotiationMessage): Uint8Array {
  return encodeMessage(message.body);
}
