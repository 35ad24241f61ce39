/** Contracts that go on by what is stated: facts signed, countersigned and handed in by commands alone. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, run, segment, temporaryFolder } from "./segment.ts";
import type { Running } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const alice = join(folder, "alice");
const bob = join(folder, "bob");
/** Of bob's, and so on bob's account. */
const lock = join(folder, "lock");
const agents: Running[] = [];
let names: Record<"hub" | "alice" | "bob" | "lock", Made>;

interface Made {
  id: string;
  account: string;
  words: string | null;
}

interface Status {
  status: string;
  label: string;
  facts: {
    waitsFor: { kind: string; roles: string[]; from: string | null }[];
    kept: { kind: string; role: string }[];
    enough: boolean;
  };
}

interface Signed {
  kind: string;
  role: string;
  enough: boolean;
  host: { notReached: string[] };
}

interface Done {
  label: string;
  closed: boolean;
  payments: { account: string; amount: string }[];
}

const HOUR_MS = 60 * 60_000;
const PATIENCE_MS = 240_000;
const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

async function start(home: string): Promise<string> {
  const { agent, broker } = await run(home, "--health-s", "0");
  agents.push(agent);
  return broker;
}

function params(name: string, values: Record<string, unknown>): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ currency: "EUR", ...values }));
  return path;
}

async function propose(home: string, template: string, file: string): Promise<string> {
  const args = ["contract", "propose", template, "--home", home, "--params", file, "--yes"];
  const { termsId, host } = await document<{ termsId: string; host: { notReached: string[] } }>(args);
  expect(host.notReached).toEqual([]);
  return termsId;
}

const sign = (home: string, id: string) =>
  document<{ status: string }>(["contract", "sign", id, "--home", home, "--yes"]);
const status = (home: string, id: string) => document<Status>(["contract", "status", id, "--home", home]);
const state = (home: string, id: string, ...rest: string[]) =>
  document<Signed>(["contract", "fact", id, ...rest, "--home", home]);
const claim = (home: string, id: string, ...rest: string[]) =>
  document<Done>(["contract", "claim", id, ...rest, "--home", home]);

/** The refusal of a command that must fail: its code, in brackets, and a remedy beside it. */
async function refused(code: string, home: string, ...args: string[]): Promise<string> {
  const result = await segment(["contract", ...args, "--home", home]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`[${code}]`);
  return result.stderr.replaceAll(/\s+/g, " ");
}

/** How it stands, once it is so. */
async function standing(home: string, id: string, is: (status: Status) => boolean): Promise<Status> {
  const until = Date.now() + PATIENCE_MS / 2;
  let last: Status | undefined;
  while (Date.now() < until) {
    last = await status(home, id);
    if (is(last)) return last;
  }
  throw new Error(`never so in ${home}: ${JSON.stringify(last)}`);
}

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0", "--name", "hub"]);
  const broker = await start(hub);
  const init = ["--network", join(hub, "network.json"), "--broker", broker];
  const make = (home: string, name: string, kind: string, ...rest: string[]) =>
    document<Made>(["init", "--home", home, "--name", name, "--kind", kind, ...init, ...rest]);
  const host = await make(bob, "bob", "phone");
  writeFileSync(join(folder, "words"), `${host.words ?? ""}\n`, { mode: 0o600 });
  names = {
    hub: await document<Made>(["wallet", "account", "--home", hub]),
    alice: await make(alice, "alice", "phone"),
    bob: host,
    lock: await make(lock, "lock", "lock", "--words-file", join(folder, "words")),
  };
  for (const home of [alice, bob, lock]) await start(home);
  await document(["currency", "create", "EUR", "--home", hub, "--name", "Euro"]);
  await document(["currency", "mint", "500.00", "EUR", names.alice.account, "--home", hub]);
}, PATIENCE_MS);

