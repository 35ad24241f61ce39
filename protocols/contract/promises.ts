/** What terms hold beside the parties and the tree: accounts that are only paid, and mandates to charge. */
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { MAX_PERIOD_MS } from "./bounds.ts";
import { currencyField, roleField } from "./node-codec.ts";
import type { Finding } from "./explore.ts";
import type { Role, Terms } from "./terms.ts";

/** An account that is paid and signs nothing: a network's common fund. */
export interface Beneficiary {
  role: Role;
  /** Root public key that owns the account. */
  account: Uint8Array;
}

/**
 * While the contract is open, `by` may charge the account of `from`, for itself or for others. `from` may
 * end it at any time; the end of the contract ends it too.
 */
export interface Mandate {
  from: Role;
  by: Role;
  currency: string;
  /** At most this much within each period … */
  capMinor: bigint;
  /** … counted from the terms' `notBefore`, in ms … */
  periodMs: number;
  /** … and this much in all. */
  totalMinor: bigint;
}

export function beneficiaryFields({ role, account }: Beneficiary): CborValue {
  return [role, account];
}

/** Throws the reader's `cbor-wrong-shape`, or `terms-invalid`. */
export function readBeneficiary(value: CborValue, index: number): Beneficiary {
  const reader = new FieldReader(value, `terms.beneficiaries[${index}]`, 2);
  return { role: roleField(reader, "role"), account: reader.bytes("account", { length: 32 }) };
}

export function mandateFields({ from, by, currency, capMinor, periodMs, totalMinor }: Mandate): CborValue {
  return [from, by, currency, capMinor, periodMs, totalMinor];
}

/** Throws the reader's `cbor-wrong-shape`, or `terms-invalid`. */
export function readMandate(value: CborValue, index: number): Mandate {
  const where = `terms.mandates[${index}]`;
  const reader = new FieldReader(value, where, 6);
  return {
    from: roleField(reader, "from"),
    by: roleField(reader, "by"),
    currency: currencyField(reader, where),
    capMinor: reader.bigint("capMinor", { min: 1n, max: MAX_AMOUNT }),
    periodMs: reader.int("periodMs", { min: 1_000, max: MAX_PERIOD_MS }),
    totalMinor: reader.bigint("totalMinor", { min: 1n, max: MAX_AMOUNT }),
  };
}

/** What is wrong with the mandates of decoded terms. */
export function mandateFindings({ parties, mandates }: Pick<Terms, "parties" | "mandates">): Finding[] {
  return mandates.flatMap(({ from, by, capMinor, totalMinor }, index) => {
    const where = `mandates[${index}]`;
    const findings: Finding[] = [from, by]
      .filter((role) => !parties.some((party) => party.role === role))
      .map((role) => ({ rule: "role-unknown", where, message: `there is no party "${role}"` }));
    const find = (message: string): number => findings.push({ rule: "mandate", where, message });
    if (from === by) find(`${from} needs no mandate to spend its own money`);
    if (capMinor > totalMinor) find("the cap of one period is above that of all");
    return findings;
  });
}
