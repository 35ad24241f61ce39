/**
 * A line of a lock's log as it stands in the lock's sealed stream: deterministic CBOR of [1, number, timeMs,
 * isTimeKnown, who or null, name, what, target or null, action or null, key or null, code or null, evidence
 * or null]. A record of its own holds what was signed.
 */
import { encodeCbor } from "../encoding/cbor.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import type { Crypto } from "../ports.ts";
import type { SenmlRecord } from "../telemetry/senml.ts";
import { openRequest } from "./command.ts";
import { KEY_ID_LENGTH } from "./key.ts";
import type { AuditEntry } from "./messages.ts";
import { ACTIONS } from "./rights.ts";
import { MAX_TIME_MS } from "./times.ts";

/** The records' names. */
export const LOG_RECORD = "lock/log";
export const EVIDENCE_RECORD = "lock/evidence";

const VERSION = 1;
const LIMITS = { maxBytes: 1_024, maxDepth: 2, maxItems: 16 };

export function encodeAuditEntry(entry: AuditEntry): Uint8Array {
  const { number, timeMs, isTimeKnown, who, name, what, target, action, key, code, evidence } = entry;
  return encodeCbor([
    ...[VERSION, number, timeMs, isTimeKnown, who, name, what],
    ...[target, action, key, code, evidence],
  ]);
}

/** Throws the codes of `decodeCbor` and `cbor-wrong-shape`. */
export function decodeAuditEntry(bytes: Uint8Array): AuditEntry {
  const reader = FieldReader.fromBytes(bytes, "log line", LIMITS);
  reader.int("version", { min: VERSION, max: VERSION });
  const textOrNull = (name: string): string | null =>
    reader.nullable(name, (fields) => fields.text(name, { max: 64 }));
  const entry: AuditEntry = {
    number: reader.int("number", { min: 1 }),
    timeMs: reader.int("timeMs", { min: 0, max: MAX_TIME_MS }),
    isTimeKnown: reader.bool("isTimeKnown"),
    who: textOrNull("who"),
    name: reader.text("name", { max: 64 }),
    what: reader.text("what", { max: 64 }),
    target: textOrNull("target"),
    action: actionOf(textOrNull("action")),
    key: reader.nullable("key", (fields) => fields.bytes("key", { length: KEY_ID_LENGTH })),
    code: textOrNull("code"),
    evidence: reader.nullable("evidence", (fields) => fields.bytes("evidence", { length: 32 })),
  };
  reader.end();
  return entry;
}

function actionOf(text: string | null): AuditEntry["action"] {
  if (text === null) return null;
  const action = ACTIONS.find((one) => one === text);
  if (action !== undefined) return action;
  throw new SegmentError("cbor-wrong-shape", "the line names an unknown action", {
    where: "log line.action",
  });
}

export interface ReadAuditEntry extends AuditEntry {
  /** Whether the stream holds what the person's own phone has signed for it. */
  isSigned: boolean;
}

/** The log in a lock's stream, by number; records of other kinds, or broken ones, are left out. */
export function readLog(crypto: Crypto, records: readonly SenmlRecord[]): ReadAuditEntry[] {
  const evidence = valuesOf(records, EVIDENCE_RECORD);
  const lines = valuesOf(records, LOG_RECORD).flatMap((bytes) => {
    try {
      const entry = decodeAuditEntry(bytes);
      return [{ ...entry, isSigned: isSigned(crypto, entry, evidence) }];
    } catch (error) {
      if (error instanceof SegmentError) return [];
      throw error;
    }
  });
  return lines.sort((a, b) => a.number - b.number);
}

function valuesOf(records: readonly SenmlRecord[], name: string): Uint8Array[] {
  return records.flatMap(({ n, vd }) => (n === name && vd !== undefined ? [vd] : []));
}

function isSigned(crypto: Crypto, { who, evidence, what }: AuditEntry, all: readonly Uint8Array[]): boolean {
  if (evidence === null || who === null || what !== "request") return false;
  const signed = all.find((bytes) => equalBytes(crypto.sha256(bytes), evidence));
  if (signed === undefined) return false;
  try {
    return agentId(openRequest(crypto, signed).signer) === who;
  } catch {
    return false;
  }
}
