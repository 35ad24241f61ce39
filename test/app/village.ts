/**
 * A village whose time can be put forward: four notaries, a broker, a bank, the app's server, and a host's
 * lock with its radio, all in this process on one clock. Links keep the machine's own time: nothing on the
 * wire is sped up, and no deadline is shortened.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { NetworkClock } from "../../agent/core/network-clock.ts";
import { openPeripheral } from "../../agent/node/ble/peripheral.ts";
import { nodeCrypto, nodeRandom, steadyClock, systemClock } from "../../agent/node/crypto.ts";
import { createHome, joinNetwork, openHome } from "../../agent/node/home.ts";
import type { Home } from "../../agent/node/home.ts";
import { runLock } from "../../agent/node/lock-run.ts";
import type { RunningLock } from "../../agent/node/lock-run.ts";
import { runHome } from "../../agent/node/run-home.ts";
import { startAppServer } from "../../agent/roles/app-server.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import { formatPairing, PSK_LENGTH } from "../../protocols/access/pairing.ts";
import { toBase64Url, utf8 } from "../../protocols/encoding/bytes.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { formatNetwork } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { airTransport, serveAir } from "../../simulators/worlds/air.ts";
import { Cleanup } from "../../simulators/worlds/cleanup.ts";
import { simulatedLock } from "../../simulators/worlds/lock-pins.ts";
import type { SimulatedLock } from "../../simulators/worlds/lock-pins.ts";
import { found, makeHome, openBroker, openClerk, startNotaries } from "../../simulators/worlds/society.ts";
import type { Surroundings } from "../../simulators/worlds/society.ts";
import { temporaryFolder } from "../cli/segment.ts";
import { repositoryRoot } from "../support/shared.ts";
import { AppPhone, PASSPHRASE } from "./street.ts";

const NOTARIES = ["n0", "n1", "n2", "n3"] as const;
const CODES = ["EUR", "CHF"] as const;
const LOCK_RADIO = "lock";
const PAIRING_MS = 5 * 60_000;
const POLL = { timeout: 60_000 };

/** A lock of somebody's, at work. */
export interface VillageLock {
  id: string;
  home: Home;
  running: RunningLock;
  pins: SimulatedLock;
  /** A code that makes the first phone its owner. */
  code: string;
}

export interface Village {
  /** Where the app is served. */
  url: string;
  network: NetworkDescription;
  /** Ids of the bank's currencies, by code. */
  currencies: Readonly<Record<(typeof CODES)[number], string>>;
  /** What the village's clocks show. */
  now(): number;
  /** To a time: all of the village's clocks, and those of the phones, which their owners unlock then. */
  leapTo(timeMs: number): Promise<void>;
  /** A lock with the root of these words. */
  openLock(words: string, name: string): Promise<VillageLock>;
  /** A phone; with a radio of the air it sees that lock. Without one it has no Bluetooth. */
  phone(radio?: string, lock?: string): Promise<AppPhone>;
  pay(account: string, amount: bigint, code: (typeof CODES)[number]): Promise<unknown>;
  /** How much of what has been said so far. */
  mark(): number;
  /** Waits until the lock or its home has said it. */
  hears(line: RegExp, from?: number): Promise<void>;
  said(from?: number): string;
  close(): Promise<void>;
}

/** The machine's clock with what it is put forward by; what waits for a time wakes when it has come. */
function leapingClock(): { clock: NetworkClock; leap(ms: number): void } {
  const clock = new NetworkClock(systemClock, steadyClock);
  const leap = (ms: number): void => {
    clock.correct(clock.now() + ms - clock.steadyNow(), 0);
  };
  leap(0);
  return { clock, leap };
}

