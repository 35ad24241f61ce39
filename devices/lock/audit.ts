/**
 * The log: who asked for what, by which key, and what came of it. Each line goes into the sealed stream, with
 * what the phone has signed; the newest stay here for owners to read at the door.
 */
import { encodeAuditEntry, EVIDENCE_RECORD, LOG_RECORD } from "../../protocols/access/audit-record.ts";
import type { AccessBody, AuditEntry } from "../../protocols/access/messages.ts";
import { MAX_AUDIT_PAGE } from "../../protocols/access/messages.ts";
import type { SenmlRecord } from "../../protocols/telemetry/senml.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { isTimeKnown } from "./time.ts";
import { MAX_AUDIT } from "./state.ts";
import type { LockConfig, LockState, Result } from "./state.ts";

/** What there is to say; what is left out is null. */
export interface Line extends Partial<
  Pick<AuditEntry, "who" | "name" | "target" | "action" | "key" | "code">
> {
  what: string;
  /** What was signed. */
  evidence?: Uint8Array;
}

export function logged(config: LockConfig, state: LockState, line: Line, context: DeviceContext): Result {
  const { evidence } = line;
  const entry: AuditEntry = {
    number: state.nextAudit,
    timeMs: Math.max(0, context.now),
    isTimeKnown: isTimeKnown(config, state, context),
    who: line.who ?? null,
    name: line.name ?? "",
    what: line.what,
    target: line.target ?? null,
    action: line.action ?? null,
    key: line.key ?? null,
    code: line.code ?? null,
    evidence: evidence === undefined ? null : context.crypto.sha256(evidence),
  };
  return {
    state: { ...state, audit: [...state.audit, entry].slice(-MAX_AUDIT), nextAudit: state.nextAudit + 1 },
    effects: [recordOf(entry, evidence)],
  };
}

/** One record for the line, and one for what was signed. */
function recordOf(entry: AuditEntry, evidence: Uint8Array | undefined): DeviceEffect {
  const t = entry.timeMs / 1_000;
  const line: SenmlRecord = { n: LOG_RECORD, vd: encodeAuditEntry(entry), t };
  const signed: SenmlRecord[] = evidence === undefined ? [] : [{ n: EVIDENCE_RECORD, vd: evidence, t }];
  return { kind: "record", records: [line, ...signed] };
}

/** A page of the log, from a number on. */
export function page(
  { audit }: LockState,
  { nonce, from }: AccessBody<"lock-audit">,
): AccessBody<"lock-log"> {
  const later = audit.filter(({ number }) => number >= from);
  return {
    about: nonce,
    entries: later.slice(0, MAX_AUDIT_PAGE),
    next: later[MAX_AUDIT_PAGE]?.number ?? null,
  };
}
