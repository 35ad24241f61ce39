/** Fuzz: offline money: what payer and payee say, the terms of tabs, and vouchers. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { assertSafe } from "../../../protocols/contract/check.ts";
import { signFact } from "../../../protocols/contract/facts.ts";
import { tabTerms } from "../../../protocols/contract/templates/tab.ts";
import { voucherBody } from "../../../protocols/contract/templates/fact-kinds.ts";
import { decodeTerms, encodeTerms } from "../../../protocols/contract/terms.ts";
import * as kit from "../../../protocols/contract/testing/delivery.ts";
import { TAB } from "../../../protocols/contract/testing/samples.ts";
import { equalBytes } from "../../../protocols/encoding/bytes.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import {
  tabSchema,
  voucherKeptSchema,
  voucherRefusedSchema,
  voucherSchema,
} from "../../../protocols/tab/messages.ts";
import { readTab } from "../../../protocols/tab/tab.ts";
import { openVoucher } from "../../../protocols/tab/voucher.ts";
import { fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzShape } from "../support/shapes.ts";
import { fuzzSigned } from "../support/signed.ts";

const payer = kit.signerOf(11, nodeCrypto);
const payee = kit.signerOf(14, nodeCrypto);
const terms = encodeTerms(tabTerms(TAB));
const tab = readTab(nodeCrypto, terms);
const id = new Uint8Array(32).fill(3);

const SCHEMAS = [
  { name: "tabSchema", schema: tabSchema, sample: { terms, receipt: new Uint8Array(900) } },
  { name: "voucherSchema", schema: voucherSchema, sample: { termsId: id, voucher: new Uint8Array(200) } },
  { name: "voucherKeptSchema", schema: voucherKeptSchema, sample: { termsId: id, minor: "250" } },
  {
    name: "voucherRefusedSchema",
    schema: voucherRefusedSchema,
    sample: { termsId: id, code: "voucher-late", message: "no", voucher: new Uint8Array(200) },
  },
];

describe("messages of a tab", () => {
  for (const { name, schema, sample } of SCHEMAS) fuzzShape(name, schema, sample);
});

describe("a tab", () => {
  const others = [kit.delivery, kit.arbitrated].map((contract) => encodeTerms(contract.terms));
  fuzz(
    "readTab finds in any terms a tab whose money is the payee's or comes back, or none",
    fc.oneof({ weight: 9, arbitrary: mutatedCbor([terms]) }, { weight: 1, arbitrary: mutated(others) }),
    (bytes) => {
      const read = readTab(nodeCrypto, bytes);
      // The ledger opens nothing else, and a tab counts when its deposit is certified.
      assertSafe(decodeTerms(bytes));
      must(BigInt(read.heldMinor) > 0n, "something is held");
      must(!equalBytes(read.payer.identity, read.payee.identity), "of two");
      must(read.payByMs <= read.redeemByMs && read.redeemByMs <= read.refundFromMs, "in time");
    },
    { accepted: 0.05 },
  );

  const now = tab.payByMs - 1_000;
  const last = 100n;
  const vouchers = [1n, 250n, BigInt(tab.heldMinor), 2n ** 63n - 1n].map((minor) => {
    return signFact(payer, { kind: "voucher", subject: tab.termsId, timeMs: now, body: voucherBody(minor) });
  });
  fuzzSigned("openVoucher", {
    label: "fact",
    payloads: vouchers.map((voucher) => verify1(nodeCrypto, "fact", voucher).payload),
    signers: [payer, payer, payer, payee],
    open: (crypto, bytes) => {
      const minor = openVoucher(crypto, tab, bytes, last, now);
      must(minor > last && minor <= BigInt(tab.heldMinor), "more than before, and not more than is held");
      mustEqual(verify1(crypto, "fact", bytes).signer, payer.publicKey, "the payer's word");
    },
  });
});
