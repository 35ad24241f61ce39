import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stepNegotiation } from "../../protocols/contract/negotiation.ts";
import type { NegotiationContext } from "../../protocols/contract/negotiation.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { saleTerms } from "../../protocols/contract/templates/sale.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { NETWORK, somebody, START_MS } from "../../test/support/agents.ts";
import { openContracts } from "./contracts.ts";
import { Negotiator } from "../core/negotiator.ts";
import { ContractStore } from "../platform/contract-store.ts";
import type { ContractShelf } from "../platform/contract-store.ts";
import { nodeCrypto as crypto, systemClock } from "./crypto.ts";

const shop = somebody("shop");
const phone = somebody("phone");

/** The shop's signed offer, as the phone has taken it in. */
function offer(nonce: number): Negotiation {
  const partyOf = ({ keys, root }: typeof shop) => ({
    identity: keys.signer.publicKey,
    account: root.publicKey,
  });
  const terms = encodeTerms(
    saleTerms({
      ...{
        network: NETWORK,
        nonce: new Uint8Array(16).fill(nonce),
        buyer: partyOf(phone),
        seller: partyOf(shop),
      },
      ...{ currency: currencyId(crypto, "EUR", phone.root.publicKey), goods: "honey", priceMinor: 900n },
      ...{ offeredAtMs: START_MS, signByMs: START_MS + 600_000, shipByMs: START_MS + 6_000_000 },
    }),
  );
  const context: NegotiationContext = {
    ...{ crypto, signer: shop.keys.signer, self: shop.id, account: shop.root.publicKey },
    ...{ network: NETWORK, now: START_MS + nonce },
  };
  const event = {
    kind: "propose" as const,
    terms,
    replaces: null,
    note: "fresh",
    params: "{}",
    mayDeposit: true,
  };
  const [one] = stepNegotiation(new Map(), event, context).state.values();
  return one!;
}

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "segment-contracts-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const folderOf = (one: Negotiation): string => join(home, "contracts", toHex(one.termsId));

