import { expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { foundNetwork } from "../../agent/node/committee.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { seededRandom } from "../../simulators/random.ts";
import type { EntryDraft } from "./drafts.ts";
import { MAX_VALIDITY_MS, openEntry } from "./entry.ts";
import { MAX_SKEW_MS } from "./notary-context.ts";
import { decodeRecord } from "./record.ts";
import { makeSubmission } from "./submission.ts";

const signer = signerFromSeed(crypto, new Uint8Array(32).fill(1));
const random = seededRandom(1);
const { network } = foundNetwork(crypto, random, "village", [agentId(signer.publicKey)]);

it("an entry is valid from as long ago as notaries may differ, also in 1970, for at most a day in all", () => {
  const windowAt = (now: number, validityMs?: number): number[] => {
    const draft: EntryDraft = { body: { kind: "revoke", identity: signer.publicKey } };
    const { record, notAfter } = makeSubmission({ crypto, random, network, signer }, now, draft, validityMs);
    const decoded = decodeRecord(record);
    if (decoded.kind !== "entry") throw new Error("the record is no entry");
    const entry = openEntry(crypto, decoded.entryBytes);
    expect(entry.notAfter).toBe(notAfter);
    return [entry.notBefore - now, entry.notAfter - now];
  };
  expect(windowAt(1e12)).toEqual([-MAX_SKEW_MS, 600_000]);
  expect(windowAt(0)).toEqual([0, 600_000]);
  expect(windowAt(1_000)).toEqual([-1_000, 600_000]);
  const longestMs = MAX_VALIDITY_MS - MAX_SKEW_MS;
  expect(windowAt(1e12, longestMs)).toEqual([-MAX_SKEW_MS, longestMs]);
  expect(() => windowAt(1e12, longestMs + 1)).toThrowError(
    expect.objectContaining({ code: "entry-invalid" }),
  );
});

it("an entry with a chosen nonce and window is the same entry whoever makes it, and when", () => {
  const window = { notBefore: 1e12, notAfter: 1e12 + 1_000 };
  const make = (now: number, change: Partial<EntryDraft> = {}) => {
    const nonce = new Uint8Array(16).fill(3);
    const body = { kind: "revoke" as const, identity: signer.publicKey };
    return makeSubmission({ crypto, random, network, signer }, now, { body, nonce, window, ...change });
  };
  const first = make(1e12);
  expect(make(1e12 + 500)).toEqual(first);
  expect(first.notAfter).toBe(window.notAfter);
  expect(make(1e12, { nonce: new Uint8Array(16).fill(4) }).id).not.toEqual(first.id);
  expect(make(1e12, { window: { ...window, notBefore: 1e12 - 1 } }).id).not.toEqual(first.id);
});
