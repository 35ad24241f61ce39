/** An owner's phone asks its lock for the key to the sealed log. */
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
import { peopleOf } from "./contract-home.ts";
import { optionInvalid } from "./options.ts";

/** A refusal comes as news does: agent/core/agent.ts. */
const REFUSED = "push.lock-answer";
const GRANTED = "lock-grant";
const ANSWER_MS = 10_000;
const WHOLE_ID = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/;

/**
 * Errors: option-invalid (no such lock), message-invalid (the lock does not answer), owner-required,
 * keepers-short, too-many-attempts, grant-invalid (it is not the lock's, or for another).
 */
export async function askForGrant(
  client: Client,
  home: Home,
  name: string,
): Promise<{ grant: OpenedGrant; keepers: readonly string[] }> {
  const lock = lockCalled(home, name);
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
    throw new SegmentError((code ?? "peer-refused") as ErrorCode, message, { where: name });
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

/** By its name, or its id; of one that this home has met, the beginning is enough. Errors: option-invalid. */
function lockCalled(home: Home, name: string): string {
  if (WHOLE_ID.test(name)) return name;
  const locks = [...peopleOf(home)].filter(([, { kind }]) => kind === "lock");
  const found = locks.filter(([id, card]) => card.name === name || id.startsWith(name));
  const [only, ...others] = found.map(([id]) => id);
  if (only !== undefined && others.length === 0) return only;
  const known = locks.map(([id, card]) => `"${card.name}" ${id}`).join(", ");
  const wanted = only === undefined ? "a lock that this home has met, or its id" : "one lock: say its id";
  throw optionInvalid("--lock", `${wanted} (${known === "" ? "see segment lock list" : known})`, name);
}
