import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { encodeTerms, termsId } from "../../protocols/contract/terms.ts";
import { crypto, DELIVERY, EUR, signerOf } from "../../protocols/contract/testing/delivery.ts";
import { signInvoice } from "../../protocols/delivery/invoice.ts";
import type { Invoice } from "../../protocols/delivery/invoice.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { call } from "./testing/call.ts";
import { addWallet } from "./wallet.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-bill-"));
afterAll(() => rmSync(folder, { recursive: true }));
// Nobody's own home: a signed invoice needs none.
beforeEach(() => vi.stubEnv("SEGMENT_HOME", join(folder, "none")));
afterEach(() => vi.unstubAllEnvs());

const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const TERMS = encodeTerms(deliveryTerms(DELIVERY));
const terms = file("terms.cbor", TERMS);
const shop = signerOf(3);
const INVOICE: Invoice = {
  number: "000007",
  termsId: termsId(crypto, TERMS),
  issuedMs: 1_772_618_400_000,
  seller: "The village <b>bakery</b>",
  buyer: "12 rue des Lilas",
  currency: EUR,
  lines: [
    { text: "Bread", minor: 1_990n },
    { text: "Delivery by drone", minor: 500n },
  ],
  totalMinor: 2_490n,
};
const signed = signInvoice(shop, INVOICE);
const path = file("invoice.cbor", signed);
const invoice = (...args: string[]) => call(addWallet, ["wallet", "invoice", ...args]);

describe("segment wallet invoice, of an invoice that a shop signed", () => {
  it("shows what it says, and whose signature it carries", async () => {
    const shown = await invoice(path, "--terms", terms, "--format", "text", "--vat", "5.5");
    expect(shown.error).toBeUndefined();
    for (const part of ["000007", "Bread", "Delivery by drone", "24.90", "12 rue des Lilas"])
      expect(shown.stdout).toContain(part);
    expect(shown.stderr).toContain(agentId(shop.publicKey));
    const { stdout } = await invoice(path, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ kind: "invoice", number: "000007", total: "24.90 EUR", signedBy: agentId(shop.publicKey) },
    });
  });

  it("is a page that people print, in French too, and nothing in it is a tag", async () => {
    const out = join(folder, "invoice.html");
    expect((await invoice(path, "--lang", "fr", "--out", out)).error).toBeUndefined();
    const { stdout } = await invoice(path, "--lang", "fr");
    expect(stdout).toContain("<html");
    expect(stdout).toContain("24,90");
    expect(stdout).not.toContain("<b>bakery");
  });

  it("is refused when a byte was changed, or when it is another shop's or another delivery's", async () => {
    for (let at = 0; at < signed.length; at += 7) {
      const changed = Uint8Array.from(signed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { error } = await invoice(file("changed.cbor", changed), "--terms", terms);
      expect(error, `byte ${at}`).toBeInstanceOf(SegmentError);
    }
    const others = [
      signInvoice(signerOf(2), INVOICE),
      signInvoice(shop, { ...INVOICE, termsId: new Uint8Array(32) }),
    ];
    for (const bytes of others) {
      const { error } = await invoice(file("other.cbor", bytes), "--terms", terms);
      expect(error).toMatchObject({ code: "signature-invalid" });
    }
  });

  it("takes nothing that would make it say something else", async () => {
    const changed = await invoice(path, "--line", "Bread=24.90");
    expect(changed.error).toMatchObject({ code: "option-invalid" });
    const named = await invoice(path, "--seller-name", "Somebody");
    expect(named.error).toMatchObject({ code: "option-invalid" });
  });

  it("writes nothing to the terminal but text", async () => {
    const steering = signInvoice(shop, { ...INVOICE, seller: "Bakery\u202e \u001b[31m" });
    const { stdout, error } = await invoice(file("steering.cbor", steering), "--format", "text");
    expect(error).toBeUndefined();
    for (const mark of ["\u001b", "\u202e"]) expect(stdout).not.toContain(mark);
  });

  it("asks for the names that a receipt does not tell", async () => {
    const { error } = await invoice(file("receipt", Uint8Array.of(0x87, 1)));
    expect(error).toMatchObject({ code: "option-invalid" });
  });
});
