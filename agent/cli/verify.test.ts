import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import { DELIVERY, EUR, signerOf } from "../../protocols/contract/testing/delivery.ts";
import { signInvoice } from "../../protocols/delivery/invoice.ts";
import { fromHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import golden from "../../test/ledger/golden-receipt.json" with { type: "json" };
import { foundNetwork } from "../node/committee.ts";
import { nodeCrypto, nodeRandom } from "../node/crypto.ts";
import { call } from "./testing/call.ts";
import { addVerify } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-verify-"));
const file = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const receipt = fromHex(golden.receipt);
const network = file("network.json", JSON.stringify(golden.network));
afterAll(() => rmSync(folder, { recursive: true }));

describe("segment verify: receipts", () => {
  it("says in sentences what a receipt proves", async () => {
    const { stdout, error } = await call(addVerify, ["verify", file("r", receipt), "--network", network]);
    expect(error).toBeUndefined();
    expect(stdout).toContain('notaries of the network "village" (3 needed).');
    expect(stdout).toContain('The entry is of kind "transfer"');
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(
      /the account z6Mk\w+ paid 0\.01 EUR \(of [0-9a-f]{16}\) to the account/,
    );
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("refuses a receipt of which any byte was changed", async () => {
    const codes = new Set<string>();
    for (let at = 0; at < receipt.length; at++) {
      const changed = Uint8Array.from(receipt);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      const { stdout, error } = await call(addVerify, ["verify", file("t", changed), "--network", network]);
      if (!(error instanceof SegmentError))
        expect.fail(`byte ${at} was not refused: ${String(error)} ${stdout}`);
      expect(stdout).toBe("");
      codes.add(error.code);
    }
    expect([...codes].sort()).toEqual(expect.arrayContaining(["receipt-foreign", "receipt-invalid"]));
  });

  it("refuses a receipt that ends too early, goes on, or is something else", async () => {
    const cases = [
      receipt.slice(0, -1),
      new Uint8Array([...receipt, 0]),
      new Uint8Array(),
      Buffer.from("hello"),
    ];
    for (const bytes of cases) {
      const { error } = await call(addVerify, ["verify", file("t", bytes), "--network", network]);
      expect(error).toMatchObject({ code: "receipt-invalid" });
    }
    const { error } = await call(addVerify, [
      "verify",
      file("t", new Uint8Array(200_000)),
      "--network",
      network,
    ]);
    expect(error).toMatchObject({ code: "option-invalid" });
  });

  it("takes the committee's keys from the network's file alone", async () => {
    const other = foundNetwork(
      nodeCrypto,
      nodeRandom,
      "village",
      golden.network.notaries.map(({ id }) => id),
    );
    const theirs = file("other.json", JSON.stringify(other.network));
    const refused = await call(addVerify, ["verify", file("r", receipt), "--network", theirs]);
    expect(refused.error).toMatchObject({ code: "receipt-foreign" });
    const missing = await call(addVerify, ["verify", file("r", receipt), "--home", join(folder, "none")]);
    expect(missing.error).toMatchObject({ code: "network-invalid" });
  });
});

describe("segment verify: invoices and terms", () => {
  const invoice = {
    number: "000001",
    termsId: new Uint8Array(32).fill(1),
    issuedMs: 1_772_618_400_000,
    seller: "Bakery\u202e \u001b[31m",
    buyer: "Garden",
    currency: EUR,
    lines: [{ text: "Bread", minor: 250n }],
    totalMinor: 250n,
  };

  it("shows an invoice whose signature holds, and who signed it", async () => {
    const path = file("invoice.cbor", signInvoice(signerOf(3), invoice));
    const { stdout, error } = await call(addVerify, ["verify", path]);
    expect(error).toBeUndefined();
    expect(stdout).toContain("total: 2.50 EUR");
    expect(stdout).toContain(agentId(signerOf(3).publicKey));
    // A seller's name may try to write to the terminal.
    for (const steering of ["\u001b", "\u202e"]) expect(stdout).not.toContain(steering);
    const { stdout: json } = await call(addVerify, ["verify", path, "--json"]);
    expect(JSON.parse(json)).toMatchObject({ kind: "invoice", valid: true, totalMinor: "250" });
  });

  it("refuses an invoice of which any byte was changed", async () => {
    const signed = signInvoice(signerOf(3), invoice);
    for (let at = 0; at < signed.length; at++) {
      const changed = Uint8Array.from(signed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { error } = await call(addVerify, ["verify", file("t", changed), "--network", network]);
      expect(error, `byte ${at}`).toBeInstanceOf(SegmentError);
    }
  });

  it("names terms, and claims nothing more", async () => {
    const path = file("terms.cbor", encodeTerms(deliveryTerms(DELIVERY)));
    const { stdout } = await call(addVerify, ["verify", path, "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      kind: "terms",
      termsId: expect.stringMatching(/^[0-9a-f]{64}$/),
      network: "village",
      template: "delivery/1",
    });
  });
});
