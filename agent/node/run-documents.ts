/** What a home keeps for its owner: certified receipts, by what they are about. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Certified, LedgerClient } from "../core/ledger-client.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode } from "../../protocols/errors.ts";
import { readBody } from "../../protocols/ledger/entry.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { writeFileDurably, writeSharedFile } from "./files.ts";
import type { Home } from "./home.ts";

/** Below the home. */
export const DOCUMENTS = "documents";
const REGISTRATION = "registration.receipt";

/** Keeps a receipt as documents/<time>-<kind>-<entry>.receipt. Returns its path. Errors: store-failed. */
export function keepReceipt(home: Home, { receipt, bytes }: Certified): string {
  const path = receiptPath(home, receipt);
  // A running home and a command beside it may hear of the same entry.
  writeSharedFile(path, bytes);
  return path;
}

/** Where a receipt is kept: an entry that was executed has one place. */
export function receiptPath(home: Home, receipt: VerifiedReceipt): string {
  const time = new Date(receipt.timeMs).toISOString().replaceAll(":", "-");
  const name = `${time}-${receipt.kind}-${toHex(receipt.entryId).slice(0, 16)}.receipt`;
  return join(home.folder, DOCUMENTS, name);
}

/** The receipt that registered the home's present card on its present network, if there is one. */
export function registration(crypto: Crypto, home: Home): VerifiedReceipt | undefined {
  const path = join(home.folder, DOCUMENTS, REGISTRATION);
  if (home.network === undefined || !existsSync(path)) return undefined;
  try {
    const receipt = verifyReceipt(crypto, new Uint8Array(readFileSync(path)), home.network);
    const body = readBody(receipt.entry);
    const isOurs = body.kind === "card" && equalBytes(body.card, home.keys.card);
    return isOurs && receipt.outcome === "ok" ? receipt : undefined;
  } catch (error) {
    // Of another network, or damaged: the card is registered again, which changes nothing.
    errorCode(error);
    return undefined;
  }
}

/** Registers the home's card unless it is. Errors: the ledger's refusal, `quorum-missing`, `store-failed`. */
export async function register(crypto: Crypto, home: Home, ledger: LedgerClient): Promise<void> {
  if (registration(crypto, home) !== undefined) return;
  const { bytes } = await ledger.submit({ body: { kind: "card", card: home.keys.card } });
  writeFileDurably(join(home.folder, DOCUMENTS, REGISTRATION), bytes, 0o600);
}
