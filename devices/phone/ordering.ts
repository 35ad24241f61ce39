/** From the person's wish to a signature: the phone orders, reads the offer, and has its wallet examined. */
import { signTerms, decodeTerms } from "../../protocols/contract/terms.ts";
import type { Offer } from "../../protocols/delivery/messages.ts";
import { checkPlan, readPlan } from "../../protocols/delivery/plan.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import type { DeviceContext, Step } from "../device.ts";
import { requireCards } from "../delivery.ts";
import { keep, meet, progress, send } from "../effects.ts";
import { enter } from "./standing.ts";
import type { InPhase, PhoneState } from "./state.ts";
import { stepBack } from "./timers.ts";
import { wishSchema } from "./wish.ts";

type Result = Step<PhoneState>;

/** How long the shop may take to answer. */
const ANSWER_MS = 10 * 60_000;

/** What is wrong with an order is told to the person; the delivery under way, if any, goes on. */
export function onOrder(state: PhoneState, value: unknown, context: DeviceContext): Result {
  const problem = (message: string): Result => ({ state, effects: [progress("order-invalid", message)] });
  if (state.phase !== "idle" && state.phase !== "done" && state.phase !== "refused") {
    return problem("another delivery is under way");
  }
  const parsed = wishSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return problem(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not an order"}`);
  }
  const { shopCard, ...wish } = parsed.data;
  if (wish.slotUntil <= context.now || wish.slotUntil < wish.slotFrom) return problem("the slot has passed");
  if (!isCardOf(wish.shop, shopCard, context)) return problem("the card is not this shop's, or has expired");
  const { currency: _currency, maxPriceMinor: _max, shop, arbiter: _arbiter, ...order } = wish;
  const answerByMs = Math.min(context.now + ANSWER_MS, wish.slotUntil);
  return enter({ phase: "ordered", wish, answerByMs }, context, [
    meet(shopCard),
    send(`order/${toHex(wish.orderId)}`, shop, "order", { ...order, card: context.card }),
    progress("ordered", `the buyer orders "${wish.article}" to ${wish.address}`),
  ]);
}

function isCardOf(id: string, card: Uint8Array, context: DeviceContext): boolean {
  try {
    return agentId(openCard(context.crypto, card, context.now).identity) === id;
  } catch (error) {
    if (error instanceof SegmentError) return false;
    throw error;
  }
}

/** The terms must say what the person wished for, at no higher price; then the wallet is examined. */
export function onOffer(state: InPhase<"ordered">, offer: Offer, context: DeviceContext): Result {
  const { wish } = state;
  try {
    const plan = readPlan(context.crypto, offer.terms);
    const expected = { ...wish, buyer: context.self, network: context.network, now: context.now };
    checkPlan(plan, decodeTerms(offer.terms), expected);
    requireCards(context, offer.cards, [plan.drone, plan.shop]);
    const { termsId, currency, priceMinor } = plan;
    return enter({ phase: "examining", wish, plan }, context, [
      ...offer.cards.map(meet),
      keep("terms", offer.terms),
      progress("terms", "the terms say what was ordered"),
      {
        kind: "submit",
        id: `examine/${toHex(termsId)}`,
        entry: { body: { kind: "examine", termsId, currency, amount: BigInt(priceMinor) } },
      },
    ]);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return stepBack(wish, error.code, error.message);
  }
}

/** The notaries' certified answer about this phone's own wallet: enough money, or not. */
export function onExamined(
  state: InPhase<"examining">,
  receipt: VerifiedReceipt,
  bytes: Uint8Array,
  context: DeviceContext,
): Result {
  const { plan, wish } = state;
  if (receipt.outcome !== "ok") {
    return stepBack(wish, receipt.outcome, "the notaries refused to examine the wallet");
  }
  if (contractReceipt(receipt)?.examination?.sufficient !== true) {
    return stepBack(wish, "funds-short", "the notaries certify that the wallet does not hold the price");
  }
  if (context.now > plan.signByMs) return stepBack(wish, "terms-expired", "the offer has expired");
  const { termsId } = plan;
  const signature = signTerms(context.signer, termsId);
  const body = { orderId: wish.orderId, termsId, signature, examination: bytes };
  return enter({ phase: "signed", wish, plan, deposited: false }, context, [
    progress("wallet-examined", "the notaries certify that the wallet holds the price"),
    send(`signature/${toHex(termsId)}`, wish.shop, "signature", body),
  ]);
}
