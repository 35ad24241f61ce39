/**
 * What moved the owner's account: the receipts that the home keeps, and those that it missed while it was
 * away, from the notaries. Every receipt proves itself; that none is missing is what notaries say.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { accountMovements, inOrder } from "../../protocols/documents/movements.ts";
import type { DocumentCurrency } from "../../protocols/documents/money.ts";
import type { AccountMovement } from "../../protocols/documents/movements.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { MAX_RECEIPT_BYTES, verifyReceipt } from "../../protocols/ledger/receipt.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import type { Crypto } from "../../protocols/ports.ts";
import type { Certified } from "../core/ledger-client.ts";
import { fetchReceipts } from "../platform/history-questions.ts";
import type { Completeness } from "../platform/history-questions.ts";
import { writeFileDurably } from "./files.ts";
import type { Home } from "./home.ts";
import { askAccount, askCurrencies } from "./run-client.ts";
import type { Client } from "./run-client.ts";
import { DOCUMENTS, keepReceipt } from "./run-documents.ts";

const FILE = "history.json";
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export interface History {
  /** In the order in which the ledger made them. */
  movements: AccountMovement[];
  /** Where each entry's receipt lies, by the entry's id in hex. */
  paths: Map<string, string>;
  /** Of the entries, in hex. */
  nonces: Set<string>;
}

/** All movements of `account` that receipts in the home prove; others' receipts are passed over. */
export function keptHistory(crypto: Crypto, home: Home, account = home.card.root): History {
  const { network } = home;
  const paths = new Map<string, string>();
  const nonces = new Set<string>();
  const movements: AccountMovement[] = [];
  if (network === undefined) return { movements, paths, nonces };
  for (const [path, receipt] of keptReceipts(crypto, home, network)) {
    const id = toHex(receipt.entryId);
    if (paths.has(id)) continue;
    const own = accountMovements(receipt, account);
    if (own.length === 0) continue;
    paths.set(id, path);
    nonces.add(toHex(receipt.entry.nonce));
    movements.push(...own);
  }
  return { movements: inOrder(movements), paths, nonces };
}

function* keptReceipts(
  crypto: Crypto,
  { folder }: Home,
  network: NetworkDescription,
): Generator<[path: string, receipt: VerifiedReceipt]> {
  const documents = join(folder, DOCUMENTS);
  if (!existsSync(documents)) return;
  for (const name of readdirSync(documents).sort()) {
    if (!name.endsWith(".receipt")) continue;
    const path = join(documents, name);
    const bytes = new Uint8Array(readFileSync(path));
    if (bytes.length > MAX_RECEIPT_BYTES) continue;
    try {
      yield [path, verifyReceipt(crypto, bytes, network)];
    } catch (error) {
      // Damaged, or of a network that the home was in before: it proves nothing here.
      if (!(error instanceof SegmentError)) throw error;
    }
  }
}

/**
 * Fetches the receipts that the home lacks and keeps them, of its own account or of a joint one. Errors:
 * quorum-missing (fewer than 2f+1 notaries answer), account-unknown (not a joint one of the owner's),
 * store-failed.
 */
export async function fetchHistory(
  client: Client,
  home: Home,
  account = home.card.root,
): Promise<Completeness> {
  const isOwn = equalBytes(account, home.card.root);
  if (!isOwn && (await askAccount(client, account)).value.joint === undefined) {
    const problem = `${agentId(account)} is no joint account of which this home's owner is a member`;
    throw new SegmentError("account-unknown", problem);
  }
  const { crypto } = client.machine;
  const held = new Set(keptHistory(crypto, home, account).paths.keys());
  const through = isOwn ? Math.min(knownHistory(home)?.through ?? 0, held.size) : 0;
  const keep = (certified: Certified): void => void keepReceipt(home, certified);
  const { counted, missing } = await fetchReceipts(client, { crypto, account, isOwn, held, through, keep });
  if (!isOwn) return { counted, missing };
  const { value: currencies } = await askCurrencies(client);
  saveFile(home, {
    through: missing === 0 ? counted : through,
    missing,
    currencies: currencies.map(({ id, code, exponent }) => ({ id, code, exponent })),
  });
  return { counted, missing };
}

/** What was known of the account when the notaries were last asked. */
export interface KnownHistory {
  /** All movements up to this number are kept as receipts. */
  through: number;
  missing: number;
  currencies: DocumentCurrency[];
}

const count = z.number().int().min(0);
const fileSchema = z.strictObject({
  version: z.literal(1),
  network: z.string().max(64),
  account: z.string().max(64),
  through: count,
  missing: count,
  currencies: z.array(
    z.strictObject({ id: z.string().max(64), code: z.string().max(16), exponent: count.max(18) }),
  ),
});

/** Undefined if nobody was asked yet, in this network. */
export function knownHistory(home: Home): KnownHistory | undefined {
  const path = join(home.folder, FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  if (text.length > MAX_FILE_BYTES) return undefined;
  try {
    const { network, account, through, missing, currencies } = fileSchema.parse(JSON.parse(text));
    const isOurs = network === home.network?.network && account === agentId(home.card.root);
    return isOurs ? { through, missing, currencies } : undefined;
  } catch {
    // Damaged: everything is asked for again.
    return undefined;
  }
}

function saveFile(home: Home, known: KnownHistory): void {
  const frame = { version: 1, network: home.network?.network ?? "", account: agentId(home.card.root) };
  writeFileDurably(join(home.folder, FILE), `${JSON.stringify({ ...frame, ...known }, undefined, 2)}\n`);
}
