/**
 * A house let to a guest, by commands and in real time: homes in processes of their own, a real broker and
 * notary, real noble and bleno on the virtual air. The stay is of a minute and a half, which a busy machine
 * needs; every margin is the template's.
 */
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentFolder } from "../../agent/node/agent-home.ts";
import { systemClock } from "../../agent/node/crypto.ts";
import { takeKeyring } from "../../agent/node/keyring-run.ts";
import { severable } from "../compliance/bus-relay.ts";
import type { Severable } from "../compliance/bus-relay.ts";
import { document, run, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const [hub, front, olga, ana] = ["hub", "front", "olga", "ana"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
  string,
];
/** The guest's keyring, and what it was when the stay was booked. */
const keyring = agentFolder(ana, "keyring");
const remembered = join(folder, "keyring-when-booked");
const radios = join(folder, "air");
const words = join(folder, "words.txt");
const started: Running[] = [];
let lock: Running;
let guest: Running;
let cable: Severable;

const PATIENCE_MS = 300_000;
/** For what is on its way; each of the stay's own times is waited for before. */
const WAIT_MS = 120_000;
const DAY_MS = 24 * 60 * 60_000;
const MARGIN_MS = 2_000;
/** From the offer on; all have to sign by then, on a busy machine as well. */
const SIGN_MS = 50_000;
const CANCEL_MS = SIGN_MS + 3 * MARGIN_MS;
const ARRIVAL_MS = CANCEL_MS + 3 * MARGIN_MS;
const DEPARTURE_MS = ARRIVAL_MS + 90_000;

const withRadio = (name: string, home: string): string[] => ["--home", home, "--radio", join(radios, name)];
const minuteAt = (ms: number): string => iso(ms).slice(0, 16).replace("T", " ");
const iso = (ms: number): string => new Date(ms).toISOString();

async function start(args: readonly string[], line: RegExp, command?: readonly string[]): Promise<Running> {
  const running = new Running(args, command);
  started.push(running);
  await running.line(line);
  return running;
}

async function codeOf(args: readonly string[]): Promise<string> {
  const { stdout, code } = await segment([...args, "--json"]);
  return code === 0 ? "none" : (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

async function balance(home: string): Promise<string> {
  const { balances } = await document<{ balances: { amount: string }[] }>(["wallet", "show", "--home", home]);
  return balances.map(({ amount }) => amount).join();
}

interface Listed {
  locks: { name: string; isOwned: boolean; stays: { contract: string; phase: string; opened: boolean }[] }[];
}

/** What the guest's phone knows of it, once it stands so: either its home or a command has heard of that. */
async function stayOnce(phase: string): Promise<Listed["locks"][number]> {
  const untilMs = Date.now() + WAIT_MS;
  for (;;) {
    const { locks } = await document<Listed>(["lock", "list", "--home", ana]);
    const found = locks.find(({ stays }) => stays.some((one) => one.phase === phase));
    if (found !== undefined) return found;
    if (Date.now() > untilMs)
      throw new Error(`no stay is "${phase}" but ${JSON.stringify(locks)}; the phone said:\n${guest.stderr}`);
  }
}

/** The terms' own times pass. */
function past(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms - Date.now())));
}

