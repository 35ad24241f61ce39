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

  it("forget what has expired or was cut short, and keep nothing that is no card", () => {
    const old = somebody("old", { notBefore: START_MS - 2_000, notAfter: START_MS + 1_000 });
    keepContact(home, crypto, old.keys.card);
    keepContact(home, crypto, alice.keys.card);
    expect(readContacts(home, crypto, START_MS)).toHaveLength(2);
    expect(readContacts(home, crypto, START_MS + 1_000)).toEqual([alice.keys.card]);
    const folder = join(home, "contacts");
    truncateSync(join(folder, `${alice.id}.card`), 100);
    expect(readContacts(home, crypto, START_MS)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect(() => keepContact(home, crypto, new Uint8Array(5))).toThrowError(
      expect.objectContaining({ code: "card-invalid" }),
    );
  });
});
