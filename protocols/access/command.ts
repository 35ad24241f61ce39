/**
 * What a person asks a lock to do with one tap, signed by the phone: the lock obeys it, and the audit log
 * keeps it as evidence. The lock itself cannot make one, nor can whoever steals its keys.
 *
 * COSE_Sign1 (label "lockRequest") over [1, lock, tenure, session or null, nonce, target, action, timeMs,
 * key or null].
 */
import { SegmentError } from "../errors.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import { KEY_ID_LENGTH } from "./key.ts";
import { ACTIONS, TARGET } from "./rights.ts";
import type { Action } from "./rights.ts";
import { openSigned, signFields } from "./signed.ts";
import type { SignedKind } from "./signed.ts";
import { readLockName } from "./tenure.ts";
import type { LockName } from "./tenure.ts";
import { MAX_TIME_MS } from "./times.ts";

export interface LockRequest extends LockName {
  /** Hash of the session in which it is said (32): in another it opens nothing. null over the bus. */
  session: Uint8Array | null;
  /** 16 random bytes for each tap: what is asked twice with the same is done once. */
  nonce: Uint8Array;
  target: string;
  action: Action;
  /** By the phone's clock. Over the bus the lock takes it for a short while only. */
  timeMs: TimeMs;
  /** Id of the last key of the chain that gives the right; null from an owner. */
  key: Uint8Array | null;
}

export const MAX_REQUEST_BYTES = 512;
export const NONCE_LENGTH = 16;

const REQUEST: SignedKind<LockRequest> = {
  label: "lockRequest",
  what: "request",
  code: "message-invalid",
  maxBytes: MAX_REQUEST_BYTES,
  read: (reader) => {
    const name = readLockName(reader);
    const session = reader.nullable("session", (fields) => fields.bytes("session", { length: 32 }));
    const nonce = reader.bytes("nonce", { length: NONCE_LENGTH });
    const target = reader.text("target", { max: 32 });
    if (!TARGET.test(target)) throw invalid("its target has no such name", "request.target");
    const action = ACTIONS[reader.int("action", { min: 0, max: ACTIONS.length - 1 })]!;
    const timeMs = reader.int("timeMs", { min: 0, max: MAX_TIME_MS });
    const key = reader.nullable("key", (fields) => fields.bytes("key", { length: KEY_ID_LENGTH }));
    return { ...name, session, nonce, target, action, timeMs, key };
  },
};

/** Throws `message-invalid` for what `openRequest` would refuse. */
export function signRequest(request: LockRequest, signer: Signer): Uint8Array {
  const { lock, tenure, session, nonce, target, action, timeMs, key } = request;
  const fields = [lock, tenure, session, nonce, target, ACTIONS.indexOf(action), timeMs, key];
  return signFields(REQUEST, fields, signer);
}

/** Also the way to check evidence later. Throws `message-invalid`. */
export function openRequest(crypto: Crypto, bytes: Uint8Array): { signer: Uint8Array; request: LockRequest } {
  const { signer, value } = openSigned(crypto, REQUEST, bytes);
  return { signer, request: value };
}

function invalid(problem: string, where: string): SegmentError {
  return new SegmentError("message-invalid", `the request is refused: ${problem}`, { where });
}
