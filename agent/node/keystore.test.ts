import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeCbor, encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { errorCode } from "../../protocols/errors.ts";
import { inspectKeystore, loadKeystore, saveKeystore } from "./keystore.ts";
import type { Secrets } from "./keystore.ts";

const device: Secrets = {
  identitySeed: new Uint8Array(32).fill(1),
  sessionSecret: new Uint8Array(32).fill(2),
};
const owner: Secrets = { ...device, rootSeed: new Uint8Array(64).fill(3) };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "segment-keystore-"));
  path = join(folder, "keys");
});
afterEach(() => rm(folder, { recursive: true }));

async function codeOf(act: Promise<unknown>): Promise<string> {
  return act.then(() => "no error", errorCode);
}

function holds(bytes: Uint8Array, secret: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(secret));
}

describe("key file", () => {
  it.each([device, owner])("comes back, plain, and says that it is plain", async (secrets) => {
    await saveKeystore(path, secrets);
    expect(await loadKeystore(path)).toEqual(secrets);
    expect(await loadKeystore(path, "not needed")).toEqual(secrets);
    expect(await inspectKeystore(path)).toEqual({ sealed: false, othersCanRead: false });
    expect(holds(await readFile(path), secrets.identitySeed)).toBe(true);
  });

  it("comes back with its passphrase only, and holds no secret in the open", async () => {
    await saveKeystore(path, owner, "correct horse");
    expect(await loadKeystore(path, "correct horse")).toEqual(owner);
    expect(await inspectKeystore(path)).toEqual({ sealed: true, othersCanRead: false });
    const bytes = await readFile(path);
    for (const secret of [owner.identitySeed, owner.sessionSecret, owner.rootSeed!]) {
      expect(holds(bytes, secret)).toBe(false);
    }
    expect(await codeOf(loadKeystore(path, "correct horsf"))).toBe("passphrase-wrong");
    expect(await codeOf(loadKeystore(path, ""))).toBe("passphrase-wrong");
    expect(await codeOf(loadKeystore(path))).toBe("passphrase-missing");
  });

  it("takes one passphrase in two Unicode spellings for the same", async () => {
    await saveKeystore(path, device, "caf\u00e9");
    expect(await loadKeystore(path, "cafe\u0301")).toEqual(device);
  });

  it("has mode 0600, also over a file that was open to others, and leaves nothing else behind", async () => {
    await writeFile(path, "old");
    await chmod(path, 0o644);
    await saveKeystore(path, device);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await chmod(path, 0o640);
    expect((await inspectKeystore(path)).othersCanRead).toBe(true);
    await saveKeystore(path, owner);
    expect(await loadKeystore(path)).toEqual(owner);
    expect(await readdir(folder)).toEqual(["keys"]);
  });

  it("follows no link that was planted where it writes", async () => {
    await writeFile(join(folder, "other"), "untouched");
    await symlink(join(folder, "other"), `${path}.new`);
    await saveKeystore(path, device);
    expect(await readFile(join(folder, "other"), "utf8")).toBe("untouched");
    expect(await loadKeystore(path)).toEqual(device);
  });

  it("says what is missing or cannot be written", async () => {
    expect(await codeOf(loadKeystore(path))).toBe("home-missing");
    expect(await codeOf(inspectKeystore(path))).toBe("home-missing");
    expect(await codeOf(saveKeystore(join(folder, "absent", "keys"), device))).toBe("store-failed");
    await mkdir(path);
    expect(await codeOf(saveKeystore(path, device))).toBe("store-failed");
    expect(await codeOf(loadKeystore(path))).toBe("store-failed");
    expect(await readdir(folder)).toEqual(["keys"]);
    expect(await codeOf(saveKeystore(join(folder, "k"), device, ""))).toBe("option-invalid");
  });

  it("keeps the old file when the new one cannot be written", async () => {
    await saveKeystore(path, device);
    await mkdir(`${path}.new`);
    await writeFile(join(`${path}.new`, "in the way"), "");
    expect(await codeOf(saveKeystore(path, owner))).toBe("store-failed");
    expect(await loadKeystore(path)).toEqual(device);
  });

  it("refuses a plain file with any byte changed in its structure, cut short or made longer", async () => {
    await saveKeystore(path, device);
    const bytes = new Uint8Array(await readFile(path));
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(path, bytes.slice(0, length));
      expect(await codeOf(loadKeystore(path))).toBe("keystore-damaged");
    }
    await writeFile(path, Buffer.concat([bytes, Buffer.from([0])]));
    expect(await codeOf(loadKeystore(path))).toBe("keystore-damaged");
    await writeFile(path, Buffer.alloc(5000));
    expect(await codeOf(loadKeystore(path))).toBe("keystore-damaged");
  });

  it("binds every field of a sealed file", async () => {
    await saveKeystore(path, device, "p");
    const fields = decodeCbor(await readFile(path)) as CborValue[];
    const changes: [number, CborValue, string][] = [
      [0, 2, "keystore-damaged"],
      [1, "other", "keystore-damaged"],
      [2, 14, "passphrase-wrong"],
      [3, 4, "passphrase-wrong"],
      [4, 1, "passphrase-wrong"],
      [5, new Uint8Array(16), "passphrase-wrong"],
      [6, new Uint8Array(12), "passphrase-wrong"],
      [7, new Uint8Array(100), "passphrase-wrong"],
      [7, new Uint8Array(3), "passphrase-wrong"],
      [5, new Uint8Array(15), "keystore-damaged"],
      [6, new Uint8Array(13), "keystore-damaged"],
    ];
    for (const [index, value, code] of changes) {
      await writeFile(path, encodeCbor(fields.with(index, value)));
      expect(await codeOf(loadKeystore(path, "p")), `field ${index}`).toBe(code);
    }
  });

  it("lets no file ask for endless memory or work", async () => {
    await saveKeystore(path, device, "p");
    const fields = decodeCbor(await readFile(path)) as CborValue[];
    for (const [log2N, r, p] of [
      [24, 8, 1],
      [20, 8, 1],
      [15, 8, 64],
      // One step beyond what this version writes, in either measure.
      [16, 8, 1],
      [15, 8, 4],
      [15, 9, 3],
      [25, 1, 1],
      [15, 65, 1],
      [0, 8, 1],
    ] as const) {
      const changed = fields.with(2, log2N).with(3, r).with(4, p);
      await writeFile(path, encodeCbor(changed));
      const startedMs = performance.now();
      expect(await codeOf(loadKeystore(path, "p"))).toBe("keystore-damaged");
      expect(performance.now() - startedMs).toBeLessThan(1000);
    }
  });
});
