/**
 * The buyer's proof of funds: certified by the notaries, fresh, of the right wallet, for this very
 * contract.
 */
import { decodeTerms, partyOf } from "../../protocols/contract/terms.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { DeviceContext } from "../device.ts";
import type { ShopConfig, ShopOrder } from "./state.ts";

/** An examination of the wallet must be this fresh. */
export const EXAMINATION_MAX_AGE_MS = 10 * 60_000;

/** What is wrong with it; undefined if nothing. */
export function examinationProblem(
  config: ShopConfig,
  order: ShopOrder,
  examination: Uint8Array | null,
  context: DeviceContext,
): string | undefined {
  if (examination === null) return "the buyer shows no certified examination of the wallet";
  try {
    return problemOf(config, order, context.verifyReceipt(examination), context.now);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return `the buyer's proof is not certified by this network (${error.code})`;
  }
}

function problemOf(
  config: ShopConfig,
  order: ShopOrder,
  receipt: VerifiedReceipt,
  now: number,
): string | undefined {
  const about = contractReceipt(receipt);
  const buyer = partyOf(decodeTerms(order.terms), "buyer");
  if (about?.examination === undefined || buyer === undefined) return "the buyer's proof is of another kind";
  const { account, currency, amount, sufficient } = about.examination;
  if (!equalBytes(about.termsId, order.termsId)) return "the examination is for another contract";
  if (!equalBytes(account, buyer.account)) return "the examination is of another wallet";
  if (!equalBytes(receipt.signer, publicKeyFromId(order.buyer)))
    return "the examination was asked by another";
  if (currency !== config.currency) return "the examination is in another currency";
  if (amount < BigInt(order.priceMinor)) return "the examination is over less than the price";
  if (now - receipt.timeMs > EXAMINATION_MAX_AGE_MS) return "the examination is too old";
  if (!sufficient) return "the wallet does not hold the price";
  return undefined;
}
