/** The phone's wallet: what the account holds, what moved it, payments and the lines that ask for them. */
import { z } from "zod";
import type { Certified } from "../../core/ledger-client.ts";
import { fetchReceipts } from "../../platform/history-questions.ts";
import { amountOf, currencyAsNamed, pickCurrency } from "../../platform/money-text.ts";
import { askCurrencies, pause } from "../../platform/notary-questions.ts";
import type { NotaryLine } from "../../platform/notary-questions.ts";
import { integerOf } from "../../platform/option-values.ts";
import { askStatement, readStatementText } from "../../platform/wallet-statement.ts";
import type { WalletStatement } from "../../platform/wallet-statement.ts";
import { isoTime } from "../../../protocols/calendar.ts";
import type { DocumentCurrency } from "../../../protocols/documents/money.ts";
import { formatRequest, MAX_MEMO_BYTES, parseRequest } from "../../../protocols/documents/request.ts";
import { text, utf8 } from "../../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../../protocols/identity/keys.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { formatAmount } from "../../../protocols/money/amounts.ts";
import type { Clock, Crypto } from "../../../protocols/ports.ts";
import type { Kept } from "./kept.ts";
import type { Receipts } from "./receipts.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A notary certifies what the others settle a moment later. */
const ROUNDS = 5;
const BETWEEN_ROUNDS_MS = 400;
const STATEMENT = "statement";
const KNOWN = "known";

const knownSchema = z.strictObject({
  /** All movements up to this number are kept as receipts. */
  through: z.number().int().min(0),
  missing: z.number().int().min(0),
  currencies: z.array(
    z.strictObject({ id: z.string(), code: z.string(), exponent: z.number().int().min(0).max(18) }),
  ),
});
type Known = z.infer<typeof knownSchema>;

/** A payment as it would be made; nothing is paid yet. */
export interface Payment {
  to: Uint8Array;
  currency: DocumentCurrency;
  minor: bigint;
  memo: string;
}

export interface WalletParts {
  kept: Kept;
  receipts: Receipts;
  crypto: Crypto;
  line: NotaryLine;
  network: NetworkDescription;
  /** The owner's root. */
  account: Uint8Array;
  clock: Clock;
  /** Resolves once it is certified, for a registered phone. Errors: quorum-missing, the ledger's refusal. */
  submit: (draft: EntryDraft) => Promise<Certified>;
  durable: () => Promise<void>;
  /** Before the first question: without an account there is nothing to ask about. */
  register: () => Promise<void>;
  changed: () => void;
  /** Something was paid: what notaries say of it now is to be asked. */
  moved: () => void;
}