beforeAll(async () => {
  await start(["--radios", "front,olga,ana", "--out", radios], /the air is there/, ["simulate", "air"]);
  await document(["init", "--home", hub, "--found", "village", "--port", "0", "--name", "hub"]);
  const { agent, broker } = await run(hub, "--health-s", "0");
  started.push(agent);
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  const phone = ["--kind", "phone", ...network];
  const owner = await document<{ words: string; account: string }>([
    ...["init", "--home", olga, "--name", "Olga", ...phone],
  ]);
  writeFileSync(words, `${owner.words}\n`, { mode: 0o600 });
  const { account } = await document<{ account: string }>(["init", "--home", ana, "--name", "Ana", ...phone]);
  cable = await severable(Number(new URL(broker).port));
  // The lock has its owner's root, and a cable of its own.
  await document([
    ...["init", "--home", front, "--kind", "lock", "--name", "Front door", "--words-file", words],
    ...["--network", join(hub, "network.json"), "--broker", `mqtt://127.0.0.1:${cable.port}`],
  ]);
  lock = await start(withRadio("front", front), /^lock: ready$/);
  await lock.line(/^ready$/);
  started.push((await run(olga, "--health-s", "0")).agent);
  guest = (await run(ana, "--health-s", "0")).agent;
  started.push(guest);
  await document(["currency", "create", "EUR", "--home", hub, "--name", "Euro"]);
  await document(["currency", "mint", "500.00", "EUR", account, "--home", hub]);
  const { host } = await document<{ host: { code: string } }>(["pair", "--home", front]);
  await document(["pair", host.code, "--name", "Front door", ...withRadio("olga", olga)]);
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  await cable?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Who is who is told by what contacts call themselves. */
function rental(by: string, host: string, guestName: string): string[] {
  const params = {
    ...{ currency: "EUR", host, guest: guestName, lock: "Front door", place: "Lake house" },
    ...{ address: "3 Mill Lane", price: "40.00", deposit: "20.00", cancelFee: "5.00", claimMargin: "2 s" },
    ...{ signBy: iso(offeredMs + SIGN_MS), cancelBy: iso(offeredMs + CANCEL_MS) },
    ...{ arrival: iso(offeredMs + ARRIVAL_MS), departure: iso(offeredMs + DEPARTURE_MS) },
  };
  const file = join(folder, "rental.json");
  writeFileSync(file, JSON.stringify(params));
  return ["contract", "propose", "rental", "--params", file, "--yes", "--home", by];
}

let id = "";
/** Offered, and not signed by the host. */
let wished = "";
let offeredMs = 0;

describe("a house let for a minute and a half", { timeout: PATIENCE_MS }, () => {
  it("is offered by its host; the lock signs by itself, and nothing that its owner has not signed", async () => {
    offeredMs = Date.now();
    ({ termsId: wished } = await document<{ termsId: string }>(rental(ana, "Olga", "me")));
    await lock.line(new RegExp(`^contract ${wished.slice(0, 8)} .*left unsigned: its host has not`));
    offeredMs = Date.now();
    ({ termsId: id } = await document<{ termsId: string }>(rental(olga, "me", "Ana")));
    await lock.line(new RegExp(`^contract ${id.slice(0, 8)} .*the lock has signed it`));
    expect(lock.stderr).not.toContain(`${wished.slice(0, 8)} (rental): the lock has signed`);
  });

  it("is signed by the guest: the money is held, and the phone has taken the stay by itself", async () => {
    await document(["contract", "sign", id.slice(0, 8), "--yes", "--home", ana]);
    expect(await stayOnce("booked")).toMatchObject({
      ...{ name: "Lake house", isOwned: false },
      stays: [{ contract: id, opened: false }],
    });
    expect(await balance(ana)).toBe("440.00 EUR");
    expect(Date.now()).toBeLessThan(offeredMs + CANCEL_MS);
    const giveBack = await takeKeyring(keyring, systemClock);
    cpSync(keyring, remembered, { recursive: true });
    giveBack();
  });

  it("does not open before the arrival, and then with no network at the lock; that pays the host", async () => {
    cable.cut();
    await lock.line(/^offline/);
    expect(await codeOf(["lock", "open", ...withRadio("ana", ana)])).toBe("key-not-yet");
    expect(lock.stderr).not.toMatch(/^bolt: unlocked/m);
    await past(offeredMs + ARRIVAL_MS);
    await stayOnce("may-open");
    await document(["lock", "open", "Lake house", ...withRadio("ana", ana)]);
    await lock.line(/^bolt: unlocked/);
    expect(await stayOnce("stay")).toMatchObject({ stays: [{ contract: id, opened: true }] });
    expect(await balance(olga)).toBe("40.00 EUR");
    cable.restore();
  });

  it("is over at the departure: the door is shut, the lock refuses, the deposit goes back", async () => {
    await past(offeredMs + DEPARTURE_MS);
    await lock.line(/^departure/);
    expect(await codeOf(["lock", "open", ...withRadio("ana", ana)])).toBe("contract-closed");
    await stayOnce("checkout");
    await document(["contract", "act", id, "choose", "release", "--home", olga]);
    await stayOnce("closed");
    expect(await balance(ana)).toBe("460.00 EUR");
    const { entries } = await document<{ entries: Record<string, unknown>[] }>([
      ...["lock", "log", "Front door", ...withRadio("olga", olga)],
    ]);
    const lines = entries.map(({ what, code, key }) => [what, code, key]);
    const french = await segment(["lock", "log", "--lang", "fr", ...withRadio("olga", olga)]);
    expect(french.stdout).toContain(
      `la serrure  le séjour est terminé et la porte fermée  par ${id.slice(0, 8)}`,
    );
    expect(lines).toEqual([
      ["pair", null, null],
      ["stay", null, id],
      ["request", "key-not-yet", id],
      ["request", null, id],
      ["departure", null, id],
      ["request", "contract-closed", id],
    ]);
  });

  it("is let by the owner's tariff to a guest who walks up, over Bluetooth alone; the lock is paid", async () => {
    const params = {
      ...{ currency: "EUR", payer: "me", payee: "Front door", amount: "100.00", purpose: "nights" },
      ...{ signBy: iso(Date.now() + 60_000), until: iso(Date.now() + 20 * DAY_MS) },
    };
    const file = join(folder, "tab.json");
    writeFileSync(file, JSON.stringify(params));
    const making = ["contract", "propose", "tab", "--params", file, "--yes", "--home", ana];
    const { termsId: tab } = await document<{ termsId: string }>(making);
    await lock.line(new RegExp(`^contract ${tab.slice(0, 8)} .*left unsigned: it is no rental`));
    await document(["contract", "sign", tab, "--yes", "--home", front]);
    await guest.line(new RegExp(`^contract ${tab.slice(0, 8)} .*now in "tab"`));
    const walkUp = (most: string): string[] => [
      ...["lock", "walk-up", tab.slice(0, 12), "--until", minuteAt(Date.now() + 3_600_000), "--zone", "UTC"],
      ...["--bid", "30.00", "--most", most, ...withRadio("ana", ana)],
    ];
    expect(await codeOf(walkUp("45.00"))).toBe("owner-required");
    await document([
      ...["lock", "let", "--price", "40.00", "--least", "35.00", "--currency", "EUR"],
      ...withRadio("olga", olga),
    ]);
    cable.cut();
    const from = lock.mark;
    expect(await codeOf(walkUp("39.99"))).toBe("offer-declined");
    expect(await document(walkUp("45.00"))).toMatchObject({ phase: "walk-up", opened: true });
    await document(["lock", "open", ...withRadio("ana", ana)]);
    await lock.line(/^bolt: unlocked/, from);
    cable.restore();
    await guest.line(new RegExp(`^contract ${tab.slice(0, 8)} .*has ended`));
    expect([await balance(ana), await balance(olga)]).toEqual(["420.00 EUR", "80.00 EUR"]);
  });

  it("is let no more, and not by what the owner refuses", async () => {
    const isHeard = { isHeard: true };
    expect(await document(["lock", "let", "--off", ...withRadio("olga", olga)])).toMatchObject(isHeard);
    const refusing = ["lock", "refuse-stay", wished.slice(0, 12), ...withRadio("olga", olga)];
    expect(await document(refusing)).toMatchObject({ contract: wished, ...isHeard });
  });

  it("is known by the guest's phone as its contracts know it, even where no notary can be asked", async () => {
    await guest.stop();
    const offline = ["--broker", "mqtt://127.0.0.1:9"];
    const wakeAsBooked = (): void => {
      rmSync(keyring, { recursive: true });
      cpSync(remembered, keyring, { recursive: true });
      // That of whoever copied it.
      for (const name of ["lock", "wanted"]) rmSync(join(keyring, name), { recursive: true, force: true });
    };
    wakeAsBooked();
    const { locks } = await document<Listed>(["lock", "list", "--home", ana, ...offline]);
    expect(locks.map(({ stays }) => stays)).toEqual([
      [expect.objectContaining({ contract: id, phase: "closed" })],
    ]);
    wakeAsBooked();
    const awake = await start(["--home", ana, "--health-s", "0", ...offline], /^keyring: rental: closed$/);
    await awake.stop();
  });
});
