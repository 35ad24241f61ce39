/**
 * Executes one entry: (state, entry, time) -> writes and result, or a refusal with a code.
 * Pure and total: any entry whose signature holds may come in; nothing is thrown, no
 * clock is read, and every notary computes the same.
 */
import { errorCode, SegmentError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { openCard } from "../identity/card.ts";
import type { Crypto, TimeMs } from "../ports.ts";
import { applyChoice, applyDeposit, applyExpire, applyFacts, applyOpen } from "./apply-contract.ts";
import type { ContractCache } from "./apply-contract.ts";
import { applyCurrency, applyMint } from "./apply-currency.ts";
import { applyEndMandate, applyJoint, applyLegs } from "./apply-legs.ts";
import { Draft } from "./draft.ts";
import type { Entry, EntryBody } from "./entry.ts";
import { readBody } from "./entry.ts";
import type { EntryResult } from "./result.ts";
import type { StateReader, Writes } from "./state.ts";

/** What stays the same from entry to entry. */
export interface LedgerRules {
  crypto: Crypto;
  network: string;
  zone: string;
  networkHash: Uint8Array;
  /** Term keys by notary index. */
  committee: Uint8Array[];
  contracts: ContractCache;
}

/** What an entry is executed with. */
export interface ApplyContext extends LedgerRules {
  /** Log time of the block. */
  timeMs: TimeMs;
  /** When the notaries first saw the entry, at most `timeMs`: deadlines of contracts count by it. */
  seenMs: TimeMs;
  /** Root of the state at the end of the block before. */
  stateRoot: Uint8Array;
  /** The entry's attachment, opened; undefined if it has none or it does not open. */
  attachment: Uint8Array | undefined;
}

export type Applied =
  | { ok: true; writes: Writes; result: EntryResult }
  /**
   * `final`: the entry is used up and will be a duplicate when it comes again. Not so when
   * somebody else may have caused the refusal: a stripped attachment, an entry sent too early.
   */
  | { ok: false; code: ErrorCode; message: string; final: boolean };

export function applyEntry(state: StateReader, entry: Entry, context: ApplyContext): Applied {
  const early = admission(entry, context);
  if (early !== undefined) return { ok: false, ...early, final: false };
  try {
    const body = readBody(entry);
    const wrong = attachmentProblem(body, context);
    if (wrong !== undefined) return { ok: false, code: "seal-broken", message: wrong, final: false };
    const draft = new Draft(state, context.timeMs);
    const result = applyBody(draft, entry, body, context);
    draft.assertConserved();
    if (draft.losses.length > 0) result.losses = draft.losses;
    return { ok: true, writes: draft.writes, result };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, code: errorCode(error), message, final: true };
  }
}

function admission(entry: Entry, context: ApplyContext): { code: ErrorCode; message: string } | undefined {
  if (entry.network !== context.network || entry.zone !== context.zone) {
    return {
      code: "entry-invalid",
      message: `the entry is for another network or zone: ${entry.network}/${entry.zone}`,
    };
  }
  if (context.timeMs < entry.notBefore) {
    return {
      code: "entry-too-early",
      message: `the entry is valid in ${entry.notBefore - context.timeMs} ms`,
    };
  }
  if (context.timeMs > entry.notAfter) {
    return { code: "entry-expired", message: `the entry expired ${context.timeMs - entry.notAfter} ms ago` };
  }
  return undefined;
}

function attachmentProblem(body: EntryBody, { crypto, attachment }: ApplyContext): string | undefined {
  if (!("attachmentHash" in body)) return undefined;
  if (attachment === undefined) return "the attachment is missing or does not open";
  if (equalBytes(crypto.sha256(attachment), body.attachmentHash)) return undefined;
  return "the attachment is not the one that the entry names";
}

function applyBody(draft: Draft, entry: Entry, body: EntryBody, context: ApplyContext): EntryResult {
  switch (body.kind) {
    case "card":
      return applyCard(draft, entry, body, context);
    case "revoke":
      return applyRevoke(draft, entry, body);
    case "currency":
      return applyCurrency(draft, entry, body, context);
    case "mint":
      return applyMint(draft, entry, body, context);
    case "transfer":
      return applyTransfer(draft, entry, body, context);
    case "legs":
      return applyLegs(draft, entry, body, context);
    case "joint":
      return applyJoint(draft, entry, body, context);
    case "end-mandate":
      return applyEndMandate(draft, entry, body, context);
    case "examine":
      return applyExamine(draft, entry, body, context);
    case "open":
      return applyOpen(draft, entry, body, context);
    case "deposit":
      return applyDeposit(draft, entry, body, context);
    case "choice":
      return applyChoice(draft, entry, body, context);
    case "facts":
      return applyFacts(draft, entry, body, context);
    case "expire":
      return applyExpire(draft, body, context);
  }
}

type Body<K extends EntryBody["kind"]> = Extract<EntryBody, { kind: K }>;

/**
 * Anyone may hand in a card. But only the device itself moves to another root: else a
 * stranger's card for it would be a way to take its place.
 */
function applyCard(
  draft: Draft,
  entry: Entry,
  body: Body<"card">,
  { crypto, timeMs }: ApplyContext,
): EntryResult {
  const card = openCard(crypto, body.card, timeMs);
  const { root, identity, notBefore, notAfter } = card;
  if (draft.wasRevoked(identity, root))
    throw new SegmentError("card-revoked", "its root has revoked this device");
  const known = draft.device(identity);
  if (known !== undefined) {
    const sameRoot = equalBytes(known.root, root);
    if (!sameRoot && !equalBytes(entry.signer, identity)) {
      throw new SegmentError("entry-unauthorized", "only the device itself moves to another root");
    }
    if (sameRoot && notBefore < known.notBefore) {
      throw new SegmentError("card-invalid", "the ledger has a newer card of this device");
    }
  }
  draft.putDevice(identity, { root, notBefore, notAfter, isRevoked: false });
  return { kind: "card", identity, root };
}

function applyRevoke(draft: Draft, entry: Entry, { identity }: Body<"revoke">): EntryResult {
  const device = draft.device(identity);
  if (device === undefined)
    throw new SegmentError("account-unknown", "the ledger has no card of that device");
  if (!equalBytes(device.root, entry.signer)) {
    throw new SegmentError("entry-unauthorized", "only the root of its card revokes a device");
  }
  draft.revoke(identity, device);
  return { kind: "revoke", identity };
}

function applyTransfer(
  draft: Draft,
  entry: Entry,
  body: Body<"transfer">,
  context: ApplyContext,
): EntryResult {
  const { to, currency, amount } = body;
  const from = draft.rootOf(entry.signer, context.timeMs);
  draft.requireCurrency(currency);
  if (equalBytes(from, to)) throw new SegmentError("entry-invalid", "an account cannot pay itself");
  if (!draft.ownerExists(to))
    throw new SegmentError("account-unknown", "the receiving account is not registered");
  draft.debit(from, currency, amount);
  draft.credit(to, currency, amount);
  return { kind: "transfer", from, to, currency, amount };
}

function applyExamine(draft: Draft, entry: Entry, body: Body<"examine">, context: ApplyContext): EntryResult {
  const { termsId, currency, amount } = body;
  const account = draft.rootOf(entry.signer, context.timeMs);
  draft.requireCurrency(currency);
  const sufficient = draft.balance(account, currency) >= amount;
  return { kind: "examine", termsId, account, currency, amount, sufficient, stateRoot: context.stateRoot };
}
