/** Fuzz: entries, the log's records, blocks, votes and receipts. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { decodeHeader, encodeHeader, headerHash } from "../../../protocols/ledger/block.ts";
import {
  certificateFields,
  readCertificate,
  signVote,
  verifyCertificate,
  verifyVote,
} from "../../../protocols/ledger/certificate.ts";
import { byteStrings, openEntry, readBody, signEntry } from "../../../protocols/ledger/entry.ts";
import type { EntryBody } from "../../../protocols/ledger/entry.ts";
import { approveLegs, openApproval } from "../../../protocols/ledger/joint.ts";
import { verifyRecord } from "../../../protocols/ledger/ledger.ts";
import { buildTree, leafHash, merklePath, rootFromPath, treeRoot } from "../../../protocols/ledger/merkle.ts";
import { encodeReceipt, verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../../protocols/ledger/receipt-view.ts";
import {
  decodeFactsAttachment,
  decodeOpenAttachment,
  decodeRecord,
  encodeCut,
  encodeEntryRecord,
  encodeFactsAttachment,
  encodeOpenAttachment,
  openAttachment,
} from "../../../protocols/ledger/record.ts";
import type { CurrencyPolicy } from "../../../protocols/ledger/policy.ts";
import { decodeLeaf, encodeLeaf } from "../../../protocols/ledger/result.ts";
import type { EntryResult } from "../../../protocols/ledger/result.ts";
import { signStamp } from "../../../protocols/ledger/statements.ts";
import { decodeVote, encodeVote } from "../../../protocols/ledger/voting.ts";
import { START_MS } from "../../ledger/committee.ts";
import { approvalFrame, approved, leg, legsOf, makePurse, purse } from "../../ledger/shared-money.ts";
import { alice, bank, deliveryOf, DirectLedger, drone, euro, meetingDraft } from "../../ledger/village.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { asIfSigned, fuzzSigned, trusting, unsigned } from "../support/signed.ts";
import { configs, id, network, rules, statement, termSigners } from "../support/village.ts";

const village = new DirectLedger().begin();
const delivery = deliveryOf(1);
const POLICY: CurrencyPolicy = {
  ...{ kind: "money", minters: [id, bank.root.publicKey], cap: { minor: 5n, periodMs: 60_000 } },
  demurrage: { ppm: 1_000, periodMs: 86_400_000, fund: id },
};
const SPENT = legsOf([leg(purse, -2_000n), leg(bank, 2_000n)], [{ leg: 0, termsId: id, mandate: 1 }]);
const BODIES: EntryBody[] = [
  { kind: "card", card: alice.card },
  { kind: "revoke", identity: id },
  { kind: "currency", code: "EUR", exponent: 2, name: "Euro" },
  { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n },
  { kind: "transfer", to: id, currency: euro, amount: 2n ** 62n, memo: utf8("memo") },
  { kind: "examine", termsId: id, currency: euro, amount: 2_490n },
  { kind: "open", termsId: id, attachmentHash: id },
  { kind: "deposit", termsId: id, currency: euro, amount: 2_490n },
  { kind: "choice", termsId: id, name: "cancel", value: -1n },
  { kind: "expire", termsId: id, seq: 3, statements: [statement, statement] },
  { kind: "currency", code: "SUN", exponent: 0, name: "Sun", policy: POLICY },
  { kind: "currency", code: "DEED", exponent: 0, name: "Field", policy: { kind: "deed", documentHash: id } },
  { kind: "end-mandate", termsId: id, mandate: 1 },
  makePurse.body,
  approved(SPENT, approvalFrame(1), [alice, drone]).body,
];
const frame = {
  ...{ network: "village", zone: "main", nonce: new Uint8Array(16) },
  ...{ notBefore: START_MS, notAfter: START_MS + 60_000 },
};
const ENTRIES = BODIES.map((body) => signEntry(crypto, alice.device, frame, body).bytes);
const ENTRY_PAYLOADS = ENTRIES.map((bytes) => verify1(crypto, "entry", bytes).payload);

describe("entries", () => {
  fuzzSigned("openEntry and readBody", {
    label: "entry",
    payloads: ENTRY_PAYLOADS,
    signers: [alice.device],
    open: (by, bytes) => {
      const entry = openEntry(by, bytes);
      const body = readBody(entry);
      const again = verify1(trusting, "entry", signEntry(crypto, unsigned(alice.device), entry, body).bytes);
      mustEqual(again.payload, verify1(by, "entry", bytes).payload, "the entry");
    },
    accepted: 0.05,
  });
  bombs("openEntry", [...cborBombs(), ...bombsIn(ENTRIES.slice(-1))], (bytes) => openEntry(trusting, bytes));
  bombs("openEntry, inside", bombsIn(ENTRY_PAYLOADS), (bytes) =>
    readBody(openEntry(trusting, asIfSigned("entry", bytes, alice.device))),
  );
  const approvals = [alice, drone].map(({ device }) => approveLegs(crypto, device, approvalFrame(1), SPENT));
  fuzzSigned("openApproval", {
    label: "approval",
    payloads: [verify1(crypto, "approval", approvals[0]!).payload],
    signers: [alice.device, drone.device],
    open: (by, bytes) => {
      const opened = openApproval(by, bytes);
      const { network: name, zone, nonce, hash, notAfter } = opened;
      const again = encodeCbor([1, name, zone, nonce, hash, notAfter]);
      mustEqual(again, verify1(by, "approval", bytes).payload, "the approval");
    },
  });
  bombs("openApproval", [...cborBombs(), ...bombsIn(approvals)], (bytes) => openApproval(trusting, bytes));
  fuzz(
    "byteStrings",
    fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(1, "text", null)), { maxLength: 5 }),
    (values) =>
      must(
        byteStrings(values, "list", 32).every((one) => one.length <= 32),
        "bounded",
      ),
    { accepted: 0.05 },
  );
});

const meeting = meetingDraft(delivery, START_MS).attachment!;
const opening = delivery.open.attachment!;
const records = [
  village.record(alice.device, delivery.open).bytes,
  encodeEntryRecord(ENTRIES[3]!, null),
  encodeCut({
    height: 2,
    stamps: [signStamp(rules, termSigners[1]!, { height: 2, timeMs: START_MS, seen: [] })],
    certificates: [
      { height: 1, certificate: certificateFields([{ notary: 0, signature: new Uint8Array(64) }]) },
    ],
  }),
];

describe("records of the log", () => {
  fuzz(
    "decodeRecord",
    mutated(records),
    (bytes) => {
      const record = decodeRecord(bytes);
      const again =
        record.kind === "cut" ? encodeCut(record) : encodeEntryRecord(record.entryBytes, record.sealed);
      mustEqual(again, bytes, "the record");
      if (record.kind === "cut")
        record.certificates.forEach(({ certificate }) => readCertificate(certificate));
    },
    { accepted: 0.1 },
  );
  bombs("decodeRecord", [...cborBombs(), ...bombsIn(records)], (bytes) => decodeRecord(bytes));

  fuzz(
    "verifyRecord opens the attachment of its own entry, or none",
    mutated(records.slice(0, 1)),
    (bytes) => {
      const record = decodeRecord(bytes);
      if (record.kind !== "entry") return;
      const { attachment } = verifyRecord(crypto, configs[0]!.sealSecretKey, record, bytes);
      if (attachment !== undefined) mustEqual(attachment, opening, "the attachment");
    },
    { accepted: 0.02, share: 0.3 },
  );

  const opened = village.verify(records[0]!);
  const sealed = decodeRecord(records[0]!);
  const sealedBytes = sealed.kind === "entry" ? sealed.sealed! : new Uint8Array(0);
  fuzz(
    "openAttachment",
    mutatedBytes([sealedBytes]),
    (bytes) => {
      mustEqual(openAttachment(crypto, configs[0]!.sealSecretKey, opened.entry.id, bytes), opening, "it");
      mustEqual(bytes, sealedBytes, "the seal");
    },
    { accepted: 0.05, share: 0.3 },
  );

  fuzz(
    "decodeOpenAttachment",
    mutated([opening, meeting]),
    (bytes) => {
      const { terms, signatures } = decodeOpenAttachment(bytes);
      mustEqual(encodeOpenAttachment(terms, signatures), bytes, "the attachment");
    },
    { accepted: 0.05 },
  );
  fuzz(
    "decodeFactsAttachment",
    mutated([opening, meeting]),
    (bytes) => {
      const { facts, preimages } = decodeFactsAttachment(bytes);
      mustEqual(encodeFactsAttachment(facts, preimages), bytes, "the attachment");
    },
    { accepted: 0.05 },
  );
  const attachments = [...cborBombs(), ...bombsIn([opening])];
  bombs("decodeOpenAttachment", attachments, (bytes) => decodeOpenAttachment(bytes));
  bombs("decodeFactsAttachment", attachments, (bytes) => decodeFactsAttachment(bytes));
});

const SETTLED = ["mint", "transfer", "open", "examine"];
const settled = village.execute([
  village.record(bank.device, { body: BODIES[3]! }),
  village.record(alice.device, {
    body: { kind: "transfer", to: drone.root.publicKey, currency: euro, amount: 5n, memo: id },
  }),
  village.record(alice.device, delivery.open),
  village.record(alice.device, {
    body: { kind: "examine", termsId: delivery.id, currency: euro, amount: 7n },
  }),
]);
const { block } = settled;
const VOTED = { height: block.header.height, hash: block.hash };
const certificate = [0, 1, 3].map((notary) => ({
  notary,
  signature: signVote(termSigners[notary]!, VOTED),
}));
const RECEIPTS = block.lines.map((line, index) =>
  encodeReceipt({
    ...{ header: block.headerBytes, certificate, leaf: line.leaf, leafIndex: index },
    ...{ path: merklePath(block.tree, index), entry: line.entry },
  }),
);

describe("blocks, votes and receipts", () => {
  fuzz(
    "decodeHeader",
    mutated([block.headerBytes]),
    (bytes) => mustEqual(encodeHeader(decodeHeader(bytes)), bytes, "it"),
    {
      accepted: 0.1,
    },
  );
  bombs("decodeHeader", [...cborBombs(), ...bombsIn([block.headerBytes])], (bytes) => decodeHeader(bytes));

  const loss = { account: id, fund: bank.root.publicKey, currency: euro, amount: 3n };
  const results: EntryResult[] = [
    { kind: "legs", legs: SPENT.legs, losses: [loss] },
    { kind: "joint", account: purse, k: 2, members: [id, purse] },
    { kind: "end-mandate", termsId: id, mandate: 1, account: id },
    { kind: "currency", currency: euro, to: id },
    { kind: "mint", currency: euro, to: id, amount: 5n, losses: [loss, loss] },
  ];
  const LEAVES: [kind: string, leaf: Uint8Array][] = [
    ...block.lines.map(({ leaf }, index): [string, Uint8Array] => [SETTLED[index]!, leaf]),
    ...results.map((result, index): [string, Uint8Array] => [
      result.kind,
      encodeLeaf({ index, entryId: id, outcome: "ok", result }),
    ]),
  ];
  const leaves = LEAVES.map(([, leaf]) => leaf);
  const kinds = fc.constantFrom(...LEAVES.map(([kind]) => kind), "card", "deposit", "nonsense", "__proto__");
  const ofOwnKind = LEAVES.map(([kind, leaf]) => fc.tuple(mutated([leaf]), fc.constant(kind)));
  fuzz(
    "decodeLeaf, as an entry of any kind",
    fc.oneof(...ofOwnKind, fc.tuple(mutated(leaves), kinds)),
    ([bytes, kind]) => {
      const leaf = decodeLeaf(bytes, kind);
      mustEqual(encodeLeaf(leaf), bytes, "the leaf");
      must((leaf.result === null) === (leaf.outcome !== "ok"), "a result exactly when it is ok");
    },
    { accepted: 0.1 },
  );
  bombs("decodeLeaf", [...cborBombs(), ...bombsIn(leaves)], (bytes) => decodeLeaf(bytes, "open"));

  fuzz(
    "verifyReceipt believes no mutant",
    mutated(RECEIPTS),
    (bytes) => {
      contractReceipt(verifyReceipt(crypto, bytes, network));
      must(
        RECEIPTS.some((sound) => equalBytes(sound, bytes)),
        "one of ours, to the byte",
      );
    },
    { accepted: 0.05, share: 0.2 },
  );
  fuzz(
    "verifyReceipt where every signature is believed: any receipt that encodes to itself",
    mutatedCbor(RECEIPTS),
    (bytes) => {
      const { certificate: votes, height } = verifyReceipt(trusting, bytes, network);
      must(votes.length >= 3 && height > 0, "a quorum");
    },
    { accepted: 0.05, share: 0.5 },
  );
  bombs("verifyReceipt", [...cborBombs(), ...bombsIn(RECEIPTS.slice(0, 1))], (bytes) =>
    verifyReceipt(trusting, bytes, network),
  );

  const votes = [
    encodeVote({
      ...VOTED,
      notary: 0,
      signature: certificate[0]!.signature,
      wanted: true,
    }),
  ];
  fuzz(
    "decodeVote and verifyVote",
    mutated(votes),
    (bytes) => {
      const vote = decodeVote(bytes);
      mustEqual(encodeVote(vote), bytes, "the vote");
      if (!verifyVote(crypto, rules.committee[0]!, vote, vote.signature)) return;
      mustEqual(vote.hash, block.hash, "the header that was voted for");
      must(vote.height === block.header.height, "its height");
      mustEqual(vote.signature, certificate[0]!.signature, "the signature");
    },
    { accepted: 0.1 },
  );
  bombs("decodeVote", [...cborBombs(), ...bombsIn(votes)], (bytes) => decodeVote(bytes));

  const signature = fc.oneof(
    fc.constantFrom(...certificate.map((vote) => vote.signature)),
    fc.uint8Array({ maxLength: 65 }),
  );
  const strange = fc.tuple(fc.constantFrom(-1, 0, 1, 2, 3, 4, 100), signature).map((pair) => [pair]);
  const sound = fc.subarray(certificate).map((votes) => votes.map((vote) => [vote.notary, vote.signature]));
  fuzz(
    "readCertificate and verifyCertificate need a quorum of this committee",
    fc.tuple(sound, fc.oneof(fc.constant([]), strange)).map((parts) => parts.flat()),
    (pairs) => {
      const read = readCertificate(pairs);
      verifyCertificate(crypto, rules.committee, VOTED, read);
      must(read.map(({ notary }) => notary).join() === "0,1,3", "the three who voted");
    },
    { accepted: 0.01 },
  );

  const nodes = block.tree.levels.flatMap((level) =>
    Array.from({ length: level.length / 32 }, (_, index) => level.subarray(32 * index, 32 * index + 32)),
  );
  fuzz(
    "rootFromPath leads to the root from the leaf's own place alone",
    fc.tuple(fc.nat(5), fc.nat(6), fc.array(fc.nat(20), { maxLength: 5 })),
    ([place, count, picks]) => {
      const path = picks.map((pick) => nodes[pick % nodes.length]!);
      const root = rootFromPath(crypto, leafHash(crypto, leaves[0]!), place, count, path);
      const whole = buildTree(
        crypto,
        leaves.map((leaf) => leafHash(crypto, leaf)),
      );
      if (root === undefined || !equalBytes(root, treeRoot(whole))) return;
      must(place === 0 && path.length === merklePath(whole, 0).length, "its own place");
    },
    { accepted: 1 },
  );
  must(equalBytes(headerHash(crypto, block.headerBytes), block.hash), "the header's hash");
});
