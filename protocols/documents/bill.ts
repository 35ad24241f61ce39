/**
 * Invoices and receipts for people, made from what a certified receipt proves. Amounts are minor units; what
 * was paid is the total, tax included, and the tax is computed out of it.
 */
import { utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { TimeMs } from "../ports.ts";
import type { DocumentCurrency } from "./money.ts";

/** A seller or buyer as invoices must name them. */
export interface BillParty {
  name: string;
  /** Lines of the address; may be empty. */
  address: string;
  /** "" where there is none. */
  vatNumber: string;
}

/** What the ledger certifies about the payment. */
export interface PaymentProof {
  /** In hex. */
  entryId: string;
  height: number;
  timeMs: TimeMs;
  network: string;
  signed: number;
  notaries: number;
  /** Accounts; `from` may be several, or none for money that was issued. */
  from: string[];
  to: string;
  memo: string;
}

export interface BillLine {
  text: string;
  /** Tax included. */
  minor: bigint;
}

export interface Bill {
  kind: "invoice" | "receipt";
  number: string;
  issuedMs: TimeMs;
  /** Null on a receipt for which nobody is named. */
  seller: BillParty | null;
  buyer: BillParty | null;
  currency: DocumentCurrency;
  lines: BillLine[];
  /** Thousandths of a percent (7.7 % is 7700); null where no tax is charged. */
  vatRate: number | null;
  netMinor: bigint;
  vatMinor: bigint;
  totalMinor: bigint;
  proof: PaymentProof | null;
}

/** A percentage in thousandths. */
const WHOLE = 100_000n;
export const MAX_VAT_RATE = 100_000;
const MAX_LINES = 64;
const MAX_TEXT_BYTES = 400;

/** Errors: amount-invalid (the lines do not add up to what was paid), option-invalid (too much text). */
export function makeBill(bill: Omit<Bill, "netMinor" | "vatMinor" | "totalMinor">, paidMinor: bigint): Bill {
  const { lines, vatRate, number, seller, buyer } = bill;
  if (lines.length > MAX_LINES) {
    throw new SegmentError("option-invalid", `there are ${lines.length} lines, ${MAX_LINES} are allowed`);
  }
  const parties = [seller, buyer].flatMap((party) => {
    return party === null ? [] : [party.name, party.address, party.vatNumber];
  });
  for (const text of [number, ...parties, ...lines.map((line) => line.text)]) {
    if (utf8(text).length <= MAX_TEXT_BYTES) continue;
    throw new SegmentError("option-invalid", `a text has more than ${MAX_TEXT_BYTES} bytes`);
  }
  const total = lines.reduce((sum, { minor }) => sum + minor, 0n);
  if (total !== paidMinor) {
    const problem = `the lines add up to ${total} minor units, the receipt says that ${paidMinor} were paid`;
    throw new SegmentError("amount-invalid", problem);
  }
  if (total < 0n || total > MAX_AMOUNT) throw new SegmentError("amount-invalid", "the total is no amount");
  const vatMinor = vatRate === null ? 0n : vatIncluded(total, vatRate);
  return { ...bill, vatMinor, netMinor: total - vatMinor, totalMinor: total };
}

/** The tax that a total of minor units includes, rounded to the nearest unit, halves up. */
export function vatIncluded(total: bigint, rate: number): bigint {
  const share = BigInt(rate);
  const whole = WHOLE + share;
  return (2n * total * share + whole) / (2n * whole);
}

/** Thousandths of a percent of "7.7": at most three decimals, 0 to 100. Throws `option-invalid`. */
export function parseVatRate(text: string): number {
  const parts = /^([0-9]{1,3})(?:[.,]([0-9]{1,3}))?$/.exec(text);
  const rate = parts === null ? NaN : Number(parts[1]) * 1_000 + Number((parts[2] ?? "").padEnd(3, "0"));
  if (rate <= MAX_VAT_RATE) return rate;
  const problem = `not a rate in percent such as 7.7: ${JSON.stringify(text.slice(0, 20))}`;
  throw new SegmentError("option-invalid", problem);
}

/** "7.7", "20". */
export function vatPercent(rate: number, decimalMark: string): string {
  const decimals = (rate % 1_000).toString().padStart(3, "0").replace(/0+$/, "");
  return `${Math.floor(rate / 1_000)}${decimals === "" ? "" : decimalMark + decimals}`;
}
