/** Tabs for the lock's till, and the notaries' word that they hold their amount. */
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { DAY, HOUR } from "../../../protocols/access/testing/kit.ts";
import { tabTerms } from "../../../protocols/contract/templates/tab.ts";
import { encodeTerms } from "../../../protocols/contract/terms.ts";
import { openEntry, signEntry } from "../../../protocols/ledger/entry.ts";
import type { VerifiedReceipt } from "../../../protocols/ledger/receipt.ts";
import { readTab } from "../../../protocols/tab/tab.ts";
import type { Tab } from "../../../protocols/tab/tab.ts";
import { lock, olga } from "./door.ts";
import type { Person } from "./door.ts";

export const EURO = `EUR.${"0".repeat(16)}`;
const HELD_MINOR = 20_000n;

interface OpenTab {
  tab: Tab;
  terms: Uint8Array;
  /** `certified` reads it. */
  receipt: Uint8Array;
}

/** For twenty days from `now`. */
export function tabOf(payer: Person, now: number): OpenTab {
  const terms = encodeTerms(
    tabTerms({
      ...{ network: "village", nonce: new Uint8Array(16).fill(payer.signer.publicKey[0]!), currency: EURO },
      payer: { identity: payer.signer.publicKey, account: payer.root.publicKey },
      payee: { identity: lock.publicKey, account: olga.root.publicKey },
      ...{ purpose: "nights", amountMinor: HELD_MINOR, offeredAtMs: now },
      ...{ signByMs: now + HOUR, untilMs: now + 20 * DAY },
    }),
  );
  const tab = readTab(crypto, terms);
  return { tab, terms, receipt: tab.termsId };
}

/** The deposit of the tab whose id these bytes are. */
export function certified(termsId: Uint8Array): VerifiedReceipt {
  const frame = { network: "village", zone: "main", nonce: new Uint8Array(16) };
  const window = { notBefore: 0, notAfter: HOUR };
  const body = { kind: "choice", termsId, name: "x", value: 1n } as const;
  const entry = openEntry(crypto, signEntry(crypto, olga.signer, { ...frame, ...window }, body).bytes);
  const result = { kind: "deposit" as const, termsId, seq: 1, label: "tab", closed: false, payments: [] };
  return { entry, kind: "deposit", outcome: "ok", result } as unknown as VerifiedReceipt;
}
