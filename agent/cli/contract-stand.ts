/** `segment contract status | act | claim`: how an open contract stands, and what its parties do in it. */
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { choiceOf, depositOf } from "../platform/contract-acts.ts";
import { keptEvidence, sameAsOthers } from "../platform/contract-facts.ts";
import { awaitTimeout } from "../platform/contract-timeout.ts";
import { STANDING_TEXT } from "../platform/standing-words.ts";
import type { Home } from "../node/home.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { askContract } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import type { Certified } from "../core/ledger-client.ts";
import { countersignFact } from "../../protocols/contract/facts.ts";
import { readFactOf } from "../../protocols/contract/negotiation-facts.ts";
import { casesOf, stepAt } from "../../protocols/contract/negotiation-next.ts";
import { missingSigners } from "../../protocols/contract/negotiation-state.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { requireSignable } from "../../protocols/contract/signable.ts";
import type { Case, When } from "../../protocols/contract/terms.ts";
import { describeStep, roleName } from "../../protocols/contract/text.ts";
import type { TextFormat } from "../../protocols/contract/text.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { draftFacts } from "../../protocols/ledger/drafts.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { factLines, factsDocument, MAX_FACT_FILE_BYTES } from "./contract-fact.ts";
import {
  currenciesOf,
  formatOf,
  perhapsOnline,
  pick,
  roleIn,
  shortId,
  standing,
  stepOf,
  storeOf,
} from "./contract-home.ts";
import type { ContractFlags } from "./contract-home.ts";
import { CONTRACT_WORDS } from "./contract-words.ts";
import { terminalWidth, utc } from "./layout.ts";
import { languageOf, loadHome, optionInvalid, readFileBounded } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { sentenceLines } from "./terms-lines.ts";
import { submitDraft, visitFrom } from "./visit.ts";
import type { CurrencyName } from "./visit.ts";

const MAX_SECRET_BYTES = 256;

// ---------------------------------------------------------------- status

export async function status(idText: string, flags: ContractFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const home = await loadHome(flags);
  const store = storeOf(home);
  const all = store.loadAll();
  const one = pick(all, idText);
  await perhapsOnline(flags, home, async (client) => {
    const asked = client === undefined ? undefined : await askContract(client, one.termsId);
    const info = asked?.value;
    if (info !== undefined && !one.isOpened) store.save({ ...one, isOpened: true });
    if (info?.closed === true) store.settle(one.termsId);
    const last = store.progress(one.termsId);
    const format = formatOf(language, await currenciesOf(home, client));
    const step = info === undefined ? undefined : stepAt(one.terms, info.path);
    const role = roleIn(one, home);
    const stands = info === undefined ? standing(store, all, one, home) : info.closed ? "closed" : "opened";
    if (flags.json === true) {
      printDocument({
        termsId: toHex(one.termsId),
        template: one.terms.template,
        role,
        status: stands,
        label: info?.label ?? last?.label ?? null,
        seq: info?.seq ?? last?.seq ?? null,
        pot: (info?.pot ?? []).map(({ currency, minor }) => {
          return { currency, minor: minor.toString(), amount: format.amount(minor, currency) };
        }),
        missing: missingSigners(one),
        deadlines: step === undefined ? null : deadlinesOf(step),
        next: step === undefined ? [] : step.cases.map(nextOf),
        yours: step === undefined ? [] : casesOf(step, role).map(nextOf),
        facts: step === undefined ? null : factsDocument({ home, one, step, role, nowMs: nowOf(client) }),
        notaries: asked === undefined ? null : { agreeing: asked.agreeing, of: asked.notaries },
      });
      return;
    }
    const words = CONTRACT_WORDS[language];
    print(words.contract(shortId(one), one.terms.template, roleName(role, language)));
    if (info === undefined) {
      print(STANDING_TEXT.en[stands]);
      if (last !== undefined) print(words.lastKnown(last.label, format.time(last.timeMs)));
      for (const id of missingSigners(one)) print(words.notSigned(id));
      return;
    }
    const held = info.pot.map(({ currency, minor }) => format.amount(minor, currency)).join(", ");
    print(info.closed ? words.ended : words.holds(held === "" ? words.nothing : held));
    if (step === undefined) return;
    const width = terminalWidth();
    for (const line of sentenceLines(describeStep(one.terms, step, language, format), width)) print(line);
    const yours = casesOf(step, role).flatMap((mine) => commandOf(mine, one, format));
    if (yours.length > 0) print(words.youCan);
    for (const line of yours) print(`  ${line}`);
    if (step.cases.every(({ kind }) => kind !== "facts")) return;
    for (const line of factLines({ home, one, step, role, nowMs: nowOf(client) }, language)) print(line);
  });
}

function nowOf(client: Client | undefined): number {
  return (client?.connection.clock ?? systemClock).now();
}

function deadlinesOf({ actBy, claimBy, refundFrom }: When): Record<string, string> {
  const [act, claim, refund] = [actBy, claimBy, refundFrom].map((timeMs) => new Date(timeMs).toISOString());
  return { actBy: act ?? "", claimBy: claim ?? "", timeoutFrom: refund ?? "" };
}

function nextOf(one: Case): Record<string, string> {
  if (one.kind === "deposit") {
    const { kind, by, currency, amount } = one;
    return { kind, by, currency, minor: amount.toString() };
  }
  if (one.kind === "facts") return { kind: one.kind };
  const { kind, by, name, min, max } = one;
  return { kind, by, name, min: min.toString(), max: max.toString() };
}

