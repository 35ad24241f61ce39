import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCbor, encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { errorCode } from "../../protocols/errors.ts";
import { makeBackup, restoreBackup } from "./backup.ts";
import { nodeCrypto, nodeRandom, systemClock } from "./crypto.ts";
import { createHome, openHome } from "./home.ts";
import { sealWithPassphrase } from "./passphrase.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-backup-"));
const home = join(folder, "home");
const NOW = Date.UTC(2026, 10, 22);
let sealed: Uint8Array;

const codeOf = (work: Promise<unknown>): Promise<string> => {
  return work.then(
    () => "none",
    (error: unknown) => errorCode(error),
  );
};
const put = (path: string, text: string): void => {
  mkdirSync(join(home, path, ".."), { recursive: true });
  writeFileSync(join(home, path), text, { mode: 0o600 });
};

beforeAll(async () => {
  const config = {
    kind: "hub",
    name: "Hub",
    roles: ["broker", "notary"] as const,
    broker: null,
    port: 0,
    keepers: [],
  };
  await createHome(home, {
    ...{ crypto: nodeCrypto, random: nodeRandom, clock: systemClock, keepRoot: false, passphrase: "inner" },
    config: { ...config, roles: [...config.roles] },
  });
  for (const path of ["contacts/z6MkX.card", "documents/a.receipt", "contracts/ab/terms.cbor"])
    put(path, path);
  const machines = [
    "journal/0",
    "order-log/log.lmdb",
    "notary.lmdb",
    "notary.lmdb-lock",
    "shards/x",
    "committee",
    "lock",
  ];
  for (const path of [...machines, "lock.123", "run-status.json", "documents/half.receipt.new"])
    put(path, "not this");
  ({ sealed } = await makeBackup(home, "outer", NOW));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a backup", () => {
  it("restores what is the owner's, byte for byte, and nothing of the machine's", async () => {
    const into = join(folder, "restored");
    const summary = await restoreBackup(into, sealed, "outer");
    expect(summary).toMatchObject({ createdMs: NOW, files: 6, wasNotary: true });
    const files = readdirSync(into, { recursive: true, encoding: "utf8" });
    const plain = files.filter((name) => statSync(join(into, name)).isFile()).sort();
    expect(plain).toEqual([
      ...[
        "card",
        "config.json",
        "contacts/z6MkX.card",
        "contracts/ab/terms.cbor",
        "documents/a.receipt",
        "keys",
      ],
    ]);
    for (const name of plain.filter((one) => one !== "config.json")) {
      expect(readFileSync(join(into, name)), name).toEqual(readFileSync(join(home, name)));
    }
    expect(statSync(join(into, "keys")).mode & 0o777).toBe(0o600);
    const [before, after] = await Promise.all([
      openHome(home, nodeCrypto, "inner"),
      openHome(into, nodeCrypto, "inner"),
    ]);
    expect(after.id).toBe(before.id);
    // A notary that forgets its votes could sign a second history.
    expect(after.config.roles).toEqual(["broker"]);
  });

  it("opens with its passphrase alone, and not after any byte was changed", async () => {
    const into = join(folder, "never");
    expect(await codeOf(restoreBackup(into, sealed, "Outer"))).toBe("passphrase-wrong");
    const places = Array.from({ length: 12 }, (_, at) => Math.floor((at * (sealed.length - 1)) / 11));
    for (const at of [...places, 1, 2, 12, 20]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(["passphrase-wrong", "backup-invalid"], `byte ${at}`).toContain(
        await codeOf(restoreBackup(into, changed, "outer")),
      );
    }
    for (const cut of [0, 10, sealed.length - 1]) {
      expect(await codeOf(restoreBackup(into, sealed.slice(0, cut), "outer"))).toBe("backup-invalid");
    }
    expect(existsSync(into)).toBe(false);
  });

  it("is refused when it asks for more memory or work than this version writes", async () => {
    const fields = decodeCbor(sealed, { maxBytes: 1_000_000 }) as CborValue[];
    for (const [log2N, p] of [
      [24, 1],
      [16, 3],
      [15, 4],
    ] as const) {
      const greedy = encodeCbor(fields.with(2, log2N).with(4, p));
      const begun = performance.now();
      expect(await codeOf(restoreBackup(join(folder, "never"), greedy, "outer"))).toBe("backup-invalid");
      expect(performance.now() - begun).toBeLessThan(1_000);
    }
  });

  it("cannot lead out of the home, whoever made it", async () => {
    for (const path of [
      "../evil",
      "/etc/evil",
      "a/../../evil",
      "a//b",
      ".hidden",
      "committee",
      "notary.lmdb",
      "a/b/c/d/e",
    ]) {
      const content = encodeCbor([
        1,
        NOW,
        [
          ["keys", 0o600, new Uint8Array(1)],
          [path, 0o600, new Uint8Array(1)],
        ],
      ]);
      const made = await sealWithPassphrase("backup", content, "p");
      expect(await codeOf(restoreBackup(join(folder, "never"), made, "p")), path).toBe("backup-invalid");
    }
    const noKeys = await sealWithPassphrase("backup", encodeCbor([1, NOW, []]), "p");
    expect(await codeOf(restoreBackup(join(folder, "never"), noKeys, "p"))).toBe("backup-invalid");
    // Nor does a key file pass for a backup: the label is part of what is sealed.
    const other = await sealWithPassphrase("keystore", encodeCbor([1, NOW, []]), "p");
    expect(await codeOf(restoreBackup(join(folder, "never"), other, "p"))).toBe("passphrase-wrong");
  });

  it("overwrites nothing, needs a home to begin with and a passphrase", async () => {
    expect(await codeOf(restoreBackup(home, sealed, "outer"))).toBe("home-exists");
    expect(await codeOf(makeBackup(join(folder, "none"), "outer", NOW))).toBe("home-missing");
    expect(await codeOf(makeBackup(home, "", NOW))).toBe("option-invalid");
  });
});
