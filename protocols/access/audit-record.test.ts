import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { agentId } from "../identity/keys.ts";
import { decodeAuditEntry, encodeAuditEntry, EVIDENCE_RECORD, LOG_RECORD, readLog } from "./audit-record.ts";
import { signRequest } from "./command.ts";
import type { AuditEntry } from "./messages.ts";
import * as kit from "./testing/kit.ts";

const { guest, stranger, MONDAY_8H } = kit;
const request = {
  ...{ lock: kit.lock.publicKey, tenure: new Uint8Array(16), session: new Uint8Array(32) },
  ...{ nonce: new Uint8Array(16), target: "door", action: "open" as const, timeMs: MONDAY_8H, key: null },
};
const signed = signRequest(request, guest);
const entry: AuditEntry = {
  ...{ number: 2, timeMs: MONDAY_8H, isTimeKnown: true, who: agentId(guest.publicKey), name: "Ana" },
  ...{ what: "request", target: "door", action: "open", key: new Uint8Array(32).fill(1), code: null },
  evidence: crypto.sha256(signed),
};
const record = (n: string, vd: Uint8Array) => ({ n, vd, t: MONDAY_8H / 1_000 });
const line = record(LOG_RECORD, encodeAuditEntry(entry));

describe("a line of a lock's log", () => {
  it("reads back as it was written", () => {
    expect(decodeAuditEntry(encodeAuditEntry(entry))).toEqual(entry);
    const alert: AuditEntry = {
      ...{ ...entry, who: null, name: "", what: "left-open", target: null, action: null },
      ...{ key: null, code: null, evidence: null },
    };
    expect(decodeAuditEntry(encodeAuditEntry(alert))).toEqual(alert);
  });

  it("is signed if the stream holds what that person has signed for it", () => {
    const isSigned = (...evidence: Uint8Array[]): boolean[] =>
      readLog(crypto, [line, ...evidence.map((one) => record(EVIDENCE_RECORD, one))]).map(
        (one) => one.isSigned,
      );
    expect(isSigned(signed)).toEqual([true]);
    expect(isSigned()).toEqual([false]);
    expect(isSigned(signRequest({ ...request, target: "light" }, guest))).toEqual([false]);
    // What another has signed proves nothing of the one whom the line names.
    const theirs = signRequest(request, stranger);
    const claimed = { ...entry, evidence: crypto.sha256(theirs) };
    const records = [record(LOG_RECORD, encodeAuditEntry(claimed)), record(EVIDENCE_RECORD, theirs)];
    expect(readLog(crypto, records).map((one) => one.isSigned)).toEqual([false]);
  });

  it("comes in the order of its number, and what is broken or of another kind is left out", () => {
    const first = record(LOG_RECORD, encodeAuditEntry({ ...entry, number: 1 }));
    const broken = record(LOG_RECORD, line.vd.slice(0, -1));
    const other = { n: "machine/uptime", v: 3, t: 0 };
    expect(readLog(crypto, [line, other, broken, first]).map(({ number }) => number)).toEqual([1, 2]);
  });
});