function commandOf(one: Case, of: Negotiation, format: TextFormat): string[] {
  const act = `segment contract act ${shortId(of)}`;
  if (one.kind === "deposit") return [`${act} deposit    (${format.amount(one.amount, one.currency)})`];
  // What it may state is told apart.
  if (one.kind === "facts") return [];
  return [`${act} choose ${one.name}${one.min === one.max ? "" : " VALUE"}`];
}

// ---------------------------------------------------------------- act

export async function act(
  idText: string,
  what: string,
  name: string | undefined,
  value: string | undefined,
  flags: ContractFlags,
): Promise<void> {
  if (what !== "deposit" && what !== "choose") throw optionInvalid("<what>", "deposit or choose", what);
  if (what === "choose" && name === undefined) throw optionInvalid("<name>", "the choice's name", "nothing");
  const home = await loadHome(flags);
  const one = pick(storeOf(home).loadAll(), idText);
  await visitFrom(flags, home, async (client) => {
    const { step } = await stepOf(client, home, one);
    const mine = casesOf(step, roleIn(one, home));
    const body =
      what === "deposit"
        ? depositOf(one, mine)
        : choiceOf(one, mine, name ?? "", value, await currenciesOf(home, client));
    done(home, flags, one, await submitDraft(client, home, { body }), await currenciesOf(home, client));
  });
}

// ---------------------------------------------------------------- claim

export interface ClaimFlags extends ContractFlags {
  fact?: string[];
  countersign?: string[];
  secret?: string[];
}

export async function claim(idText: string, flags: ClaimFlags): Promise<void> {
  const home = await loadHome(flags);
  const one = pick(storeOf(home).loadAll(), idText);
  const { fact = [], countersign = [], secret = [] } = flags;
  const read = (path: string): Uint8Array => readFileBounded(path, MAX_FACT_FILE_BYTES);
  const facts = [...fact, ...countersign].map(read);
  const preimages = secret.map((path) => readFileBounded(path, MAX_SECRET_BYTES));
  await visitFrom(flags, home, async (client) => {
    const { step, info } = await stepOf(client, home, one);
    const nowMs = client.connection.clock.now();
    for (const path of countersign) facts.push(countersigned(home, one, step, nowMs, read(path)));
    if (facts.length + preimages.length === 0)
      facts.push(...(keptEvidence(nodeCrypto, { one, step, nowMs }) ?? []).map(({ bytes }) => bytes));
    if (facts.length + preimages.length > 0) {
      const draft = draftFacts(nodeCrypto, one.termsId, facts, preimages);
      done(home, flags, one, await submitDraft(client, home, draft), await currenciesOf(home, client));
      return;
    }
    if (nowMs < step.refundFrom) {
      const left = `the timeout of "${step.label}" begins at ${utc(step.refundFrom)}`;
      const due = "before that, evidence is due: `segment contract fact` says which";
      throw new SegmentError("contract-too-early", `${left}; ${due}`);
    }
    const after = await awaitTimeout(client, client.ledger, nodeCrypto, one.termsId, info.seq);
    if (after.closed) storeOf(home).settle(one.termsId);
    if (flags.json === true) {
      const { label, seq, closed } = after;
      printDocument({ termsId: toHex(one.termsId), label, seq, closed, by: "timeout" });
    } else
      print(after.closed ? "It has ended by its timeout." : `By its timeout it is in "${after.label}" now.`);
  });
}

/** The same as another's fact, if the step waits for it from this agent. Errors: those of `sameAsOthers`. */
function countersigned(
  home: Home,
  one: Negotiation,
  step: When,
  nowMs: number,
  bytes: Uint8Array,
): Uint8Array {
  const given = readFactOf(nodeCrypto, one, bytes);
  const signable = requireSignable(step, roleIn(one, home), given.kind, nowMs);
  const other = sameAsOthers(nodeCrypto, { signer: home.keys.signer, one, nowMs }, signable, bytes);
  return countersignFact(home.keys.signer, other, nowMs);
}

// ---------------------------------------------------------------- what came of it

function done(
  home: Home,
  flags: ContractFlags,
  one: Negotiation,
  certified: Certified,
  currencies: readonly CurrencyName[],
): void {
  const { receipt, bytes } = certified;
  const store = storeOf(home);
  const transition = contractReceipt(receipt)?.transition;
  const path = keepReceipt(home, certified);
  if (transition === undefined) throw new SegmentError("internal", "the receipt tells of no contract");
  const { seq, label, closed, payments } = transition;
  store.keepProgress(one.termsId, { seq, label, closed, timeMs: receipt.timeMs }, bytes);
  if (closed) store.settle(one.termsId);
  const format = formatOf(languageOf(flags.lang), currencies);
  const paid = payments.map(({ account, currency, amount }) => {
    return {
      account: agentId(account),
      currency,
      minor: amount.toString(),
      amount: format.amount(amount, currency),
    };
  });
  if (flags.json === true) {
    const notaries = { signed: receipt.certificate.length };
    const host = { receipt: path, height: receipt.height, timeMs: receipt.timeMs };
    printDocument({ termsId: toHex(one.termsId), seq, label, closed, payments: paid, notaries, host });
    return;
  }
  print(closed ? "Done; the contract has ended." : `Done; the contract is in "${label}" now.`);
  const roles = [...one.terms.parties, ...one.terms.beneficiaries];
  for (const { account, amount } of paid) {
    const role = roles.find((candidate) => agentId(candidate.account) === account)?.role ?? account;
    print(`  paid ${amount} to the ${role}`);
  }
  say(`receipt: ${path}`);
}
