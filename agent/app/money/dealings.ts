/** The phone's contracts: offers that wait, the owner's word on them, how they stand, and what he does. */
import type { Certified, LedgerClient } from "../../core/ledger-client.ts";
import type { ContractInfo } from "../../core/negotiation-follow.ts";
import { choiceOf, depositOf } from "../../platform/contract-acts.ts";
import {
  awaitedDigests,
  keptEvidence,
  keptFacts,
  shownSecret,
  signedFact,
} from "../../platform/contract-facts.ts";
import type { Stating } from "../../platform/contract-facts.ts";
import type { ContractProgress, ContractStore } from "../../platform/contract-store.ts";
import { awaitTimeout } from "../../platform/contract-timeout.ts";
import type { RunningContracts } from "../../platform/contracts-run.ts";
import { askContract } from "../../platform/notary-questions.ts";
import type { NotaryLine } from "../../platform/notary-questions.ts";
import { acceptedMoney, commissionOf, makeTerms, sharedParams, withAccepted } from "../../platform/offers.ts";
import type { AcceptedMoney } from "../../platform/offers.ts";
import { phaseOf } from "../../../protocols/access/stay.ts";
import { requireCommission } from "../../../protocols/contract/commission.ts";
import type { Fact } from "../../../protocols/contract/facts.ts";
import { casesOf, stepAt } from "../../../protocols/contract/negotiation-next.ts";
import { missingSigners, statusOf } from "../../../protocols/contract/negotiation-state.ts";
import type { Negotiation, NegotiationStatus } from "../../../protocols/contract/negotiation-state.ts";
import { signableFacts } from "../../../protocols/contract/signable.ts";
import type { SignableFact } from "../../../protocols/contract/signable.ts";
import { templateOf } from "../../../protocols/contract/templates/index.ts";
import type { Json } from "../../../protocols/contract/templates/index.ts";
import { encodeTerms, partyByIdentity } from "../../../protocols/contract/terms.ts";
import type { Case, Terms, When } from "../../../protocols/contract/terms.ts";
import type { DocumentCurrency } from "../../../protocols/documents/money.ts";
import { fromHex, toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { Card } from "../../../protocols/identity/card.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { draftFacts } from "../../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../../protocols/ledger/receipt-view.ts";
import type { Clock, Crypto, Random, Signer } from "../../../protocols/ports.ts";
import type { People } from "./people.ts";

export interface DealingsParts {
  crypto: Crypto;
  random: Random;
  signer: Signer;
  /** Of this agent. */
  card: Card;
  self: string;
  network: NetworkDescription;
  clock: Clock;
  store: ContractStore;
  running: RunningContracts;
  line: NotaryLine;
  ledger: LedgerClient;
  submit: (draft: EntryDraft) => Promise<Certified>;
  people: People;
  currencies: () => readonly DocumentCurrency[];
  /** Keeps a receipt for the wallet. */
  certified: (certified: Certified) => void;
  durable: () => Promise<void>;
  changed: () => void;
}

/** One offer or contract, as it is known on this phone. */
export interface Deal {
  /** In hex. */
  id: string;
  one: Negotiation;
  status: NegotiationStatus | "closed";
  /** This agent's. */
  role: string;
  /** Ids of those who have not signed. */
  missing: string[];
  /** As the ledger last told. */
  progress: ContractProgress | undefined;
}

/** How an open contract stands, as 2f+1 notaries say, and what this agent can do in it. */
export interface Stand {
  info: ContractInfo;
  /** Undefined once it has ended. */
  step: When | undefined;
  /** What the step waits for from this agent. */
  yours: Case[];
  statable: SignableFact[];
  /** The step waits for something that is shown, such as the key of data, from whoever has it. */
  canShow: boolean;
  stated: Fact[];
  /** What has been stated fulfils the step: it can be handed in. */
  isEnough: boolean;
  /** The step's time is over. */
  isTimeout: boolean;
  agreeing: number;
  notaries: number;
}

/** Terms that are made and not signed yet, to be read first. */
export interface Draft {
  terms: Terms;
  /** What the others are told that it was made from. */
  shared: string;
}

export class Dealings {
  readonly #parts: DealingsParts;
  /** A certificate takes a while to verify. */
  readonly #phases = new Map<string, { seq: number; phase: string }>();

  constructor(parts: DealingsParts) {
    this.#parts = parts;
  }

  /** The newest first. */
  list(): Deal[] {
    const all = this.#parts.store.loadAll();
    return [...all.values()].map((one) => this.#dealOf(one)).reverse();
  }

  /** Errors: contract-unknown. */
  get(id: string): Deal {
    const one = this.#parts.store.loadAll().get(id);
    if (one === undefined) throw new SegmentError("contract-unknown", "this phone has no such contract");
    return this.#dealOf(one);
  }

  #dealOf(one: Negotiation): Deal {
    const { store, running, self, clock } = this.#parts;
    const id = toHex(one.termsId);
    const progress = store.progress(one.termsId);
    const isClosed = store.isSettled(one.termsId) || progress?.closed === true;
    const status = isClosed ? "closed" : statusOf(running.negotiator.all, one, self, clock.now());
    const role = partyByIdentity(one.terms, this.#parts.card.identity)?.role ?? "";
    return { id, one, status, role, missing: missingSigners(one), progress };
  }

  /** What certified last how a contract stands, if that was after the step of this number. */
  receiptAfter(termsId: Uint8Array, seq: number): { seq: number; receipt: Uint8Array } | undefined {
    return this.#parts.store.receiptAfter(termsId, seq);
  }

  /** Where a rental stands by its last certificate (see StayPhase); undefined before there is one. */
  stayPhase(id: string): string | undefined {
    const { store, crypto, network } = this.#parts;
    const termsId = fromHex(id);
    const seq = store.progress(termsId)?.seq;
    const known = this.#phases.get(id);
    if (seq === undefined || known?.seq === seq) return known?.phase;
    const receipt = store.lastReceipt(termsId);
    const phase = receipt && phaseOf(termsId, verifyReceipt(crypto, receipt, network));
    if (phase !== undefined) this.#phases.set(id, { seq, phase: phase.phase });
    return phase?.phase;
  }

  // ---------------------------------------------------------------- the owner's word

  /** Errors: commission-missing, contract-unknown, offer-replaced, offer-declined, terms-expired, … */
  async sign(id: string, mayDeposit: boolean): Promise<void> {
    const { running, network } = this.#parts;
    const { one } = this.get(id);
    requireCommission(one.terms, commissionOf(network));
    running.negotiator.sign(one.termsId, mayDeposit);
    await this.#said();
  }

  /** Errors: contract-unknown, contract-not-expected (all have signed), … */
  async decline(id: string, reason: string): Promise<void> {
    this.#parts.running.negotiator.decline(fromHex(id), reason);
    await this.#said();
  }

  /**
   * Offers other terms instead: the parameters of the version that it replaces, with `changes` as people
   * write them. Errors: option-invalid, amount-*, terms-*, offer-*, …
   */
  async counter(id: string, changes: Readonly<Record<string, string>>, note: string): Promise<Deal> {
    const { one } = this.get(id);
    const [name = ""] = one.terms.template.split("/");
    const params = { ...sharedParams(one), ...changes };
    const accepted = acceptedMoney(one).filter(({ currency }) => currency !== params["currency"]);
    const draft = this.#draft(templateOf(name).name, params, accepted, one);
    return this.#propose(draft, note, one);
  }

  /** Errors: option-invalid, card-invalid, amount-*, terms-*, offer-foreign, … */
  draft(template: string, params: Record<string, Json>, accepted: readonly AcceptedMoney[] = []): Draft {
    return this.#draft(templateOf(template).name, params, accepted, null);
  }

  /** Signs what was read, and offers it. Errors: offer-*, terms-expired, store-failed, … */
  async propose(draft: Draft, note: string): Promise<Deal> {
    return this.#propose(draft, note, null);
  }

  #draft(
    template: string,
    params: Record<string, Json>,
    accepted: readonly AcceptedMoney[],
    replaced: Negotiation | null,
  ): Draft {
    const { card, people, network, currencies, clock, random } = this.#parts;
    const known = new Map(people.all());
    // Who they are stands in the version that is replaced.
    for (const { identity, account } of replaced?.terms.parties ?? []) {
      const id = agentId(identity);
      known.set(id, { identity, root: account, name: people.nameOf(id) ?? "" });
    }
    const nowMs = clock.now();
    const maker = { self: card, people: known, network, currencies: currencies(), nowMs, random };
    const { terms, shared } = makeTerms(maker, template, params);
    if (partyByIdentity(terms, card.identity) === undefined)
      throw new SegmentError("offer-foreign", "the parameters do not name this phone as a party (write: me)");
    return { terms, shared: withAccepted(shared, accepted) };
  }

  async #propose({ terms, shared }: Draft, note: string, replaced: Negotiation | null): Promise<Deal> {
    const replaces = replaced?.termsId ?? null;
    const offer = { terms: encodeTerms(terms), replaces, note, params: shared, mayDeposit: true };
    const one = this.#parts.running.negotiator.propose(offer);
    await this.#said();
    return this.#dealOf(one);
  }

  async #said(): Promise<void> {
    await this.#parts.durable();
    this.#parts.changed();
  }

  // ---------------------------------------------------------------- open contracts

  /** Asks the notaries; undefined if the ledger does not have it. Errors: quorum-missing. */
  async stand(id: string): Promise<Stand | undefined> {
    const { line, store, clock, crypto, running, changed } = this.#parts;
    const { one, role } = this.get(id);
    const { value: info, agreeing, notaries } = await askContract(line, one.termsId);
    if (info === undefined) return undefined;
    if (!one.isOpened) store.save({ ...one, isOpened: true });
    if (info.closed && !store.isSettled(one.termsId)) {
      if (running.negotiator.all.has(id)) running.negotiator.settled(one.termsId);
      else store.settle(one.termsId);
      changed();
    }
    const nowMs = clock.now();
    const step = info.closed ? undefined : stepAt(one.terms, info.path);
    return {
      ...{ info, step, agreeing, notaries, stated: keptFacts(crypto, one) },
      yours: step === undefined ? [] : casesOf(step, role),
      statable: step === undefined ? [] : signableFacts(step, role),
      canShow: step !== undefined && awaitedDigests(step).length > 0,
      isEnough: step !== undefined && keptEvidence(crypto, { one, step, nowMs }) !== undefined,
      isTimeout: step !== undefined && nowMs >= step.refundFrom,
    };
  }

  /** Errors: contract-not-expected, funds-short, … */
  async deposit(id: string): Promise<void> {
    const { one, stand } = await this.#open(id);
    await this.#do(one, { body: depositOf(one, stand.yours) });
  }

  /** `value`: in major units, for a choice that has one. Errors: contract-not-expected, option-invalid, … */
  async choose(id: string, name: string, value?: string): Promise<void> {
    const { one, stand } = await this.#open(id);
    const typed = value?.trim().replace(",", ".");
    await this.#do(one, { body: choiceOf(one, stand.yours, name, typed, this.#parts.currencies()) });
  }

  /**
   * States what the step waits for, and tells the others; what another has stated is signed alike. Errors:
   * contract-not-expected, contract-too-early, contract-too-late, option-invalid, …
   */
  async state(id: string, kind: string): Promise<void> {
    const { running } = this.#parts;
    const { one, stating } = await this.#open(id);
    const { bytes, other } = signedFact(this.#parts, stating, kind, undefined, undefined);
    if (other !== undefined) running.negotiator.state(one.termsId, other.bytes);
    running.negotiator.state(one.termsId, bytes);
    await this.#said();
  }

  /**
   * Shows what the contract waits for, such as the key of data, to the notaries and so to the parties; as it
   * was pasted. Errors: contract-not-expected, fact-invalid, quorum-missing, …
   */
  async show(id: string, pasted: string): Promise<void> {
    const { crypto } = this.#parts;
    const { one, stating } = await this.#open(id);
    const secret = shownSecret(crypto, stating.step, pasted);
    await this.#do(one, draftFacts(crypto, one.termsId, [], [secret]));
  }

  /**
   * Hands in what the parties have stated; without enough of it, sees to the timeout whose time has come.
   * Errors: contract-too-early, quorum-missing, …
   */
  async claim(id: string): Promise<void> {
    const { crypto, line, ledger } = this.#parts;
    const { one, stand, stating } = await this.#open(id);
    const evidence = keptEvidence(crypto, stating);
    if (evidence !== undefined) {
      const facts = evidence.map(({ bytes }) => bytes);
      return this.#do(one, draftFacts(crypto, one.termsId, facts));
    }
    if (!stand.isTimeout)
      throw new SegmentError("contract-too-early", "nothing can be handed in yet, and its time is not over");
    await awaitTimeout(line, ledger, crypto, one.termsId, stand.info.seq);
    await this.stand(id);
  }

  /** Errors: contract-unknown, contract-closed, quorum-missing. */
  async #open(id: string): Promise<{ one: Negotiation; stand: Stand; stating: Stating }> {
    const stand = await this.stand(id);
    const { one, role } = this.get(id);
    if (stand === undefined)
      throw new SegmentError("contract-unknown", "the contract is not open on the ledger");
    const { step } = stand;
    if (step === undefined) throw new SegmentError("contract-closed", "the contract has ended");
    const stating = { signer: this.#parts.signer, one, step, role, nowMs: this.#parts.clock.now() };
    return { one, stand, stating };
  }

  async #do(one: Negotiation, draft: EntryDraft): Promise<void> {
    const { submit, store, running, certified } = this.#parts;
    const done = await submit(draft);
    certified(done);
    const transition = contractReceipt(done.receipt)?.transition;
    if (transition !== undefined) {
      const { seq, label, closed } = transition;
      store.keepProgress(one.termsId, { seq, label, closed, timeMs: done.receipt.timeMs }, done.bytes);
      if (closed && running.negotiator.all.has(toHex(one.termsId))) running.negotiator.settled(one.termsId);
    }
    await this.#said();
  }
}
