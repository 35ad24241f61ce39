import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { deliveryTerms } from "../../protocols/contract/templates/delivery.ts";
import { encodeTerms } from "../../protocols/contract/terms.ts";
import type { Terms } from "../../protocols/contract/terms.ts";
import { DELIVERY } from "../../protocols/contract/testing/delivery.ts";
import { addContract } from "./contract.ts";
import { call } from "./testing/call.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-contract-"));
const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const safe = file("terms.cbor", encodeTerms(deliveryTerms(DELIVERY)));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

describe("segment contract show", () => {
  it.each([80, 120])("fits %d columns in both languages, and loses no word", async (columns) => {
    vi.stubEnv("COLUMNS", String(columns));
    for (const lang of ["en", "fr"]) {
      const { stdout, error } = await call(addContract, ["contract", "show", safe, "--lang", lang]);
      expect(error).toBeUndefined();
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
      const flat = stdout.replaceAll(/\s+/g, " ");
      const { stdout: json } = await call(addContract, ["contract", "show", safe, "--lang", lang, "--json"]);
      const { sentences } = JSON.parse(json) as { sentences: string[] };
      for (const sentence of sentences) expect(flat).toContain(sentence.replaceAll(/\s+/g, " "));
      // No line begins with a mark that French sets apart by a space.
      expect(stdout).not.toMatch(/^ *[;:!?»]/m);
    }
  });

  it("gives programs the same, with every ending", async () => {
    const { stdout } = await call(addContract, ["contract", "show", safe, "--json"]);
    const shown = JSON.parse(stdout) as { endings: object[]; parties: { role: string }[] };
    expect(shown.endings.length).toBeGreaterThan(5);
    expect(shown.parties.map(({ role }) => role)).toEqual(["buyer", "drone", "shop"]);
  });

  it("refuses what is no terms, and other languages", async () => {
    const wrong = await call(addContract, ["contract", "show", file("x", new Uint8Array(9))]);
    expect(wrong.error).toMatchObject({ code: "terms-invalid" });
    const german = await call(addContract, ["contract", "show", safe, "--lang", "de"]);
    expect(german.error).toMatchObject({ code: "option-invalid" });
    const missing = await call(addContract, ["contract", "show", join(folder, "none")]);
    expect(missing.error).toMatchObject({ code: "option-invalid" });
  });
});

describe("segment contract check", () => {
  it("finds nothing in safe terms", async () => {
    const { stdout, error } = await call(addContract, ["contract", "check", safe]);
    expect(error).toBeUndefined();
    expect(stdout).toContain("Safe to sign");
  });

  it("fails with the findings for terms that keep somebody's money", async () => {
    const terms: Terms = {
      ...deliveryTerms(DELIVERY),
      contract: {
        kind: "pay",
        to: "shop",
        currency: DELIVERY.currency,
        amount: { kind: "constant", minor: 5n },
        then: { kind: "close" },
      },
    };
    const path = file("unsafe.cbor", encodeTerms(terms));
    const { stdout, error } = await call(addContract, ["contract", "check", path]);
    expect(error).toMatchObject({ code: "terms-unsafe" });
    expect(stdout).toContain("[pot-short]");
    const { stdout: json } = await call(addContract, ["contract", "check", path, "--json"]);
    expect(JSON.parse(json)).toMatchObject({
      safe: false,
      findings: [{ rule: "pot-short", where: "contract" }],
    });
  });
});
