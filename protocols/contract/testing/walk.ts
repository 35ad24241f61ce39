/**
 * Runs the machine through everything that can happen to a contract: every case fulfilled by facts that
 * are really signed and opened, every choice at both ends of its range, every deposit, every timeout; as
 * early and as late as each may be. Some parties may be away for ever. Money is conserved or it throws.
 */
import { equalBytes, toHex } from "../../encoding/bytes.ts";
import type { CborValue } from "../../encoding/cbor.ts";
import { encodeCbor } from "../../encoding/cbor.ts";
import type { Signer, TimeMs } from "../../ports.ts";
import { FACT_KINDS, metBody, openFact, positionBody, signFact } from "../facts.ts";
import type { Fact } from "../facts.ts";
import { nodeAt, startContract, stepContract } from "../machine.ts";
import type { ContractState, Input, Step } from "../machine.ts";
import { decodeContractState, encodeContractState } from "../state-codec.ts";
import { partyOf } from "../terms.ts";
import type { Case, Contract, Node, Observation, Role, When } from "../terms.ts";
import { crypto, done } from "./delivery.ts";

export interface Village {
  /** Who can sign: the device of every party, by its public key in hex. */
  signers: ReadonlyMap<string, Signer>;
  /** Shown where a hash is asked for. */
  preimages: Uint8Array[];
  /** Bodies to try for a kind of fact; one of its own for every other kind. */
  bodies: Readonly<Record<string, CborValue[][]>>;
}

/** Where a walk stands. */
export interface Standing {
  state: ContractState;
  nowMs: TimeMs;
  /** What happened, in order: "guest objects in may-open". */
  events: string[];
  /** "role currency" -> minor units, of all deposits and of all payments so far. */
  deposited: ReadonlyMap<string, bigint>;
  paid: ReadonlyMap<string, bigint>;
}

export type Pace = "early" | "late";

export class Walker {
  readonly contract: Contract;
  private readonly village: Village;
  private readonly facts = new Map<string, Fact>();

  constructor(contract: Contract, village: Village) {
    this.contract = contract;
    this.village = village;
  }

  opened(): Standing {
    const { notBefore } = this.contract.terms;
    const { state, payments } = done(startContract(this.contract, notBefore));
    if (payments.length > 0) throw new Error("there is nothing to pay at the start");
    return { state, nowMs: notBefore, events: [], deposited: new Map(), paid: new Map() };
  }

  /** Every standing from here on, this one first, whatever those who are not away do. */
  *everything(at: Standing, pace: Pace, away: ReadonlySet<Role> = new Set()): Generator<Standing> {
    yield at;
    if (at.state.closed) return;
    const node = this.waitingIn(at);
    for (const [index, one] of node.cases.entries()) {
      for (const [input, nowMs] of this.inputsFor(one, node, at, pace, away)) {
        const step = stepContract(crypto, this.contract, at.state, input, nowMs);
        // It may be too early or too late for a `before`; nothing else may stand in the way.
        if (!step.ok && step.code !== "condition-not-met") throw new Error(`${step.code}: ${step.message}`);
        if (step.ok && done(step).state.path[at.state.path.length] === index)
          yield* this.everything(this.after(at, input, step, nowMs), pace, away);
      }
    }
    yield* this.everything(this.timedOut(at), pace, away);
  }

  /** One step in which nobody acts and anybody hands in the timeout. */
  timedOut(at: Standing): Standing {
    const { refundFrom } = this.waitingIn(at);
    const nowMs = Math.max(at.nowMs, refundFrom);
    const input: Input = { kind: "timeout" };
    if (stepContract(crypto, this.contract, at.state, input, refundFrom - 1).ok)
      throw new Error(`${at.state.label} times out too early`);
    return this.after(at, input, stepContract(crypto, this.contract, at.state, input, nowMs), nowMs);
  }

  /** One step that must succeed. */
  take(at: Standing, input: Input, nowMs: TimeMs): Standing {
    return this.after(at, input, stepContract(crypto, this.contract, at.state, input, nowMs), nowMs);
  }

  /** The first of these roles' facts that a case could be fulfilled with, at this time. */
  evidence(
    condition: Observation,
    roles: readonly Role[],
    timeMs: TimeMs,
  ): Extract<Input, { kind: "facts" }> {
    const away = new Set(
      this.contract.terms.parties.map((party) => party.role).filter((role) => !roles.includes(role)),
    );
    const [facts = []] = this.factsFor(condition, timeMs, away);
    return { kind: "facts", facts, preimages: [] };
  }

