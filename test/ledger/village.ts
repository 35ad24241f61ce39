/** People, money and a delivery for the ledger's tests, executed directly: no notaries, no log. */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { metBody, parcelRemovedBody, positionBody, signFact } from "../../protocols/contract/facts.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { draftFacts, draftOpen } from "../../protocols/ledger/drafts.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { signEntry } from "../../protocols/ledger/entry.ts";
import type { EntryFrame } from "../../protocols/ledger/entry.ts";
import { Ledger, ledgerRules, verifyRecord } from "../../protocols/ledger/ledger.ts";
import type { Block, Executed, VerifiedRecord } from "../../protocols/ledger/ledger.ts";
import { decodeRecord, encodeEntryRecord, sealAttachment } from "../../protocols/ledger/record.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import type { Signer } from "../../protocols/ports.ts";
import { committeeOf, personOf, seededRandom, START_MS } from "./committee.ts";
import type { Person } from "./committee.ts";

export const alice = personOf("alice");
export const drone = personOf("drone");
export const shop = personOf("shop");
export const bank = personOf("bank");
export const people: Person[] = [alice, drone, shop, bank];
export const euro = currencyId(crypto, "EUR", bank.root.publicKey);

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const SESSION = new Uint8Array(32).fill(5);
export const POINT = { latitudeE7: 474_700_000, longitudeE7: -5_500_000, altitudeMm: 20_000 };

export interface Delivery {
  terms: Terms;
  id: Uint8Array;
  open: EntryDraft;
  landByMs: number;
}

/** Alice orders for 24.90: 19.90 for the shop, 5.00 for the drone; no-show 3.00 and 2.00. All have signed. */
export function deliveryOf(nonce: number, now: number = START_MS): Delivery {
  const partyOf = ({ device, root }: Person) => ({ identity: device.publicKey, account: root.publicKey });
  const landByMs = now + 20 * MINUTE;
  const terms = deliveryTerms({
    network: "village",
    nonce: new Uint8Array(16).fill(nonce),
    buyer: partyOf(alice),
    drone: partyOf(drone),
    shop: partyOf(shop),
    currency: euro,
    goodsMinor: 1_990n,
    deliveryFeeMinor: 500n,
    noShowFeeMinor: 300n,
    noShowPenaltyMinor: 200n,
    point: POINT,
    address: "1 Village Square",
    goods: "Bread",
    orderedAtMs: now,
    signByMs: now + 5 * MINUTE,
    landByMs,
    removeByMs: now + 30 * MINUTE,
    claimMarginMs: MINUTE,
  });
  const bytes = encodeTerms(terms);
  const id = termsId(crypto, bytes);
  const signatures = [alice, drone, shop].map(({ device }) => signTerms(device, id));
  return { terms, id, open: draftOpen(crypto, id, bytes, signatures), landByMs };
}

/** Drone and phone are at the point and have met. */
export function meetingDraft(delivery: Delivery, timeMs: number): EntryDraft {
  const met = metBody({
    sessionHash: SESSION,
    initiatorIdentity: alice.device.publicKey,
    responderIdentity: drone.device.publicKey,
  });
  const facts = [alice, drone].flatMap(({ device }) => [
    signFact(device, { kind: "position", subject: delivery.id, timeMs, body: positionBody(POINT) }),
    signFact(device, { kind: "met", subject: delivery.id, timeMs, body: met }),
  ]);
  return draftFacts(crypto, delivery.id, facts);
}

/** The parcel left the drone: signed by whom it is given, with the same body. */
export function removedDraft(
  delivery: Delivery,
  timeMs: number,
  signers: Person[] = [drone, alice],
): EntryDraft {
  const body = parcelRemovedBody({
    label: "may-land",
    sessionHash: SESSION,
    gramsBefore: 900,
    gramsAfter: 0,
  });
  const facts = signers.map(({ device }) =>
    signFact(device, { kind: "parcel-removed", subject: delivery.id, timeMs, body }),
  );
  return draftFacts(crypto, delivery.id, facts);
}

/** A ledger that executes entries one block each, at the time it is told. */
export class DirectLedger {
  readonly network = committeeOf(4).network;
  readonly configs = committeeOf(4).configs;
  readonly ledger: Ledger;
  readonly #random = seededRandom(7);
  #logIndex = 0;
  now = START_MS;

  constructor() {
    this.ledger = new Ledger(ledgerRules(crypto, this.network), 1);
  }

  /** Signed and sealed as a device would. */
  record(signer: Signer, draft: EntryDraft, frame: Partial<EntryFrame> = {}): VerifiedRecord {
    const whole: EntryFrame = {
      network: "village",
      zone: "main",
      nonce: this.#random.bytes(16),
      notBefore: this.now - MINUTE,
      notAfter: this.now + 10 * MINUTE,
      ...frame,
    };
    const { id, bytes } = signEntry(crypto, signer, whole, draft.body);
    const { attachment } = draft;
    const sealed =
      attachment === undefined ? null : sealAttachment(crypto, this.#random, this.network, id, attachment);
    return this.verify(encodeEntryRecord(bytes, sealed));
  }

  verify(bytes: Uint8Array): VerifiedRecord {
    const decoded = decodeRecord(bytes);
    if (decoded.kind !== "entry") throw new Error("not an entry");
    return verifyRecord(crypto, this.configs[0]!.sealSecretKey, decoded, bytes);
  }

  /** `seen`: records that the notary saw before `now`. */
  execute(
    records: VerifiedRecord[],
    seen: { record: VerifiedRecord; timeMs: number }[] = [],
  ): { block: Block; executed: Executed[] } {
    const stamp = {
      notary: 0,
      height: this.ledger.height + 1,
      timeMs: this.now,
      seen: seen.map(({ record, timeMs }) => ({ entryId: record.entry.id, timeMs })),
      bytes: new Uint8Array(),
    };
    return this.ledger.execute(records, [stamp], this.#logIndex++);
  }

  settle(signer: Signer, draft: EntryDraft, frame: Partial<EntryFrame> = {}): Executed {
    return this.execute([this.record(signer, draft, frame)]).executed[0]!;
  }

  /** The outcome's code. */
  code(signer: Signer, draft: EntryDraft, frame: Partial<EntryFrame> = {}): string {
    return this.settle(signer, draft, frame).refusal?.code ?? "ok";
  }

  /** All are registered, and Alice has 100.00. */
  begin(): this {
    for (const { card, device } of people) this.settle(device, { body: { kind: "card", card } });
    this.settle(bank.device, { body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
    this.settle(bank.device, {
      body: { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n },
    });
    return this;
  }

  balance(person: Person): bigint {
    return this.ledger.accountBalances(person.root.publicKey).get(euro) ?? 0n;
  }
}
