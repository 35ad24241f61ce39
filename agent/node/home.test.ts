import { spawn } from "node:child_process";
import { once } from "node:events";
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
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorCode } from "../../protocols/errors.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { newWords, rootFromWords } from "../../protocols/identity/root.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { silentNetwork, START_MS } from "../../test/support/agents.ts";
import { foundNetwork, loadCommittee, saveCommittee } from "./committee.ts";
import { nodeCrypto as crypto, nodeRandom } from "./crypto.ts";
import { makeFolder, writeFileDurably } from "./files.ts";
import { createHome, joinNetwork, lockHome, openHome, readHomeNetwork, type HomeOptions } from "./home.ts";

const config = { kind: "drone", name: "Drone 7", roles: [], broker: null, port: 1883, keepers: [] };
const options = (more: Partial<HomeOptions> = {}): HomeOptions => ({
  ...{ crypto, random: nodeRandom, clock: new VirtualClock(START_MS), config, keepRoot: false },
  ...more,
});

let above: string;
let folder: string;
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "segment-home-"));
  folder = join(above, "home");
});
afterEach(() => rmSync(above, { recursive: true }));

const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => "no error", errorCode);
const snapshot = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString("hex")]),
  );

describe("a home", () => {
  it("is made once, and is the same when it is opened again", async () => {
    const { home, words } = await createHome(folder, options());
    expect(home.card).toMatchObject({ kind: "drone", name: "Drone 7", identity: publicKeyFromId(home.id) });
    expect(home.card.root).toEqual(rootFromWords(crypto, words).publicKey);
    expect(home.card.notBefore).toBeLessThan(START_MS);
    expect([home.config, home.root, home.network]).toEqual([{ version: 1, ...config }, undefined, undefined]);
    const again = await openHome(folder, crypto);
    expect(again.id).toBe(home.id);
    expect(again.secrets).toEqual(home.secrets);
    expect(again.keys.card).toEqual(home.keys.card);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "keys")).mode & 0o777).toBe(0o600);
  });

  it("keeps the owner's root only where it is told to, and takes the owner's words", async () => {
    const words = newWords(seededRandom(1));
    const { home, words: returned } = await createHome(folder, options({ words, keepRoot: true }));
    expect(returned).toBe(words);
    expect(home.root?.publicKey).toEqual(rootFromWords(crypto, words).publicKey);
    const other = join(above, "other");
    await createHome(other, options({ words }));
    const { root, secrets, card, id } = await openHome(other, crypto);
    expect([root, secrets.rootSeed]).toEqual([undefined, undefined]);
    expect(card.root).toEqual(home.card.root);
    expect(id).not.toBe(home.id);
    expect(await codeOf(createHome(join(above, "third"), options({ words: `${words} zoo` })))).toBe(
      "words-invalid",
    );
    expect(existsSync(join(above, "third", "keys"))).toBe(false);
  });

  it("is not made over another one: nothing changes", async () => {
    await createHome(folder, options());
    const before = snapshot();
    expect(await codeOf(createHome(folder, options()))).toBe("home-exists");
    expect(snapshot()).toEqual(before);
  });

  it("can be made where a crash has left half of one, and is none until then", async () => {
    const { home } = await createHome(folder, options());
    rmSync(join(folder, "keys"));
    expect(await codeOf(openHome(folder, crypto))).toBe("home-missing");
    const made = await createHome(folder, options());
    expect(made.home.id).not.toBe(home.id);
    expect((await openHome(folder, crypto)).id).toBe(made.home.id);
  });

  it("opens with its passphrase only", async () => {
    await createHome(folder, options({ passphrase: "correct horse" }));
    expect((await openHome(folder, crypto, "correct horse")).config.name).toBe("Drone 7");
    expect(await codeOf(openHome(folder, crypto, "battery"))).toBe("passphrase-wrong");
    expect(await codeOf(openHome(folder, crypto))).toBe("passphrase-missing");
  });

  it("is missing where there is none, or a file of it is gone; another's card is not its own", async () => {
    expect(await codeOf(openHome(folder, crypto))).toBe("home-missing");
    await createHome(folder, options());
    const other = join(above, "other");
    await createHome(other, options());
    writeFileSync(join(folder, "card"), readFileSync(join(other, "card")));
    expect(await codeOf(openHome(folder, crypto))).toBe("card-invalid");
    writeFileSync(join(folder, "card"), new Uint8Array(5_000));
    expect(await codeOf(openHome(folder, crypto))).toBe("cbor-too-large");
    rmSync(join(folder, "card"));
    await expect(openHome(folder, crypto)).rejects.toMatchObject({
      code: "home-missing",
      where: join(folder, "card"),
    });
  });

  it("joins a network, and says when its file is damaged", async () => {
    await createHome(folder, options());
    expect(readHomeNetwork(folder)).toBeUndefined();
    const network = silentNetwork();
    joinNetwork(folder, network);
    expect((await openHome(folder, crypto)).network).toEqual(network);
    writeFileSync(join(folder, "network.json"), "{}");
    expect(await codeOf(openHome(folder, crypto))).toBe("network-invalid");
  });

  it("cannot be made where nothing can be written", async () => {
    writeFileSync(folder, "a file in the way");
    expect(await codeOf(createHome(folder, options()))).toBe("store-failed");
  });
});

