/** `segment contract fact`: what a party's home states about the world, for the contract and the others. */
import { writeFileSync } from "node:fs";
import { nodeCrypto as crypto, nodeRandom } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { keptEvidence, keptFacts, signedFact } from "../platform/contract-facts.ts";
import { openFact } from "../../protocols/contract/facts.ts";
import type { Fact } from "../../protocols/contract/facts.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { bodyValues, signableFacts } from "../../protocols/contract/signable.ts";
import { VOUCHER } from "../../protocols/contract/templates/fact-kinds.ts";
import { partyByIdentity } from "../../protocols/contract/terms.ts";
import type { When } from "../../protocols/contract/terms.ts";
import { factText, plainFormat, roleName } from "../../protocols/contract/text.ts";
import type { TextLanguage } from "../../protocols/contract/text.ts";
import { isoTime } from "../../protocols/calendar.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
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
import { languageOf, loadHome, readFileBounded } from "./options.ts";
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
    const { bytes, other } = signedFact(
      { crypto, random: nodeRandom },
      { ...around, signer: home.keys.signer },
      kind,
      flags.value?.map(valueOf),
      given,
    );
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

/** An integer, bytes after "hex:", or a text. */
function valueOf(text: string): CborValue {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  if (/^hex:([0-9a-f]{2})*$/.test(text)) return fromHex(text.slice(4));
  return text;
}

// ---------------------------------------------------------------- what is known

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
    kept: keptFacts(crypto, one).map((known) => {
      return { kind: known.kind, role: signerRole(one, known), time: isoTime(known.timeMs) };
    }),
    enough: keptEvidence(crypto, around) !== undefined,
  };
}

/** For people: what has been stated, what this party can state, and whether it is enough. */
export function factLines(around: Around, language: TextLanguage): string[] {
  const { one, step, role } = around;
  const words = FACT_WORDS[language];
  const format = plainFormat(language);
  const time = (timeMs: number): string => format.time(timeMs);
  const width = terminalWidth();
  const kept = keptFacts(crypto, one).flatMap((known) => {
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
    ...(keptEvidence(crypto, around) === undefined
      ? []
      : [words.enough, `  segment contract claim ${shortId(one)}`]),
  ];
}

function tell(flags: FactFlags, around: Around, bytes: Uint8Array, missing: readonly string[]): void {
  const { home, one, role } = around;
  const language = languageOf(flags.lang);
  const signed = openFact(crypto, bytes);
  const enough = keptEvidence(crypto, around) !== undefined;
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
