/** What others pay into the owner's account, as certified receipts tell it: filed, and said once. */
import { existsSync } from "node:fs";
import type { Certified } from "../core/ledger-client.ts";
import { accountMovements } from "../../protocols/documents/movements.ts";
import type { AccountMovement } from "../../protocols/documents/movements.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { formatAmount } from "../../protocols/money/amounts.ts";
import { currencyCode, exponentOf } from "../../protocols/money/currencies.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { accountNames } from "./contacts.ts";
import { knownHistory } from "./history.ts";
import type { Home } from "./home.ts";
import { rememberJoint } from "./joint-accounts.ts";
import { keepReceipt, receiptPath } from "./run-documents.ts";
import { readStatement } from "./run-wallet.ts";

export interface IncomingParts {
  home: Home;
  crypto: Crypto;
  /** Lines for people who watch. */
  say: (line: string) => void;
}

export class IncomingPayments {
  readonly #parts: IncomingParts;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  /** Passes over what is no gain by others, and what the home holds already. Errors: store-failed. */
  receipt(certified: Certified): void {
    const { home, say } = this.#parts;
    const { receipt } = certified;
    if (receipt.outcome !== "ok") return;
    this.#joint(certified);
    // What this home has signed itself, whoever asked for it files.
    if (equalBytes(receipt.signer, home.card.identity)) return;
    const gains = accountMovements(receipt, home.card.root).filter(({ change }) => change > 0n);
    if (gains.length === 0 || existsSync(receiptPath(home, receipt))) return;
    keepReceipt(home, certified);
    for (const gain of gains) say(this.#text(gain));
  }

  /** Somebody has made a joint account of which the owner is a member. */
  #joint({ receipt: { result } }: Certified): void {
    const { home, crypto, say } = this.#parts;
    if (result?.kind !== "joint") return;
    const { k, members, account } = result;
    if (!members.some((member) => equalBytes(member, home.card.root))) return;
    if (!rememberJoint(crypto, home, { k, members })) return;
    const of = `${k} of its ${members.length} members, of whom this home's owner is one`;
    say(`joint account ${agentId(account)}: ${of}, approve each payment`);
  }

  #text({ change, currency, others, memo, termsId, kind }: AccountMovement): string {
    const amount = amountText(this.#parts.home, change, currency);
    if (kind === "mint") return `received ${amount}, newly issued`;
    const payers = others.map((id) => this.#nameOf(id)).join(" and ");
    const from =
      termsId === null
        ? ` from ${payers === "" ? "nobody named" : payers}`
        : ` by contract ${termsId.slice(0, 8)}`;
    return `received ${amount}${from}${memo === "" ? "" : `, ${quoted(memo)}`}`;
  }

  /** What the owner of an account calls its agents, if this home knows one. */
  #nameOf(account: string): string {
    const { home, crypto } = this.#parts;
    const name = accountNames(home.folder, crypto).get(account);
    return name === undefined ? account : `${quoted(name)} (${account})`;
  }
}

/** With as many decimals as are known here; else in minor units, and said so. */
function amountText(home: Home, minor: bigint, currency: string): string {
  const code = currencyCode(currency);
  const exponent =
    knownHistory(home)?.currencies.find(({ id }) => id === currency)?.exponent ??
    readStatement(home.folder, home.network?.network ?? "")?.balances.find((one) => one.currency === currency)
      ?.exponent ??
    exponentOf(code);
  return exponent === undefined ? `${minor} minor units of ${code}` : formatAmount(minor, exponent, code);
}

/** A stranger's words: nothing in them may pass for another line, or move what stands beside them. */
function quoted(words: string): string {
  return JSON.stringify(words.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?"));
}
