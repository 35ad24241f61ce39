/** The last statement of a wallet, kept in the home so that it can be shown without a network. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileDurably } from "./files.ts";

const FILE = "wallet.json";
const MAX_BYTES = 1024 * 1024;

const text64 = z.string().max(64);

const statementSchema = z.strictObject({
  version: z.literal(1),
  network: text64,
  /** When the notaries said so: the time of their ledger's last block, and that of the question. */
  ledgerMs: z.number().int().min(0),
  askedMs: z.number().int().min(0),
  agreeing: z.number().int().min(1),
  notaries: z.number().int().min(1),
  balances: z.array(
    z.strictObject({
      currency: text64,
      code: text64,
      exponent: z.number().int().min(0).max(18),
      minor: z.string().regex(/^[0-9]{1,19}$/),
    }),
  ),
});

export type WalletStatement = z.infer<typeof statementSchema>;

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
  try {
    const statement = statementSchema.safeParse(JSON.parse(text)).data;
    return statement?.network === network ? statement : undefined;
  } catch {
    return undefined;
  }
}