afterAll(async () => {
  for (const agent of agents) await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

const certified = join(folder, "certified.fact");

describe("a sale with a certifier", { timeout: PATIENCE_MS }, () => {
  let id = "";

  it("waits for the certificate, and says of whom", async () => {
    const now = Date.now();
    const sale = {
      ...{ buyer: "me", seller: names.bob.id, goods: "a bicycle", price: "149.00" },
      ...{ signBy: at(now + HOUR_MS), shipBy: at(now + 9 * HOUR_MS) },
      services: { certifier: { party: "hub", fee: "6.00" } },
    };
    id = await propose(alice, "sale", params("sale", sale));
    await sign(bob, id);
    expect(await sign(hub, id)).toMatchObject({ status: "opened" });
    const { facts } = await standing(hub, id, ({ label }) => label === "awaiting-certificate");
    expect(facts).toMatchObject({ kept: [], enough: false });
    expect(facts.waitsFor).toMatchObject([{ kind: "certified", roles: ["certifier"], from: null }]);
    const { stdout } = await segment(["contract", "status", id, "--home", hub, "--lang", "fr"]);
    expect(stdout).toContain(`segment contract fact ${id.slice(0, 8)} certified`);
    expect((await segment(["contract", "fact", id, "--home", bob])).stdout).toMatch(/no statement of yours/);
  });

  it("takes it from nobody else, and no other", async () => {
    expect(await refused("contract-not-expected", bob, "fact", id, "certified")).toMatch(
      /"certified" is for the certifier to sign/,
    );
    await refused("contract-not-expected", hub, "fact", id, "opened");
    await refused("fact-invalid", hub, "fact", id, "certified", "--value", "1");
    expect(await status(bob, id)).toMatchObject({ facts: { kept: [], enough: false } });
  });

  it("goes on by the certifier's word, which another party hands in, and pays its fee", async () => {
    await document(["contract", "fact", id, "certified", "--home", hub, "--out", certified]);
    expect(await status(bob, id)).toMatchObject({ facts: { kept: [] } });
    const signed = await state(hub, id, "certified");
    expect(signed).toMatchObject({ role: "certifier", enough: true, host: { notReached: [] } });
    const { facts } = await standing(bob, id, (stands) => stands.facts.enough);
    expect(facts.kept).toMatchObject([{ kind: "certified", role: "certifier" }]);
    expect(await claim(bob, id)).toMatchObject({ label: "awaiting-shipment", closed: false });
    await document(["contract", "act", id, "choose", "ship", "--home", bob]);
    const done = await document<Done>(["contract", "act", id, "choose", "accept", "--home", alice]);
    expect(done).toMatchObject({
      closed: true,
      payments: [
        { account: names.hub.account, amount: "6.00 EUR" },
        { account: names.bob.account, amount: "149.00 EUR" },
      ],
    });
    await refused("contract-closed", hub, "fact", id, "certified");
  });
});

describe("a rental", { timeout: PATIENCE_MS }, () => {
  /** Enough for three commands on a busy machine. */
  const signMs = 60_000;
  const stayMs = 45_000;
  let id = "";
  let departure = 0;

  it("lets nobody state an opening before the lock may open", async () => {
    const now = Date.now();
    const arrival = now + signMs + 12_000;
    departure = arrival + stayMs;
    const rental = {
      ...{ guest: "me", host: names.bob.id, lock: names.lock.id, place: "the flat", address: "3 Mill Lane" },
      ...{ price: "240.00", deposit: "0.00", claimMargin: "2 s", signBy: at(now + signMs) },
      ...{ cancelBy: at(now + signMs + 6_000), arrival: at(arrival), departure: at(departure) },
    };
    id = await propose(alice, "rental", params("rental", rental));
    await sign(bob, id);
    await sign(lock, id);
    await standing(lock, id, ({ label }) => label === "booked");
    await refused("contract-not-expected", lock, "fact", id, "opened");
  });

  it("is paid when lock and guest have signed the same", async () => {
    await standing(lock, id, ({ label }) => label === "may-open");
    expect(await state(lock, id, "opened")).toMatchObject({ role: "lock", enough: false });
    await refused("fact-invalid", alice, "fact", id, "opened", "--countersign", certified);
    await refused("fact-invalid", alice, "claim", id, "--countersign", certified);
    const { facts } = await standing(alice, id, (stands) => stands.facts.kept.length === 1);
    expect(facts.waitsFor).toMatchObject([{ kind: "opened", roles: ["lock", "guest"] }]);
    expect(await state(alice, id, "opened")).toMatchObject({ role: "guest", enough: true });
    expect(await claim(lock, id)).toMatchObject({
      closed: false,
      payments: [{ account: names.bob.account, amount: "240.00 EUR" }],
    });
  });

  it("ends when the lock says that the door is shut, but not before the departure", async () => {
    if (Date.now() < departure - 5_000) await refused("contract-too-early", lock, "fact", id, "closed");
    await standing(lock, id, () => Date.now() > departure + 1_000);
    await state(lock, id, "closed");
    const path = join(folder, "closed.fact");
    await document(["contract", "fact", id, "closed", "--home", lock, "--out", path]);
    expect(readFileSync(path).length).toBeGreaterThan(100);
    await refused("fact-invalid", alice, "claim", id, "--fact", certified);
    expect(await claim(alice, id, "--fact", path)).toMatchObject({ closed: true, label: "closed" });
    const { facts } = await status(lock, id);
    expect(facts).toBeNull();
  });
});
