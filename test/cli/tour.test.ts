/** A whole tour of the command: found, run, join, mint, send, show, stream, read back, verify. */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeCrypto, nodeRandom } from "../../agent/node/crypto.ts";
import { openHome } from "../../agent/node/home.ts";
import { healthStream } from "../../agent/node/run-health.ts";
import { makeGrant } from "../../protocols/telemetry/grant.ts";
import { spanOfTimes } from "../../protocols/telemetry/keytree.ts";
import { document, run, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const phone = join(folder, "phone");
let hubAgent: Running;
let phoneAgent: Running;
let broker = "";

interface Made {
  id: string;
  account: string;
  words: string | null;
  network: string | null;
}

interface Shown {
  account: string;
  balances: { currency: string; minor: string; amount: string }[];
  agreeing: number;
  notaries: number;
  host: { offline: string | null };
}

let hubMade: Made;
let phoneMade: Made;

beforeAll(async () => {
  hubMade = await document<Made>([
    "init",
    "--home",
    hub,
    "--found",
    "village",
    "--port",
    "0",
    "--name",
    "The hub",
  ]);
  ({ agent: hubAgent, broker } = await run(hub, "--health-s", "1"));
  phoneMade = await document<Made>([
    ...["init", "--home", phone, "--kind", "phone", "--network", join(hub, "network.json")],
    ...["--broker", broker, "--keepers", hubMade.id],
  ]);
  ({ agent: phoneAgent } = await run(phone, "--health-s", "1"));
});

afterAll(async () => {
  await phoneAgent?.stop();
  await hubAgent?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const receipts = (home: string, kind: string): string[] =>
  (existsSync(join(home, "documents")) ? readdirSync(join(home, "documents")) : [])
    .filter((name) => name.includes(`-${kind}-`))
    .map((name) => join(home, "documents", name));

describe("a tour of the command", () => {
  it("has made two homes, with words that are shown once and kept nowhere", () => {
    expect(hubMade).toMatchObject({ network: "village", kind: "hub", name: "The hub" });
    expect(phoneMade).toMatchObject({ network: "village", kind: "phone", roles: [] });
    expect(hubMade.words?.split(" ")).toHaveLength(12);
    expect(new Set([hubMade.id, phoneMade.id, hubMade.account, phoneMade.account]).size).toBe(4);
    const [first = "?", second = "?"] = hubMade.words?.split(" ") ?? [];
    for (const home of [hub, phone]) {
      for (const entry of readdirSync(home, { withFileTypes: true, recursive: true })) {
        if (!entry.isFile()) continue;
        expect(readFileSync(join(entry.parentPath, entry.name), "latin1")).not.toContain(
          `${first} ${second}`,
        );
      }
    }
    for (const secret of ["keys", "committee"]) expect(statSync(join(hub, secret)).mode & 0o077).toBe(0);
  });

  it("runs both, registered and connected", async () => {
    const status = await document<Record<string, unknown>>(["status", "--home", phone]);
    expect(status).toMatchObject({
      id: phoneMade.id,
      registered: true,
      network: { name: "village", notaries: 1 },
    });
    expect(hubAgent.stderr).toContain("registered:");
    expect(phoneAgent.stderr).toMatch(/connected: to mqtt:\/\/127\.0\.0\.1:\d+/);
    const { code, stderr } = await segment(["run", "--home", hub]);
    expect(code).toBe(1);
    expect(stderr).toContain("[home-locked]");
  });

  it("makes money, pays, and shows what the notaries say", async () => {
    const { id } = await document<{ id: string }>([
      "currency",
      "create",
      "EUR",
      "--home",
      hub,
      "--name",
      "Euro",
    ]);
    expect(id).toMatch(/^EUR\.[0-9a-f]{16}$/);
    const sun = ["currency", "create", "SUN", "--decimals", "3", "--home", hub];
    await document(sun);
    const { stderr: again } = await segment(sun);
    expect(again).toContain("[entry-invalid]");
    await document(["currency", "mint", "100.00", "EUR", "--home", hub]);
    await document(["currency", "mint", "7.5", "SUN", phoneMade.account, "--home", hub]);
    const { currencies } = await document<{ currencies: object[] }>(["currency", "list", "--home", phone]);
    expect(currencies).toMatchObject([
      { id, code: "EUR", exponent: 2, name: "Euro", issuer: hubMade.account, supply: "10000" },
      { code: "SUN", exponent: 3, name: "SUN", supply: "7500" },
    ]);
    const paid = await document<object>([
      "wallet",
      "send",
      "24.90",
      "EUR",
      phoneMade.account,
      "--home",
      hub,
      "--memo",
      "rent",
    ]);
    expect(paid).toMatchObject({ paid: { currency: id, minor: "2490" }, to: phoneMade.account });
    await phoneAgent.line(
      new RegExp(`^received 24\\.90 EUR from "The hub" \\(${hubMade.account}\\), "rent"$`),
    );
    expect(phoneAgent.stderr.match(/^received 24\.90 EUR/gm)).toHaveLength(1);
    expect(hubAgent.stderr).not.toMatch(/^received 24\.90 EUR/m);
    const hubShown = await document<Shown>(["wallet", "show", "--home", hub]);
    expect(hubShown).toMatchObject({
      balances: [{ currency: id, minor: "7510", amount: "75.10 EUR" }],
      agreeing: 1,
    });
    const shown = await document<Shown>(["wallet", "show", "--home", phone]);
    expect(shown).toMatchObject({ account: phoneMade.account, notaries: 1, host: { offline: null } });
    expect(shown.balances.map(({ amount }) => amount)).toEqual(["24.90 EUR", "7.500 SUN"]);
    const { stdout } = await segment(["wallet", "show", "--home", phone]);
    expect(stdout).toContain("\n  24.90 EUR\n  7.500 SUN\n");
  });

  it.each([
    ["more than is there", ["1000", "EUR", "ACCOUNT"], "funds-short"],
    ["to nobody", ["1", "EUR", "DEVICE"], "account-unknown"],
    ["to oneself", ["1", "EUR", "SELF"], "entry-invalid"],
    ["in a currency that is not there", ["1", "USD", "ACCOUNT"], "currency-unknown"],
    ["with too many decimals", ["1.001", "EUR", "ACCOUNT"], "amount-invalid"],
    ["nothing", ["0.00", "EUR", "ACCOUNT"], "amount-invalid"],
    ["a negative amount", ["-1", "EUR", "ACCOUNT"], "amount-invalid"],
    ["to what is no id", ["1", "EUR", "z6Mk"], "did-invalid"],
  ])("refuses to pay %s", async (_what, words, refusal) => {
    const names: Record<string, string> = {
      ACCOUNT: hubMade.account,
      DEVICE: hubMade.id,
      SELF: phoneMade.account,
    };
    const args = words.map((word) => names[word] ?? word);
    const { code, stdout, stderr } = await segment([
      "wallet",
      "send",
      "--home",
      phone,
      "--json",
      "--",
      ...args,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`[${refusal}]`);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: refusal } });
  });

  it("has paid nothing by any of these", async () => {
    const shown = await document<Shown>(["wallet", "show", "--home", phone]);
    expect(shown.balances[0]?.minor).toBe("2490");
    // The one that it was told of, when it was paid.
    expect(receipts(phone, "transfer")).toHaveLength(1);
  });

  it("lets only an issuer mint", async () => {
    const noRole = await segment(["currency", "mint", "1", "EUR", "--home", phone]);
    expect(noRole.stderr).toContain("[entry-unauthorized]");
    const config = JSON.parse(readFileSync(join(phone, "config.json"), "utf8")) as { roles: string[] };
    writeFileSync(join(phone, "config.json"), JSON.stringify({ ...config, roles: ["issuer"] }));
    const { currencies } = await document<{ currencies: { id: string }[] }>([
      "currency",
      "list",
      "--home",
      phone,
    ]);
    const notIts = await segment(["currency", "mint", "1", currencies[0]?.id ?? "", "--home", phone]);
    expect(notIts.stderr).toContain("[entry-unauthorized]");
    writeFileSync(join(phone, "config.json"), JSON.stringify(config));
  });

  it("proves a payment offline, to whoever has the network's file alone", async () => {
    const [receipt = ""] = receipts(hub, "transfer");
    const verified = await document<object>(["verify", receipt, "--network", join(hub, "network.json")]);
    expect(verified).toMatchObject({
      kind: "receipt",
      outcome: "ok",
      entry: { kind: "transfer", signer: hubMade.id, memo: "rent" },
      result: { from: hubMade.account, to: phoneMade.account, amount: "2490" },
      notaries: { signed: 1, needed: 1, of: 1 },
    });
    const { code, stdout } = await segment(["verify", receipt, "--home", phone], { COLUMNS: "200" });
    expect(code).toBe(0);
    expect(stdout).toContain(`${hubMade.account} paid 24.90 EUR (of `);
    expect(stdout).toContain('Valid: signed by 1 of 1 notary of the network "village" (1 needed).');
    expect(stdout).toContain("memo: rent");
  });

  it("refuses a receipt of which any byte was changed, and those of other committees", async () => {
    const [receipt = ""] = receipts(hub, "transfer");
    const bytes = readFileSync(receipt);
    const tampered = join(folder, "tampered.receipt");
    // The command itself at some places; the library's tests try every byte.
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 6)) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(tampered, changed);
      const { code, stdout, stderr } = await segment(["verify", tampered, "--home", hub, "--json"]);
      expect(code, `byte ${at}`).toBe(1);
      expect(JSON.parse(stdout)).toHaveProperty("error.code");
      expect(stderr).toMatch(/^error: .*\[(receipt|quorum|terms|signature|cbor)-[a-z-]+\]/m);
    }
    const other = join(folder, "other");
    await document(["init", "--home", other, "--found", "village"]);
    const foreign = await segment(["verify", receipt, "--home", other, "--json"]);
    expect(foreign.code).toBe(1);
    expect(JSON.parse(foreign.stdout)).toMatchObject({ error: { code: "receipt-foreign" } });
  });

  it("streams the health of both machines, sealed, and reads it back with their own keys only", async () => {
    expect(await phoneAgent.stop("SIGTERM")).toBe(0);
    expect(phoneAgent.stderr).toMatch(/\nending\nended\n$/);
    const own = await document<{ publisher: string; complete: boolean; senml: { n: string; v: number }[] }>([
      ...["telemetry", "read", "--home", phone],
    ]);
    expect(own).toMatchObject({ publisher: phoneMade.id, complete: true });
    expect(new Set(own.senml.map(({ n }) => n))).toContain("machine/uptime");
    const { stdout } = await segment(["telemetry", "read", "--home", phone]);
    expect(stdout).toMatch(/agent\/memory +\d+ +\d+ B/);
    const stored = readdirSync(join(hub, "shards")).map((name) =>
      readFileSync(join(hub, "shards", name), "latin1"),
    );
    expect(stored.join("").length).toBeGreaterThan(500);
    expect(stored.join("")).not.toContain("machine/uptime");
    const status = await document<{ host: { waiting: number } }>(["telemetry", "status", "--home", phone]);
    expect(status.host.waiting).toBe(0);
  });

  it("reads a stream with a grant, which serves nobody else", async () => {
    const publisher = await openHome(phone, nodeCrypto);
    const { streamId, rootKey } = healthStream(nodeCrypto, publisher);
    const now = Date.now();
    const terms = {
      ...{ publisher: publisher.keys.signer.publicKey, streamId, generation: 0, issuedAtMs: now },
      ...{
        reader: (await openHome(hub, nodeCrypto)).card.sessionKey,
        span: spanOfTimes(now - 3_600_000, now + 1),
      },
    };
    const options = { crypto: nodeCrypto, random: nodeRandom, signer: publisher.keys.signer, rootKey, terms };
    const grant = join(folder, "phone.grant");
    writeFileSync(grant, makeGrant(options));
    const read = await document<object>(["telemetry", "read", "--home", hub, "--grant", grant]);
    expect(read).toMatchObject({ publisher: phoneMade.id, complete: true });
    const other = await segment(["telemetry", "read", "--home", phone, "--grant", grant]);
    expect(other.stderr).toContain("[grant-invalid]");
    const wrongKeeper = ["telemetry", "read", "--home", hub, "--grant", grant, "--keepers", phoneMade.id];
    const missing = await segment(wrongKeeper);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("does not answer");
    expect(missing.stderr).toContain("[shards-missing]");
  });

  it("goes on after a restart of both, and shows the last statement while the hub is away", async () => {
    expect(await hubAgent.stop()).toBe(0);
    expect(existsSync(join(hub, "lock"))).toBe(false);
    const { code, stdout } = await segment(["wallet", "show", "--home", phone]);
    expect(code).toBe(0);
    expect(stdout).toContain("24.90 EUR");
    expect(stdout).toContain("no notary could be asked now");
    const sent = await segment(["wallet", "send", "1", "EUR", hubMade.account, "--home", phone]);
    expect(sent.stderr).toContain("[broker-unreachable]");
    const { agent } = await run(hub, "--health-s", "0", "--port", new URL(broker).port);
    hubAgent = agent;
    expect(hubAgent.stderr).not.toContain("registered:");
    await document(["wallet", "send", "0.40", "EUR", hubMade.account, "--home", phone]);
    const shown = await document<Shown>(["wallet", "show", "--home", hub]);
    expect(shown.balances[0]?.minor).toBe("7550");
  });

  it("waits offline for a hub that comes later", async () => {
    expect(await hubAgent.stop()).toBe(0);
    phoneAgent = new Running(["--home", phone, "--health-s", "1"]);
    await phoneAgent.line(/^offline: .*\[broker-unreachable\]; goes on trying$/);
    ({ agent: hubAgent } = await run(hub, "--health-s", "0", "--port", new URL(broker).port));
    await phoneAgent.line(/^ready$/);
    const read = await segment(["telemetry", "read", "--home", phone, "--json"]);
    expect(read.stderr).toBe("");
    expect(read.code).toBe(0);
  });

  it("tells a second device of one owner from another owner's", async () => {
    const words = join(folder, "words");
    writeFileSync(words, `${hubMade.words ?? ""}\n`);
    const watch = await document<Made>(["init", "--home", join(folder, "watch"), "--words-file", words]);
    expect(watch).toMatchObject({ account: hubMade.account, words: null, network: null });
    expect(watch.id).not.toBe(hubMade.id);
    // It joins later, by the file alone.
    copyFileSync(join(hub, "network.json"), join(folder, "watch", "network.json"));
    const shown = await segment([
      "wallet",
      "show",
      "--home",
      join(folder, "watch"),
      "--broker",
      broker,
      "--json",
    ]);
    expect(shown.code, shown.stderr).toBe(0);
  });
});
