/**
 * The receipts of an account that whoever keeps them missed while he was away, from the notaries. Every
 * receipt proves itself; that none is missing is what notaries say.
 */
import type { Certified } from "../core/ledger-client.ts";
import { accountMovements } from "../../protocols/documents/movements.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { LEDGER_SCHEMAS, MAX_HISTORY_PAGE } from "../../protocols/ledger/messages.ts";
import type { LedgerBody } from "../../protocols/ledger/messages.ts";
import { faultsTolerated, quorum } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { meet } from "./notary-questions.ts";
import type { NotaryLine } from "./notary-questions.ts";

/** More than a notary keeps. */
const MAX_PAGES = 1_000;

/** Where the receipts of an account are kept. */
export interface ReceiptShelf {
  crypto: Crypto;
  account: Uint8Array;
  /** The account of the device that asks, not a joint one. */
  isOwn: boolean;
  /** Whose receipt is there: entries' ids in hex. Grows. */
  held: Set<string>;
  /** All movements up to this number are there. */
  through: number;
  /** Errors: store-failed. */
  keep(certified: Certified): void;
}

/** How complete a history is. */
export interface Completeness {
  /** Movements that the notaries count; f+1 at least say as many, so one honest notary does. */
  counted: number;
  /** Of these, those whose receipt neither the asker nor a notary has any more. */
  missing: number;
}

/** Fetches what the shelf lacks. Errors: quorum-missing (fewer than 2f+1 notaries answer), store-failed. */
export async function fetchReceipts(line: NotaryLine, shelf: ReceiptShelf): Promise<Completeness> {
  const { notaries } = line.network;
  const { held, through } = shelf;
  const counts = await askAll(line, shelf, through);
  const needed = quorum(notaries.length);
  if (counts.length < needed) {
    const problem = `${counts.length} of ${notaries.length} notaries told the history; ${needed} must`;
    throw new SegmentError("quorum-missing", problem);
  }
  const counted = counts.sort((a, b) => b - a)[faultsTolerated(notaries.length)] ?? 0;
  // A notary may number what was certified at the same moment otherwise than the one asked last time.
  if (held.size < counted && through > 0) await askAll(line, shelf, 0);
  return { counted, missing: Math.max(0, counted - held.size) };
}

/** Adds what the notaries have to the shelf; returns how many movements each of them counts. */
async function askAll(line: NotaryLine, shelf: ReceiptShelf, through: number): Promise<number[]> {
  const counts: number[] = [];
  for (const { id } of line.network.notaries) {
    try {
      counts.push(await askOne(line, shelf, id, through));
    } catch (error) {
      if (errorCode(error) === "store-failed") throw error;
      // Away, or talking nonsense: the others will do.
      line.messenger.countDrop(errorCode(error));
    }
  }
  return counts;
}

async function askOne(
  line: NotaryLine,
  shelf: ReceiptShelf,
  notary: string,
  through: number,
): Promise<number> {
  if (!(await meet(line, notary))) throw new SegmentError("message-invalid", "the notary is away");
  // What the one before has told needs no telling again.
  let after = Math.max(through, shelf.held.size);
  let page = await askPage(line, shelf, notary, after);
  if (page.count > shelf.held.size && after > through) {
    after = through;
    page = await askPage(line, shelf, notary, after);
  }
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    for (const bytes of page.receipts) keepIfOurs(line, shelf, bytes);
    after = Math.max(after, page.first - 1) + page.receipts.length;
    if (page.receipts.length === 0 || after >= page.count) return page.count;
    page = await askPage(line, shelf, notary, after);
  }
  throw new SegmentError("message-invalid", "the notary's history has no end", { where: notary });
}

async function askPage(
  line: NotaryLine,
  shelf: ReceiptShelf,
  notary: string,
  after: number,
): Promise<LedgerBody<"history">> {
  const { account, isOwn } = shelf;
  const wanted = { after, limit: MAX_HISTORY_PAGE, ...(isOwn ? {} : { account }) };
  const { body } = await line.asker.ask(notary, "history-wanted", wanted, ({ kind }) => kind === "history");
  const page = parseBody(LEDGER_SCHEMAS.history, body);
  // A device that is not registered has no account, and so no history yet.
  const isOurs = page.account === null ? page.count === 0 : equalBytes(page.account, account);
  if (isOurs) return page;
  throw new SegmentError("message-invalid", "the history is another account's", { where: notary });
}

function keepIfOurs(line: NotaryLine, shelf: ReceiptShelf, bytes: Uint8Array): void {
  const receipt = verifyReceipt(shelf.crypto, bytes, line.network);
  const id = toHex(receipt.entryId);
  if (shelf.held.has(id) || accountMovements(receipt, shelf.account).length === 0) return;
  shelf.keep({ receipt, bytes });
  shelf.held.add(id);
}
