/** What payer and payee say to each other over BLE; validated here, at the edge. */
import { z } from "zod";
import { MAX_TERMS_BYTES } from "../contract/bounds.ts";

const bytes = (min: number, max: number) =>
  z.instanceof(Uint8Array).refine((value) => value.length >= min && value.length <= max, {
    message: `expected ${min} to ${max} bytes`,
  });
const id32 = bytes(32, 32);

/** Payer to payee: the terms that both have signed, and the certified receipt of the deposit. */
export const tabSchema = z.strictObject({ terms: bytes(1, MAX_TERMS_BYTES), receipt: bytes(1, 32_768) });

/** Payer to payee: a voucher of the tab. */
export const voucherSchema = z.strictObject({ termsId: id32, voucher: bytes(1, 2_048) });

/** Payee to payer: the voucher is kept, durably. `minor` is what was paid in all, as text. */
export const voucherKeptSchema = z.strictObject({ termsId: id32, minor: z.string().regex(/^[0-9]{1,19}$/) });

/**
 * Payee to payer: why not. `voucher` is the last one that it keeps of this tab: a payer whose memory is older
 * than that sees its own signature and goes on from there.
 */
export const voucherRefusedSchema = z.strictObject({
  termsId: id32,
  code: z.string().min(1).max(64),
  message: z.string().max(300),
  voucher: bytes(1, 2_048).nullable(),
});
