import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { decodeHeader, encodeHeader, headerHash } from "./block.ts";
import { checkNetwork, formatSealKey } from "./network.ts";
import {
  decodeFactsAttachment,
  decodeOpenAttachment,
  decodeRecord,
  encodeCut,
  encodeEntryRecord,
  encodeFactsAttachment,
  encodeOpenAttachment,
  MAX_ATTACHMENT_BYTES,
  openAttachment,
  sealAttachment,
} from "./record.ts";
import { decodeLeaf, encodeLeaf } from "./result.ts";
import type { EntryResult } from "./result.ts";
import { toHex } from "../encoding/bytes.ts";
import { decodeVote, encodeVote } from "./voting.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const currency = "EUR.0123456789abcdef";

describe("a record of the log", () => {
  it("is an entry, with or without an attachment", () => {
    for (const sealed of [null, bytes(4, 5)]) {
      expect(decodeRecord(encodeEntryRecord(bytes(1, 2), sealed))).toEqual({
        kind: "entry",
        entryBytes: bytes(1, 2),
        sealed,
      });
    }
  });

  it("is a cut", () => {
    const cut = {
      height: 7,
      stamps: [bytes(1), bytes(2)],
      certificates: [{ height: 6, certificate: [[0, bytes(9)]] }],
    };
    expect(decodeRecord(encodeCut(cut))).toEqual({ kind: "cut", ...cut });
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["an integer", encodeCbor(1)],
    ["another version", encodeCbor([2, bytes(1), null])],
    ["no attachment field", encodeCbor([1, bytes(1)])],
    ["a field too many", encodeCbor([1, bytes(1), null, null])],
    ["another word for a cut", encodeCbor([1, "CUT", 1, [], []])],
    ["a cut at height 0", encodeCbor([1, "cut", 0, [], []])],
    ["101 stamps", encodeCbor([1, "cut", 1, Array.from({ length: 101 }, () => bytes(1)), []])],
    ["17 certificates", encodeCbor([1, "cut", 1, [], Array.from({ length: 17 }, () => [1, []])])],
    ["too large an entry", encodeCbor([1, new Uint8Array(32_769), null])],
  ])("is not %s", (_, record) => {
    expect(() => decodeRecord(record)).toThrow(SegmentError);
  });

  it("never brings down its reader", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
        for (const read of [
          decodeRecord,
          decodeOpenAttachment,
          decodeFactsAttachment,
          decodeHeader,
          decodeVote,
        ]) {
          try {
            read(random);
          } catch (error) {
            expect(error).toBeInstanceOf(SegmentError);
          }
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("an attachment", () => {
  const secret = key(7);
  const id = (value: number): string => agentId(signerFromSeed(crypto, key(value)).publicKey);
  const network = checkNetwork({
    version: 1,
    network: "village",
    zone: "main",
    term: 1,
    notaries: [{ id: id(1), termKey: id(2) }],
    sealKey: formatSealKey(crypto.x25519PublicKey(secret)),
  });
  let counter = 0;
  const random = { bytes: (length: number) => new Uint8Array(length).fill(++counter) };

  it("is read as it was written", () => {
    expect(decodeOpenAttachment(encodeOpenAttachment(bytes(1), [bytes(2), bytes(3)]))).toEqual({
      terms: bytes(1),
      signatures: [bytes(2), bytes(3)],
    });
    expect(decodeFactsAttachment(encodeFactsAttachment([bytes(1)], [bytes(2)]))).toEqual({
      facts: [bytes(1)],
      preimages: [bytes(2)],
    });
  });

  it("opens with the committee's key, for its own entry only", () => {
    const sealed = sealAttachment(crypto, random, network, key(1), bytes(1, 2, 3));
    expect(openAttachment(crypto, secret, key(1), sealed)).toEqual(bytes(1, 2, 3));
    expect(() => openAttachment(crypto, secret, key(2), sealed)).toThrow(
      expect.objectContaining({ code: "seal-broken" }),
    );
    expect(() => openAttachment(crypto, key(8), key(1), sealed)).toThrow(
      expect.objectContaining({ code: "seal-broken" }),
    );
  });

  it("is bounded", () => {
    const large = new Uint8Array(MAX_ATTACHMENT_BYTES + 1);
    expect(() => sealAttachment(crypto, random, network, key(1), large)).toThrow(
      expect.objectContaining({ code: "entry-invalid" }),
    );
  });
});

describe("a header", () => {
  const header = {
    networkHash: key(1),
    zone: "main",
    term: 1,
    height: 2,
    previous: key(3),
    logIndex: 4,
    timeMs: 1_800_000_000_000,
    leavesRoot: key(5),
    stateRoot: key(6),
    leafCount: 7,
  };

  it("is read as it was written, and has the hash that was written down", () => {
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
    expect(toHex(headerHash(crypto, encodeHeader(header)))).toBe(
      "5d64e69f92366bbb200c2af991aebdddaa0d7f1817b35580f815526e9085e734",
    );
  });

  it("is read in one form only", () => {
    const fields = decodeCbor(encodeHeader(header)) as number[];
    expect(() => decodeHeader(encodeCbor([...fields, 0]))).toThrow(SegmentError);
    expect(() => decodeHeader(encodeCbor([2, ...fields.slice(1)]))).toThrow(SegmentError);
  });
});

describe("a leaf", () => {
  const contract = {
    termsId: key(5),
    seq: 2,
    label: "may-land",
    closed: false,
    payments: [{ account: key(1), currency, amount: 5n }],
  };
  const results: EntryResult[] = [
    { kind: "card", identity: key(1), root: key(2) },
    { kind: "revoke", identity: key(1) },
    { kind: "currency", currency },
    { kind: "mint", currency, to: key(1), amount: 2n ** 63n - 1n },
    { kind: "transfer", from: key(1), to: key(2), currency, amount: 1n },
    { kind: "legs", legs: [-1n, 1n].map((change) => ({ account: key(1), currency, change })) },
    { kind: "joint", account: key(1), k: 2, members: [key(2), key(3)] },
    { kind: "end-mandate", termsId: key(5), mandate: 3, account: key(1) },
    {
      kind: "examine",
      termsId: key(5),
      account: key(1),
      currency,
      amount: 1n,
      sufficient: true,
      stateRoot: key(9),
    },
    { kind: "open", ...contract },
    { kind: "choice", ...contract },
    { kind: "facts", ...contract, closed: true, label: "closed" },
    { kind: "expire", ...contract, payments: [] },
    { kind: "deposit", ...contract, account: key(1), currency, amount: 2_490n },
  ];

  it.each(results)("of kind $kind is read as it was written", (result) => {
    const leaf = { index: 3, entryId: key(4), outcome: "ok" as const, result };
    expect(decodeLeaf(encodeLeaf(leaf), result.kind)).toEqual(leaf);
  });

  it("is read in one form only: losses stand there, or nothing does", () => {
    const leaf = { index: 3, entryId: key(4), outcome: "ok" as const, result: results[1]! };
    const fields = decodeCbor(encodeLeaf(leaf)) as number[];
    expect(() => decodeLeaf(encodeCbor([...fields, []]), "revoke")).toThrow(
      expect.objectContaining({ code: "cbor-wrong-shape" }),
    );
  });

  it("of a refusal holds the code and nothing else", () => {
    const leaf = { index: 3, entryId: key(4), outcome: "funds-short" as const, result: null };
    expect(decodeLeaf(encodeLeaf(leaf), "transfer")).toEqual(leaf);
    const fields = decodeCbor(encodeLeaf(leaf)) as number[];
    expect(() => decodeLeaf(encodeCbor([...fields.slice(0, 4), [1]]), "transfer")).toThrow(SegmentError);
    expect(() => decodeLeaf(encodeCbor([...fields.slice(0, 3), "toString", []]), "transfer")).toThrow(
      SegmentError,
    );
  });
});

describe("a vote", () => {
  it("is read as it was written", () => {
    const vote = { height: 3, hash: key(1), notary: 2, signature: new Uint8Array(64).fill(4), wanted: true };
    expect(decodeVote(encodeVote(vote))).toEqual(vote);
  });
});
