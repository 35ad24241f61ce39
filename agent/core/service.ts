/** An always-on agent that answers questions: keepers and notaries. It keeps no conversation. */
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { Messenger } from "./messenger.ts";

export interface Reply {
  kind: string;
  body: Uint8Array;
}

/** Answers one message from a verified sender; null for what is not its business. */
export type Answer = (from: string, kind: string, body: Uint8Array) => Promise<Reply | null>;

/** Questions under way at once; more wait for their sender to repeat them. */
const MAX_UNDER_WAY = 512;

export async function serve(messenger: Messenger, answer: Answer): Promise<void> {
  let underWay = 0;
  await messenger.listen((message) => {
    if (underWay >= MAX_UNDER_WAY) {
      messenger.countDrop("queue-full");
      return;
    }
    underWay += 1;
    answer(message.from, message.kind, message.body)
      .then((reply) => (reply === null ? undefined : messenger.send(message.from, reply.kind, reply.body)))
      .catch((error: unknown) => messenger.countDrop(errorCode(error)))
      .finally(() => {
        underWay -= 1;
      });
  });
}

/** A small reply from plain data. */
export function reply(kind: string, body: unknown): Reply {
  return { kind, body: encodeMessage(body) };
}
