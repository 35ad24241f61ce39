/**
 * Looks over an agent's shoulder as it writes its journal: what it drops from its outbox
 * must be durable at the other side, and what it does to the world must stand there first.
 */
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import type { Store } from "../../../protocols/ports.ts";
import type { MemoryStore } from "../../network/memory-store.ts";

const STATE_KEY = "device/state";
const OUTBOX = "outbox/";

interface Message {
  kind: "message" | "entry";
  to?: string;
  messageId?: Uint8Array;
}

/** Called when the agent `self` drops a promise that `to` has acknowledged; true if `to` holds it durably. */
export type IsHeld = (to: string, mark: string) => boolean;

/** The same store, overlooked. `self` is the agent's id; `lost` hears of a promise that nobody keeps. */
export function overlooked(
  store: Store,
  self: string,
  isHeld: IsHeld,
  lost: (detail: string) => void,
): Store {
  return {
    ...store,
    commit: (changes) => {
      for (const [key, value] of changes) {
        if (value !== undefined || !key.startsWith(OUTBOX)) continue;
        const before = store.get(key);
        if (before === undefined) continue;
        const promise = decodeMessage(before) as Message;
        if (promise.kind !== "message" || promise.to === undefined) continue;
        const mark = `seen/${self}/${toHex(promise.messageId ?? new Uint8Array())}`;
        if (!isHeld(promise.to, mark))
          lost(`"${key.slice(OUTBOX.length)}" was acknowledged, and is not durable`);
      }
      return store.commit(changes);
    },
  };
}

/** Whether what the agent remembers now is what its journal holds. */
export function isWrittenDown(store: MemoryStore, state: unknown): boolean {
  const durable = store.get(STATE_KEY);
  return durable !== undefined && equalBytes(durable, encodeMessage(state));
}
