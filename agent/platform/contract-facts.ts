/** What a party states about the world for an open contract, and what the others have stated. */
import { MAX_PREIMAGE_BYTES } from "../../protocols/contract/bounds.ts";
import { openFact, signFact } from "../../protocols/contract/facts.ts";
import type { Fact } from "../../protocols/contract/facts.ts";
import { readFactOf } from "../../protocols/contract/negotiation-facts.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { FACT_TIME_AHEAD_MS } from "../../protocols/contract/observe.ts";
import {
  bodyValues,
  fulfilling,
  requireBody,
  requireSignable,
  toCountersign,
} from "../../protocols/contract/signable.ts";
import type { SignableFact } from "../../protocols/contract/signable.ts";
import { OPENED, VOUCHER } from "../../protocols/contract/templates/fact-kinds.ts";
import { partyByIdentity } from "../../protocols/contract/terms.ts";
import type { Observation, When } from "../../protocols/contract/terms.ts";
import { isoTime } from "../../protocols/calendar.ts";
import { equalBytes, fromBase64Url, fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Crypto, Random, Signer, TimeMs } from "../../protocols/ports.ts";
import { optionInvalid } from "./option-values.ts";

/** What the contract waits in, and who states something for it. */
export interface Stating {
  signer: Signer;
  one: Negotiation;
  step: When;
  /** The signer's. */
  role: string;
  nowMs: TimeMs;
}

/**
 * Signs what the step waits for, or the same as another. Errors: contract-not-expected, contract-too-early,
 * contract-too-late, fact-invalid, option-invalid, signature-*.
 */
export function signedFact(
  { crypto, random }: { crypto: Crypto; random: Random },
  around: Stating,
  kind: string,
  values: CborValue[] | undefined,
  given: Uint8Array | undefined,
): { bytes: Uint8Array; other: Fact | undefined } {
  const { signer, one, step, role, nowMs } = around;
  if (kind === VOUCHER) {
    const problem = "vouchers are signed by `segment wallet tab pay`, which keeps count of them";
    throw new SegmentError("contract-not-expected", problem, { where: kind });
  }
  const signable = requireSignable(step, role, kind, nowMs);
  const other =
    given === undefined
      ? toCountersign(keptFacts(crypto, one), signable, contractOf(one), signer.publicKey)
      : sameAsOthers(crypto, around, signable, given);
  const body = values ?? other?.body ?? usualBody(random, kind, step);
  const content = { kind, subject: one.termsId, timeMs: nowMs, body };
  requireBody(content);
  return { bytes: signFact(signer, content), other };
}

/** Another's fact, which this agent may sign too. Errors: fact-invalid, contract-too-*, signature-*. */
export function sameAsOthers(
  crypto: Crypto,
  { signer, one, nowMs }: Pick<Stating, "signer" | "one" | "nowMs">,
  { kind, roles, fromMs, untilMs }: SignableFact,
  bytes: Uint8Array,
): Fact {
  const other = readFactOf(crypto, one, bytes);
  const stater = partyByIdentity(one.terms, other.signer)?.role ?? "";
  const invalid = (problem: string): SegmentError =>
    new SegmentError("fact-invalid", problem, { where: kind });
  if (other.kind !== kind) throw invalid(`it is a "${other.kind}" fact, not a "${kind}"`);
  if (toHex(other.signer) === toHex(signer.publicKey)) throw invalid("it is signed by this agent itself");
  if (!roles.includes(stater))
    throw invalid(`it is signed by the ${stater}; the contract asks the ${roles.join(" and the ")}`);
  requireBody(other);
  const at = isoTime(other.timeMs);
  if (other.timeMs < fromMs || other.timeMs > nowMs + FACT_TIME_AHEAD_MS)
    throw new SegmentError("contract-too-early", `it is of ${at}, before it counts or ahead of the clock`);
  if (other.timeMs > untilMs)
    throw new SegmentError("contract-too-late", `it is of ${at}, and counts until ${isoTime(untilMs)}`);
  return other;
}

/** What a body holds that the person has not given. Errors: option-invalid. */
function usualBody(random: Random, kind: string, step: When): CborValue[] {
  // There is no session between two homes: what stands for it is fresh.
  if (kind === OPENED) return [step.label, random.bytes(32)];
  const values = bodyValues(kind) ?? [];
  if (values.length === 0) return [];
  throw optionInvalid("--value", `one each for ${values.join(", ")}`, "nothing");
}

/** Of what somebody may show in this step, such as the key of data: SHA-256 of each. */
export function awaitedDigests(step: When): Uint8Array[] {
  return step.cases.flatMap((one) => (one.kind === "facts" ? digestsIn(one.condition) : []));
}

function digestsIn(condition: Observation): Uint8Array[] {
  switch (condition.kind) {
    case "hash":
      return [condition.digest];
    case "and":
      return condition.all.flatMap(digestsIn);
    case "or":
      return condition.any.flatMap(digestsIn);
    default:
      return [];
  }
}

/**
 * The bytes that a person has pasted: hexadecimal, or base64url. Errors: contract-not-expected (the step
 * waits for nothing that is shown), fact-invalid (it is not what the contract was signed for).
 */
export function shownSecret(crypto: Crypto, step: When, pasted: string): Uint8Array {
  const awaited = awaitedDigests(step);
  if (awaited.length === 0)
    throw new SegmentError("contract-not-expected", "the contract does not wait for a key now");
  const fits = (bytes: Uint8Array): boolean => {
    const digest = crypto.sha256(bytes);
    return bytes.length <= MAX_PREIMAGE_BYTES && awaited.some((one) => equalBytes(one, digest));
  };
  const text = pasted.replace(/\s/g, "");
  for (const read of [fromHex, fromBase64Url]) {
    const bytes = attempt(() => read(text));
    if (bytes !== undefined && fits(bytes)) return bytes;
  }
  throw new SegmentError("fact-invalid", "its SHA-256 is not the one in the terms", { where: "key" });
}

function attempt(read: () => Uint8Array): Uint8Array | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function keptFacts(crypto: Crypto, { facts }: Pick<Negotiation, "facts">): Fact[] {
  return [...facts.values()].map((bytes) => openFact(crypto, bytes));
}

function contractOf({ termsId, terms }: Negotiation) {
  return { id: termsId, terms };
}

/** Of the facts that are kept, those that fulfil the step now. */
export function keptEvidence(
  crypto: Crypto,
  { one, step, nowMs }: Pick<Stating, "one" | "step" | "nowMs">,
): Fact[] | undefined {
  return fulfilling(crypto, contractOf(one), step, keptFacts(crypto, one), nowMs);
}
