/**
 * A lock without hardware, for people who want to try one: a home of its own in a new folder, its network,
 * broker and notary in it, the door's bolt simulated, and the phone's app served beside it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { foundNetwork, saveCommittee } from "../../agent/node/committee.ts";
import { createHome, joinNetwork, openHome } from "../../agent/node/home.ts";
import type { Home } from "../../agent/node/home.ts";
import { runLock } from "../../agent/node/lock-run.ts";
import type { RunningLock } from "../../agent/node/lock-run.ts";
import type { RadioOpeners } from "../../agent/node/radio-run.ts";
import type { Machine } from "../../agent/node/run-connection.ts";
import { runHome } from "../../agent/node/run-home.ts";
import type { RunningHome } from "../../agent/node/run-home.ts";
import { formatPairing, PSK_LENGTH } from "../../protocols/access/pairing.ts";
import { simulatedLock } from "./lock-pins.ts";
import type { SimulatedLock } from "./lock-pins.ts";

export interface LockWorldOptions {
  machine: Machine;
  /** Of this machine, where app and broker listen. */
  host: string;
  appPort: number;
  /** The owner's BIP 39 words: who lets the house has the same root as its lock. New ones without them. */
  words?: string;
  radio?: RadioOpeners;
  say: (line: string) => void;
}

export interface LockWorld {
  readonly home: Home;
  readonly lock: RunningLock;
  readonly pins: SimulatedLock;
  /** Where a browser on this machine finds the app. */
  readonly appUrl: string;
  /** A code that makes the first phone its owner; the one before counts no more. */
  code(forMs: number): string;
  close(): Promise<void>;
}

const NETWORK = "home";
const NAME = "Front door";

/** Errors: port-in-use, module-missing, store-failed, radio-unavailable. */
export async function openLockWorld(options: LockWorldOptions): Promise<LockWorld> {
  const { machine, say } = options;
  const folder = mkdtempSync(join(tmpdir(), "segment-lock-"));
  let running: RunningHome | undefined;
  let lock: RunningLock | undefined;
  const close = async (): Promise<void> => {
    await lock?.stop();
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const home = await newHome(folder, machine, options.words);
    running = await runHome(machine, home, {
      ...{ host: options.host, port: 0, broker: null, healthMs: 0, longestOfflineMs: 0, say },
      app: { host: options.host, port: options.appPort, names: [] },
    });
    await running.ready;
    const pins = simulatedLock(machine.clock, say);
    const { radio } = options;
    const { negotiator, url: broker } = running;
    const network = home.network!;
    lock = await runLock(machine, home, { network, broker, radio, pins, negotiator, say });
    const own = lock;
    const appUrl = running.appUrl!.replace("127.0.0.1", "localhost");
    return { home, lock, pins, appUrl, code: (forMs) => showCode(machine, home, own, forMs), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function newHome(
  folder: string,
  { crypto, random, clock }: Machine,
  words: string | undefined,
): Promise<Home> {
  const { home } = await createHome(folder, {
    ...{ crypto, random, clock, keepRoot: false },
    ...(words === undefined ? {} : { words }),
    config: { kind: "lock", name: NAME, roles: ["broker", "notary"], broker: null, port: 0, keepers: [] },
  });
  const { network, secrets } = foundNetwork(crypto, random, NETWORK, [home.id]);
  saveCommittee(folder, secrets[0]!);
  joinNetwork(folder, network);
  return openHome(folder, crypto);
}

function showCode({ random, clock }: Machine, home: Home, lock: RunningLock, forMs: number): string {
  const psk = random.bytes(PSK_LENGTH);
  lock.agent.command("pair", { psk, forMs });
  const { identity, sessionKey } = home.card;
  const untilMs = clock.now() + forMs;
  return formatPairing({ network: NETWORK, identity, sessionKey, psk, untilMs });
}
