import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadCommittee } from "../node/committee.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { openHome } from "../node/home.ts";
import { addDoctor } from "./doctor.ts";
import { addInit } from "./init.ts";
import { addStatus } from "./status.ts";
import { addTelemetry } from "./telemetry.ts";
import { call } from "./testing/call.ts";
import { addWallet } from "./wallet.ts";
import { agentId } from "../../protocols/identity/keys.ts";

const root = mkdtempSync(join(tmpdir(), "segment-init-"));
let home: string;
beforeEach(() => {
  home = join(mkdtempSync(join(root, "x-")), "home");
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(root, { recursive: true }));

const init = (...args: string[]) => call(addInit, ["init", "--home", home, ...args]);
const hash = (folder: string): string =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted()
    .map((name) => `${name}:${readFileSync(join(folder, name), "hex")}`)
    .join();

describe("segment init", () => {
  it("founds a network of one, says what that is worth, and shows the words once", async () => {
    const { stdout, stderr, error } = await init("--found", "village");
    expect(error).toBeUndefined();
    expect(stderr).toBe("");
    const flat = stdout.replaceAll(/\s+/g, " ");
    expect(flat).toContain("shown this once");
    expect(flat).toContain("not against whoever controls this machine");
    const opened = await openHome(home, nodeCrypto);
    expect(opened.config).toMatchObject({ roles: ["broker", "notary", "keeper", "issuer"], port: 1883 });
    expect(opened.config.keepers).toEqual([opened.id]);
    expect(opened.network?.notaries.map(({ id }) => id)).toEqual([opened.id]);
    expect(opened.root).toBeUndefined();
    expect(loadCommittee(home)?.termSeed).toHaveLength(32);
  });

  it("writes a commission on services' fees into the genesis, for the founder's account", async () => {
    await init("--found", "village", "--commission", "2.5%");
    const { network, card } = await openHome(home, nodeCrypto);
    expect(network?.commission).toEqual({ account: agentId(card.root), ppm: 25_000 });
  });

  it("changes nothing where an agent is already", async () => {
    await init("--found", "village");
    const before = hash(home);
    const { error } = await init("--found", "other");
    expect(error).toMatchObject({ code: "home-exists" });
    expect(hash(home)).toBe(before);
  });

  it.each([
    [["--found", "Village"], "option-invalid"],
    [["--found", "a", "--network", "b"], "option-invalid"],
    [["--found", "a", "--commission", "0%"], "option-invalid"],
    [["--found", "a", "--commission", "10.0001%"], "option-invalid"],
    [["--commission", "1%"], "option-invalid"],
    [["--found", "a", "--roles", "broker"], "option-invalid"],
    [["--roles", "king"], "option-invalid"],
    [["--port", "70000"], "option-invalid"],
    [["--port", "1.5"], "option-invalid"],
    [["--broker", "localhost:1883"], "option-invalid"],
    [["--keepers", "z6Mkx"], "did-invalid"],
    [["--kind", "Ünknown"], "option-invalid"],
    [["--name", "a\u0007b"], "card-invalid"],
    [["--network", "/nonexistent/network.json"], "option-invalid"],
    [["--words-file", "/nonexistent/words"], "option-invalid"],
  ])("%j is refused with %s, and no home is made", async (args, code) => {
    const { error } = await init(...args);
    expect(error).toMatchObject({ code });
    expect(() => readdirSync(home)).toThrow("ENOENT");
  });

  it("never repeats wrong words", async () => {
    const words = join(root, "words");
    writeFileSync(
      words,
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon zzzsecret",
    );
    const { error, stdout, stderr } = await init("--words-file", words);
    expect(error).toMatchObject({ code: "words-invalid", where: "word 12" });
    expect(String(error) + stdout + stderr).not.toContain("zzzsecret");
  });

  it("seals the key file with a passphrase from a file or the environment", async () => {
    const file = join(root, "passphrase");
    writeFileSync(file, "correct horse\n");
    const made = await init("--passphrase-file", file, "--json");
    expect(made.stdout).not.toContain("horse");
    const closed = await call(addStatus, ["status", "--home", home]);
    expect(closed.error).toMatchObject({ code: "passphrase-missing" });
    vi.stubEnv("SEGMENT_PASSPHRASE", "correct horse");
    const { stdout, error } = await call(addStatus, ["status", "--home", home, "--json"]);
    expect(error).toBeUndefined();
    const { id } = JSON.parse(made.stdout) as { id: string };
    expect(JSON.parse(stdout)).toMatchObject({ id, registered: false, network: null, host: { pid: null } });
  });

  it("keeps the owner's root only when asked", async () => {
    await init("--keep-root");
    expect((await openHome(home, nodeCrypto)).root).toBeDefined();
  });

  it("finds the home by SEGMENT_HOME too", async () => {
    await init("--json");
    vi.stubEnv("SEGMENT_HOME", home);
    const { stdout } = await call(addWallet, ["wallet", "account"]);
    expect(stdout).toMatch(/^z6Mk\w{44}\n$/);
  });
});

describe("segment doctor", () => {
  it("groups what it finds, with a mend for everything that is not well", async () => {
    await init("--found", "village", "--port", "0");
    const { stdout } = await call(addDoctor, ["doctor", "--home", home, "--json"]);
    const found = JSON.parse(stdout) as {
      errors: number;
      checks: { group: string; name: string; verdict: string }[];
      host: { details: { name: string; mend: string }[] };
    };
    expect(new Set(found.checks.map(({ group }) => group))).toEqual(new Set(["machine", "home", "network"]));
    for (const [at, { verdict }] of found.checks.entries()) {
      expect((found.host.details[at]?.mend ?? "") === "").toBe(verdict === "ok");
    }
    expect(found.checks.find(({ name }) => name === "registration")?.verdict).toBe("warning");
  });

  it("fails for a home that is missing, or whose keys others can read", async () => {
    const missing = await call(addDoctor, ["doctor", "--home", home]);
    expect(missing.error).toMatchObject({ code: "checks-failed" });
    expect(missing.stdout).toContain("[home-missing]");
    await init();
    chmodSync(join(home, "keys"), 0o644);
    const open = await call(addDoctor, ["doctor", "--home", home]);
    expect(open.error).toMatchObject({ code: "checks-failed" });
    expect(open.stdout).toMatch(/ERROR +keys: other users can read/);
  });

  it("says that the configured broker does not answer", async () => {
    const net = join(root, "network.json");
    await init("--found", "village");
    writeFileSync(net, readFileSync(join(home, "network.json")));
    home = `${home}-2`;
    await init("--network", net, "--broker", "mqtt://127.0.0.1:1");
    const { stdout, error } = await call(addDoctor, ["doctor", "--home", home]);
    expect(error).toMatchObject({ code: "checks-failed" });
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/ERROR broker: .*\[broker-unreachable\]/);
  });
});

describe("segment telemetry keepers", () => {
  it("names them once each, and says how many rebuild a chunk", async () => {
    await init("--found", "village");
    const { id } = await openHome(home, nodeCrypto);
    const keepers = (...args: string[]) =>
      call(addTelemetry, ["telemetry", "keepers", "--home", home, "--json", ...args]);
    expect(JSON.parse((await keepers()).stdout)).toEqual({ keepers: [id], needed: 1 });
    expect((await keepers(id, id)).error).toMatchObject({ code: "option-invalid" });
    expect((await keepers("nobody")).error).toMatchObject({ code: "did-invalid" });
  });
});
