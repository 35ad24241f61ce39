/** Entries that open and drive contracts: the machine decides, money moves between accounts and holds. */
import { assertSafe } from "../contract/check.ts";
import { openFact } from "../contract/facts.ts";
import { startContract, stepContract } from "../contract/machine.ts";
import type { ContractState, Input, Step } from "../contract/machine.ts";
import { decodeContractState, encodeContractState } from "../contract/state-codec.ts";
import { accountOf, partyByIdentity, readContract, verifyTermsSignatures } from "../contract/terms.ts";
import type { Contract, Party } from "../contract/terms.ts";
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import type { Crypto } from "../ports.ts";
import type { ApplyContext } from "./apply.ts";
import { keys } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { Entry, EntryBody } from "./entry.ts";
import { forgetMandates, openMandates } from "./mandates.ts";
import { quorum } from "./network.ts";
import { decodeFactsAttachment, decodeOpenAttachment } from "./record.ts";
import type { ContractResult, EntryResult, Payment } from "./result.ts";
import type { StateReader } from "./state.ts";
import { openNoRelease } from "./statements.ts";

type Body<K extends EntryBody["kind"]> = Extract<EntryBody, { kind: K }>;

const MAX_CACHED_CONTRACTS = 1_000;

/** Decoded terms by id: terms never change, so this only saves decoding them at every step. */
export class ContractCache {
  readonly #crypto: Crypto;
  readonly #contracts = new Map<string, Contract>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  read(termsBytes: Uint8Array, termsId: Uint8Array): Contract {
    const key = toHex(termsId);
    const known = this.#contracts.get(key);
    if (known !== undefined) return known;
    const contract = readContract(this.#crypto, termsBytes);
    const oldest = this.#contracts.keys().next();
    if (this.#contracts.size >= MAX_CACHED_CONTRACTS && !oldest.done) this.#contracts.delete(oldest.value);
    this.#contracts.set(key, contract);
    return contract;
  }

  /** Decoded before, or read from the state; undefined once forgotten. */
  get(state: StateReader, termsId: Uint8Array): Contract | undefined {
    const known = this.#contracts.get(toHex(termsId));
    if (known !== undefined) return known;
    const termsBytes = state.get(keys.terms(termsId));
    return termsBytes === undefined ? undefined : this.read(termsBytes, termsId);
  }
}

/** A contract that has not ended. Throws `contract-unknown` or `contract-closed`. */
export function openContract(
  state: StateReader,
  contracts: ContractCache,
  termsId: Uint8Array,
): { contract: Contract; state: ContractState } {
  const contract = openTerms(state, contracts, termsId);
  return { contract, state: decodeContractState(state.get(keys.contract(termsId))!) };
}

/** The terms of a contract that has not ended. Throws as `openContract`. */
export function openTerms(state: StateReader, contracts: ContractCache, termsId: Uint8Array): Contract {
  const termsBytes = state.get(keys.terms(termsId));
  if (termsBytes !== undefined) return contracts.read(termsBytes, termsId);
  if (state.get(keys.contract(termsId)) !== undefined)
    throw new SegmentError("contract-closed", "the contract has ended");
  throw new SegmentError("contract-unknown", `no contract ${toHex(termsId)}`);
}

export function applyOpen(
  draft: Draft,
  entry: Entry,
  body: Body<"open">,
  context: ApplyContext,
): EntryResult {
  const { crypto, attachment, network, timeMs } = context;
  const { termsId } = body;
  if (draft.get(keys.contract(termsId)) !== undefined) {
    throw new SegmentError("contract-not-expected", "the contract is open already");
  }
  const { terms: termsBytes, signatures } = decodeOpenAttachment(attachment!);
  const contract = readContract(crypto, termsBytes);
  const { terms } = contract;
  if (!equalBytes(contract.id, termsId))
    throw new SegmentError("terms-invalid", "the entry names other terms");
  if (terms.network !== network)
    throw new SegmentError("terms-invalid", `the terms are for ${terms.network}`);
  if (partyByIdentity(terms, entry.signer) === undefined) {
    throw new SegmentError("entry-unauthorized", "only a party opens a contract");
  }
  verifyTermsSignatures(crypto, termsBytes, signatures);
  for (const party of terms.parties) requireOwner(draft, party, timeMs);
  for (const { role, account } of terms.beneficiaries) {
    if (!draft.ownerExists(account))
      throw new SegmentError("account-unknown", `the ${role}'s account is not registered`);
  }
  assertSafe(terms);
  const step = accepted(startContract(contract, context.seenMs));
  draft.put(keys.terms(termsId), termsBytes);
  openMandates(draft, contract);
  return { kind: "open", ...settle(draft, contract, [], step) };
}

export function applyDeposit(
  draft: Draft,
  entry: Entry,
  body: Body<"deposit">,
  context: ApplyContext,
): EntryResult {
  const { termsId, currency, amount } = body;
  const { contract, state, party } = contractOf(draft, entry, termsId, context);
  requireOwner(draft, party, context.timeMs);
  const input: Input = { kind: "deposit", by: party.role, currency, amount };
  const step = accepted(stepContract(context.crypto, contract, state, input, context.seenMs));
  draft.debit(party.account, currency, amount);
  const result = settle(draft, contract, state.pot, step);
  return { kind: "deposit", ...result, account: party.account, currency, amount };
}

export function applyChoice(
  draft: Draft,
  entry: Entry,
  body: Body<"choice">,
  context: ApplyContext,
): EntryResult {
  const { contract, state, party } = contractOf(draft, entry, body.termsId, context);
  requireOwner(draft, party, context.timeMs);
  const input: Input = { kind: "choice", by: party.role, name: body.name, value: body.value };
  const step = accepted(stepContract(context.crypto, contract, state, input, context.seenMs));
  return { kind: "choice", ...settle(draft, contract, state.pot, step) };
}

export function applyFacts(
  draft: Draft,
  entry: Entry,
  body: Body<"facts">,
  context: ApplyContext,
): EntryResult {
  const { contract, state } = contractOf(draft, entry, body.termsId, context);
  const input = readFacts(context.crypto, context.attachment!);
  const step = accepted(stepContract(context.crypto, contract, state, input, context.seenMs));
  return { kind: "facts", ...settle(draft, contract, state.pot, step) };
}

/** Throws `fact-invalid`, `signature-…` or `cbor-…` codes. */
export function readFacts(crypto: Crypto, attachment: Uint8Array): Extract<Input, { kind: "facts" }> {
  const { facts, preimages } = decodeFactsAttachment(attachment);
  return { kind: "facts", facts: facts.map((bytes) => openFact(crypto, bytes)), preimages };
}

/**
 * Anyone may hand this in, for its force lies in the statements: 2f+1 notaries hold no
 * timely input for this very state of the contract.
 */
export function applyExpire(draft: Draft, body: Body<"expire">, context: ApplyContext): EntryResult {
  const { termsId, seq, statements } = body;
  const { contract, state } = openContract(draft, context.contracts, termsId);
  if (state.seq !== seq)
    throw new SegmentError("contract-not-expected", `the contract is at ${state.seq}, not ${seq}`);
  const refundFrom = state.deadlines?.refundFrom ?? Number.POSITIVE_INFINITY;
  const notaries = new Set<number>();
  for (const bytes of statements) {
    const statement = openNoRelease(context, bytes);
    if (!equalBytes(statement.termsId, termsId) || statement.seq !== seq) {
      throw new SegmentError("entry-invalid", "a statement is about another contract or state");
    }
    if (statement.timeMs < refundFrom)
      throw new SegmentError("contract-too-early", "a statement is too early");
    notaries.add(statement.notary);
  }
  const needed = quorum(context.committee.length);
  if (notaries.size < needed) {
    throw new SegmentError("quorum-missing", `${notaries.size} notaries state it, ${needed} are needed`);
  }
  const step = accepted(stepContract(context.crypto, contract, state, { kind: "timeout" }, context.timeMs));
  return { kind: "expire", ...settle(draft, contract, state.pot, step) };
}

function contractOf(
  draft: Draft,
  entry: Entry,
  termsId: Uint8Array,
  context: ApplyContext,
): { contract: Contract; state: ContractState; party: Party } {
  const { contract, state } = openContract(draft, context.contracts, termsId);
  const party = partyByIdentity(contract.terms, entry.signer);
  if (party === undefined)
    throw new SegmentError("entry-unauthorized", "the signer is no party of the contract");
  return { contract, state, party };
}

/** The party's device must be registered, valid, and act for the account that the terms name. */
export function requireOwner(draft: Draft, party: Party, timeMs: number): void {
  if (!equalBytes(draft.rootOf(party.identity, timeMs), party.account)) {
    throw new SegmentError(
      "entry-unauthorized",
      `the ${party.role}'s device does not act for the account in the terms`,
    );
  }
}

function accepted(step: Step): Extract<Step, { ok: true }> {
  if (!step.ok) throw new SegmentError(step.code, step.message);
  return step;
}

/** Writes the contract's new state, makes its holds equal its pot, and pays out. */
function settle(
  draft: Draft,
  contract: Contract,
  potBefore: ContractState["pot"],
  step: Extract<Step, { ok: true }>,
): ContractResult {
  const { state } = step;
  for (const [currency] of potBefore) draft.setHold(contract.id, currency, 0n);
  for (const [currency, amount] of state.pot) draft.setHold(contract.id, currency, amount);
  const payments: Payment[] = [];
  for (const { to, currency, amount } of step.payments) {
    const account = accountOf(contract.terms, to)!;
    draft.credit(account, currency, amount);
    payments.push({ account, currency, amount });
  }
  draft.put(keys.contract(contract.id), encodeContractState(state));
  // What is settled needs no terms any more: the parties keep them, the ledger forgets them.
  if (state.closed) {
    draft.remove(keys.terms(contract.id));
    forgetMandates(draft, contract);
  }
  return { termsId: contract.id, seq: state.seq, label: state.label, closed: state.closed, payments };
}
