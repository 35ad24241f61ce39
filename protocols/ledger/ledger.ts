/** The zone's ledger: executes the entries between two cuts and makes the block of them. */
import { decodeContractState } from "../contract/state-codec.ts";
import type { ContractState } from "../contract/machine.ts";
import type { Contract } from "../contract/terms.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { applyEntry } from "./apply.ts";
import type { ApplyContext, LedgerRules } from "./apply.ts";
import { ContractCache } from "./apply-contract.ts";
import { encodeHeader, headerHash } from "./block.ts";
import type { Header } from "./block.ts";
import { Draft, keys, readAmount } from "./draft.ts";
import type { CurrencyRecord } from "./draft.ts";
import { openEntry } from "./entry.ts";
import type { Entry } from "./entry.ts";
import { ownAccount } from "./joint.ts";
import type { OwnAccount } from "./joint.ts";
import { mandateViews } from "./mandates.ts";
import type { MandateView } from "./mandates.ts";
import { buildTree, leafHash, treeRoot } from "./merkle.ts";
import type { MerkleTree } from "./merkle.ts";
import { networkHash, termKeys } from "./network.ts";
import type { NetworkDescription } from "./network.ts";
import { OwnersDevices } from "./owners-devices.ts";
import type { OwnersDevice } from "./owners-devices.ts";
import { ownersKeys, partyKeys } from "./parties.ts";
import type { CurrencyPolicy } from "./policy.ts";
import { openAttachment } from "./record.ts";
import type { LogRecord } from "./record.ts";
import { encodeLeaf } from "./result.ts";
import type { EntryResult } from "./result.ts";
import { medianTime, seenTimes } from "./statements.ts";
import type { Stamp } from "./statements.ts";
import { LedgerState, position, SeenEntries } from "./state.ts";

/** An entry whose signature was verified, its attachment opened. */
export interface VerifiedRecord {
  entry: Entry;
  idHex: string;
  /** Undefined if there is none or it does not open. */
  attachment: Uint8Array | undefined;
  /** The record as it stands in the log. */
  bytes: Uint8Array;
}

/** One entry's line in a block: what its receipt is made from. */
export interface Line {
  entryId: Uint8Array;
  idHex: string;
  signer: Uint8Array;
  /** The signed entry. */
  entry: Uint8Array;
  leaf: Uint8Array;
  /** Device keys: the signer's and, of a contract, all parties'. For others see `Ledger.concernedBy`. */
  parties: Uint8Array[];
  /** Null for a refused entry. */
  result: EntryResult | null;
  /** Undefined for an accepted entry. */
  refusal: Refusal | undefined;
}

export interface Refusal {
  code: ErrorCode;
  message: string;
  /** The entry is used up (see `Applied`). */
  final: boolean;
}

/** What became of a record, in the order of the block's lines. */
export interface Executed {
  record: VerifiedRecord;
  result: EntryResult | null;
  refusal: Refusal | undefined;
}

export interface Block {
  header: Header;
  headerBytes: Uint8Array;
  hash: Uint8Array;
  tree: MerkleTree;
  lines: Line[];
}

/** The ledger's rules for a network. */
export function ledgerRules(crypto: Crypto, network: NetworkDescription): LedgerRules {
  return {
    crypto,
    network: network.network,
    zone: network.zone,
    networkHash: networkHash(crypto, network),
    committee: termKeys(network),
    contracts: new ContractCache(crypto),
  };
}

/**
 * Verifies the entry in a log record and opens its attachment. Throws when the signature or
 * the frame is wrong: such a record is nobody's entry and the log's readers pass over it.
 */
export function verifyRecord(
  crypto: Crypto,
  sealSecretKey: Uint8Array,
  record: Extract<LogRecord, { kind: "entry" }>,
  bytes: Uint8Array,
): VerifiedRecord {
  const entry = openEntry(crypto, record.entryBytes);
  const attachment =
    record.sealed === null ? undefined : tryOpen(crypto, sealSecretKey, entry.id, record.sealed);
  return { entry, idHex: toHex(entry.id), attachment, bytes };
}

