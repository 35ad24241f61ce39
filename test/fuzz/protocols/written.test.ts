/** Fuzz: what people write and hand over as text: days, requests to pay, rates, parameters of templates. */
import fc from "fast-check";
import { describe } from "vitest";
import { isoDay, isoTime, parseIsoDay, parseIsoTime } from "../../../protocols/calendar.ts";
import { assertSafe } from "../../../protocols/contract/check.ts";
import { TEMPLATES, termsFromParams } from "../../../protocols/contract/templates/index.ts";
import type { TemplateContext } from "../../../protocols/contract/templates/index.ts";
import { decodeTerms, encodeTerms } from "../../../protocols/contract/terms.ts";
import type { Party as Member } from "../../../protocols/contract/terms.ts";
import * as kit from "../../../protocols/contract/testing/delivery.ts";
import { keys } from "../../../protocols/contract/testing/samples.ts";
import { parseVatRate, vatPercent } from "../../../protocols/documents/bill.ts";
import {
  formatJointApproval,
  formatJointPayment,
  jointLegs,
  parseJointApproval,
  parseJointPayment,
} from "../../../protocols/documents/joint-payment.ts";
import { formatRequest, parseRequest } from "../../../protocols/documents/request.ts";
import { fromBase64Url, toBase64Url } from "../../../protocols/encoding/bytes.ts";
import { fuzz } from "../support/harness.ts";
import { mutated } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { near } from "../support/near.ts";
import { must, mustEqual } from "../support/must.ts";

type Party = Omit<Member, "role">;

describe("dates", () => {
  const days = ["2026-11-22", "2024-02-29", "1970-01-01", "9999-12-31"];
  fuzz(
    "parseIsoDay reads what isoDay writes",
    near(days),
    (text) => must(isoDay(parseIsoDay(text)) === text, "the day"),
    { accepted: 0.05 },
  );
  fuzz(
    "parseIsoTime reads what isoTime writes",
    near(days.map((day) => `${day}T08:06:37Z`)),
    (text) => must(isoTime(parseIsoTime(text)) === text, "the time"),
    { accepted: 0.05 },
  );
});

describe("documents", () => {
  const request = {
    ...{ network: "village", to: kit.BUYER.account, currency: kit.EUR, amount: "24.90" },
    ...{ memo: "rent & heating", untilMs: Date.UTC(2026, 10, 30) },
  };
  const lines = [request, { ...request, memo: "", untilMs: null }].map(formatRequest);
  fuzz(
    "parseRequest reads one request in one line, or refuses",
    near(lines),
    (text) => {
      const read = parseRequest(text);
      const again = formatRequest(read);
      must(formatRequest(parseRequest(again)) === again, "the request");
      must(new TextEncoder().encode(read.memo).length <= 64, "a short memo");
    },
    { accepted: 0.05 },
  );
  const payment = {
    ...{ network: "village", nonce: new Uint8Array(16), notAfter: request.untilMs, from: kit.BUYER.account },
    ...{ to: kit.SHOP.account, currency: kit.EUR, minor: 2_490n, memo: new Uint8Array(3) },
  };
  const inHand = formatJointPayment(payment);
  const prefix = inHand.slice(0, inHand.lastIndexOf(":") + 1);
  const payload = fromBase64Url(inHand.slice(prefix.length));
  fuzz(
    "parseJointPayment reads one payment in one line, or refuses",
    fc.oneof(
      near([inHand]),
      mutated([payload]).map((bytes) => prefix + toBase64Url(bytes)),
    ),
    (text) => {
      const read = parseJointPayment(text);
      must(formatJointPayment(read) === text.trim(), "the payment");
      must(jointLegs(read).legs.reduce((sum, { change }) => sum + change, 0n) === 0n, "nothing is made");
    },
    { accepted: 0.05 },
  );
  fuzz(
    "parseJointApproval reads what formatJointApproval writes",
    near([formatJointApproval(new Uint8Array(200).fill(7))]),
    (text) => must(formatJointApproval(parseJointApproval(text)) === text.trim(), "the approval"),
    { accepted: 0.05 },
  );
  fuzz(
    "parseVatRate reads a rate in percent to the thousandth",
    near(["7.7", "20", "0", "5,5", "100"]),
    (text) => {
      const rate = parseVatRate(text);
      must(Number.isSafeInteger(rate) && rate >= 0 && rate <= 100_000, "0 to 100 %");
      must(parseVatRate(vatPercent(rate, ".")) === rate, "the rate");
    },
    { accepted: 0.05 },
  );
});

describe("parameters of templates", () => {
  const nowMs = kit.ORDERED_AT;
  /** Everybody whom the examples name; a lock is its host's. */
  const people = new Map<string, Party>();
  const meet = (name: string): Party => {
    const { identity, account } = keys(30 + people.size);
    const party = { identity, account: name.startsWith("lock") ? people.get("bob")!.account : account };
    people.set(name, people.get(name) ?? party);
    return people.get(name)!;
  };
  const context: TemplateContext = {
    ...{ network: "village", nowMs, nonce: new Uint8Array(16) },
    party: (name) => people.get(name),
    currency: (text) => (/^[A-Z]/.test(text) ? { id: kit.EUR, exponent: 2 } : undefined),
  };
  const services = {
    ...{ certifier: { party: "carol", fee: "1.00" }, payment: { party: "paul", fee: "0.50" } },
    join: "1 min",
  };
  const EXAMPLES = new Map(
    TEMPLATES.map((template) => {
      const samples = [template.example(nowMs), { ...template.example(nowMs), services }];
      for (const sample of samples) termsFromParams(template.name, sample, { ...context, party: meet });
      return [template.name, samples];
    }),
  );
  for (const template of TEMPLATES) {
    fuzz(
      `termsFromParams, ${template.name}: what it makes is safe and can be read again, or it is refused`,
      mutatedValue(EXAMPLES.get(template.name)!),
      (json) => {
        const terms = termsFromParams(template.name, json, context);
        assertSafe(terms);
        const bytes = encodeTerms(terms);
        mustEqual(encodeTerms(decodeTerms(bytes)), bytes, "the terms");
      },
      { accepted: 0.05, share: 0.2 },
    );
  }
});
