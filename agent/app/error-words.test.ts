/** Whatever may be refused where the app can hear of it is said in both languages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../../test/support/shared.ts";
import { REMEDIES, SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { errorText } from "./error-words.ts";
import { happeningText } from "./happenings.ts";

/** Where what the app meets is raised: by the lock, by the phone, by what both are made of. */
const FOLDERS = [
  ...["devices/lock", "devices/keyring", "devices/tab"],
  ...["access", "contract", "identity", "ledger", "messaging", "money", "session", "tab"].map(
    (name) => `protocols/${name}`,
  ),
  ...["agent/app", "agent/browser", "agent/core", "agent/platform"],
];

/** Every code that stands in their code. */
function codesRaised(): ErrorCode[] {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|testing|error-words/.test(name))
      .map((name) => join(repositoryRoot, folder, name)),
  );
  const texts = files.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/"([a-z]+(?:-[a-z]+)*)"/g)]);
  const named = new Set(texts.map(([, text = ""]) => text));
  return (Object.keys(REMEDIES) as ErrorCode[]).filter((code) => named.has(code));
}

describe("the words of errors", () => {
  const codes = codesRaised();

  it("are of what can be raised", () => {
    expect(codes.length).toBeGreaterThan(80);
    expect(codes).toEqual(
      expect.arrayContaining(["key-expired", "funds-short", "noise-failed", "owner-last"]),
    );
  });

  it.each(codes)("%s has a sentence in each language", (code) => {
    const error = new SegmentError(code, "the words of a programmer");
    const [english, french] = [errorText(error, "en"), errorText(error, "fr")];
    // What was filled in wrongly is said in the error's own words, where those can be read.
    if (code === "option-invalid") expect(english).toBe("The words of a programmer.");
    else expect(english).not.toContain("programmer");
    expect(french).not.toContain("programmer");
    for (const text of [english, french]) {
      // The remedies of the errors themselves speak of commands.
      expect(text).not.toMatch(/`|segment [a-z]/);
      expect(text).toMatch(/^\p{Lu}.*\.$/u);
    }
    expect(french).not.toBe(english);
  });

  it("say what a lock of a later version meant, as well as they can", () => {
    const error = new SegmentError("key-eaten" as ErrorCode, "the key was eaten");
    expect(errorText(error, "en")).toBe("The key was eaten.");
    expect(errorText(error, "fr")).toBe("Refusé (key-eaten) : the key was eaten.");
  });

  it("are used where a lock refuses an order by itself", () => {
    const refused = { step: "order-refused", detail: "owner-last: this is the last owner" };
    expect(happeningText(refused, "en")?.text).toBe(
      "The lock refuses what you ordered. The lock needs an owner: add another first, or hand it over.",
    );
    expect(happeningText(refused, "fr")?.text).toMatch(/^La serrure refuse votre ordre. La serrure a besoin/);
    const odd = { step: "order-refused", detail: "key-eaten: the key was eaten" };
    expect(happeningText(odd, "en")?.text).toBe("The lock refuses what you ordered. The key was eaten.");
  });
});
