/**
 * Two homes that meet over the air, on real noble and bleno: they join a network, set money aside, and then
 * the network is gone. They agree on a sale and pay each other all the same; when it is back, it all counts.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, run, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const house = join(folder, "house");
const phone = join(folder, "phone");
const radios = join(folder, "air");
const started: Running[] = [];
let air: Running;
let broker = "";
const agents = new Map<string, Running>();

const HOUR_MS = 60 * 60_000;
const PATIENCE_MS = 180_000;
const at = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;

interface Listed {
  id: string;
  status: string;
  label: string | null;
}

interface Paid {
  inAll: string;
  voucher: string;
  host: { handedOver: boolean };
}

interface Tabs {
  pays: { contract: string; inAll: string; status: string }[];
  isPaid: { contract: string; inAll: string; status: string }[];
}

/** Starts an agent with its radio; resolves as soon as it runs, with a network or without. */
async function start(home: string, name: string): Promise<Running> {
  const agent = new Running(["--home", home, "--health-s", "0", "--radio", join(radios, name)]);
  started.push(agent);
  agents.set(name, agent);
  await agent.line(/^ready/);
  return agent;
}

function agent(name: string): Running {
  const found = agents.get(name);
  if (found === undefined) throw new Error(`"${name}" does not run`);
  return found;
}

function params(name: string, values: Record<string, string>): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(values));
  return path;
}

async function balance(home: string): Promise<string> {
  const { balances } = await document<{ balances: { amount: string }[] }>(["wallet", "show", "--home", home]);
  return balances.map(({ amount }) => amount).join();
}

const pay = (contract: string, amount: string): Promise<Paid> =>
  document<Paid>(["wallet", "tab", "pay", contract.slice(0, 8), amount, "--home", phone]);

const tabs = (home: string): Promise<Tabs> => document<Tabs>(["wallet", "tab", "list", "--home", home]);

async function serveAir(): Promise<void> {
  air = new Running(["--radios", "house,phone", "--at", "phone=2,0", "--out", radios], ["simulate", "air"]);
  started.push(air);
  await air.line(/the air is there/);
}

