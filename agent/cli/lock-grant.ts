/** An owner's phone asks its lock for the key to the sealed log. */
import { PUSH } from "../core/push.ts";
import { nodeCrypto, nodeRandom } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { meet } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import { NONCE_LENGTH } from "../../protocols/access/command.ts";
import { ACCESS_SCHEMAS } from "../../protocols/access/messages.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { openGrant } from "../../protocols/telemetry/grant.ts";
import type { OpenedGrant } from "../../protocols/telemetry/grant.ts";

/** As the device says it: an answer that comes late is worth nothing. */
const REFUSED = `${PUSH}lock-answer`;
const GRANTED = "lock-grant";
const ANSWER_MS = 10_000;

/**
 * Of the lock with this id. Errors: message-invalid (the lock does not answer), owner-required,
 * keepers-short, too-many-attempts, grant-invalid (it is not the lock's, or for another).
 */
export async function askForGrant(
  client: Client,
  home: Home,
  lock: string,
): Promise<{ grant: OpenedGrant; keepers: readonly string[] }> {
  await meet(client, lock);
  const nonce = nodeRandom.bytes(NONCE_LENGTH);
  const { kind, body } = await client.asker.ask(
    lock,
    "lock-grant-ask",
    { nonce },
    (answer) => isAnswer(answer, nonce),
    ANSWER_MS,
  );
  if (kind === REFUSED) {
    const { code, message } = parseBody(ACCESS_SCHEMAS["lock-answer"], body);
    throw new SegmentError((code ?? "peer-refused") as ErrorCode, message, { where: lock });
  }
  const { grant: bytes, keepers } = parseBody(ACCESS_SCHEMAS[GRANTED], body);
  const issuer = publicKeyFromId(lock);
  const reader = home.secrets.sessionSecret;
  return { grant: openGrant({ crypto: nodeCrypto, grant: bytes, readerSecret: reader, issuer }), keepers };
}

function isAnswer({ kind, body }: { kind: string; body: Uint8Array }, nonce: Uint8Array): boolean {
  if (kind !== REFUSED && kind !== GRANTED) return false;
  const { about } = parseBody(ACCESS_SCHEMAS[kind === REFUSED ? "lock-answer" : GRANTED], body);
  return equalBytes(about, nonce);
}
