/** A tab that was redeemed while its payer's agent was away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { alice, crypto, DAY, euro, idOf, MINUTE, shop, START_MS } from "../../devices/testing/cast.ts";
import { Notaries } from "../../devices/testing/notaries.ts";
import { signFact } from "../../protocols/contract/facts.ts";
import { VOUCHER, voucherBody } from "../../protocols/contract/templates/fact-kinds.ts";
import { tabTerms } from "../../protocols/contract/templates/tab.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { draftFacts, draftOpen } from "../../protocols/ledger/drafts.ts";
import { openContracts } from "./contracts.ts";
import type { Home } from "./home.ts";
import { endedTabs } from "./tab-ended.ts";
import { TabBook } from "./tabs.ts";

const root = mkdtempSync(join(tmpdir(), "segment-tab-ended-"));
afterAll(() => rmSync(root, { recursive: true }));

const notaries = new Notaries();
const { network } = notaries.ledger;
const partyOf = ({ device, root: owner }: typeof alice) => {
  return { identity: device.publicKey, account: owner.publicKey };
};
const terms = encodeTerms(
  tabTerms({
    ...{ network: "village", nonce: new Uint8Array(16), payer: partyOf(alice), payee: partyOf(shop) },
    ...{ currency: euro, purpose: "bread", amountMinor: 2_000n, offeredAtMs: START_MS },
    ...{ signByMs: START_MS + 60 * MINUTE, untilMs: START_MS + 180 * MINUTE, offlineMs: 4 * DAY },
  }),
);
const id = termsId(crypto, terms);
const signatures = [alice, shop].map(({ device }) => signTerms(device, id));
notaries.certify(alice.device, draftOpen(crypto, id, terms, signatures));
const held = { kind: "deposit", termsId: id, currency: euro, amount: 2_000n } as const;
const deposit = notaries.certify(alice.device, { body: held });
const content = { kind: VOUCHER, subject: id, timeMs: START_MS + MINUTE, body: voucherBody(120n) };
const vouchers = [alice, shop].map(({ device }) => signFact(device, content));
const redemption = notaries.certify(shop.device, draftFacts(crypto, id, vouchers));

if (redemption.receipt.outcome !== "ok") throw new Error(redemption.receipt.outcome);

/** Alice's home, which carries the tab and has paid by it. */
function carried(name: string): { home: Home; book: TabBook<ReturnType<typeof TabBook.ofPayer>["state"]> } {
  const keys = { signer: alice.device, card: alice.card };
  const home = { folder: join(root, name), id: idOf(alice), keys, network } as unknown as Home;
  const book = TabBook.ofPayer(home, { crypto, network, now: START_MS + MINUTE });
  book.command("carry", { terms, receipt: deposit.bytes });
  book.command("pay", { termsId: id, minor: "120" });
  return { home, book };
}

describe("a tab that its payer pays by", () => {
  it("is open until something says that it has ended", () => {
    const { home, book } = carried("open");
    openContracts(home.folder, crypto).keepProgress(
      id,
      { seq: 1, label: "open", closed: false, timeMs: START_MS },
      deposit.bytes,
    );
    expect(endedTabs(book, home, crypto, network).size).toBe(0);
    expect(book.state.tabs).toHaveLength(1);
    book.close();
  });

  it("leaves the book with the certified end that the home holds, for good", () => {
    const { home, book } = carried("redeemed");
    const contracts = openContracts(home.folder, crypto);
    contracts.keepProgress(id, { seq: 1, label: "open", closed: false, timeMs: START_MS }, deposit.bytes);
    contracts.keepProgress(id, { seq: 2, label: "closed", closed: true, timeMs: START_MS }, redemption.bytes);
    expect(endedTabs(book, home, crypto, network).size).toBe(0);
    expect(book.state.tabs).toEqual([]);
    book.close();
    const again = TabBook.ofPayer(home, { crypto, network, now: START_MS + MINUTE });
    expect(again.state.tabs).toEqual([]);
    again.close();
  });

  it("counts as ended where the notaries have said so without a receipt", () => {
    const { home, book } = carried("told");
    openContracts(home.folder, crypto).settle(id);
    expect([...endedTabs(book, home, crypto, network)]).toEqual([toHex(id)]);
    expect(book.state.tabs).toHaveLength(1);
    book.close();
  });
});
