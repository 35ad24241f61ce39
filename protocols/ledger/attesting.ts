/**
 * Votes for what was executed, and says when a block is certified: one vote per height,
 * durable before it is sent, and after a restart the same vote again.
 */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import { agentId } from "../identity/keys.ts";
import { certificateFields, signVote } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { AccountHistory, movementsOf } from "./history.ts";
import { LatestReceipts } from "./latest-receipts.ts";
import type { LatestReceipt } from "./latest-receipts.ts";
import type { Block, Line } from "./ledger.ts";
import { merklePath } from "./merkle.ts";
import { turnOf } from "./notary-context.ts";
import type { NotaryContext } from "./notary-context.ts";
import type { Settled } from "./notary-events.ts";
import { encodeReceipt } from "./receipt.ts";
import type { ReceiptParts } from "./receipt.ts";
import type { CutCertificate } from "./record.ts";
import { decodeVote, encodeVote, Voting } from "./voting.ts";
import type { Counted, Tally, Vote } from "./voting.ts";

/** Votes are repeated ever more slowly, down to this many times the first wait. */
const SLOWEST_REPEAT = 16;
/** Of a notary that comes back, so many of the latest uncertified blocks are voted for aloud. */
const MAX_OLD_VOTES = 256;

export class Attesting {
  readonly #context: NotaryContext;
  readonly #concernedBy: (line: Line) => Uint8Array[];
  readonly #voting: Voting;
  readonly #latest = new LatestReceipts();
  /** What moved each account. */
  readonly history = new AccountHistory();
  /** Votes and certificates of earlier runs, by store key; each is used once. */
  readonly #saved = new Map<string, Uint8Array>();

  /** `concernedBy`: the device keys that a line's receipt goes to. */
  constructor(context: NotaryContext, concernedBy: (line: Line) => Uint8Array[]) {
    this.#context = context;
    this.#concernedBy = concernedBy;
    this.#voting = new Voting(context.config.crypto, context.rules.committee);
  }

  restore(saved: { key: string; bytes: Uint8Array }[]): void {
    for (const { key, bytes } of saved) this.#saved.set(key, bytes);
  }

  /** A block was executed: vote for it. */
  vote(block: Block): void {
    const { height } = block.header;
    const saved = this.#takeSaved(`vote/${height}`);
    const own = saved === undefined ? this.#signOwn(block) : decodeVote(saved);
    this.#voting.addBlock(block);
    if (!equalBytes(own.hash, block.hash)) {
      const evidence = [encodeVote(own), block.headerBytes];
      this.#context.halt("the log now gives another block than the one that this notary voted for", evidence);
      return;
    }
    if (saved === undefined)
      this.#context.emit({ kind: "persist", key: `vote/${height}`, bytes: encodeVote(own) });
    this.#adoptSaved(height);
    const tally = this.#voting.tally(height)!;
    if (tally.certificate === undefined && !this.#context.isBehind) this.#cast(own, this.#context.repeatMs);
    this.#counted(this.#voting.countVerified(tally, own));
    for (const early of this.#voting.takeEarly(height))
      this.#counted(this.#voting.countVerified(tally, early));
  }

  #signOwn(block: Block): Vote {
    const { termSigner, index } = this.#context.config;
    const { hash, header } = block;
    const { height } = header;
    const signature = signVote(termSigner, { height, hash });
    return { height, hash, notary: index, signature, wanted: false };
  }

  #takeSaved(key: string): Uint8Array | undefined {
    const saved = this.#saved.get(key);
    this.#saved.delete(key);
    return saved;
  }

