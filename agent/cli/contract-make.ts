/** `segment contract templates | propose | counter`: terms from a template, signed and sent to the others. */
import { nodeRandom, systemClock } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { meet } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import { makeTerms, sharedParams } from "../platform/offers.ts";
import type { OfferMaker } from "../platform/offers.ts";
import { missingSigners } from "../../protocols/contract/negotiation-state.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { TEMPLATES, templateOf } from "../../protocols/contract/templates/index.ts";
import type { Json } from "../../protocols/contract/templates/index.ts";
import { encodeTerms, partyByIdentity } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Card } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { agreeTo } from "./contract-consent.ts";
import type { DecisionFlags } from "./contract-consent.ts";
import {
  carrierText,
  currenciesOf,
  delivered,
  formatOf,
  negotiatorOf,
  peopleOf,
  perhapsOnline,
  personText,
  pick,
  shortId,
  storeOf,
} from "./contract-home.ts";
import type { ContractFlags } from "./contract-home.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import { languageOf, loadHome, networkOf, optionInvalid, readFileBounded } from "./options.ts";
import type { JsonFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import type { CurrencyName } from "./visit.ts";

const MAX_PARAMS_BYTES = 64 * 1024;

export interface ProposeFlags extends DecisionFlags {
  params?: string;
  set?: string[];
  note?: string;
}

// ---------------------------------------------------------------- templates

export function templates(name: string | undefined, flags: JsonFlags & { lang: string }): void {
  const language = languageOf(flags.lang);
  const width = terminalWidth();
  if (name === undefined) {
    if (flags.json === true) {
      printDocument({
        templates: TEMPLATES.map((one) => ({ name: one.name, version: one.version, ...one.purpose })),
      });
      return;
    }
    const widest = Math.max(...TEMPLATES.map((one) => one.name.length));
    for (const one of TEMPLATES) {
      for (const line of paragraph(one.purpose[language], width, `${one.name.padEnd(widest)}  `)) print(line);
    }
    return;
  }
  const template = templateOf(name);
  // Parameters to be redirected into a file and filled in.
  const example = template.example(systemClock.now());
  if (flags.json === true) {
    const fields = Object.entries(template.fields).map(([field, { kind, optional }]) => ({
      field,
      kind,
      optional,
    }));
    printDocument({ name: template.name, version: template.version, ...template.purpose, fields, example });
    return;
  }
  print(JSON.stringify(example, undefined, 2));
  for (const line of paragraph(template.purpose[language], width)) say(line);
  for (const [field, { kind, optional }] of Object.entries(template.fields)) {
    for (const line of paragraph(`${kind}${optional ? " (may be left out)" : ""}`, width, `  ${field}: `))
      say(line);
  }
}

// ---------------------------------------------------------------- propose and counter

export async function propose(name: string, flags: ProposeFlags): Promise<void> {
  const template = templateOf(name);
  if (flags.params === undefined && flags.set === undefined)
    throw optionInvalid(
      "--params",
      `a JSON file (see: segment contract templates ${template.name})`,
      "nothing",
    );
  const home = await loadHome(flags);
  await offer(home, flags, template.name, paramsOf(flags, {}), undefined);
}

export async function counter(idText: string, flags: ProposeFlags): Promise<void> {
  const home = await loadHome(flags);
  const store = storeOf(home);
  const replaced = pick(store.loadAll(), idText);
  const [name = ""] = replaced.terms.template.split("/");
  if (flags.params === undefined && flags.set === undefined)
    throw optionInvalid(
      "--set",
      "what is to be different, such as price=20.00 (or --params FILE)",
      "nothing",
    );
  await offer(home, flags, templateOf(name).name, paramsOf(flags, sharedParams(replaced)), replaced);
}

function paramsOf({ params, set = [] }: ProposeFlags, base: Record<string, Json>): Record<string, Json> {
  const all = params === undefined ? structuredClone(base) : jsonFile(params);
  for (const assignment of set) {
    const [path = "", ...rest] = assignment.split("=");
    if (rest.length === 0 || path === "") throw optionInvalid("--set", "name=value", assignment);
    assign(all, path.split("."), rest.join("="));
  }
  return all;
}

function jsonFile(path: string): Record<string, Json> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(readFileBounded(path, MAX_PARAMS_BYTES)));
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, Json>;
  } catch (cause) {
    if (cause instanceof SegmentError) throw cause;
    throw new SegmentError("option-invalid", `${path} is not JSON: ${(cause as Error).message}`, {
      where: path,
    });
  }
  throw new SegmentError("option-invalid", `${path} holds no object in { }`, { where: path });
}

