/** What the owner's account holds, as notaries said last: to be kept and shown without a network, too. */
import { z } from "zod";
import type { Clock } from "../../protocols/ports.ts";
import { askAccount, askCurrencies } from "./notary-questions.ts";
import type { NotaryLine } from "./notary-questions.ts";

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

/** Errors: quorum-missing. */
export async function askStatement(line: NotaryLine, clock: Clock): Promise<WalletStatement> {
  const { value: account, agreeing, notaries } = await askAccount(line);
  const { value: currencies } = await askCurrencies(line);
  const balances = account.balances.flatMap(({ currency, minor }) => {
    const info = currencies.find(({ id }) => id === currency);
    if (info === undefined) return [];
    return [{ currency, code: info.code, exponent: info.exponent, minor: minor.toString() }];
  });
  balances.sort((a, b) => (a.currency < b.currency ? -1 : 1));
  const { network } = line.network;
  const askedMs = clock.now();
  return { version: 1, network, ledgerMs: account.timeMs, askedMs, agreeing, notaries, balances };
}

/** A kept one of this network; undefined for what cannot be read. */
export function readStatementText(text: string, network: string): WalletStatement | undefined {
  try {
    const statement = statementSchema.safeParse(JSON.parse(text)).data;
    return statement?.network === network ? statement : undefined;
  } catch {
    return undefined;
  }
}
