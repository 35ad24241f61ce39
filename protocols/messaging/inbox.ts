/**
 * From what the bus delivers to a message that can be believed, or a counted drop.
 * Anyone may write anything to an inbox: a malformed message is counted by the code
 * of what was wrong with it, and the agent goes on.
 */
import { errorCode, SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { TimeMs } from "../ports.ts";
import { RecipientContexts } from "./contexts.ts";
import { FRESHNESS_MS, openEnvelope } from "./envelope.ts";
import type { Incoming, OpenedEnvelope } from "./envelope.ts";
import { replayGuard } from "./replay.ts";
import type { ReplayLimits } from "./replay.ts";

/** Counts refusals by their code. Faults of our own (no SegmentError) are not refusals and pass through. */
export interface DropCounter {
  /** The result of `read`, or undefined if it refused, which is counted. */
  attempt<T>(read: () => T): T | undefined;
  readonly counts: ReadonlyMap<ErrorCode, number>;
}

export function dropCounter(): DropCounter {
  const counts = new Map<ErrorCode, number>();
  return {
    attempt(read) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
        const code = errorCode(error);
        counts.set(code, (counts.get(code) ?? 0) + 1);
        return undefined;
      }
    },
    counts,
  };
}

export interface Inbox {
  /** The opened message, once; undefined if it was dropped. Never throws for what a stranger sends. */
  receive(topic: string, payload: Uint8Array, now: TimeMs): OpenedEnvelope | undefined;
  readonly drops: ReadonlyMap<ErrorCode, number>;
}

/** Opens and remembers for one agent on one network. */
export function openInbox(
  recipient: Omit<Incoming, "topic" | "payload" | "now" | "contexts">,
  limits: Omit<ReplayLimits, "freshnessMs"> = {},
): Inbox {
  const guard = replayGuard({ ...limits, freshnessMs: recipient.freshnessMs ?? FRESHNESS_MS });
  const drops = dropCounter();
  const contexts = new RecipientContexts();
  return {
    receive: (topic, payload, now) =>
      drops.attempt(() => {
        const message = openEnvelope({ ...recipient, contexts, topic, payload, now });
        guard.admit(message, now);
        return message;
      }),
    drops: drops.counts,
  };
}
