import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { somebody, START_MS } from "../../test/support/agents.ts";
import { keepContact, readContacts } from "./contacts.ts";
import { nodeCrypto as crypto } from "./crypto.ts";

const root = mkdtempSync(join(tmpdir(), "segment-contacts-"));
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(root, "home-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const [alice, bob] = [somebody("alice"), somebody("bob")];

describe("contacts", () => {
  it("are there after a restart, the newest card of each", () => {
    expect(readContacts(home, crypto, START_MS)).toEqual([]);
    keepContact(home, crypto, alice.keys.card);
    keepContact(home, crypto, alice.keys.card);
    keepContact(home, crypto, bob.keys.card);
    const kept = readContacts(home, crypto, START_MS).map((card) => Buffer.from(card).toString("hex"));
    expect(kept.sort()).toEqual(
      [alice, bob].map(({ keys }) => Buffer.from(keys.card).toString("hex")).sort(),
    );
  });

  it("leave out what is not valid, forget what was cut short, and keep nothing that is no card", () => {
    const old = somebody("old", { notBefore: START_MS - 2_000, notAfter: START_MS + 1_000 });
    keepContact(home, crypto, old.keys.card);
    keepContact(home, crypto, alice.keys.card);
    expect(readContacts(home, crypto, START_MS)).toHaveLength(2);
    expect(readContacts(home, crypto, START_MS + 1_000)).toEqual([alice.keys.card]);
    // In 1970 nothing is valid yet; who does not know the time takes all, and lets nobody go.
    expect(readContacts(home, crypto, 0)).toEqual([]);
    expect(readContacts(home, crypto)).toHaveLength(2);
    const folder = join(home, "contacts");
    truncateSync(join(folder, `${alice.id}.card`), 100);
    expect(readContacts(home, crypto)).toEqual([old.keys.card]);
    expect(readdirSync(folder)).toEqual([`${old.id}.card`]);
    expect(() => keepContact(home, crypto, new Uint8Array(5))).toThrowError(
      expect.objectContaining({ code: "card-invalid" }),
    );
  });
});
