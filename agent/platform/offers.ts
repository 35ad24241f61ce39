/** Terms made from a template's parameters, in the words of an agent's owner: names, codes, major units. */
import { z } from "zod";
import { MAX_PARAMS_LENGTH } from "../../protocols/contract/negotiation-messages.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { party as partyField } from "../../protocols/contract/templates/fields.ts";
import { templateOf, termsFromParams } from "../../protocols/contract/templates/index.ts";
import type { Json } from "../../protocols/contract/templates/index.ts";
import type { Commission } from "../../protocols/contract/templates/services.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Card } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Random, TimeMs } from "../../protocols/ports.ts";
import { optionInvalid } from "./option-values.ts";

/** What terms take from a party's card, and what people call it. */
type Person = Pick<Card, "identity" | "root" | "name">;

/** Who makes an offer, and what is known around him. */
export interface OfferMaker {
  self: Person;
  /** By id. */
  people: ReadonlyMap<string, Person>;
  network: NetworkDescription;
  currencies: readonly DocumentCurrency[];
  nowMs: TimeMs;
  random: Random;
}

/**
 * Errors: option-invalid, card-invalid (nobody has shown the card of a party that is named by its id),
 * currency-unknown, amount-*, terms-*.
 */
export function makeTerms(
  maker: OfferMaker,
  template: string,
  params: Record<string, Json>,
): { terms: Terms; shared: string } {
  const { self, people, network, currencies, nowMs, random } = maker;
  const commission = commissionOf(network);
  const called = new Map<string, string>();
  const terms = termsFromParams(template, params, {
    network: network.network,
    ...(commission === undefined ? {} : { commission }),
    nowMs,
    nonce: random.bytes(16),
    party: (name) => {
      const card = findPerson(self, people, name);
      if (card === undefined && /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/.test(name)) {
        const problem = `no card of ${name} is known here: its agent must have been there once (segment run)`;
        throw new SegmentError("card-invalid", problem, { where: name });
      }
      if (card === undefined) return undefined;
      called.set(name, agentId(card.identity));
      return { identity: card.identity, account: card.root };
    },
    currency: (name) => {
      const found = currencies.filter(({ id, code }) => name === id || name === code);
      const [one, ...others] = found;
      if (others.length === 0) return one;
      const ids = found.map(({ id }) => id).join(", ");
      throw optionInvalid("currency", `one id where ${found.length} currencies share a code: ${ids}`, name);
    },
  });
  return { terms, shared: shareable(template, params, called) };
}

/** The parameters with ids for names: these are the owner's own. Empty if they are too many. */
function shareable(
  template: string,
  params: Record<string, Json>,
  called: ReadonlyMap<string, string>,
): string {
  const { fields } = templateOf(template);
  const named = Object.entries(params).map(([name, value]): [string, Json] => {
    const isParty = Object.hasOwn(fields, name) && fields[name]?.kind === partyField.kind;
    return [name, (isParty && typeof value === "string" ? called.get(value) : undefined) ?? value];
  });
  const text = JSON.stringify(Object.fromEntries(named));
  return text.length <= MAX_PARAMS_LENGTH ? text : "";
}

/** Another currency in which the maker of an offer takes the same, and for how much; in major units. */
const acceptedSchema = z.strictObject({
  /** Its id. */
  currency: z.string().min(1).max(64),
  price: z.string().max(32),
  deposit: z.string().max(32),
  cancelFee: z.string().max(32),
});
export type AcceptedMoney = z.infer<typeof acceptedSchema>;

/** Beside the parameters, and no parameter itself. */
const ACCEPTED = "accepts";
const MOST_ACCEPTED = 8;

/** What was shared, with the other currencies that are accepted; without them if they are too many. */
export function withAccepted(shared: string, accepted: readonly AcceptedMoney[]): string {
  if (shared === "" || accepted.length === 0) return shared;
  const text = JSON.stringify({ ...(JSON.parse(shared) as object), [ACCEPTED]: accepted });
  return text.length <= MAX_PARAMS_LENGTH ? text : shared;
}

/** In which other currencies the maker says that it accepts the same: its word, and not the contract's. */
export function acceptedMoney(one: Pick<Negotiation, "params">): AcceptedMoney[] {
  const parsed = z.array(acceptedSchema).max(MOST_ACCEPTED).safeParse(saidParams(one)[ACCEPTED]);
  return parsed.success ? parsed.data : [];
}

/** What the other side has said that the terms were made from; they are made anew, whatever it says. */
export function sharedParams(one: Pick<Negotiation, "params">): Record<string, Json> {
  const { [ACCEPTED]: _, ...params } = saidParams(one);
  return params;
}

function saidParams({ params }: Pick<Negotiation, "params">): Record<string, Json> {
  try {
    const value: unknown = JSON.parse(params);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, Json>;
  } catch {
    // None came with it.
  }
  return {};
}

/** The agent that a person calls so: by its id, by the name on its card, or "me". Errors: option-invalid. */
function findPerson(self: Person, people: ReadonlyMap<string, Person>, name: string): Person | undefined {
  if (name === "me") return self;
  const byId = people.get(name.replace(/^did:key:/, ""));
  if (byId !== undefined) return byId;
  const named = [...people.values()].filter((card) => card.name === name);
  if (named.length < 2) return named[0];
  const ids = named.map(({ identity }) => agentId(identity)).join(", ");
  throw optionInvalid(
    "a party",
    `one id where ${named.length} agents call themselves "${name}": ${ids}`,
    name,
  );
}

/** What the network keeps of the fees of services that join, if its genesis says so. */
export function commissionOf({ commission }: NetworkDescription): Commission | undefined {
  return commission && { account: publicKeyFromId(commission.account), ppm: commission.ppm };
}
