/**
 * Whether terms are safe to sign. Every contract ends, because it is a finite tree whose every `when`
 * has a deadline; checked besides, on every path:
 *
 * - deposits cover every payment at its upper bound, and nothing is left in the pot at the end;
 * - deadlines are in order (act, claim, refund), and each state is open after its predecessor ended, so
 *   that any party may vanish at any point and the others get out at a deadline;
 * - nobody is paid at once for what only his own side signed, and his own choice pays him no more than
 *   he put in. Otherwise another side must have had time to object (60 s at least);
 * - leaving evidence out never helps: `not` and `if` look at time only;
 * - a fact that one step has used is not asked for by a later one, where it could be shown again;
 * - an amount that depends on a fact is paid only where that fact is sure to be there.
 *
 * What a party wins or loses by objecting is for the person who signs to judge: `endings` lists it.
 */
import { SegmentError } from "../errors.ts";
import { explore } from "./explore.ts";
import type { Ending, Finding } from "./explore.ts";
import type { Terms } from "./terms.ts";

export type { Ending, EndingEvent, Finding, Payout } from "./explore.ts";
export { SHORTEST_DISPUTE_MS } from "./explore.ts";

/** Reasons not to sign decoded terms; none if they are safe. Never throws. */
export function checkTerms(terms: Terms): Finding[] {
  return explore(terms).findings;
}

/** Throws `terms-unsafe` with the first finding, and `where` in the contract it is. */
export function assertSafe(terms: Terms): void {
  const [first, ...others] = checkTerms(terms);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new SegmentError("terms-unsafe", `${first.where}: ${first.message}${more}`, { where: first.where });
}

/** Every way the contract can end, in the order of the tree, with what each role then has been paid. */
export function endings(terms: Terms): Ending[] {
  return explore(terms).endings;
}

/** What happened on the way to an ending, one short English phrase an event: for logs and traces. */
export function howItEnds(ending: Ending): string[] {
  return ending.events.map((event) => {
    switch (event.kind) {
      case "deposit":
        return `deposit by ${event.by}`;
      case "choice":
        return `${event.by} chooses ${event.name}`;
      case "facts":
        return `facts in ${event.label}`;
      case "timeout":
        return `${event.label} times out`;
      case "decision":
        return event.holds ? "in time" : "late";
    }
  });
}
