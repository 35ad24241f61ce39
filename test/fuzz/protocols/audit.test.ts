/** Fuzz: the lines of a lock's log as its owner reads them back from keepers. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import {
  decodeAuditEntry,
  encodeAuditEntry,
  EVIDENCE_RECORD,
  LOG_RECORD,
  readLog,
} from "../../../protocols/access/audit-record.ts";
import { signRequest } from "../../../protocols/access/command.ts";
import type { AuditEntry } from "../../../protocols/access/messages.ts";
import * as kit from "../../../protocols/access/testing/kit.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";

const signed = signRequest(
  {
    ...{ lock: kit.lock.publicKey, tenure: new Uint8Array(16), session: new Uint8Array(32) },
    ...{ nonce: new Uint8Array(16).fill(4), target: "door", action: "open", timeMs: 1, key: null },
  },
  kit.guest,
);
const done: AuditEntry = {
  ...{ number: 7, timeMs: kit.MONDAY_8H, isTimeKnown: true, who: agentId(kit.guest.publicKey), name: "Ana" },
  ...{ what: "request", target: "door", action: "open", key: new Uint8Array(32).fill(3), code: null },
  evidence: nodeCrypto.sha256(signed),
};
const alert: AuditEntry = {
  ...{ number: 8, timeMs: 0, isTimeKnown: false, who: null, name: "", what: "left-open", target: null },
  ...{ action: null, key: null, code: "bolt-jammed", evidence: null },
};
const lines = [done, alert].map(encodeAuditEntry);

describe("a lock's log", () => {
  fuzz(
    "decodeAuditEntry reads one line in one way, or refuses",
    fc.oneof(mutatedCbor(lines), mutated(lines)),
    (bytes) => mustEqual(encodeAuditEntry(decodeAuditEntry(bytes)), bytes, "the line"),
    { accepted: 0.02 },
  );

  fuzz(
    "readLog calls a line signed only with what its person has signed",
    fc.tuple(mutated(lines), mutated([signed])),
    ([line, evidence]) => {
      const records = [
        { n: LOG_RECORD, vd: line, t: 0 },
        { n: EVIDENCE_RECORD, vd: evidence, t: 0 },
      ];
      for (const entry of readLog(nodeCrypto, records)) {
        const isGenuine = evidence.every((byte, at) => byte === signed[at]) && entry.who === done.who;
        must(!entry.isSigned || isGenuine, "evidence that nobody signed");
      }
    },
  );
});