  /** What an earlier run has seen certified was delivered then, and is not told again. */
  #adoptSaved(height: number): void {
    const saved = this.#takeSaved(`certificate/${height}`);
    if (saved === undefined) return;
    const certificate = decodeCbor(saved);
    if (!Array.isArray(certificate)) return;
    const counted = this.#voting.adopt({ height, certificate });
    // No news to anybody, but this notary has to know it again.
    if (counted.kind === "certified") this.#noteMoved(counted.tally);
  }

  #cast(vote: Vote, waitMs: number): void {
    this.#context.emit({ kind: "cast", channel: "vote", bytes: encodeVote(vote) });
    this.#context.plan(waitMs, { kind: "vote", height: vote.height, waitMs });
  }

  /** Our vote once more, for a block that lacks a certificate; `wanted` asks the others for theirs. */
  voteAgain(height: number, waitMs: number): void {
    const tally = this.#voting.tally(height);
    if (tally === undefined || tally.certificate !== undefined) return;
    const vote = this.#ownVote(tally, true);
    if (vote !== undefined) this.#cast(vote, Math.min(2 * waitMs, SLOWEST_REPEAT * this.#context.repeatMs));
  }

  /** The end of the log is reached: votes that were kept back while reading are cast. */
  caughtUp(): void {
    for (const height of this.#voting.uncertified().slice(-MAX_OLD_VOTES))
      this.voteAgain(height, this.#context.repeatMs / 2);
  }

  /** A vote from the bus. Throws `cbor-…` codes. */
  heard(bytes: Uint8Array): void {
    this.#counted(this.#voting.count(decodeVote(bytes)));
  }

  /** Certificates that a cut has brought. */
  logged(certificates: CutCertificate[]): void {
    for (const certificate of certificates) this.#counted(this.#voting.adopt(certificate));
    this.#voting.noteLogged(certificates);
  }

  /** The certificates that the log lacks, for the next cut. */
  unlogged(): CutCertificate[] {
    return this.#voting
      .unlogged()
      .map(({ height, certificate }) => ({ height, certificate: certificateFields(certificate) }));
  }

  /** The entry's receipt; undefined if it is not certified, or long ago. */
  receiptFor(entryId: Uint8Array): Settled | undefined {
    const found = this.#voting.find(toHex(entryId));
    if (found === undefined || found.tally.certificate === undefined) return undefined;
    return this.#settled(found.tally, found.index);
  }

  /** The newest certified receipt of a contract; undefined if there is none, or it moved long ago. */
  latestReceipt(termsId: Uint8Array): LatestReceipt | undefined {
    return this.#latest.find(toHex(termsId));
  }

  #counted(counted: Counted): void {
    if (counted.kind === "certified") this.#certified(counted.tally);
    else if (counted.kind === "asked") this.#answer(counted.tally);
    else if (counted.kind === "conflict") {
      this.#context.halt("other notaries vote for another history than this one's", counted.evidence);
    }
  }

  #answer(tally: Tally): void {
    const vote = this.#ownVote(tally, false);
    if (vote !== undefined) this.#context.emit({ kind: "cast", channel: "vote", bytes: encodeVote(vote) });
  }

  #ownVote({ block, votes }: Tally, wanted: boolean): Vote | undefined {
    const notary = this.#context.config.index;
    const signature = votes.get(notary);
    return signature && { height: block.header.height, hash: block.hash, notary, signature, wanted };
  }

  #certified(tally: Tally): void {
    const { header, headerBytes, lines } = tally.block;
    const certificate = tally.certificate!;
    const key = `certificate/${header.height}`;
    this.#context.emit({ kind: "persist", key, bytes: encodeCbor(certificateFields(certificate)) });
    this.#noteMoved(tally);
    // While catching up, the others have long delivered these.
    const receipts = this.#context.isBehind ? [] : lines.map((_, index) => this.#settled(tally, index));
    this.#context.emit({ kind: "certified", header, headerBytes, certificate, receipts });
  }

  #noteMoved({ block, certificate }: Tally): void {
    const { height } = block.header;
    for (const [index, { result, parties }] of block.lines.entries()) {
      if (result === null) continue;
      for (const account of new Set(movementsOf(result).map((movement) => toHex(movement.account)))) {
        this.history.note(account, () => encodeReceipt(partsOf(block, certificate!, index)));
      }
      if (!("seq" in result)) continue;
      const parts = partsOf(block, certificate!, index);
      this.#latest.note(toHex(result.termsId), { height, parties, parts });
    }
  }

  #settled(tally: Tally, index: number): Settled {
    const { block } = tally;
    const line = block.lines[index]!;
    const { entryId, signer, refusal } = line;
    const certificate = tally.certificate!;
    const concernedBy = this.#concernedBy;
    return {
      entryId,
      signer,
      rank: this.#context.rank(turnOf(entryId)),
      refusal,
      get parties() {
        return concernedBy(line).map(agentId);
      },
      get bytes() {
        return encodeReceipt(partsOf(block, certificate, index));
      },
    };
  }
}

function partsOf(block: Block, certificate: Certificate, index: number): ReceiptParts {
  const { leaf, entry } = block.lines[index]!;
  const path = merklePath(block.tree, index);
  return { header: block.headerBytes, certificate, leaf, leafIndex: index, path, entry };
}
