/**
 * Standing orders on a clock that is set: real homes, a real broker, a real notary, months in seconds; the
 * process dies at the worst moments.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { nodeCrypto, nodeRandom, steadyClock, systemClock } from "../../agent/node/crypto.ts";
import { openHome } from "../../agent/node/home.ts";
import type { Home } from "../../agent/node/home.ts";
import { askAccount, openClient } from "../../agent/node/run-client.ts";
import type { Client } from "../../agent/node/run-client.ts";
import { readStates, stateOf, writeOrders } from "../../agent/node/standing-store.ts";
import type { KeptOrder } from "../../agent/node/standing-store.ts";
import { StandingOrders } from "../../agent/node/standing.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import { DAY_MS } from "../../protocols/calendar.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import type { Occasion } from "../../protocols/money/standing.ts";
import { Cleanup } from "../../simulators/worlds/cleanup.ts";
import { found, makeHome, openBroker, openClerk, startNotaries } from "../../simulators/worlds/society.ts";
import type { Surroundings } from "../../simulators/worlds/society.ts";
import { skewedClock } from "../support/clocks.ts";
import { temporaryFolder } from "./segment.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const START = Date.UTC(2027, 0, 31, 8);
const HOUR = 60 * 60_000;

/** Goes on like the machine's, from wherever it is set. */
const clock = skewedClock(systemClock);
const setClock = (nowMs: number): void => {
  clock.byMs = nowMs - systemClock.now();
};

const folder = temporaryFolder();
const world: Surroundings = {
  ...{
    crypto: nodeCrypto,
    random: nodeRandom,
    clock,
    linkClock: steadyClock,
    folder,
    cleanup: new Cleanup(),
  },
  failed: (error) => {
    throw error;
  },
};

let network: NetworkDescription;
let broker: Broker;
let payer: Home;
let payee: Home;
let euro: string;
const said: string[] = [];

beforeAll(async () => {
  setClock(START);
  const notary = await makeHome(world, "notary", "notary");
  const others = [await makeHome(world, "payer", "phone"), await makeHome(world, "payee", "phone")];
  const made = await found(world, "village", [notary], others);
  ({ network } = made);
  payer = made.homes.get("payer")!;
  payee = made.homes.get("payee")!;
  broker = await openBroker(world, network, 0);
  const [running] = await startNotaries(world, broker, network, [made.homes.get("notary")!]);
  await running?.connection.messenger.welcome(() => undefined);
  for (const home of [payer, payee]) {
    running?.connection.messenger.meet(home.keys.card);
    const clerk = await openClerk(world, broker, network, home);
    await clerk.ledger.submit({ body: { kind: "card", card: home.keys.card } });
    if (home === payer) {
      const { root } = home.card;
      await clerk.ledger.submit({ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } });
      euro = currencyId(nodeCrypto, "EUR", root);
      await clerk.ledger.submit({ body: { kind: "mint", currency: euro, to: root, amount: 100_000n } });
    }
    await clerk.connection.close();
  }
});

afterAll(async () => {
  await world.cleanup.run();
  rmSync(folder, { recursive: true });
});

const open = (home: Home): Promise<Client> => openClient(world, broker.url, network, home);

async function balanceOf(home: Home): Promise<bigint> {
  const client = await open(home);
  try {
    const { value } = await askAccount(client);
    return value.balances.find(({ currency }) => currency === euro)?.minor ?? 0n;
  } finally {
    await client.close();
  }
}

/** One look of a home that has just started; `dies` takes its connection away at that moment. */
async function look(home: Home, dies?: "before sending" | "after sending"): Promise<void> {
  const standing = new StandingOrders({
    ...{ home, clock, linkClock: steadyClock, failed: world.failed },
    open: async () => {
      const client = await open(home);
      if (dies === undefined) return client;
      const submit = client.ledger.submit.bind(client.ledger);
      client.ledger.submit = async (draft, options) => {
        // Its card it may register.
        if (draft.nonce === undefined) return submit(draft, options);
        if (dies === "after sending") await submit(draft, options);
        throw new Error("killed");
      };
      return client;
    },
    say: (line) => said.push(line),
  });
  await standing.look();
}

function order(home: Home, number: number, occasion: Occasion): KeptOrder {
  const made = {
    ...{
      id: new Uint8Array(16).fill(number),
      network: network.network,
      to: payee.card.root,
      memo: new Uint8Array(),
    },
    ...{ currency: euro, code: "EUR", exponent: 2, occasion },
  };
  writeOrders(home.folder, [made]);
  return made;
}