describe("config.json", () => {
  it.each([
    ["not JSON", "{", "config.json is not JSON"],
    ["another version", { version: 2 }, "config.json, version: "],
    ["a kind in capitals", { kind: "Drone" }, "config.json, kind: expected 1 to 32 of a-z, 0-9 and hyphen"],
    ["no name", { name: "" }, "config.json, name: "],
    ["an unknown role", { roles: ["notary", "king"] }, "config.json, roles, 1: "],
    ["a port beyond", { port: 70_000 }, "config.json, port: "],
    ["a keeper that is no text", { keepers: ["a", 1] }, "config.json, keepers, 1: "],
    ["a field too many", { colour: "red" }, 'config.json: Unrecognized key: "colour"'],
  ])("with %s is refused by the name of the field", async (_what, change, message) => {
    await createHome(folder, options());
    const text = typeof change === "string" ? change : JSON.stringify({ version: 1, ...config, ...change });
    writeFileSync(join(folder, "config.json"), text);
    await expect(openHome(folder, crypto)).rejects.toMatchObject({
      code: "option-invalid",
      message: expect.stringContaining(message) as string,
      where: join(folder, "config.json"),
    });
  });

  it("is checked before a home is made", async () => {
    expect(await codeOf(createHome(folder, options({ config: { ...config, kind: "No Kind" } })))).toBe(
      "option-invalid",
    );
    expect(existsSync(folder)).toBe(false);
  });
});

describe("a home's lock", () => {
  const lock = (): string => join(folder, "lock");
  beforeEach(() => mkdirSync(folder));

  it("is held by one at a time, also within a process, and can be released and taken again", () => {
    const release = lockHome(folder);
    expect(readFileSync(lock(), "utf8")).toMatch(new RegExp(`^${process.pid} `));
    expect(() => lockHome(folder)).toThrowError(
      expect.objectContaining({
        code: "home-locked",
        message: expect.stringContaining(`process ${process.pid}`) as string,
      }),
    );
    release();
    expect(readdirSync(folder)).toEqual([]);
    release();
    lockHome(folder)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is taken over from a process that was killed", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    writeFileSync(lock(), String(child.pid));
    expect(() => lockHome(folder)).toThrowError(expect.objectContaining({ code: "home-locked" }));
    child.kill("SIGKILL");
    await once(child, "exit");
    lockHome(folder)();
  });

  // In a container, and on a board that always starts alike, the next process has the same number.
  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over when the number belongs to another process by now, even to this one",
    () => {
      for (const pid of [process.pid, process.ppid]) {
        writeFileSync(lock(), `${pid} 00000000-0000-0000-0000-000000000000/12345`);
        const release = lockHome(folder);
        expect(() => lockHome(folder)).toThrowError(expect.objectContaining({ code: "home-locked" }));
        release();
      }
    },
  );

  it.each(["", "nonsense", "-1", "0", "999999999"])("is taken over when it says %j", (text) => {
    writeFileSync(lock(), text);
    lockHome(folder)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("cannot be taken in a folder that is not there", () => {
    expect(() => lockHome(join(folder, "nowhere"))).toThrowError(
      expect.objectContaining({ code: "store-failed" }),
    );
  });
});

describe("a notary's secrets", () => {
  it("come back, for their owner's eyes only; a damaged file is refused", async () => {
    const ids = silentNetwork().notaries.map(({ id }) => id);
    const { network, secrets } = foundNetwork(crypto, seededRandom(1), "village", ids);
    expect(loadCommittee(above)).toBeUndefined();
    saveCommittee(above, secrets[2]!);
    expect(loadCommittee(above)).toEqual(secrets[2]);
    const path = join(above, "committee");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(network.notaries.map(({ id }) => id)).toEqual(ids);
    expect(publicKeyFromId(network.notaries[2]!.termKey)).toEqual(
      crypto.ed25519PublicKey(secrets[2]!.termSeed),
    );
    expect(new Set(secrets.map(({ termSeed }) => termSeed.join())).size).toBe(4);
    expect(new Set(secrets.map(({ sealSecret }) => sealSecret.join())).size).toBe(1);
    const whole = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        writeFileSync(path, whole.subarray(0, length));
        expect(() => loadCommittee(above)).toThrowError(
          expect.objectContaining({ code: "keystore-damaged", where: path }),
        );
      }),
      { numRuns: 20 },
    );
    expect(() => foundNetwork(crypto, seededRandom(1), "Not A Name", ids)).toThrowError(
      expect.objectContaining({ code: "network-invalid" }),
    );
  });
});

describe("files", () => {
  it("are whole or not there, with the mode asked for, and leave nothing beside them", () => {
    const path = join(above, "deep", "er", "file");
    writeFileDurably(path, "first");
    writeFileSync(`${path}.new`, "left behind by a crash, and longer than what comes");
    writeFileDurably(path, new Uint8Array([1, 2, 3]), 0o644);
    expect(readFileSync(path)).toEqual(Buffer.from([1, 2, 3]));
    expect(readdirSync(join(above, "deep", "er"))).toEqual(["file"]);
    expect(statSync(join(above, "deep")).mode & 0o777).toBe(0o700);
    makeFolder(join(above, "deep"));
    writeFileSync(join(above, "plain"), "");
    for (const act of [
      () => makeFolder(join(above, "plain", "x")),
      () => writeFileDurably(join(above, "plain", "x", "y"), ""),
    ]) {
      expect(act).toThrowError(expect.objectContaining({ code: "store-failed" }));
    }
  });
});
