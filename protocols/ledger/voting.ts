/**
 * Votes: one per height and notary, durable before it is sent; 2f+1 make a certificate.
 * f+1 votes for another header than our own mean that an honest notary saw another
 * history: then this notary stops, with the votes as evidence.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";
import { readCertificate, verifyCertificate, verifyVote } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import type { Block } from "./ledger.ts";
import { faultsTolerated, quorum } from "./network.ts";
import type { CutCertificate } from "./record.ts";

/** Votes for heights further ahead are dropped: their senders repeat them. */
const MAX_HEIGHTS_AHEAD = 64;
/** Settled blocks that are kept for receipts and late notaries, unless their entries are too many. */
const MAX_KEPT_BLOCKS = 10_000;
const MAX_KEPT_ENTRIES = 50_000;
const MAX_CERTIFICATES_PER_CUT = 16;

export interface Vote {
  height: number;
  hash: Uint8Array;
  notary: number;
  signature: Uint8Array;
  /** The sender still lacks a certificate for this height and asks for our vote. */
  wanted: boolean;
}

export function encodeVote(vote: Vote): Uint8Array {
  const { height, hash, notary, signature, wanted } = vote;
  return encodeCbor([1, height, hash, notary, signature, wanted]);
}

/** Throws `cbor-…` codes; the signature is not verified yet. */
export function decodeVote(bytes: Uint8Array): Vote {
  const reader = FieldReader.fromBytes(bytes, "vote", { maxBytes: 256, maxDepth: 1, maxItems: 8 });
  reader.int("version", { min: 1, max: 1 });
  const vote = {
    height: reader.int("height", { min: 1 }),
    hash: reader.bytes("hash", { length: 32 }),
    notary: reader.int("notary", { min: 0 }),
    signature: reader.bytes("signature", { length: 64 }),
    wanted: reader.bool("wanted"),
  };
  reader.end();
  return vote;
}

/** A block of ours and the votes for it. */
export interface Tally {
  block: Block;
  /** Signatures by notary. */
  votes: Map<number, Uint8Array>;
  /** Votes for another header at this height, by notary. */
  contrary: Map<number, Vote>;
  certificate: Certificate | undefined;
}

/** What a vote led to. */
export type Counted =
  | { kind: "nothing" }
  | { kind: "certified"; tally: Tally }
  | { kind: "asked"; tally: Tally }
  | { kind: "conflict"; evidence: Uint8Array[] };

export class Voting {
  readonly #crypto: Crypto;
  readonly #committee: Uint8Array[];
  readonly #tallies = new Map<number, Tally>();
  /** Votes that came before the block was executed here: by height, then by notary. */
  readonly #early = new Map<number, Map<number, Vote>>();
  /** Where each entry's receipt is. */
  readonly #receipts = new Map<string, { height: number; index: number }>();
  readonly #uncertified = new Set<number>();
  #keptEntries = 0;
  #oldest = 1;
  #height = 0;
  /** Certificates up to this height stand in the log. */
  #loggedUpTo = 0;

  constructor(crypto: Crypto, committee: Uint8Array[]) {
    this.#crypto = crypto;
    this.#committee = committee;
  }

  tally(height: number): Tally | undefined {
    return this.#tallies.get(height);
  }

