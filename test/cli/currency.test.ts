/** Currencies with rules and deeds, by the command: a real broker, a real notary. */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addCurrency } from "../../agent/cli/currency.ts";
import { call } from "../../agent/cli/testing/call.ts";
import { document, run, segment, temporaryFolder } from "./segment.ts";
import type { Running } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const phone = join(folder, "phone");
const deedFile = join(folder, "house.txt");
let agent: Running | undefined;
let accounts: { hub: string; phone: string };

interface Listed {
  currencies: { id: string; code: string; issuer: string; supply: string; policy: object | null }[];
}

beforeAll(async () => {
  interface Made {
    account: string;
  }
  const made = await document<Made>(["init", "--home", hub, "--found", "village", "--port", "0"]);
  const started = await run(hub, "--health-s", "0");
  agent = started.agent;
  const joining = ["--kind", "phone", "--network", join(hub, "network.json"), "--broker", started.broker];
  accounts = {
    hub: made.account,
    phone: (await document<Made>(["init", "--home", phone, ...joining])).account,
  };
  writeFileSync(deedFile, "A house, 1 Village Square\n");
});

afterAll(async () => {
  await agent?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("a community's own currency", () => {
  it("is made with its rules, which everybody can read", async () => {
    const { code, stdout } = await segment([
      ...["currency", "create", "SUN", "--home", hub, "--name", "Solar token", "--decimals", "3"],
      ...["--minters", `me,${accounts.phone}`, "--cap", "100.000", "--demurrage", "0.5%", "--period", "30d"],
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Made SUN\.[0-9a-f]{16} \("Solar token", 3 decimals\); the issuer is account z6Mk/,
    );
    expect(stdout).toContain(`minted by ${accounts.hub}, ${accounts.phone}`);
    expect(stdout).toContain("at most 100.000 SUN in each 30 days");
    expect(stdout).toContain(`accounts lose 0.5000 % in each 30 days, to ${accounts.hub}`);
    const { currencies } = await document<Listed>(["currency", "supply", "SUN", "--home", phone]);
    const periodMs = 30 * 24 * 60 * 60 * 1_000;
    expect(currencies).toMatchObject([
      {
        ...{ code: "SUN", exponent: 3, name: "Solar token", issuer: accounts.hub, supply: "0" },
        policy: {
          minters: [accounts.hub, accounts.phone],
          cap: { minor: "100000", periodMs },
          demurrage: { ppm: 5_000, periodMs, fund: accounts.hub },
        },
      },
    ]);
  });

  it("is minted by whom it names, up to its cap", async () => {
    const minted = await document<object>(["currency", "mint", "60", "SUN", "--home", phone]);
    expect(minted).toMatchObject({ minted: { minor: "60000", amount: "60.000 SUN" }, to: accounts.phone });
    const beyond = await segment(["currency", "mint", "40.001", "SUN", "--home", hub]);
    expect(beyond.code).toBe(1);
    expect(beyond.stderr).toMatch(
      /^error: SUN\.\w+: at most 100\.000 SUN in each 30 days .* is left of it \[mint-capped\]\n {2}remedy: /,
    );
    await document(["currency", "mint", "40", "SUN", "--home", hub]);
    const { stdout } = await segment(["currency", "supply", "SUN", "--home", hub]);
    expect(stdout).toMatch(
      /^SUN\.[0-9a-f]{16} \("Solar token"\): 100\.000 SUN in circulation\n {2}minted by /,
    );
  });

  it("stands beside another issuer's of the same code, always by its id", async () => {
    const create = ["currency", "create", "SUN", "--home", phone];
    expect((await segment(create)).stderr).toContain("[entry-unauthorized]");
    const configFile = join(phone, "config.json");
    const config = JSON.parse(readFileSync(configFile, "utf8")) as object;
    writeFileSync(configFile, JSON.stringify({ ...config, roles: ["issuer"] }));
    await document(create);
    writeFileSync(configFile, JSON.stringify(config));
    const { stdout } = await segment(["currency", "supply", "SUN", "--home", hub]);
    const ids = stdout.match(/^SUN\.[0-9a-f]{16} .* in circulation$/gm) ?? [];
    expect(ids.map((line) => line.replace(/.*: /, "")).sort()).toEqual([
      "0.00 SUN in circulation",
      "100.000 SUN in circulation",
    ]);
    const send = await segment(["wallet", "send", "1", "SUN", accounts.hub, "--home", phone]);
    expect(send.stderr).toMatch(
      /2 currencies are called SUN: write one of SUN\.\w+, SUN\.\w+ \[option-invalid\]/,
    );
    const unknown = await segment(["currency", "supply", "SON", "--home", phone]);
    expect(unknown.stderr).toContain("[currency-unknown]");
  });
});

describe("a deed", () => {
  it("is made of a document by anybody, once, and sent on", async () => {
    const create = ["currency", "create", "DEED", "--document", deedFile, "--name", "House", "--home", phone];
    const made = await document<{ id: string; policy: object }>(create);
    const documentHash = createHash("sha256").update("A house, 1 Village Square\n").digest("hex");
    expect(made).toMatchObject({ exponent: 0, name: "House", policy: { kind: "deed", documentHash } });
    expect(made.id).toMatch(/^DEED\.[0-9a-f]{16}$/);
    expect((await segment(create)).stderr).toContain("[entry-invalid]");
    expect((await segment(["currency", "mint", "1", made.id, "--home", phone])).stderr).toContain(
      "[entry-unauthorized]",
    );
    await document(["wallet", "send", "1", made.id, accounts.hub, "--home", phone]);
    const { balances } = await document<{ balances: object[] }>(["wallet", "show", "--home", hub]);
    expect(balances).toContainEqual(expect.objectContaining({ currency: made.id, minor: "1" }));
    const { stdout } = await segment(["currency", "supply", made.id, "--home", hub]);
    expect(stdout).toContain("a deed: there is one, made by");
  });
});

describe("what cannot be made", () => {
  it.each([
    [["sun"], "<code>"],
    [["SUN2", "--name", "Sun\u202enus"], "--name"],
    [["EUR", "--decimals", "3"], "--decimals"],
    [["DEED"], "<code>"],
    [["HOUSE", "--document", "FILE"], "<code>"],
    [["DEED", "--kind", "deed"], "--document"],
    [["DEED", "--document", "FILE", "--cap", "1", "--period", "1d"], "--cap"],
    [["DEED", "--document", "/does/not/exist"], "/does/not/exist"],
    [["SUN2", "--kind", "money", "--document", "FILE"], "--document"],
    [["SUN2", "--kind", "gold"], "--kind"],
    [["SUN2", "--cap", "1"], "--period"],
    [["SUN2", "--cap", "0", "--period", "1d"], "--cap"],
    [["SUN2", "--cap", "1", "--period", "1s"], "--period"],
    [["SUN2", "--cap", "1", "--period", "999999w"], "--period"],
    [["SUN2", "--period", "1d"], "--period"],
    [["SUN2", "--demurrage", "0%", "--period", "1d"], "--demurrage"],
    [["SUN2", "--demurrage", "100%", "--period", "1d"], "--demurrage"],
    [["SUN2", "--demurrage", "0.5", "--period", "1d"], "--demurrage"],
    [["SUN2", "--fund", "me"], "--fund"],
  ])("%j: option-invalid at %s", async (args, where) => {
    const named = args.map((arg) => (arg === "FILE" ? deedFile : arg));
    const { error } = await call(addCurrency, ["currency", "create", ...named, "--home", hub]);
    expect(error).toMatchObject({ code: "option-invalid", where });
  });

  it.each([
    [["--cap", "1.001", "--period", "1d"], "amount-invalid"],
    [["--cap", "-1", "--period", "1d"], "amount-invalid"],
    [["--cap", "99999999999999999999", "--period", "1d"], "amount-overflow"],
    [["--minters", "z6Mk"], "did-invalid"],
  ])("%j: %s", async (args, refusal) => {
    const { error } = await call(addCurrency, ["currency", "create", "SUN2", ...args, "--home", hub]);
    expect(error).toMatchObject({ code: refusal });
  });
});
