/** `segment contract fact`: what a party's home states about the world, for the contract and the others. */
import { writeFileSync } from "node:fs";
import { nodeCrypto as crypto, nodeRandom } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
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
  signableFacts,
  toCountersign,
} from "../../protocols/contract/signable.ts";
import type { SignableFact } from "../../protocols/contract/signable.ts";
import { OPENED, VOUCHER } from "../../protocols/contract/templates/fact-kinds.ts";
import { partyByIdentity } from "../../protocols/contract/terms.ts";
import type { When } from "../../protocols/contract/terms.ts";
import { factText, plainFormat, roleName } from "../../protocols/contract/text.ts";
import type { TextLanguage } from "../../protocols/contract/text.ts";
import { isoTime } from "../../protocols/calendar.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { SegmentError } from "../../protocols/errors.ts";
import {
  carrierText,
  delivered,
  negotiatorOf,
  peopleOf,
  personText,
  pick,
  roleIn,
  shortId,
  stepOf,
  storeOf,
} from "./contract-home.ts";
import type { ContractFlags } from "./contract-home.ts";
import { FACT_WORDS } from "./contract-words.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import { languageOf, loadHome, optionInvalid, readFileBounded } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { visitFrom } from "./visit.ts";

export const MAX_FACT_FILE_BYTES = 4_096;

export interface FactFlags extends ContractFlags {
  value?: string[];
  countersign?: string;
  out?: string;
}

/** What the contract waits in, and what is known about it here. */
interface Around {
  home: Home;
  one: Negotiation;
  step: When;
  role: string;
  nowMs: number;
}

export async function fact(idText: string, kind: string | undefined, flags: FactFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const home = await loadHome(flags);
  const store = storeOf(home);
  const one = pick(store.loadAll(), idText);
  const given =
    flags.countersign === undefined ? undefined : readFileBounded(flags.countersign, MAX_FACT_FILE_BYTES);
  await visitFrom(flags, home, async (client) => {
    const { step } = await stepOf(client, home, one);
    const around = { home, one, step, role: roleIn(one, home), nowMs: client.connection.clock.now() };
    if (kind === undefined) {
      if (flags.json === true)
        printDocument({ termsId: toHex(one.termsId), label: step.label, ...factsDocument(around) });
      else for (const line of factLines(around, language)) print(line);
      return;
    }
    const { bytes, other } = signedFact(around, kind, flags.value, given);
    if (flags.out !== undefined) {
      writeFileSync(flags.out, bytes);
      tell(flags, around, bytes, []);
      return;
    }
    const negotiator = negotiatorOf(home, store, client);
    try {
      if (!one.isOpened) negotiator.opened(one.termsId);
      if (other !== undefined) negotiator.state(one.termsId, other.bytes);
      negotiator.state(one.termsId, bytes);
      negotiator.start();
      const missing = await delivered(negotiator, one, home, "facts");
      tell(flags, { ...around, one: negotiator.get(one.termsId) }, bytes, missing);
    } finally {
      negotiator.close();
    }
  });
}

/**
 * Signs what the step waits for, or the same as another. Errors: contract-not-expected, contract-too-early,
 * contract-too-late, fact-invalid, option-invalid, signature-*.
 */
function signedFact(
  around: Around,
  kind: string,
  values: readonly string[] | undefined,
  given: Uint8Array | undefined,
): { bytes: Uint8Array; other: Fact | undefined } {
  const { home, one, step, role, nowMs } = around;
  if (kind === VOUCHER) {
    const problem = "vouchers are signed by `segment wallet tab pay`, which keeps count of them";
    throw new SegmentError("contract-not-expected", problem, { where: kind });
  }
  const signable = requireSignable(step, role, kind, nowMs);
  const other =
    given === undefined
      ? toCountersign(keptFacts(one), signable, contractOf(one), home.card.identity)
      : sameAsOthers(around, signable, given);
  const body = values?.map(valueOf) ?? other?.body ?? usualBody(kind, step);
  const content = { kind, subject: one.termsId, timeMs: nowMs, body };
  requireBody(content);
  return { bytes: signFact(home.keys.signer, content), other };
}

/** Another's fact, which this agent may sign too. Errors: fact-invalid, contract-too-*, signature-*. */
export function sameAsOthers(
  { home, one, nowMs }: Pick<Around, "home" | "one" | "nowMs">,
  { kind, roles, fromMs, untilMs }: SignableFact,
  bytes: Uint8Array,
): Fact {
  const other = readFactOf(crypto, one, bytes);
  const signer = partyByIdentity(one.terms, other.signer)?.role ?? "";
  const invalid = (problem: string): SegmentError =>
    new SegmentError("fact-invalid", problem, { where: kind });
  if (other.kind !== kind) throw invalid(`it is a "${other.kind}" fact, not a "${kind}"`);
  if (toHex(other.signer) === toHex(home.card.identity)) throw invalid("it is signed by this agent itself");
  if (!roles.includes(signer))
    throw invalid(`it is signed by the ${signer}; the contract asks the ${roles.join(" and the ")}`);
  requireBody(other);
  const at = isoTime(other.timeMs);
  if (other.timeMs < fromMs || other.timeMs > nowMs + FACT_TIME_AHEAD_MS)
    throw new SegmentError("contract-too-early", `it is of ${at}, before it counts or ahead of the clock`);
  if (other.timeMs > untilMs)
    throw new SegmentError("contract-too-late", `it is of ${at}, and counts until ${isoTime(untilMs)}`);
  return other;
}

