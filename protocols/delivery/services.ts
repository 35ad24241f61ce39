/**
 * A delivery that services have joined (contract/templates/services.ts). They may be paid at its endings, and
 * keep it from beginning; who may land, what releases the price and when is the template's alone. This is
 * checked against the tree that the template makes without them, node by node.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { assertSafe } from "../contract/check.ts";
import { encodeNode, NodeBudget } from "../contract/node-codec.ts";
import { CERTIFIED } from "../contract/templates/fact-kinds.ts";
import { choice, fixedPayments, theRest } from "../contract/templates/plan.ts";
import { NETWORK_ROLE, SERVICE_ROLES } from "../contract/templates/services.ts";
import { encodeTerms } from "../contract/terms.ts";
import type { Node, Terms, When } from "../contract/terms.ts";

/** What must happen between the deposit and the flight. */
export interface Joining {
  /** The insurer's cover, then the certificate; each only if there is one. */
  steps: When[];
  /** What the insurer deposits; 0 without one. */
  coverMinor: bigint;
  flight: Node;
}

const CLOSE: Node = { kind: "close" };

/** Reads what follows the deposit, up to the flight. Throws `terms-invalid`. */
export function joiningOf(after: Node, payer: string, currency: string): Joining {
  const joining: Joining = { steps: [], coverMinor: 0n, flight: after };
  const refund = (): Node =>
    fixedPayments([["insurer", currency, joining.coverMinor]], theRest(payer, currency));
  if (isStep(joining.flight, "awaiting-cover")) {
    const step = joining.flight;
    const [cover] = step.cases;
    if (cover?.kind !== "deposit") throw invalid('"awaiting-cover" waits for no cover');
    const back = refund();
    const cases = [{ ...cover, by: "insurer", currency }, choice("insurer", "decline", back)];
    requireSame(step, { ...step, cases, onTimeout: back });
    joining.coverMinor = cover.amount;
    joining.steps.push(step);
    joining.flight = cover.then;
  }
  if (isStep(joining.flight, "awaiting-certificate")) {
    const step = joining.flight;
    const [certificate] = step.cases;
    if (certificate?.kind !== "facts" || certificate.condition.kind !== "attest")
      throw invalid('"awaiting-certificate" waits for no certificate');
    const condition = { ...certificate.condition, role: "certifier", factKind: CERTIFIED };
    const cases = [{ ...certificate, condition }, choice("certifier", "decline", refund())];
    requireSame(step, { ...step, cases, onTimeout: refund() });
    joining.steps.push(step);
    joining.flight = certificate.then;
  }
  return joining;
}

/**
 * Nothing but services stands between these terms and `plain`, the template's own; at each ending they and
 * the payer have their parts of `extraMinor` first: fees and cover. Throws `terms-invalid`, `terms-unsafe`.
 */
export function requireServed(terms: Terms, plain: Terms, joining: Joining, extraMinor: bigint): void {
  const joined = terms.parties.slice(plain.parties.length).map(({ role }) => role);
  const parties = terms.parties.slice(0, plain.parties.length);
  const bare = { ...terms, parties, beneficiaries: [], contract: plain.contract };
  if (!equalBytes(encodeTerms(bare), encodeTerms(plain))) throw differs();
  for (const role of joined) if (!SERVICE_ROLES.includes(role)) throw invalid(`"${role}" is no service`);
  for (const { role } of terms.beneficiaries)
    if (role !== NETWORK_ROLE) throw invalid(`"${role}" is to be paid, and is no service`);
  const waits = joining.steps.map(({ label }) => label);
  if (joined.includes("insurer") !== waits.includes("awaiting-cover"))
    throw invalid("an insurer and its cover belong together");
  if (joined.includes("certifier") !== waits.includes("awaiting-certificate"))
    throw invalid("a certifier and its certificate belong together");
  const opening = plain.contract;
  const [deposit] = opening.kind === "when" ? opening.cases : [];
  if (!isStep(terms.contract, "awaiting-deposit") || deposit?.kind !== "deposit") throw differs();
  const [paid] = terms.contract.cases;
  if (paid?.kind !== "deposit") throw differs();
  const price = { ...deposit, amount: paid.amount, then: paid.then };
  requireSame(terms.contract, { ...(opening as When), cases: [price] });
  requireAlike(joining.flight, deposit.then, extraMinor);
  assertSafe(terms);
}

/** The same tree, but for what is paid first at each ending. */
function requireAlike(served: Node, plain: Node, extraMinor: bigint): void {
  const [ours, theirs] = [chainOf(served), chainOf(plain)];
  const extras = ours.pays.slice(0, Math.max(0, ours.pays.length - theirs.pays.length));
  const own = ours.pays.slice(extras.length);
  requireSame(chained(own, CLOSE), chained(theirs.pays, CLOSE));
  const [end, expected] = [ours.end, theirs.end];
  if (end.kind === "when" && expected.kind === "when") {
    if (extras.length > 0) throw invalid("somebody is paid before the delivery has ended");
    requireSame(withoutBranches(end), withoutBranches(expected));
    for (const [index, one] of end.cases.entries())
      requireAlike(one.then, expected.cases[index]!.then, extraMinor);
    requireAlike(end.onTimeout, expected.onTimeout, extraMinor);
    return;
  }
  if (end.kind !== "close" || expected.kind !== "close") throw differs();
  const sum = extras.reduce((total, { amount }) => {
    if (amount.kind !== "constant") throw invalid("a service is paid an amount that is not fixed");
    return total + amount.minor;
  }, 0n);
  if (sum !== extraMinor) throw invalid(`at an ending ${sum} is for services, at another ${extraMinor}`);
}

type Pay = Extract<Node, { kind: "pay" }>;

/** Payments in a row, and where they lead. */
function chainOf(node: Node): { pays: Pay[]; end: Node } {
  const pays: Pay[] = [];
  let at = node;
  for (; at.kind === "pay"; at = at.then) pays.push(at);
  return { pays, end: at };
}

function chained(pays: readonly Pay[], end: Node): Node {
  return pays.reduceRight<Node>((then, pay) => ({ ...pay, then }), end);
}

function withoutBranches(step: When): When {
  const cases = step.cases.map((one) => ({ ...one, then: CLOSE }));
  return { ...step, cases, onTimeout: CLOSE };
}

function isStep(node: Node, label: string): node is When {
  return node.kind === "when" && node.label === label;
}

function requireSame(one: Node, other: Node): void {
  const [a, b] = [one, other].map((node) => encodeCbor(encodeNode(node, new NodeBudget())));
  if (!equalBytes(a!, b!)) throw differs();
}

function differs(): SegmentError {
  return invalid("the terms differ from what the template makes of their numbers");
}

function invalid(message: string): SegmentError {
  return new SegmentError("terms-invalid", message, { where: "terms" });
}
