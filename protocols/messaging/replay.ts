/**
 * What was received already. A bus delivers at least once, and a broker may repeat
 * what it likes, so every message carries an id; within the freshness window (older
 * ones are refused by their time) a second one with the same sender and id is dropped.
 *
 * Bounded, and never forgets too early: a sender who fills his share only raises his
 * own floor (older messages of his are refused from then on), and when there are too
 * many senders the new ones wait, while those already known are still heard.
 */
import { toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { TimeMs } from "../ports.ts";

export interface ReplayLimits {
  /** How long a message stays acceptable by its time, either way: the inbox's own freshness window. */
  freshnessMs: number;
  /** Default 256. */
  messagesPerSender?: number;
  /** Default 1024. */
  senders?: number;
}

interface Sender {
  /** Times by message id. */
  seen: Map<string, TimeMs>;
  /** Messages of this time or older were forgotten, and are refused. */
  floorMs: TimeMs;
  newestMs: TimeMs;
}

export interface ReplayGuard {
  /** Remembers the message. Throws `message-replayed`, or `queue-full` for one sender too many. */
  admit(message: { from: string; messageId: Uint8Array; timeMs: TimeMs }, now: TimeMs): void;
  /** How many messages are remembered. */
  size(): number;
}

export function replayGuard(limits: ReplayLimits): ReplayGuard {
  const { freshnessMs, messagesPerSender = 256, senders: maxSenders = 1024 } = limits;
  const senders = new Map<string, Sender>();

  function senderOf(from: string, now: TimeMs): Sender {
    const known = senders.get(from);
    if (known !== undefined) return known;
    if (senders.size >= maxSenders) forgetStale(senders, now - freshnessMs);
    if (senders.size >= maxSenders) {
      throw new SegmentError("queue-full", `${maxSenders} senders are remembered already`, {
        where: "senders",
      });
    }
    const fresh: Sender = { seen: new Map(), floorMs: Number.NEGATIVE_INFINITY, newestMs: 0 };
    senders.set(from, fresh);
    return fresh;
  }

  return {
    admit(message, now) {
      const { from, messageId, timeMs } = message;
      const sender = senderOf(from, now);
      const id = toHex(messageId);
      if (sender.seen.has(id)) replayed("the message was received before", "messageId");
      if (timeMs <= sender.floorMs)
        replayed("the sender wrote too much to tell whether this is new", "timeMs");
      if (sender.seen.size >= messagesPerSender) makeRoom(sender, now - freshnessMs);
      if (timeMs <= sender.floorMs)
        replayed("the sender wrote too much to tell whether this is new", "timeMs");
      sender.seen.set(id, timeMs);
      sender.newestMs = Math.max(sender.newestMs, timeMs);
    },
    size: () => [...senders.values()].reduce((total, sender) => total + sender.seen.size, 0),
  };
}

/** Forgets the senders all of whose messages are refused by their time by now. */
function forgetStale(senders: Map<string, Sender>, staleMs: TimeMs): void {
  for (const [id, sender] of senders) {
    if (sender.newestMs < staleMs) senders.delete(id);
  }
}

/** Forgets what is stale; if that frees nothing, the oldest message, and raises the floor above it. */
function makeRoom(sender: Sender, staleMs: TimeMs): void {
  let oldestMs = Number.POSITIVE_INFINITY;
  const before = sender.seen.size;
  for (const [id, timeMs] of sender.seen) {
    if (timeMs < staleMs) sender.seen.delete(id);
    else oldestMs = Math.min(oldestMs, timeMs);
  }
  if (sender.seen.size < before) return;
  sender.floorMs = oldestMs;
  for (const [id, timeMs] of sender.seen) {
    if (timeMs <= oldestMs) sender.seen.delete(id);
  }
}

function replayed(message: string, where: string): never {
  throw new SegmentError("message-replayed", message, { where });
}