beforeAll(async () => {
  await serveAir();
  await document(["init", "--home", hub, "--found", "village", "--port", "0", "--name", "hub"]);
  const first = await run(hub, "--health-s", "0");
  started.push(first.agent);
  agents.set("hub", first.agent);
  ({ broker } = first);
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  await document(["init", "--home", house, "--name", "Our house", "--kind", "house", ...network]);
  const { account } = await document<{ account: string }>([
    ...["init", "--home", phone, "--name", "Ann", "--kind", "phone", ...network],
  ]);
  await Promise.all([start(house, "house"), start(phone, "phone")]);
  await Promise.all(["house", "phone"].map((name) => agent(name).line(/^ready$/)));
  await document(["currency", "create", "EUR", "--home", hub, "--name", "Euro"]);
  await document(["currency", "mint", "100.00", "EUR", account, "--home", hub]);
  // What they have seen of the currency is enough later.
  expect(await balance(phone)).toBe("100.00 EUR");
  await balance(house);
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("two homes with radios", { timeout: PATIENCE_MS }, () => {
  let tab = "";
  let sale = "";
  let vouchers: string[] = [];

  it("set money aside while there is a network", async () => {
    const file = params("tab", {
      ...{ currency: "EUR", payer: "me", payee: "Our house", purpose: "laundry", amount: "20.00" },
      ...{ signBy: at(HOUR_MS), until: at(20 * 24 * HOUR_MS), offline: "8 d" },
    });
    const made = await document<{ termsId: string }>([
      ...["contract", "propose", "tab", "--params", file, "--home", phone, "--yes"],
    ]);
    tab = made.termsId;
    await agent("house").line(new RegExp(`^contract ${tab.slice(0, 8)} .* offers it`));
    await document(["contract", "sign", tab.slice(0, 8), "--home", house, "--yes"]);
    await agent("phone").line(new RegExp(`^contract ${tab.slice(0, 8)} .* now in "tab"`));
    await agent("house").line(new RegExp(`^contract ${tab.slice(0, 8)} .* now in "tab"`));
    expect(await balance(phone)).toBe("80.00 EUR");
  });

  it("lose the network, and agree on a sale over Bluetooth alone", async () => {
    expect(await agent("hub").stop()).toBe(0);
    await Promise.all(["house", "phone"].map((name) => agent(name).line(/^offline: the broker is gone/)));
    const file = params("sale", {
      ...{ currency: "EUR", buyer: "me", seller: "Our house", goods: "a bicycle", price: "5.00" },
      ...{ signBy: at(HOUR_MS), shipBy: at(4 * HOUR_MS), inspectBy: at(72 * HOUR_MS) },
    });
    const offer = await segment(["contract", "propose", "sale", "--params", file, "--home", phone, "--yes"]);
    expect(offer.code).toBe(0);
    expect(offer.stderr).toContain("[broker-unreachable]");
    const heard = await agent("house").line(/\(sale\): z6Mk\w+ offers it/);
    const [, id = ""] = /^contract (\w+)/.exec(heard) ?? [];
    const made = await document<{ termsId: string }>([
      ...["contract", "counter", id, "--set", "price=6.00", "--home", house, "--yes"],
    ]);
    sale = made.termsId;
    await agent("phone").line(new RegExp(`^contract ${sale.slice(0, 8)} .* makes a counter-offer`));
    await document(["contract", "sign", sale.slice(0, 8), "--home", phone, "--yes"]);
    await agent("house").line(new RegExp(`^contract ${sale.slice(0, 8)} .* all have signed`));
    for (const name of ["house", "phone"])
      await agent(name).line(new RegExp(`^contract ${sale.slice(0, 8)} .* not opened: .*; tries again`));
  });

  it("pay by voucher, which the payee's agent takes by itself", async () => {
    const first = await pay(tab, "1.20");
    expect(first).toMatchObject({ inAll: "120", host: { handedOver: true } });
    await agent("house").line(/^tab \w{8}: received 1\.20 EUR over Bluetooth, 1\.20 EUR in all$/);
    const { code, stdout } = await segment(["wallet", "tab", "pay", tab, "0.80", "--home", phone]);
    expect(stdout).toBe("Paid: 0.80 EUR more, 2.00 EUR in all; the payee has it, over Bluetooth.\n");
    expect(code).toBe(0);
    await agent("house").line(/^tab \w{8}: received 0\.80 EUR over Bluetooth, 2\.00 EUR in all$/);
    vouchers = [first.voucher];
  });

  it("lose nothing that was acknowledged when the payee dies, and go on without a network", async () => {
    await agent("house").stop("SIGKILL");
    // Signed while the payee is dead: it is given as soon as it lives again.
    const [third] = await Promise.all([pay(tab, "1.60"), start(house, "house")]);
    expect(agent("house").stderr).toMatch(/^ready offline: contracts and tabs go over Bluetooth meanwhile$/m);
    expect(third).toMatchObject({ inAll: "360", host: { handedOver: true } });
    // On top of what it had acknowledged before.
    await agent("house").line(/^tab \w{8}: received 1\.60 EUR over Bluetooth, 3\.60 EUR in all$/);
    expect((await tabs(house)).isPaid).toMatchObject([{ contract: tab, inAll: "360", status: "open" }]);
    expect((await tabs(phone)).pays).toMatchObject([{ contract: tab, inAll: "360" }]);
    const replayed = await segment(["wallet", "tab", "accept", vouchers[0] ?? "", "--home", house]);
    expect(replayed.stderr).toContain("nothing new: 3.60 EUR was paid before [voucher-replayed]");
    const tooMuch = await segment(["wallet", "tab", "pay", tab, "16.41", "--home", phone]);
    expect(tooMuch.stderr).toContain("3.60 EUR is paid already, and 20.00 EUR held [voucher-beyond-hold]");
  });

  it("find their radios again after those were gone", async () => {
    const marks = new Map(["house", "phone"].map((name) => [name, agent(name).mark]));
    expect(await air.stop()).toBe(0);
    for (const [name, mark] of marks) await agent(name).line(/^radio: gone \[radio-unavailable\]/, mark);
    await serveAir();
    for (const [name, mark] of marks) await agent(name).line(/^radio: on/, mark);
    expect(await pay(tab, "0.40")).toMatchObject({ inAll: "400", host: { handedOver: true } });
    await agent("house").line(/^tab \w{8}: received 0\.40 EUR over Bluetooth, 4\.00 EUR in all$/);
  });

  it("are put right when the network is back, to the cent", async () => {
    const again = await run(hub, "--health-s", "0", "--port", new URL(broker).port);
    started.push(again.agent);
    agents.set("hub", again.agent);
    await agent("phone").line(new RegExp(`^contract ${sale.slice(0, 8)} .* deposited 600 minor units`));
    await agent("house").line(new RegExp(`^contract ${sale.slice(0, 8)} .* now in "awaiting-shipment"`));
    await document(["contract", "act", sale, "choose", "ship", "--home", house]);
    await document(["contract", "act", sale, "choose", "accept", "--home", phone]);
    const redeemed = await document<{ redeemed: string }>(["wallet", "tab", "redeem", tab, "--home", house]);
    expect(redeemed.redeemed).toBe("400");
    await agent("phone").line(new RegExp(`^contract ${tab.slice(0, 8)} .* has ended`));
    expect(await balance(phone)).toBe("90.00 EUR");
    expect(await balance(house)).toBe("10.00 EUR");
    const { contracts } = await document<{ contracts: Listed[] }>(["contract", "list", "--home", phone]);
    expect(contracts.filter(({ id }) => id === tab || id === sale)).toMatchObject([
      { id: tab, status: "closed" },
      { id: sale, status: "closed" },
    ]);
    expect((await tabs(phone)).pays).toEqual([]);
    expect((await tabs(house)).isPaid).toMatchObject([{ inAll: "400", status: "closed" }]);
  });

  it("say what is wrong with a radio, and how to mend it", async () => {
    const none = await segment(["run", "--home", phone, "--radio", join(folder, "nowhere")]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("[radio-unavailable]");
    expect(none.stderr).toContain("segment simulate air");
    const many = ["--radio", "hci", "--radio", "hci", "--radio", "hci"];
    expect((await segment(["run", "--home", phone, ...many])).stderr).toContain("[option-invalid]");
    const badAir = await segment(["simulate", "air", "--radios", "a,a"]);
    expect(badAir.stderr).toContain("[option-invalid]");
    expect(await air.stop()).toBe(0);
  });
});