  /** Heights of executed blocks without a certificate, ascending. */
  uncertified(): number[] {
    return [...this.#uncertified];
  }

  /** The block that holds an entry, and the entry's place in it. */
  find(idHex: string): { tally: Tally; index: number } | undefined {
    const place = this.#receipts.get(idHex);
    const tally = place === undefined ? undefined : this.#tallies.get(place.height);
    return place === undefined || tally === undefined ? undefined : { tally, index: place.index };
  }

  /** A block was executed here. */
  addBlock(block: Block): void {
    const { height } = block.header;
    this.#height = height;
    this.#tallies.set(height, { block, votes: new Map(), contrary: new Map(), certificate: undefined });
    this.#uncertified.add(height);
    this.#keptEntries += block.lines.length;
    for (const [index, { idHex, refusal }] of block.lines.entries()) {
      const isFinal = refusal === undefined || refusal.final;
      if (isFinal || !this.#receipts.has(idHex)) this.#receipts.set(idHex, { height, index });
    }
    this.#forgetOld();
  }

  #forgetOld(): void {
    while (
      this.#tallies.size > MAX_KEPT_BLOCKS ||
      (this.#keptEntries > MAX_KEPT_ENTRIES && this.#tallies.size > 1)
    ) {
      const tally = this.#tallies.get(this.#oldest);
      this.#tallies.delete(this.#oldest);
      this.#uncertified.delete(this.#oldest);
      for (const { idHex } of tally?.block.lines ?? []) {
        if (this.#receipts.get(idHex)?.height === this.#oldest) this.#receipts.delete(idHex);
      }
      this.#keptEntries -= tally?.block.lines.length ?? 0;
      this.#loggedUpTo = Math.max(this.#loggedUpTo, this.#oldest);
      this.#oldest++;
    }
  }

  /** Takes the votes that came before the block of this height was executed. */
  takeEarly(height: number): Vote[] {
    const votes = [...(this.#early.get(height)?.values() ?? [])];
    this.#early.delete(height);
    return votes;
  }

  /** Counts a vote, or keeps it until its block is executed here. */
  count(vote: Vote): Counted {
    const termKey = this.#committee[vote.notary];
    const tally = this.#tallies.get(vote.height);
    const isEarly = vote.height > this.#height && vote.height <= this.#height + MAX_HEIGHTS_AHEAD;
    if (termKey === undefined || (tally === undefined && !isEarly)) return { kind: "nothing" };
    if (tally !== undefined && tally.certificate !== undefined && equalBytes(vote.hash, tally.block.hash)) {
      return vote.wanted ? { kind: "asked", tally } : { kind: "nothing" };
    }
    const known =
      tally === undefined
        ? this.#early.get(vote.height)?.get(vote.notary)?.hash
        : this.#votedHash(tally, vote);
    if (known !== undefined && equalBytes(known, vote.hash)) return { kind: "nothing" };
    if (!verifyVote(this.#crypto, termKey, vote, vote.signature)) return { kind: "nothing" };
    if (tally !== undefined) return this.countVerified(tally, vote);
    this.#keepEarly(vote);
    return { kind: "nothing" };
  }

  /** Our own vote, and those that were verified when they came early. */
  countVerified(tally: Tally, vote: Vote): Counted {
    return equalBytes(vote.hash, tally.block.hash) ? this.#agree(tally, vote) : this.#disagree(tally, vote);
  }

  #votedHash(tally: Tally, vote: Vote): Uint8Array | undefined {
    if (equalBytes(vote.hash, tally.block.hash))
      return tally.votes.has(vote.notary) ? tally.block.hash : undefined;
    return tally.contrary.get(vote.notary)?.hash;
  }

  #keepEarly(vote: Vote): void {
    const ofHeight = this.#early.get(vote.height);
    if (ofHeight === undefined) this.#early.set(vote.height, new Map([[vote.notary, vote]]));
    else if (!ofHeight.has(vote.notary)) ofHeight.set(vote.notary, vote);
  }

  #agree(tally: Tally, vote: Vote): Counted {
    tally.votes.set(vote.notary, vote.signature);
    if (tally.certificate !== undefined || tally.votes.size < quorum(this.#committee.length))
      return { kind: "nothing" };
    const certificate = [...tally.votes].map(([notary, signature]) => ({ notary, signature }));
    certificate.sort((a, b) => a.notary - b.notary);
    return this.#certify(tally, certificate);
  }

  #certify(tally: Tally, certificate: Certificate): Counted {
    tally.certificate = certificate;
    this.#uncertified.delete(tally.block.header.height);
    return { kind: "certified", tally };
  }

  #disagree(tally: Tally, vote: Vote): Counted {
    tally.contrary.set(vote.notary, vote);
    if (tally.contrary.size <= faultsTolerated(this.#committee.length)) return { kind: "nothing" };
    const evidence = [...tally.contrary.values()].map(encodeVote);
    return { kind: "conflict", evidence: [tally.block.headerBytes, ...evidence] };
  }

  /** A certificate from the log or from our own store. Invalid ones are passed over. */
  adopt({ height, certificate }: CutCertificate): Counted {
    const tally = this.#tallies.get(height);
    if (tally === undefined || tally.certificate !== undefined) return { kind: "nothing" };
    try {
      const votes = readCertificate(certificate);
      verifyCertificate(this.#crypto, this.#committee, { height, hash: tally.block.hash }, votes);
      return this.#certify(tally, votes);
    } catch (error) {
      if (error instanceof SegmentError) return { kind: "nothing" };
      throw error;
    }
  }

  /** Notes which certificates a cut has brought into the log. */
  noteLogged(certificates: CutCertificate[]): void {
    for (const { height } of certificates) {
      if (height === this.#loggedUpTo + 1) this.#loggedUpTo = height;
    }
  }

  /** The certificates that the log lacks, for the next cut. */
  unlogged(): { height: number; certificate: Certificate }[] {
    const certificates: { height: number; certificate: Certificate }[] = [];
    for (let height = this.#loggedUpTo + 1; certificates.length < MAX_CERTIFICATES_PER_CUT; height++) {
      const certificate = this.#tallies.get(height)?.certificate;
      if (certificate === undefined) break;
      certificates.push({ height, certificate });
    }
    return certificates;
  }
}
