/** What goes into a notary's core and what comes out of it. */
import type { ErrorCode } from "../errors.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";
import type { Header } from "./block.ts";
import type { Certificate } from "./certificate.ts";
import type { Refusal } from "./ledger.ts";
import type { NetworkDescription } from "./network.ts";

/** The bus channels that notaries listen to. */
export const NOTARY_CHANNELS = ["entry", "stamp", "vote", "statement"] as const;
export type NotaryChannel = (typeof NOTARY_CHANNELS)[number];

export interface NotaryConfig {
  crypto: Crypto;
  network: NetworkDescription;
  /** This notary's place in `network.notaries`. */
  index: number;
  /** Holds that notary's term key. */
  termSigner: Signer;
  /** X25519 secret of `network.sealKey`; all notaries hold it. */
  sealSecretKey: Uint8Array;
  /**
   * How long a notary waits for each one before it in turn; default 300. What leads to nothing is
   * repeated after seven turns. A world whose clock runs n times as fast needs n times as much.
   */
  turnMs?: number;
}

/** `now` is the notary's own clock in every event. */
export type NotaryEvent =
  /** First of all: what `persist` effects of earlier runs have left in the store. */
  | { kind: "restored"; now: TimeMs; saved: { key: string; bytes: Uint8Array }[] }
  /**
   * The next record of the order log, without gaps, from index 0. `more` says that others
   * follow at once, so that a notary that catches up does not repeat old news.
   */
  | { kind: "record"; now: TimeMs; index: number; bytes: Uint8Array; more?: boolean }
  /** Heard on the bus (or submitted directly, on channel "entry"); trusted with nothing. */
  | { kind: "cast"; now: TimeMs; channel: NotaryChannel; bytes: Uint8Array }
  /** At a `wake`, or any time. */
  | { kind: "tick"; now: TimeMs };

/** To be executed in order; a `persist` is durable before the effect after it begins. */
export type NotaryEffect =
  | { kind: "append"; bytes: Uint8Array }
  | { kind: "cast"; channel: NotaryChannel; bytes: Uint8Array }
  | { kind: "persist"; key: string; bytes: Uint8Array }
  | {
      kind: "certified";
      header: Header;
      headerBytes: Uint8Array;
      certificate: Certificate;
      receipts: Settled[];
    }
  /** Somebody submits an entry again that is settled: its receipt must have been lost. */
  | { kind: "resubmitted"; settled: Settled }
  /** Send a `tick` at that time; a later `wake` replaces an earlier one. */
  | { kind: "wake"; atMs: TimeMs }
  /** The notary has stopped for good (`log-conflict`); `evidence` is to be kept. */
  | { kind: "halted"; code: ErrorCode; message: string; evidence: Uint8Array[] };

/** One settled entry and whom it concerns. */
export interface Settled {
  entryId: Uint8Array;
  /** Public key of the device that signed the entry. */
  signer: Uint8Array;
  /**
   * Agent ids (z6Mk…) that wait for the receipt: the signer; of a contract, all parties' devices; and those
   * of owners whose accounts somebody else has changed.
   */
  readonly parties: string[];
  /** 0 at the notary whose turn it is to deliver the receipt, 1 at the next, and so on. */
  rank: number;
  /**
   * Why it was refused, in words (not certified, unlike the code in the receipt); undefined if it was
   * not.
   */
  refusal: Refusal | undefined;
  /** The receipt's bytes; encoded on first use, because most notaries need not send it. */
  readonly bytes: Uint8Array;
}
