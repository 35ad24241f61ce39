/** Somebody at the door who would stay: what they say, message by message, and what the lock answers. */
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { ACCESS_SCHEMAS } from "../../../protocols/access/messages.ts";
import type { AccessBody } from "../../../protocols/access/messages.ts";
import { HOUR } from "../../../protocols/access/testing/kit.ts";
import { signStayOffer, walkUpId } from "../../../protocols/access/walk-up.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import { voucherKeptSchema, voucherRefusedSchema } from "../../../protocols/tab/messages.ts";
import { signVoucher } from "../../../protocols/tab/voucher.ts";
import type { DeviceEffect } from "../../device.ts";
import { answers, olga, ownedDoor, verdict } from "./door.ts";
import type { Door, Person, Session } from "./door.ts";
import { certified, EURO, tabOf } from "./tabs.ts";

/** Minor units, for each day that has begun. */
export const ASKED = 11_000n;
export const LEAST = 9_000n;

/** Olga's, let by the day to whoever walks up. */
export function letDoor(): Door {
  const door = ownedDoor();
  door.verifyReceipt = certified;
  setLet(door, true);
  return door;
}

/** By order of its owner: who walks up may stay, or not. */
export function setLet(door: Door, isLet: boolean): void {
  const tariff = { currency: EURO, askedMinor: ASKED, leastMinor: LEAST };
  const order = door.order(olga.signer, { kind: "let", tariff: isLet ? tariff : null });
  const code = verdict(door.say(door.open(olga), "lock-order", { order }));
  if (code !== "done") throw new Error(`the lock refuses its owner's tariff: ${code}`);
}

/** The lock's offer, or the code of its refusal. */
export type Said = AccessBody<"walk-up-offer"> | string;

/** Somebody with a tab for this lock, in a session. */
export class Walker {
  readonly tab;
  readonly untilMs: number;
  readonly session: Session;
  readonly #door: Door;
  readonly #who: Person;

  constructor(door: Door, who: Person, untilMs = door.now + 18 * HOUR) {
    this.#door = door;
    this.#who = who;
    this.untilMs = untilMs;
    this.tab = tabOf(who, door.now);
    this.session = door.open(who);
    door.say(this.session, "tab", { terms: this.tab.terms, receipt: this.tab.receipt });
  }

  /** What the lock says to so much: its offer, or the code of its refusal. */
  bids(priceMinor: bigint): Said {
    const { tab, untilMs } = this;
    const bid = { tab: tab.tab.termsId, untilMs, priceMinor };
    const offer = signStayOffer(this.#who.signer, bid, this.#door.now);
    const effects = this.#door.say(this.session, "walk-up", { offer });
    const said = bodyOf(effects, "walk-up-offer");
    return said === undefined
      ? (answers(effects).at(-1)?.code ?? "nothing")
      : parseBody(ACCESS_SCHEMAS["walk-up-offer"], said);
  }

  /** What the lock says to a voucher: how much is kept, or why it is refused. */
  pays(minor: bigint): bigint | string {
    const { tab } = this.tab;
    const voucher = signVoucher(this.#who.signer, tab, minor, this.#door.now);
    const effects = this.#door.say(this.session, "voucher", { termsId: tab.termsId, voucher });
    const kept = bodyOf(effects, "voucher-kept");
    if (kept !== undefined) return BigInt(parseBody(voucherKeptSchema, kept).minor);
    return parseBody(voucherRefusedSchema, bodyOf(effects, "voucher-refused")!).code;
  }

  /** Asks for the door by what was agreed. */
  opens(agreed: Said): string {
    const key = walkUpId(crypto, agreed instanceof Object ? agreed.offer : new Uint8Array());
    return verdict(this.#door.ask(this.session, { changes: { key } }));
  }

  get paidMinor(): bigint {
    const { tabs } = this.#door.state.letting.till;
    const held = tabs.find(({ tab }) => tab.termsId.join() === this.tab.tab.termsId.join());
    return BigInt(held?.paidMinor ?? 0);
  }
}

function bodyOf(effects: readonly DeviceEffect[], type: string): Uint8Array | undefined {
  for (const effect of effects)
    if (effect.kind === "say" && effect.type === type) return encodeMessage(effect.body);
  return undefined;
}