/** "price" or "services.insurer.fee"; an empty value takes the name out. */
function assign(all: Record<string, Json>, path: readonly string[], text: string): void {
  const [name = "", ...deeper] = path;
  if (deeper.length > 0) {
    const inner = Object.hasOwn(all, name) ? all[name] : undefined;
    const next = typeof inner === "object" && !Array.isArray(inner) ? inner : {};
    assign(next, deeper, text);
    set(all, name, next);
  } else if (text === "") delete all[name];
  else set(all, name, valueOf(text));
}

/** As an own property, whatever the name is. */
function set(all: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(all, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Amounts and times are texts; what looks like JSON beyond that is. */
function valueOf(text: string): Json {
  if (text !== "true" && text !== "false" && !/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw optionInvalid("--set", "JSON after name= where it begins with [ or {", text);
  }
}

async function offer(
  home: Home,
  flags: ProposeFlags,
  template: string,
  params: Record<string, Json>,
  replaced: Negotiation | undefined,
): Promise<void> {
  const language = languageOf(flags.lang);
  const store = storeOf(home);
  await perhapsOnline(flags, home, async (client) => {
    const currencies = await currenciesOf(home, client, replaced);
    const people = await everybody(home, client, params);
    const made = makeTerms(makerOf(home, client, people, currencies), template, params);
    const format = formatOf(language, currencies);
    const own = requireOwn(made.terms, home);
    await agreeTo({ ...made, replaced, own, home, flags, format, language, people });
    const negotiator = negotiatorOf(home, store, client);
    try {
      const { note = "", deposit: mayDeposit } = flags;
      const replaces = replaced?.termsId ?? null;
      const { terms, shared } = made;
      const one = negotiator.propose({
        terms: encodeTerms(terms),
        replaces,
        note,
        params: shared,
        mayDeposit,
      });
      if (client !== undefined) negotiator.start();
      const missing = client === undefined ? missingSigners(one) : await delivered(negotiator, one, home);
      told(home, flags, one, missing, people);
    } finally {
      negotiator.close();
    }
  });
}

/** Those who are named by id introduce themselves, if they are there. */
async function everybody(
  home: Home,
  client: Client | undefined,
  params: Record<string, Json>,
): Promise<Map<string, Card>> {
  const people = peopleOf(home);
  if (client === undefined) return people;
  const ids = new Set(JSON.stringify(params).match(/z6Mk[1-9A-HJ-NP-Za-km-z]{44}/g) ?? []);
  const unknown = [...ids].filter((id) => !people.has(id)).slice(0, 8);
  await Promise.all(unknown.map((id) => meet(client, id)));
  for (const id of unknown) {
    const card = client.connection.messenger.cardOf(id);
    if (card !== undefined) people.set(id, card);
  }
  return people;
}

function makerOf(
  home: Home,
  client: Client | undefined,
  people: ReadonlyMap<string, Card>,
  currencies: readonly CurrencyName[],
): OfferMaker {
  const nowMs = (client?.connection.clock ?? systemClock).now();
  return { self: home.card, people, network: networkOf(home), currencies, nowMs, random: nodeRandom };
}

function requireOwn(terms: Terms, home: Home): string {
  const own = partyByIdentity(terms, home.card.identity);
  if (own !== undefined) return own.role;
  throw new SegmentError("offer-foreign", "the parameters do not name this agent as a party (write: me)");
}

function told(
  home: Home,
  flags: ContractFlags,
  one: Negotiation,
  missing: readonly string[],
  people: ReadonlyMap<string, Card>,
): void {
  const { terms, termsId, replaces } = one;
  if (flags.json === true) {
    printDocument({
      termsId: toHex(termsId),
      template: terms.template,
      replaces: replaces === null ? null : toHex(replaces),
      offerExpires: new Date(terms.offerExpires).toISOString(),
      host: { notReached: missing },
    });
    return;
  }
  const kind = replaces === null ? "Offer" : "Counter-offer";
  print(`${kind} ${shortId(one)} is signed by this agent.`);
  for (const { identity } of terms.parties) {
    const id = agentId(identity);
    if (id === home.id) continue;
    const has = missing.includes(id) ? `has not answered yet; ${carrierText(home)}` : "has it";
    for (const line of paragraph(`${personText(people, home, id)} ${has}`, terminalWidth(), "  "))
      print(line);
  }
}
