/** Two homes come to an agreement over a real broker, and a real notary settles it. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeTerms } from "../../protocols/contract/terms.ts";
import { document, run, segment, temporaryFolder } from "./segment.ts";
import type { Running } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const alice = join(folder, "alice");
const bob = join(folder, "bob");
const agents = new Map<string, Running>();
let broker = "";
let names: Record<"alice" | "bob", Made>;

interface Made {
  id: string;
  account: string;
}

interface Listed {
  id: string;
  status: string;
  label: string | null;
  from: string;
  note: string;
  missing: string[];
  replacedBy: string | null;
}

interface Status {
  status: string;
  label: string;
  seq: number;
  pot: { amount: string }[];
  next: { kind: string; by?: string; name?: string }[];
  yours: { kind: string; name?: string }[];
}

const HOUR_MS = 60 * 60_000;
/** Enough to start an agent on a busy machine. */
const AWAY_MS = 40_000;
const PATIENCE_MS = 180_000;
const at = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;

/** The parameters of a sale, in a file; alice buys. */
function saleFile(name: string, changes: Record<string, string> = {}): string {
  const path = join(folder, `${name}.json`);
  const sale = {
    ...{ currency: "EUR", buyer: "me", seller: names.bob.id, goods: "a bicycle", price: "149.00" },
    ...{ signBy: at(HOUR_MS), shipBy: at(4 * HOUR_MS), inspectBy: at(72 * HOUR_MS) },
    ...changes,
  };
  writeFileSync(path, JSON.stringify(sale));
  return path;
}

/** The home's contract once it is as it should be. */
async function listed(home: string, is: (one: Listed) => boolean): Promise<Listed> {
  const until = Date.now() + AWAY_MS + 30_000;
  let contracts: Listed[] = [];
  while (Date.now() < until) {
    ({ contracts } = await document<{ contracts: Listed[] }>(["contract", "list", "--home", home]));
    const found = contracts.find(is);
    if (found !== undefined) return found;
  }
  throw new Error(`no such contract in ${home}: ${JSON.stringify(contracts)}`);
}

async function balance(home: string): Promise<string> {
  const { balances } = await document<{ balances: { amount: string }[] }>(["wallet", "show", "--home", home]);
  return balances.map(({ amount }) => amount).join();
}

const status = (home: string, id: string): Promise<Status> =>
  document<Status>(["contract", "status", id, "--home", home]);

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0", "--name", "hub"]);
  const started = await run(hub, "--health-s", "0");
  agents.set("hub", started.agent);
  broker = started.broker;
  const init = ["--kind", "phone", "--network", join(hub, "network.json"), "--broker", broker];
  const made = {
    alice: await document<Made>(["init", "--home", alice, "--name", "alice", ...init]),
    bob: undefined,
  };
  names = { ...made, bob: await document<Made>(["init", "--home", bob, "--name", "bob", ...init]) };
  agents.set("alice", (await run(alice, "--health-s", "0")).agent);
  agents.set("bob", (await run(bob, "--health-s", "0")).agent);
  await document(["currency", "create", "EUR", "--home", hub, "--name", "Euro"]);
  await document(["currency", "mint", "500.00", "EUR", names.alice.account, "--home", hub]);
});

