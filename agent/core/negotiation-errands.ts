/** For whom negotiations wait: those who lack something, and those whose word this agent waits for. */
import { owedTo } from "../../protocols/contract/negotiation.ts";
import { factOwedTo } from "../../protocols/contract/negotiation-facts.ts";
import { partiesOf } from "../../protocols/contract/negotiation-state.ts";
import { NEGOTIATION_PURPOSE } from "./negotiation-ble.ts";
import type { Negotiator } from "./negotiator.ts";
import type { Errand } from "./radio-caller.ts";

/** How long the broker may take to carry it. */
const BROKER_MS = 4_000;

/**
 * Without a network also those who may have something to say to this agent: they may be found only, and
 * cannot call.
 */
export function negotiationErrands(negotiator: Negotiator, self: string, isOnline: boolean): Errand[] {
  const waiting = new Map<string, string[]>();
  const add = (peer: string, what: string): void => {
    waiting.set(peer, [...(waiting.get(peer) ?? []), what]);
  };
  for (const [termsId, one] of negotiator.all) {
    const status = negotiator.statusOf(one);
    const isLive = status === "agreed" || status === "declined" || status.startsWith("waits-");
    for (const peer of partiesOf(one.terms).filter((id) => id !== self)) {
      const owed = (isLive ? owedTo(one, peer, self) : undefined) ?? factOwedTo(one, peer, self);
      const asks = !isOnline && status === "waits-for-others" && !one.signatures.has(peer);
      if (owed !== undefined) add(peer, `${owed.kind} ${termsId} ${one.signatures.size} ${one.facts.size}`);
      else if (asks) add(peer, `word ${termsId}`);
    }
  }
  const graceMs = isOnline ? BROKER_MS : 0;
  return [...waiting].map(([peer, what]) => {
    return { peer, purpose: NEGOTIATION_PURPOSE, isUrgent: false, stamp: what.sort().join(), graceMs };
  });
}