describe("a home's contracts", () => {
  it("come back as they were kept, in the order in which they came; nobody else may read them", () => {
    const store = openContracts(home, crypto);
    const later = { ...offer(2), isOpened: true };
    const declines = new Map([[phone.id, { code: "declined", text: "no" }]]);
    const earlier = { ...offer(1), declines };
    store.save(later);
    store.save(earlier);
    const again = openContracts(home, crypto).load();
    expect([...again.values()]).toEqual([earlier, later]);
    for (const name of readdirSync(folderOf(later)))
      expect(statSync(join(folderOf(later), name)).mode & 0o077).toBe(0);
    expect(statSync(folderOf(later)).mode & 0o077).toBe(0);
  });

  it("grow: two processes add to one, and each learns what the other has added", () => {
    const mine = openContracts(home, crypto);
    const other = openContracts(home, crypto);
    const one = offer(1);
    mine.save(one);
    expect(mine.changed()).toEqual([]);
    expect(other.changed()).toEqual([toHex(one.termsId)]);
    other.load();
    expect(other.changed()).toEqual([]);
    other.save({ ...one, isOpened: true });
    expect(mine.changed()).toEqual([toHex(one.termsId)]);
    expect(mine.read(toHex(one.termsId))?.isOpened).toBe(true);
    // What the first one does not know of, it does not take away.
    mine.save(one);
    expect(mine.read(toHex(one.termsId))?.isOpened).toBe(true);
    mine.forget(one.termsId);
    expect(existsSync(folderOf(one))).toBe(false);
    expect(other.changed()).toEqual([toHex(one.termsId)]);
    expect(other.read(toHex(one.termsId))).toBeUndefined();
  });

  it("grow while both write: what came between one's reading and writing is still told to it", () => {
    const mine = openContracts(home, crypto);
    const other = openContracts(home, crypto);
    const one = { ...offer(1), mayDeposit: false };
    const bare = { ...one, signatures: new Map<string, Uint8Array>() };
    mine.save(bare);
    other.load();
    // A command beside the running agent signs; then the agent writes down what it has heard itself.
    other.save({ ...one, mayDeposit: true });
    mine.save({ ...bare, isOpened: true });
    expect(mine.changed()).toEqual([toHex(one.termsId)]);
    expect(mine.read(toHex(one.termsId))).toEqual({ ...one, mayDeposit: true, isOpened: true });
    expect(mine.changed()).toEqual([]);
  });

  it("show no signature before it is written down whether the deposit may follow", () => {
    const one = { ...offer(1), mayDeposit: true };
    const written: string[] = [];
    const shelf: ContractShelf = {
      ...{ ids: () => [], names: () => [], read: () => undefined },
      ...{ replace: () => undefined, remove: () => undefined, drop: () => undefined },
      add: (_id, name) => void written.push(name),
    };
    new ContractStore(shelf, crypto).save(one);
    const at = (start: string): number => written.findIndex((name) => name.startsWith(start));
    expect(at("deposit")).toBeGreaterThan(-1);
    expect(at("signature.")).toBeGreaterThan(at("deposit"));
    expect(written.at(-1)).toBe("offer.cbor");
  });

  it("let no deposit follow for the sake of a signature that a crash has prevented", () => {
    const store = openContracts(home, crypto);
    const one = offer(1);
    store.save({ ...one, mayDeposit: true });
    const untold = (): void => undefined;
    const negotiator = new Negotiator({
      ...{ crypto, signer: phone.keys.signer, self: phone.id, account: phone.root.publicKey, store },
      ...{ network: NETWORK, clock: { ...systemClock, now: () => START_MS }, linkClock: systemClock },
      ...{ send: () => Promise.resolve(), news: untold, open: untold, failed: untold },
    });
    negotiator.sign(one.termsId, false);
    const read = openContracts(home, crypto).read(toHex(one.termsId));
    expect(read).toMatchObject({ mayDeposit: false });
    expect(read?.signatures.has(phone.id)).toBe(true);
  });

  it("leave the work at hand when they have ended, and stay to be looked at", () => {
    const store = openContracts(home, crypto);
    const one = offer(1);
    store.save(one);
    store.settle(one.termsId);
    expect([store.load().size, store.loadAll().size, store.changed().length]).toEqual([0, 1, 0]);
    expect(openContracts(home, crypto).isSettled(one.termsId)).toBe(true);
    expect(openContracts(home, crypto).read(toHex(one.termsId))).toBeUndefined();
  });

  it("take the versions along that they have replaced: none of these can be signed any more", () => {
    const store = openContracts(home, crypto);
    const [first, binding] = [offer(1), { ...offer(2), isOpened: true }];
    const second = { ...offer(3), replaces: first.termsId };
    const third = { ...offer(4), replaces: second.termsId };
    for (const one of [first, second, third, binding]) store.save(one);
    store.save({ ...offer(5), replaces: binding.termsId });
    store.settle(third.termsId);
    expect([first, second, third].map((one) => store.isSettled(one.termsId))).toEqual([true, true, true]);
    // What the ledger has goes on, whatever was offered instead.
    store.settle(offer(5).termsId);
    expect([...store.load().values()]).toEqual([binding]);
  });

  it.each([
    ["terms cut short", (one: Negotiation) => truncateSync(join(folderOf(one), "terms.cbor"), 100)],
    [
      "an offer of garbage",
      (one: Negotiation) => writeFileSync(join(folderOf(one), "offer.cbor"), "nonsense"),
    ],
    ["no offer yet", (one: Negotiation) => rmSync(join(folderOf(one), "offer.cbor"))],
  ])("are as if not there when damaged: %s", (_what, damage) => {
    const store = openContracts(home, crypto);
    const [bad, good] = [offer(1), offer(2)];
    store.save(bad);
    store.save(good);
    damage(bad);
    expect([...openContracts(home, crypto).load().values()]).toEqual([good]);
  });

  it("do not count a signature that does not verify, or is another's", () => {
    const store = openContracts(home, crypto);
    const one = offer(1);
    const [signature] = one.signatures.values();
    store.save({ ...one, signatures: new Map([...one.signatures, [phone.id, signature!]]) });
    const [read] = openContracts(home, crypto).load().values();
    expect([...(read?.signatures.keys() ?? [])]).toEqual([shop.id]);
  });

  it("remember how they stood last, and never go back", () => {
    const store = openContracts(home, crypto);
    const one = offer(1);
    store.save(one);
    expect(store.progress(one.termsId)).toBeUndefined();
    const at = (seq: number) => ({ seq, label: `s${seq}`, closed: false, timeMs: START_MS + seq });
    for (const seq of [0, 2, 1]) store.keepProgress(one.termsId, at(seq), new Uint8Array([seq]));
    expect(store.receiptAfter(one.termsId, 1)).toEqual({ seq: 2, receipt: new Uint8Array([2]) });
    expect(store.receiptAfter(one.termsId, 2)).toBeUndefined();
    expect(store.progress(one.termsId)).toEqual(at(2));
    expect(readdirSync(folderOf(one)).filter((name) => name.endsWith(".receipt"))).toHaveLength(3);
    writeFileSync(join(folderOf(one), "progress.json"), "{");
    expect(store.progress(one.termsId)).toBeUndefined();
  });
});