  waitingIn(at: Standing): When {
    const node = nodeAt(this.contract.terms.contract, at.state.path);
    if (node?.kind !== "when") throw new Error("an open contract waits somewhere");
    return node;
  }

  private after(at: Standing, input: Input, step: Step, nowMs: TimeMs): Standing {
    const { state, payments } = done(step);
    const bytes = encodeContractState(state);
    if (!equalBytes(encodeContractState(decodeContractState(bytes)), bytes))
      throw new Error("the state does not survive its bytes");
    const deposited = new Map(at.deposited);
    if (input.kind === "deposit") add(deposited, `${input.by} ${input.currency}`, input.amount);
    const paid = new Map(at.paid);
    for (const { to, currency, amount } of payments) {
      if (amount <= 0n) throw new Error("a payment is not above zero");
      add(paid, `${to} ${currency}`, amount);
    }
    const now = {
      state,
      nowMs,
      events: [...at.events, `${nameOf(input)} in ${at.state.label}`],
      deposited,
      paid,
    };
    requireConserved(now);
    return now;
  }

  /** Inputs for a case and when to hand each in. */
  private *inputsFor(
    one: Case,
    node: When,
    at: Standing,
    pace: Pace,
    away: ReadonlySet<Role>,
  ): Generator<[Input, TimeMs]> {
    const turns = [...turnsIn(one)].flatMap((timeMs) => [timeMs - 1, timeMs]).filter((timeMs) => timeMs >= 0);
    if (one.kind === "facts") {
      const made = new Set([pace === "early" ? at.nowMs : node.actBy, ...turns]);
      for (const timeMs of made) {
        if (timeMs > node.actBy) continue;
        const nowMs = pace === "early" ? Math.max(timeMs, at.nowMs) : node.claimBy;
        for (const facts of this.factsFor(one.condition, timeMs, away))
          yield [{ kind: "facts", facts, preimages: this.village.preimages }, nowMs];
      }
      return;
    }
    if (away.has(one.by)) return;
    const times = [pace === "early" ? at.nowMs : node.actBy, ...turns];
    for (const nowMs of new Set(times.filter((timeMs) => timeMs >= at.nowMs && timeMs <= node.actBy))) {
      const { by } = one;
      if (one.kind === "deposit")
        yield [{ kind: "deposit", by, currency: one.currency, amount: one.amount }, nowMs];
      else
        for (const value of new Set([one.min, one.max]))
          yield [{ kind: "choice", by, name: one.name, value }, nowMs];
    }
  }

  /** Sets of facts by which a condition might hold, of those who are there. */
  private *factsFor(condition: Observation, timeMs: TimeMs, away: ReadonlySet<Role>): Generator<Fact[]> {
    switch (condition.kind) {
      case "near":
        yield this.stated(
          [condition.role],
          FACT_KINDS.position,
          positionBody({ ...condition, altitudeMm: 0 }),
          timeMs,
          away,
        );
        return;
      case "met": {
        const [initiator, responder] = condition.roles.map(
          (role) => partyOf(this.contract.terms, role)!.identity,
        );
        const body = metBody({
          sessionHash: new Uint8Array(32),
          initiatorIdentity: initiator!,
          responderIdentity: responder!,
        });
        yield this.stated(condition.roles, FACT_KINDS.met, body, timeMs, away);
        return;
      }
      case "attest":
      case "signed": {
        const roles = condition.kind === "attest" ? [condition.role] : condition.roles;
        for (const body of this.village.bodies[condition.factKind] ?? [[condition.factKind]])
          yield this.stated(roles, condition.factKind, body, timeMs, away);
        return;
      }
      case "and":
        yield* this.product(condition.all, timeMs, away);
        return;
      case "or":
        for (const member of condition.any) yield* this.factsFor(member, timeMs, away);
        return;
      case "before":
      case "hash":
      case "not":
        yield [];
    }
  }

  private *product(
    members: readonly Observation[],
    timeMs: TimeMs,
    away: ReadonlySet<Role>,
  ): Generator<Fact[]> {
    const [first, ...others] = members;
    if (first === undefined) return yield [];
    for (const facts of this.factsFor(first, timeMs, away))
      for (const more of this.product(others, timeMs, away)) yield [...facts, ...more];
  }