export class Wallet {
  /** The account's id, to be told to those who pay. */
  readonly account: string;
  readonly #parts: WalletParts;
  #asking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(parts: WalletParts) {
    this.#parts = parts;
    this.account = agentId(parts.account);
  }

  /** What notaries said last; undefined before they were ever asked. */
  get statement(): WalletStatement | undefined {
    const { kept, network } = this.#parts;
    const bytes = kept.get(STATEMENT);
    return bytes && readStatementText(text(bytes), network.network);
  }

  /** The notaries who were asked had not settled yet what a receipt here proves. */
  get isBehind(): boolean {
    const newest = this.#parts.receipts.movements().at(-1);
    return newest !== undefined && (this.statement?.ledgerMs ?? 0) < newest.timeMs;
  }

  /** All that the network has, as far as it is known here. */
  get currencies(): readonly DocumentCurrency[] {
    return this.#known?.currencies ?? [];
  }

  /** Movements whose receipt nobody has any more; undefined before notaries were asked. */
  get missing(): number | undefined {
    return this.#known?.missing;
  }

  /** A currency by its id; one that nobody has told of in minor units. */
  currencyOf(id: string): DocumentCurrency {
    const known = this.currencies.find((one) => one.id === id);
    return known ?? currencyAsNamed(id) ?? { id, code: id, exponent: 0 };
  }

  /**
   * Asks notaries for all of it, after what is being asked already: that may be of before what happened.
   * Errors: quorum-missing, …
   */
  refresh(): Promise<void> {
    if (this.#asking !== undefined) {
      this.#next ??= this.#asking.then(
        () => this.refresh(),
        () => this.refresh(),
      );
      return this.#next;
    }
    this.#next = undefined;
    this.#asking = this.#refresh().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #refresh(): Promise<void> {
    const { kept, line, clock, crypto, account, receipts, register, durable, changed } = this.#parts;
    await register();
    for (let round = 1; ; round++) {
      kept.set(STATEMENT, utf8(JSON.stringify(await askStatement(line, clock))));
      if (!this.isBehind || round === ROUNDS) break;
      await pause(line.linkClock, BETWEEN_ROUNDS_MS);
    }
    const currencies = await this.#askCurrencies();
    changed();
    const held = receipts.ids();
    const through = Math.min(this.#known?.through ?? 0, held.size);
    const keep = (certified: Certified): void => void receipts.keep(certified);
    const shelf = { crypto, account, isOwn: true, held, through, keep };
    const { counted, missing } = await fetchReceipts(line, shelf);
    this.#know({ through: missing === 0 ? counted : through, missing, currencies });
    await durable();
    changed();
  }

  async #askCurrencies(): Promise<DocumentCurrency[]> {
    const { value } = await askCurrencies(this.#parts.line);
    const currencies = value.map(({ id, code, exponent }) => ({ id, code, exponent }));
    this.#know({ through: this.#known?.through ?? 0, missing: this.#known?.missing ?? 0, currencies });
    return currencies;
  }

  get #known(): Known | undefined {
    const bytes = this.#parts.kept.get(KNOWN);
    return bytes && knownSchema.safeParse(JSON.parse(text(bytes))).data;
  }

  #know(known: Known): void {
    this.#parts.kept.set(KNOWN, utf8(JSON.stringify(known)));
  }

  /** By code or id, asking where it is not known yet. Errors: currency-unknown, option-invalid, … */
  async #find(name: string): Promise<DocumentCurrency> {
    try {
      return pickCurrency(this.currencies, name);
    } catch (error) {
      if (errorCode(error) !== "currency-unknown") throw error;
      return pickCurrency(await this.#askCurrencies(), name);
    }
  }

  /**
   * A payment as it was typed: to an account's id, major units, a currency's code or id. Errors: did-invalid,
   * key-invalid, amount-*, currency-unknown, option-invalid.
   */
  async typedPayment(to: string, amount: string, currency: string, memo: string): Promise<Payment> {
    const found = await this.#find(currency);
    const minor = amountOf(amount.trim().replace(",", "."), found);
    return { to: publicKeyFromId(to.trim()), currency: found, minor, memo: checkedMemo(memo) };
  }

  /** A payment as a request asks for it: `segment:pay?…`. Errors: option-invalid, currency-unknown, … */
  async requestedPayment(line: string): Promise<Payment> {
    const { network, to, currency, amount, memo, untilMs } = parseRequest(line);
    const own = this.#parts.network.network;
    if (network !== own) {
      const problem = `the request is for the network "${network}", this phone belongs to "${own}"`;
      throw new SegmentError("option-invalid", problem, { where: "request" });
    }
    if (untilMs !== null && this.#parts.clock.now() >= untilMs)
      throw new SegmentError("option-invalid", `the request has expired at ${isoTime(untilMs)}`);
    const found = await this.#find(currency);
    return { to, currency: found, minor: amountOf(amount, found), memo };
  }

  /** Pays; resolves once it is certified and the receipt is kept. Errors: funds-short, account-unknown, … */
  async pay({ to, currency, minor, memo }: Payment): Promise<Certified> {
    const { submit, receipts, durable } = this.#parts;
    const body = { kind: "transfer" as const, to, currency: currency.id, amount: minor, memo: utf8(memo) };
    const certified = await submit({ body });
    receipts.keep(certified);
    await durable();
    this.#parts.moved();
    return certified;
  }

  /**
   * The line by which the owner asks for a payment; `days` empty: without end. Errors: amount-*,
   * currency-unknown, option-invalid.
   */
  async request(amount: string, currency: string, memo: string, days: string): Promise<string> {
    const { network, account, clock } = this.#parts;
    const found = await this.#find(currency);
    const minor = amountOf(amount.trim().replace(",", "."), found);
    const forMs = days.trim() === "" ? undefined : integerOf("days", days, 1, 3_660) * DAY_MS;
    // To the second, and in the payee's favour: the line shows no more.
    const untilMs = forMs === undefined ? null : Math.ceil(clock.now() / 1_000) * 1_000 + forMs;
    return formatRequest({
      ...{ network: network.network, to: account, currency: found.id, memo: checkedMemo(memo), untilMs },
      amount: formatAmount(minor, found.exponent, "").trim(),
    });
  }
}

/** Errors: option-invalid. */
function checkedMemo(memo: string): string {
  const { length } = utf8(memo);
  if (length <= MAX_MEMO_BYTES) return memo;
  const problem = `the memo has ${length} bytes, ${MAX_MEMO_BYTES} are allowed`;
  throw new SegmentError("option-invalid", problem, { where: "memo" });
}
