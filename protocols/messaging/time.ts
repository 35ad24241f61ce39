/**
 * What time is it? An agent whose clock may be wrong asks all notaries in public, because
 * it may know no way to any of them; each answers it in a sealed message.
 *
 * The question's nonce is what makes an answer fresh: dates mean nothing to somebody who
 * does not know the time. The question shows the asker's card, so that an answer can be
 * sealed for it.
 *
 * Question, cast on the channel "presence": COSE_Sign1, label "timeQuestion", over
 * [1, network, nonce (16), card]. Answer, kind "time": see `timeAnswerSchema`.
 */
import { z } from "zod";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto, Signer } from "../ports.ts";

/** Of the answer. */
export const TIME_KIND = "time";
export const TIME_NONCE_BYTES = 16;

const MAX_CARD_BYTES = 1024;
/** A question is about 500 bytes. */
const MAX_QUESTION_BYTES = 2048;

/** So that whatever is added to a time stays a number. */
const YEAR_10000_MS = 253_402_300_800_000;

/** `timeMs` is the notary's own time when it answers. */
export const timeAnswerSchema = z.strictObject({
  nonce: z.instanceof(Uint8Array).refine((value) => value.length === TIME_NONCE_BYTES, "expected 16 bytes"),
  timeMs: z.number().int().min(0).max(YEAR_10000_MS),
});

export interface TimeQuestion {
  /** Who asks, verified. */
  from: string;
  nonce: Uint8Array;
  /** What the asker shows as its card; still to be opened. */
  card: Uint8Array;
}

export function signTimeQuestion(
  signer: Signer,
  network: string,
  { nonce, card }: Omit<TimeQuestion, "from">,
): Uint8Array {
  return sign1("timeQuestion", encodeCbor([1, network, nonce, card]), signer);
}

/**
 * Throws `message-invalid` (too long, of another network), `signature-malformed`, `signature-invalid` and the
 * codes of the CBOR reader.
 */
export function openTimeQuestion(crypto: Crypto, network: string, bytes: Uint8Array): TimeQuestion {
  if (bytes.length > MAX_QUESTION_BYTES) {
    throw new SegmentError("message-invalid", `the question exceeds ${MAX_QUESTION_BYTES} bytes`, {
      where: "question",
    });
  }
  const { signer, payload } = verify1(crypto, "timeQuestion", bytes);
  const reader = FieldReader.fromBytes(payload, "time question");
  reader.int("version", { min: 1, max: 1 });
  const asked = reader.text("network", { max: 32 });
  const nonce = reader.bytes("nonce", { length: TIME_NONCE_BYTES });
  const card = reader.bytes("card", { max: MAX_CARD_BYTES });
  reader.end();
  if (asked !== network) {
    throw new SegmentError("message-invalid", "the question is of another network", { where: "network" });
  }
  return { from: agentId(signer), nonce, card };
}

/** Whether something was refused because of its date, and would not have been at another time. */
export function isAboutTime(error: unknown): boolean {
  if (!(error instanceof SegmentError)) return false;
  if (error.code === "card-expired") return true;
  if (error.code === "card-invalid") return error.where === "card.notBefore";
  return error.code === "message-invalid" && error.where === "timeMs";
}