  private stated(
    roles: readonly Role[],
    kind: string,
    body: CborValue[],
    timeMs: TimeMs,
    away: ReadonlySet<Role>,
  ): Fact[] {
    return roles.filter((role) => !away.has(role)).map((role) => this.fact(role, kind, body, timeMs));
  }

  /** A fact about this contract, signed by the role's device and opened again. */
  fact(role: Role, kind: string, body: CborValue[], timeMs: TimeMs): Fact {
    const key = `${role} ${kind} ${timeMs} ${toHex(encodeCbor(body))}`;
    const known = this.facts.get(key);
    if (known !== undefined) return known;
    const identity = partyOf(this.contract.terms, role)?.identity;
    const signer = identity === undefined ? undefined : this.village.signers.get(toHex(identity));
    if (signer === undefined) throw new Error(`nobody can sign for ${role}`);
    const fact = openFact(crypto, signFact(signer, { kind, subject: this.contract.id, timeMs, body }));
    this.facts.set(key, fact);
    return fact;
  }
}

/** Times at which a condition, or the decision that follows at once, turns. */
function* turnsIn(one: Case): Generator<TimeMs> {
  if (one.kind === "facts") yield* turnsOf(one.condition);
  yield* decisionsIn(one.then);
}

function* turnsOf(seen: Observation): Generator<TimeMs> {
  if (seen.kind === "before") yield seen.timeMs;
  const members =
    seen.kind === "and" ? seen.all : seen.kind === "or" ? seen.any : seen.kind === "not" ? [seen.not] : [];
  for (const member of members) yield* turnsOf(member);
}

function* decisionsIn(node: Node): Generator<TimeMs> {
  if (node.kind === "pay") yield* decisionsIn(node.then);
  if (node.kind !== "if") return;
  yield* turnsOf(node.condition);
  yield* decisionsIn(node.then);
  yield* decisionsIn(node.else);
}

/** When it must have ended, whoever is away: the latest deadline from this node on. */
export function latestEnd(node: Node): TimeMs {
  switch (node.kind) {
    case "close":
      return 0;
    case "pay":
      return latestEnd(node.then);
    case "if":
      return Math.max(latestEnd(node.then), latestEnd(node.else));
    case "when":
      return Math.max(
        node.refundFrom,
        ...[...node.cases.map((one) => one.then), node.onTimeout].map(latestEnd),
      );
  }
}

function nameOf(input: Input): string {
  switch (input.kind) {
    case "deposit":
      return `${input.by} deposits ${input.amount}`;
    case "choice":
      return `${input.by} chooses ${input.name} ${input.value}`;
    case "facts":
      return "facts";
    case "timeout":
      return "timeout";
  }
}

function add(sums: Map<string, bigint>, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

/** All that was deposited was paid out or is in the pot, per currency. */
export function requireConserved({ state, deposited, paid, events }: Standing): void {
  const sum = (of: ReadonlyMap<string, bigint>, currency: string): bigint =>
    [...of].reduce((total, [key, amount]) => (key.endsWith(` ${currency}`) ? total + amount : total), 0n);
  const pot = new Map(state.pot);
  for (const key of [...deposited.keys(), ...paid.keys()]) {
    const currency = key.slice(key.indexOf(" ") + 1);
    if (sum(deposited, currency) !== sum(paid, currency) + (pot.get(currency) ?? 0n))
      throw new Error(`money of ${currency} is not conserved: ${events.join("; ")}`);
  }
  if (state.closed && state.pot.length > 0) throw new Error(`money is left: ${events.join("; ")}`);
}

/** What every role has more (or less) than before, in one currency; roles without change are left out. */
export function gainsOf({ deposited, paid }: Standing, currency: string): Record<Role, bigint> {
  const gains: Record<Role, bigint> = {};
  for (const [sums, sign] of [
    [paid, 1n],
    [deposited, -1n],
  ] as const) {
    for (const [key, amount] of sums) {
      const [role = "", of] = key.split(" ");
      if (of === currency) gains[role] = (gains[role] ?? 0n) + sign * amount;
    }
  }
  return Object.fromEntries(Object.entries(gains).filter(([, gain]) => gain !== 0n));
}