afterAll(async () => {
  for (const agent of agents.values()) await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("a sale between two homes", { timeout: PATIENCE_MS }, () => {
  let first = "";
  let id = "";

  it("is proposed, and heard by the other", async () => {
    const args = ["contract", "propose", "sale", "--home", alice, "--params", saleFile("sale")];
    const made = await document<{ termsId: string; host: { notReached: string[] } }>([
      ...[...args, "--note", "as we said", "--yes"],
    ]);
    expect(made.host.notReached).toEqual([]);
    first = made.termsId;
    await agents.get("bob")?.line(/^contract [0-9a-f]{8} \(sale\): z6Mk\w+ offers it: "as we said"/);
    const heard = await listed(bob, (one) => one.id === first);
    expect(heard).toMatchObject({ status: "waits-for-you", from: names.alice.id, missing: [names.bob.id] });
    const { stdout } = await segment(["contract", "show", first.slice(0, 8), "--home", bob, "--lang", "fr"]);
    expect(stdout).toContain("149,00 EUR");
  });

  it("signs nothing without the person's word", async () => {
    for (const args of [
      ["contract", "propose", "sale", "--home", alice, "--params", saleFile("again")],
      ["contract", "sign", first.slice(0, 8), "--home", bob],
    ]) {
      const { code, stderr } = await segment(args);
      expect(code).toBe(1);
      expect(stderr).toContain("[option-invalid]");
      expect(stderr).toContain("149.00 EUR");
    }
    expect(await listed(bob, (one) => one.id === first)).toMatchObject({ status: "waits-for-you" });
    const { contracts } = await document<{ contracts: Listed[] }>(["contract", "list", "--home", alice]);
    expect(contracts).toHaveLength(1);
  });

  it("is countered by a change of one parameter; the first version can be signed no more", async () => {
    const shown = await segment(["contract", "counter", first, "--home", bob, "--set", "price=160.00"]);
    expect(shown.stderr).toMatch(
      /^Taken out:\n(- .*\n)*- .*149\.00 EUR.*\n(- .*\n)*Put in:\n(\+ .*\n)*\+ .*160\.00 EUR/,
    );
    const args = ["contract", "counter", first, "--home", bob, "--set", "price=160.00", "--yes"];
    const made = await document<{ termsId: string; replaces: string }>(args);
    expect(made.replaces).toBe(first);
    id = made.termsId;
    await agents.get("alice")?.line(/makes a counter-offer/);
    expect(await listed(alice, (one) => one.id === first)).toMatchObject({
      status: "replaced",
      replacedBy: id,
    });
    const refused = await segment(["contract", "sign", first, "--home", bob, "--yes"]);
    expect(refused.stderr).toContain("[offer-replaced]");
    const terms = decodeTerms(new Uint8Array(readFileSync(join(bob, "contracts", id, "terms.cbor"))));
    expect(terms.parties.map(({ role }) => role)).toEqual(["buyer", "seller"]);
  });

  it("is signed, opened by the notary, and the buyer's deposit follows by itself", async () => {
    const read = await segment(["contract", "sign", id.slice(0, 8), "--home", alice]);
    expect(read.stderr.replaceAll(/\s+/g, " ")).toContain("Your account deposits at most 160.00 EUR");
    const signed = await document<{ status: string }>([
      "contract",
      "sign",
      id.slice(0, 8),
      "--home",
      alice,
      "--yes",
    ]);
    expect(signed.status).toBe("opened");
    await agents.get("alice")?.line(/deposited 16000 minor units of EUR, as signed/);
    const stands = await status(bob, id);
    expect(stands).toMatchObject({
      status: "opened",
      label: "awaiting-shipment",
      pot: [{ amount: "160.00 EUR" }],
    });
    expect(stands.yours.map(({ name }) => name)).toContain("ship");
    expect(await balance(alice)).toBe("340.00 EUR");
    const { stdout } = await segment(["contract", "status", id, "--home", bob, "--lang", "fr"]);
    expect(stdout).toContain("segment contract act");
    expect(stdout).toContain("160,00 EUR");
  });

  it("refuses what is not the other's to do, or too early", async () => {
    const wrong = await segment(["contract", "act", id, "choose", "ship", "--home", alice]);
    expect(wrong.stderr).toContain("[contract-not-expected]");
    const twice = await segment(["contract", "act", id, "deposit", "--home", alice]);
    expect(twice.stderr).toContain("[contract-not-expected]");
    const early = await segment(["contract", "claim", id, "--home", alice]);
    expect(early.stderr).toContain("[contract-too-early]");
  });

  it("is shipped and accepted; the seller is paid, and both hold the receipts", async () => {
    await document(["contract", "act", id, "choose", "ship", "--home", bob]);
    const done = await document<{ closed: boolean; payments: { account: string; amount: string }[] }>([
      ...["contract", "act", id, "choose", "accept", "--home", alice],
    ]);
    expect(done).toMatchObject({
      closed: true,
      payments: [{ account: names.bob.account, amount: "160.00 EUR" }],
    });
    await agents.get("bob")?.line(/has ended/);
    expect(await balance(bob)).toBe("160.00 EUR");
    expect(await listed(bob, (one) => one.id === id && one.status === "closed")).toBeDefined();
    for (const home of [alice, bob]) {
      const names_ = readdirSync(join(home, "contracts", id));
      expect(names_).toEqual(expect.arrayContaining(["terms.cbor", "opened", "settled", "progress.json"]));
      const receipts = names_.filter((name) => name.endsWith(".receipt"));
      const newest = join(home, "contracts", id, receipts.at(-1) ?? "");
      const verified = await document<object>(["verify", newest, "--home", home]);
      expect(verified).toMatchObject({ outcome: "ok", entry: { kind: "choice" }, result: { closed: true } });
    }
    const over = await segment(["contract", "act", id, "choose", "accept", "--home", alice]);
    expect(over.stderr).toContain("[contract-closed]");
  });
});

describe("offers that come to nothing", { timeout: PATIENCE_MS }, () => {
  it("are declined with a reason, and signed no more", async () => {
    const propose = [
      "contract",
      "propose",
      "sale",
      "--home",
      alice,
      "--params",
      saleFile("declined"),
      "--yes",
    ];
    const { termsId } = await document<{ termsId: string }>(propose);
    await document(["contract", "decline", termsId, "--home", bob, "--reason", "too late for me"]);
    await agents.get("alice")?.line(/has declined: "too late for me"/);
    expect(await listed(alice, (one) => one.id === termsId)).toMatchObject({ status: "declined" });
    const { stderr } = await segment(["contract", "sign", termsId, "--home", bob, "--yes"]);
    expect(stderr).toContain("[offer-declined]");
  });

  it("end by their timeout, whose time is awaited", async () => {
    const times = { signBy: at(AWAY_MS / 2), shipBy: at(4 * HOUR_MS), claimMargin: "2 s" };
    const file = saleFile("unpaid", times);
    const propose = [
      "contract",
      "propose",
      "sale",
      "--home",
      alice,
      "--params",
      file,
      "--no-deposit",
      "--yes",
    ];
    const { termsId } = await document<{ termsId: string }>(propose);
    await listed(bob, (one) => one.id === termsId);
    expect(await document(["contract", "sign", termsId, "--home", bob, "--yes"])).toMatchObject({
      status: "opened",
    });
    const early = await segment(["contract", "claim", termsId, "--home", bob]);
    expect(early.stderr).toMatch(
      /the timeout of "awaiting-deposit" begins at .* UTC.*\[contract-too-early\]/,
    );
    const name = termsId.slice(0, 8);
    await agents.get("alice")?.line(new RegExp(`^contract ${name} .* has ended$`));
    expect(agents.get("alice")?.stderr).not.toMatch(new RegExp(`^contract ${name} .* deposit`, "m"));
    expect(await status(alice, termsId)).toMatchObject({ status: "closed", pot: [] });
    const over = await segment(["contract", "claim", termsId, "--home", bob]);
    expect(over.stderr).toContain("[contract-closed]");
  });

  it("wait for who is away, and expire", async () => {
    await agents.get("bob")?.stop();
    const expires = Date.now() + AWAY_MS;
    const file = saleFile("expired", { signBy: at(AWAY_MS), shipBy: at(4 * HOUR_MS) });
    const made = await document<{ termsId: string; host: { notReached: string[] } }>([
      ...["contract", "propose", "sale", "--home", alice, "--params", file, "--yes"],
    ]);
    expect(made.host.notReached).toEqual([names.bob.id]);
    agents.set("bob", (await run(bob, "--health-s", "0")).agent);
    await agents
      .get("bob")
      ?.line(new RegExp(`^contract ${made.termsId.slice(0, 8)} \\(sale\\): .* offers it`));
    const gone = await listed(bob, (one) => one.id === made.termsId && one.status === "expired");
    expect(Date.now()).toBeGreaterThan(expires - 1_000);
    expect(gone.missing).toEqual([names.bob.id]);
    const { stderr } = await segment(["contract", "sign", made.termsId, "--home", bob, "--yes"]);
    expect(stderr).toContain("[terms-expired]");
    expect(existsSync(join(bob, "contracts", made.termsId, "opened"))).toBe(false);
  });

  it("are refused before they leave, with what is wrong", async () => {
    const wrong: [Record<string, string>, string][] = [
      [{ price: "149,00" }, "[amount-invalid]"],
      [{ seller: "nobody" }, "[terms-invalid]"],
      [{ buyer: names.bob.id, seller: names.bob.id }, "["],
      [{ currency: "XYZ" }, "[currency-unknown]"],
      [{ colour: "red" }, "[terms-invalid]"],
    ];
    for (const [changes, code] of wrong) {
      const args = ["contract", "propose", "sale", "--home", alice, "--params", saleFile("wrong", changes)];
      const { code: exit, stderr } = await segment([...args, "--yes"]);
      expect(exit).toBe(1);
      expect(stderr).toContain(code);
    }
    const unknown = await segment(["contract", "sign", "00000000", "--home", alice, "--yes"]);
    expect(unknown.stderr).toContain("[contract-unknown]");
    const noId = await segment(["contract", "status", "xyz!", "--home", alice]);
    expect(noId.stderr).toContain("[option-invalid]");
  });
});