function tryOpen(
  crypto: Crypto,
  secretKey: Uint8Array,
  entryId: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return openAttachment(crypto, secretKey, entryId, sealed);
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

export class Ledger {
  readonly rules: LedgerRules;
  readonly #term: number;
  readonly #state: LedgerState;
  readonly #seen: SeenEntries;
  /** Ids of all currencies, sorted. */
  readonly #currencies: string[] = [];
  readonly #devices = new OwnersDevices();
  #height = 0;
  #previous: Uint8Array;
  #timeMs: TimeMs = 0;
  #stateRoot: Uint8Array;

  constructor(rules: LedgerRules, term: number) {
    this.rules = rules;
    this.#term = term;
    this.#state = new LedgerState(rules.crypto);
    this.#seen = new SeenEntries(rules.crypto, this.#state);
    this.#previous = rules.networkHash;
    this.#stateRoot = this.#state.root();
  }

  /** Of the last block; 0 before the first. */
  get height(): number {
    return this.#height;
  }

  /** Log time of the last block; 0 before the first. */
  get timeMs(): TimeMs {
    return this.#timeMs;
  }

  /** Whether this entry was executed already and would be refused as a duplicate. */
  hasSeen(entry: Pick<Entry, "notAfter">, idHex: string): boolean {
    return this.#seen.has(entry.notAfter, idHex);
  }

  /** Executes what stands between the last cut and this one, at `logIndex`. At least one record is new. */
  execute(
    records: VerifiedRecord[],
    stamps: Stamp[],
    logIndex: number,
  ): { block: Block; executed: Executed[] } {
    const timeMs = Math.max(this.#timeMs, medianTime(stamps.map((stamp) => stamp.timeMs)));
    const seenAt = seenTimes(stamps);
    this.#seen.forgetExpired(timeMs);
    const { crypto, network, zone, networkHash: hash, committee, contracts } = this.rules;
    const context: ApplyContext = {
      crypto,
      network,
      zone,
      networkHash: hash,
      committee,
      contracts,
      timeMs,
      seenMs: timeMs,
      stateRoot: this.#stateRoot,
      attachment: undefined,
    };
    const lines: Line[] = [];
    const executed: Executed[] = [];
    for (const record of records) {
      if (this.hasSeen(record.entry, record.idHex)) continue;
      context.seenMs = Math.min(timeMs, seenAt.get(record.idHex) ?? timeMs);
      context.attachment = record.attachment;
      const one = this.#executeOne(record, context);
      lines.push(this.#line(one, lines.length));
      executed.push(one);
    }
    this.#seen.commit();
    this.#stateRoot = this.#state.root();
    return { block: this.#close(lines, timeMs, logIndex), executed };
  }

  #executeOne(record: VerifiedRecord, context: ApplyContext): Executed {
    const { entry, idHex } = record;
    const applied = applyEntry(this.#state, entry, context);
    if (applied.ok) this.#state.write(applied.writes);
    if (applied.ok || applied.final) this.#seen.add(entry.notAfter, entry.id, idHex);
    if (!applied.ok) {
      const { code, message, final } = applied;
      return { record, result: null, refusal: { code, message, final } };
    }
    if (applied.result.kind === "currency") {
      const { currency } = applied.result;
      this.#currencies.splice(position(this.#currencies, currency), 0, currency);
    }
    this.#devices.note(applied.result);
    return { record, result: applied.result, refusal: undefined };
  }

  #line({ record, result, refusal }: Executed, index: number): Line {
    const { entry, idHex } = record;
    return {
      entryId: entry.id,
      idHex,
      signer: entry.signer,
      entry: entry.bytes,
      leaf: encodeLeaf({ index, entryId: entry.id, outcome: refusal?.code ?? "ok", result }),
      // Looked up now: a contract's terms are forgotten once it ends.
      parties: partyKeys(entry, this.#contractTouchedBy(result)),
      result,
      refusal,
    };
  }

  #close(lines: Line[], timeMs: TimeMs, logIndex: number): Block {
    const { crypto, networkHash: network, zone } = this.rules;
    const tree = buildTree(
      crypto,
      lines.map(({ leaf }) => leafHash(crypto, leaf)),
    );
    const header: Header = {
      networkHash: network,
      zone,
      term: this.#term,
      height: this.#height + 1,
      previous: this.#previous,
      logIndex,
      timeMs,
      leavesRoot: treeRoot(tree),
      stateRoot: this.#stateRoot,
      leafCount: lines.length,
    };
    const headerBytes = encodeHeader(header);
    const hash = headerHash(crypto, headerBytes);
    this.#height = header.height;
    this.#previous = hash;
    this.#timeMs = timeMs;
    return { header, headerBytes, hash, tree, lines };
  }

  /** Device keys of those whom a line's receipt concerns; of owners, those that are registered now. */
  concernedBy({ parties, result }: Pick<Line, "parties" | "result">): Uint8Array[] {
    const owners = ownersKeys(result, this.#devices, this.#state);
    return [...parties, ...owners.filter((owner) => !parties.some((key) => equalBytes(key, owner)))];
  }

  #contractTouchedBy(result: EntryResult | null): Contract | undefined {
    if (result === null || !("seq" in result || result.kind === "end-mandate")) return undefined;
    return this.rules.contracts.get(this.#state, result.termsId);
  }

  /** The root for which a device is registered. */
  rootOfDevice(identity: Uint8Array): Uint8Array | undefined {
    return new Draft(this.#state, this.#timeMs).device(identity)?.root;
  }

  /** The account that a device may ask about: its root's, or a joint one. Undefined for strangers. */
  accountFor(identity: Uint8Array, wanted?: Uint8Array): OwnAccount | undefined {
    const root = this.rootOfDevice(identity);
    return root === undefined ? undefined : ownAccount(this.#state, root, wanted ?? root);
  }

  /** The devices that a root has registered, revoked ones too. */
  devicesOf(root: Uint8Array): OwnersDevice[] {
    return this.#devices.of(root, this.#state);
  }

  /**
   * What a root owns at `timeMs` (default: the last block's), by currency, sorted; without zeros, without
   * what contracts hold.
   */
  accountBalances(root: Uint8Array, timeMs: TimeMs = this.#timeMs): Map<string, bigint> {
    const draft = new Draft(this.#state, timeMs);
    const balances = new Map<string, bigint>();
    for (const currency of this.#currencies) {
      const amount = draft.balance(root, currency);
      if (amount > 0n) balances.set(currency, amount);
    }
    return balances;
  }

  /**
   * Every account, hold and supply as it stands in the state: what demurrage takes from an account is there
   * until the account is next used. Walks the whole state.
   */
  allBalances(): AllBalances {
    const accounts: AllBalances["accounts"] = [];
    const holds: AllBalances["holds"] = [];
    for (const [key, bytes] of this.#state.entries("account/")) {
      const [, root, currency] = key.split("/") as [string, string, string];
      accounts.push({ root, currency, amount: readAmount(bytes) });
    }
    for (const [key, bytes] of this.#state.entries("hold/")) {
      const [, termsId, currency] = key.split("/") as [string, string, string];
      holds.push({ termsId, currency, amount: readAmount(bytes) });
    }
    const draft = new Draft(this.#state, this.#timeMs);
    const supplies = this.#currencies.map((currency) => ({
      currency,
      amount: draft.currency(currency)!.supply,
    }));
    return { accounts, holds, supplies };
  }

  /** Issuers, decimals, supplies and policies of at most `max` currencies whose ids come after `after`. */
  currencies(after = "", max = Number.POSITIVE_INFINITY): CurrencyView[] {
    const draft = new Draft(this.#state, this.#timeMs);
    const from = position(this.#currencies, after);
    const ids = this.#currencies.slice(this.#currencies[from] === after ? from + 1 : from).slice(0, max);
    return ids.map((id) => {
      const policy = draft.policy(id);
      return { id, ...draft.currency(id)!, ...(policy === undefined ? {} : { policy }) };
    });
  }

  /** What has been charged by an open contract's mandates, in the order of its terms. */
  mandates(contract: Contract): MandateView[] {
    return mandateViews(this.#state, contract, this.#timeMs);
  }

  /** A contract's present state; `contract` is undefined once it has ended and its terms are forgotten. */
  contractView(termsId: Uint8Array): ContractView | undefined {
    const bytes = this.#state.get(keys.contract(termsId));
    if (bytes === undefined) return undefined;
    const state = decodeContractState(bytes);
    const termsBytes = this.#state.get(keys.terms(termsId));
    const contract = termsBytes === undefined ? undefined : this.rules.contracts.read(termsBytes, termsId);
    return { state, contract };
  }
}

export interface AllBalances {
  /** `root` and `termsId` in hex. */
  accounts: { root: string; currency: string; amount: bigint }[];
  holds: { termsId: string; currency: string; amount: bigint }[];
  supplies: { currency: string; amount: bigint }[];
}

export interface CurrencyView extends CurrencyRecord {
  id: string;
  policy?: CurrencyPolicy;
}

export interface ContractView {
  state: ContractState;
  contract: Contract | undefined;
}