export async function openVillage(radios: readonly string[]): Promise<Village> {
  const folder = temporaryFolder();
  const time = leapingClock();
  const { clock } = time;
  const world: Surroundings = {
    ...{ crypto: nodeCrypto, random: nodeRandom, clock, steadyClock: clock, linkClock: systemClock },
    ...{ folder, cleanup: new Cleanup() },
    failed: (error) => {
      throw error;
    },
  };
  const air = await serveAir({
    ...{ clock: steadyClock, random: nodeRandom, places: new Map(), folder: join(folder, "air") },
    radios: [LOCK_RADIO, ...radios],
  });
  world.cleanup.add(() => air.close());
  const notaries = await Promise.all(NOTARIES.map((name) => makeHome(world, name, "notary")));
  const { network, homes } = await found(world, "village", notaries, [await makeHome(world, "bank", "hub")]);
  const homeOf = (name: string): Home => homes.get(name)!;
  const broker = await openBroker(world, network, 0);
  const committee = await startNotaries(world, broker, network, NOTARIES.map(homeOf));
  for (const { connection } of committee) await connection.messenger.welcome(() => undefined);
  const bank = await openBank(world, broker, network, homeOf("bank"));
  const server = await startAppServer({
    ...{ host: "127.0.0.1", port: 0, broker, folder: APP_FOLDER },
    settings: { version: 1, network: toBase64Url(utf8(formatNetwork(network))) },
  });
  world.cleanup.add(() => server.close());
  const phones: AppPhone[] = [];
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const said = (from = 0): string => lines.slice(from).join("\n");
  return {
    ...{ url: server.url, network, currencies: bank.currencies, pay: bank.pay, said },
    now: () => clock.now(),
    leapTo: async (timeMs) => {
      const ms = timeMs - clock.now();
      time.leap(ms);
      for (const phone of phones) await phone.page.clock.fastForward(ms);
      for (const phone of phones) await comeBack(phone);
    },
    openLock: (words, name) => openLock({ world, broker, network, radio: air.paths, say }, words, name),
    phone: async (radio, lock = "") => {
      const path = radio === undefined ? undefined : air.paths.get(radio);
      const phone = await AppPhone.open(server.url, lock, path);
      phones.push(phone);
      world.cleanup.add(() => phone.close());
      await phone.page.clock.install({ time: clock.now() });
      await phone.reload();
      return phone;
    },
    mark: () => lines.length,
    hears: async (line, from = 0) => {
      try {
        await expect.poll(() => said(from), POLL).toMatch(line);
      } catch (error) {
        // Why the lock was silent stands on the phones, if anywhere.
        const shown = await Promise.all(phones.map(async ({ page }) => page.locator("body").innerText()));
        throw new Error([`the village did not say ${line}`, said(from), ...shown].join("\n--\n"), {
          cause: error,
        });
      }
    },
    close: async () => {
      await world.cleanup.run();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Days later: the app is opened anew. */
async function comeBack(phone: AppPhone): Promise<void> {
  await phone.reload();
  await unlock(phone);
  await phone.sees("Online");
}

export async function unlock(phone: AppPhone): Promise<void> {
  await phone.fill("Passphrase of this phone", PASSPHRASE);
  await phone.tap(/^Unlock$/);
}

const APP_FOLDER = join(repositoryRoot, "dist", "agent", "app", "static");

type Bank = Pick<Village, "pay" | "currencies">;

async function openBank(
  world: Surroundings,
  broker: Broker,
  network: NetworkDescription,
  home: Home,
): Promise<Bank> {
  const { ledger } = await openClerk(world, broker, network, home);
  const submit = (body: EntryBody): Promise<unknown> => ledger.submit({ body });
  await submit({ kind: "card", card: home.keys.card });
  const own = home.card.root;
  const idOf = (code: string): string => currencyId(nodeCrypto, code, own);
  for (const code of CODES) {
    await submit({ kind: "currency", code, exponent: 2, name: code });
    await submit({ kind: "mint", currency: idOf(code), to: own, amount: 1_000_000n });
  }
  return {
    currencies: { EUR: idOf("EUR"), CHF: idOf("CHF") },
    pay: (account, amount, code) => {
      const to = publicKeyFromId(account);
      return submit({ kind: "transfer", to, currency: idOf(code), amount, memo: new Uint8Array() });
    },
  };
}

interface LockParts {
  world: Surroundings;
  broker: Broker;
  network: NetworkDescription;
  radio: ReadonlyMap<string, string>;
  say: (line: string) => void;
}

async function openLock(parts: LockParts, words: string, name: string): Promise<VillageLock> {
  const { world, broker, network, radio, say } = parts;
  const { crypto, random, clock, cleanup } = world;
  const folder = join(world.folder, "lock");
  await createHome(folder, {
    ...{ crypto, random, clock, words, keepRoot: false },
    config: { kind: "lock", name, roles: [], broker: broker.url, port: 0, keepers: [] },
  });
  joinNetwork(folder, network);
  const home = await openHome(folder, crypto);
  const running = await runHome(world, home, {
    ...{ host: "127.0.0.1", port: 0, broker: broker.url, healthMs: 0, longestOfflineMs: 0, say },
  });
  cleanup.add(() => running.stop());
  await running.ready;
  const pins = simulatedLock(clock, say);
  const transport = airTransport(radio.get(LOCK_RADIO)!);
  const lock = await runLock(world, home, {
    ...{ network, broker: broker.url, pins, negotiator: running.negotiator, say },
    radio: { peripheral: (lost) => openPeripheral({ clock: systemClock, transport, lost }) },
  });
  cleanup.add(() => lock.stop());
  const psk = random.bytes(PSK_LENGTH);
  lock.agent.command("pair", { psk, forMs: PAIRING_MS });
  const { identity, sessionKey } = home.card;
  const untilMs = clock.now() + PAIRING_MS;
  const code = formatPairing({ network: network.network, identity, sessionKey, psk, untilMs });
  return { id: agentId(identity), home, running: lock, pins, code };
}