describe("standing orders", () => {
  it("pay every month, and once each, whenever the home is killed", async () => {
    const monthly: Occasion = {
      kind: "every",
      minor: 5_000n,
      every: { unit: "month" },
      fromMs: START,
      count: 3,
    };
    const one = order(payer, 1, monthly);
    setClock(START + HOUR);
    await expect(look(payer, "before sending")).rejects.toThrow("killed");
    expect(stateOf(readStates(payer.folder), one).attempt).toEqual({ slot: 0, minor: 5_000n });
    expect(await balanceOf(payee)).toBe(0n);
    // A second life is killed when the money has left, before it could write that down.
    await expect(look(payer, "after sending")).rejects.toThrow("killed");
    expect(await balanceOf(payee)).toBe(5_000n);
    for (let lives = 0; lives < 3; lives++) await look(payer);
    expect(await balanceOf(payee)).toBe(5_000n);
    expect(stateOf(readStates(payer.folder), one)).toMatchObject({ period: 1, attempt: null });
    // 28 February, in the evening.
    setClock(Date.UTC(2027, 1, 28, 7));
    await look(payer);
    expect(await balanceOf(payee)).toBe(5_000n);
    setClock(Date.UTC(2027, 1, 28, 20));
    await look(payer);
    expect(await balanceOf(payee)).toBe(10_000n);
  });

  it("are killed after the payment and come back days later: the history denies a second one", async () => {
    const one = order(payer, 1, { ...MARCH, count: 3 });
    setClock(Date.UTC(2027, 2, 31, 9));
    await expect(look(payer, "after sending")).rejects.toThrow("killed");
    expect(await balanceOf(payee)).toBe(15_000n);
    setClock(Date.UTC(2027, 3, 3, 9));
    await look(payer);
    expect(await balanceOf(payee)).toBe(15_000n);
    expect(stateOf(readStates(payer.folder), one)).toMatchObject({ period: 3, attempt: null });
    expect(said.at(-1)).toContain("the payment of 2027-03-31 was made");
  });

  it("of a restored backup do not pay again what the first home has paid since", async () => {
    const weekly: Occasion = {
      ...{
        kind: "every",
        minor: 100n,
        every: { unit: "day", days: 7 },
        fromMs: Date.UTC(2027, 4, 1),
        count: null,
      },
    };
    order(payer, 2, weekly);
    setClock(Date.UTC(2027, 4, 1, 1));
    const restoredFolder = join(folder, "restored");
    cpSync(payer.folder, restoredFolder, { recursive: true });
    const restored = await openHome(restoredFolder, nodeCrypto);
    await look(payer);
    setClock(Date.UTC(2027, 4, 8, 1));
    await look(payer);
    expect(await balanceOf(payee)).toBe(15_200n);
    setClock(Date.UTC(2027, 4, 10, 1));
    await look(restored);
    expect(await balanceOf(payee)).toBe(15_200n);
    setClock(Date.UTC(2027, 4, 15, 1));
    await look(restored);
    expect(await balanceOf(payee)).toBe(15_300n);
  });

  it("try again tomorrow where the money is short, and catch up after days without power", async () => {
    setClock(Date.UTC(2027, 5, 1, 1));
    const big: Occasion = {
      kind: "every",
      minor: 90_000n,
      every: { unit: "month" },
      fromMs: Date.UTC(2027, 5, 1),
      count: 1,
    };
    const one = order(payer, 3, big);
    await look(payer);
    expect(said.at(-1)).toMatch(/could not be paid: .*\[funds-short\]/);
    expect(await balanceOf(payee)).toBe(15_300n);
    const clerk = await openClerk(world, broker, network, payer);
    await clerk.ledger.submit({
      body: { kind: "mint", currency: euro, to: payer.card.root, amount: 50_000n },
    });
    await clerk.connection.close();
    await look(payer);
    expect(await balanceOf(payee)).toBe(15_300n);
    setClock(Date.UTC(2027, 5, 6, 1));
    await look(payer);
    expect(await balanceOf(payee)).toBe(105_300n);
    expect(stateOf(readStates(payer.folder), one).period).toBe(1);
    // Beyond a month it is too late.
    const late = order(payer, 4, { ...big, minor: 1n, fromMs: Date.UTC(2027, 5, 7) });
    setClock(Date.UTC(2027, 5, 7) + 40 * DAY_MS);
    await look(payer);
    expect(said.at(-1)).toContain("could not be made in time");
    expect(stateOf(readStates(payer.folder), late).period).toBe(1);
    expect(await balanceOf(payee)).toBe(105_300n);
  });

  it("send what is above a limit, and nothing twice when they are killed", async () => {
    const held = await balanceOf(payer);
    order(payer, 5, { kind: "above", minor: 20_000n, fromMs: clock.now() });
    const before = await balanceOf(payee);
    await expect(look(payer, "before sending")).rejects.toThrow("killed");
    await expect(look(payer, "after sending")).rejects.toThrow("killed");
    await look(payer);
    expect(await balanceOf(payer)).toBe(20_000n);
    expect(await balanceOf(payee)).toBe(before + held - 20_000n);
    setClock(clock.now() + 5 * HOUR);
    await look(payer);
    expect(await balanceOf(payer)).toBe(20_000n);
  });
});

const MARCH: Extract<Occasion, { kind: "every" }> = {
  ...{ kind: "every", minor: 5_000n, every: { unit: "month" }, fromMs: START, count: null },
};
