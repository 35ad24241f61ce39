/** The last statement of a wallet, kept in the home so that it can be shown without a network. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readStatementText } from "../platform/wallet-statement.ts";
import type { WalletStatement } from "../platform/wallet-statement.ts";
import { writeFileDurably } from "./files.ts";

const FILE = "wallet.json";
const MAX_BYTES = 1024 * 1024;

export type { WalletStatement } from "../platform/wallet-statement.ts";

/** Errors: store-failed. */
export function saveStatement(home: string, statement: WalletStatement): void {
  writeFileDurably(join(home, FILE), `${JSON.stringify(statement, undefined, 2)}\n`, 0o600);
}

/** The last one of this network; undefined if there is none that can be read. */
export function readStatement(home: string, network: string): WalletStatement | undefined {
  const path = join(home, FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  if (text.length > MAX_BYTES) return undefined;
  return readStatementText(text, network);
}
