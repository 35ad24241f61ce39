/** Tabs by which a home pays, and that have ended while no agent of it was running: the contracts know. */
import type { Home } from "./home.ts";
import { openContracts } from "./contracts.ts";
import type { TabBook } from "./tabs.ts";
import type { PayerState } from "../../devices/tab/payer.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { Crypto } from "../../protocols/ports.ts";

/**
 * Shows the book the certified ends that the home holds; of the others, which the notaries have told it
 * without a receipt, it returns the contracts' ids in hex. Errors: store-failed, receipt-*.
 */
export function endedTabs(
  book: TabBook<PayerState>,
  home: Home,
  crypto: Crypto,
  network: NetworkDescription,
): Set<string> {
  const contracts = openContracts(home.folder, crypto);
  for (const { tab } of book.state.tabs) {
    const bytes = contracts.lastReceipt(tab.termsId);
    if (bytes === undefined) continue;
    book.handle({ kind: "receipt", receipt: verifyReceipt(crypto, bytes, network), bytes });
  }
  const settled = book.state.tabs.filter(({ tab }) => contracts.isSettled(tab.termsId));
  return new Set(settled.map(({ tab }) => toHex(tab.termsId)));
}