/** What a body holds that the person has not given. Errors: option-invalid. */
function usualBody(kind: string, step: When): CborValue[] {
  // There is no session between two homes: what stands for it is fresh.
  if (kind === OPENED) return [step.label, nodeRandom.bytes(32)];
  const values = bodyValues(kind) ?? [];
  if (values.length === 0) return [];
  throw optionInvalid("--value", `one each for ${values.join(", ")}`, "nothing");
}

/** An integer, bytes after "hex:", or a text. */
function valueOf(text: string): CborValue {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  if (/^hex:([0-9a-f]{2})*$/.test(text)) return fromHex(text.slice(4));
  return text;
}

// ---------------------------------------------------------------- what is known

export function keptFacts({ facts }: Negotiation): Fact[] {
  return [...facts.values()].map((bytes) => openFact(crypto, bytes));
}

function contractOf({ termsId, terms }: Negotiation) {
  return { id: termsId, terms };
}

/** Of the facts that this home keeps, those that fulfil the step now. */
export function keptEvidence({ one, step, nowMs }: Omit<Around, "role" | "home">): Fact[] | undefined {
  return fulfilling(crypto, contractOf(one), step, keptFacts(one), nowMs);
}

function signerRole({ terms }: Negotiation, { signer }: Fact): string {
  return partyByIdentity(terms, signer)?.role ?? "";
}

/** For programs: which facts this party can sign now, which are kept, and whether these are enough. */
export function factsDocument(around: Around) {
  const { one, step, role } = around;
  return {
    waitsFor: signableFacts(step, role).map(({ kind, roles, signatures, fromMs, untilMs }) => {
      const times = { from: fromMs === 0 ? null : isoTime(fromMs), until: isoTime(untilMs) };
      return { kind, roles, signatures, ...times, values: bodyValues(kind) ?? null };
    }),
    kept: keptFacts(one).map((known) => {
      return { kind: known.kind, role: signerRole(one, known), time: isoTime(known.timeMs) };
    }),
    enough: keptEvidence(around) !== undefined,
  };
}

/** For people: what has been stated, what this party can state, and whether it is enough. */
export function factLines(around: Around, language: TextLanguage): string[] {
  const { one, step, role } = around;
  const words = FACT_WORDS[language];
  const format = plainFormat(language);
  const time = (timeMs: number): string => format.time(timeMs);
  const width = terminalWidth();
  const kept = keptFacts(one).flatMap((known) => {
    const text = factText(signerRole(one, known), known.kind, language);
    return paragraph(words.kept(text, time(known.timeMs)), width, "  - ");
  });
  const open = signableFacts(step, role).flatMap(({ kind, roles, signatures, fromMs, untilMs }) => {
    const command =
      kind === VOUCHER ? "segment wallet tab pay" : `segment contract fact ${shortId(one)} ${kind}`;
    const others = roles.filter((other) => other !== role).map((other) => roleName(other, language));
    const until = words.counts(fromMs === 0 ? undefined : time(fromMs), time(untilMs));
    const same = signatures > 1 ? ` ${words.alike(others)}` : "";
    const text = `${factText(role, kind, language)} ${until}${same}`;
    return [`  ${command}`, ...paragraph(text, width, "      ")];
  });
  return [
    ...(kept.length === 0 ? [] : [words.stated, ...kept]),
    ...(open.length === 0 ? [words.none] : [words.canState, ...open]),
    ...(keptEvidence(around) === undefined ? [] : [words.enough, `  segment contract claim ${shortId(one)}`]),
  ];
}

function tell(flags: FactFlags, around: Around, bytes: Uint8Array, missing: readonly string[]): void {
  const { home, one, role } = around;
  const language = languageOf(flags.lang);
  const signed = openFact(crypto, bytes);
  const enough = keptEvidence(around) !== undefined;
  if (flags.json === true) {
    const { kind, timeMs } = signed;
    const host = { time: isoTime(timeMs), notReached: missing, file: flags.out ?? null };
    printDocument({ termsId: toHex(one.termsId), kind, role, enough, host });
    return;
  }
  const words = FACT_WORDS[language];
  const width = terminalWidth();
  const people = peopleOf(home);
  for (const line of paragraph(words.signed(factText(role, signed.kind, language)), width)) print(line);
  if (flags.out !== undefined) print(`  ${flags.out}`);
  for (const id of missing) {
    const text = `${personText(people, home, id)} has not answered yet; ${carrierText(home)}`;
    for (const line of paragraph(text, width, "  ")) print(line);
  }
  if (enough) print(`${words.enough} segment contract claim ${shortId(one)}`);
}
