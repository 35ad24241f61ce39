/** The machine's own health as a sealed stream: what tells an owner from afar that a device is well. */
import { cpus, freemem, loadavg, totalmem, uptime } from "node:os";
import type { Changes } from "../core/loop.ts";
import { Telemetry } from "../core/telemetry.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import type { Crypto, Store, TimeMs } from "../../protocols/ports.ts";
import { streamRootKey } from "../../protocols/telemetry/keytree.ts";
import { reading } from "../../protocols/telemetry/senml.ts";
import type { SenmlRecord } from "../../protocols/telemetry/senml.ts";
import { streamId } from "../../protocols/telemetry/stream.ts";
import type { Home } from "./home.ts";
import type { Connection, Machine } from "./run-connection.ts";

/** The stream's name; only its hash is ever published. */
const STREAM = "health";
/** Samples in a chunk: below 16 records, most of what is stored is overhead. */
const SAMPLES_PER_CHUNK = 10;

/** The stream's id and the root of its keys, which only the home itself can derive. */
export function healthStream(crypto: Crypto, home: Home): { streamId: Uint8Array; rootKey: Uint8Array } {
  const id = streamId(crypto, home.keys.signer.publicKey, STREAM);
  return { streamId: id, rootKey: streamRootKey(crypto, home.secrets.identitySeed, id, 0) };
}

/** A majority of the shards rebuilds a chunk; of two and more keepers, none can do so alone. */
export function shardsNeeded(keepers: number): number {
  return Math.floor(keepers / 2) + 1;
}

/** Units are those of RFC 8428, section 12.1, and RFC 8798. */
export function healthRecords(uptimeMs: number, now: TimeMs): SenmlRecord[] {
  const share = (part: number, whole: number): number =>
    Math.round((1_000 * part) / Math.max(whole, 1)) / 1_000;
  const total = totalmem();
  return [
    reading("machine/uptime", "s", Math.round(uptime()), now),
    reading("machine/memory-used", "/", share(total - freemem(), total), now),
    reading("machine/load-per-core", "/", share(loadavg()[0] ?? 0, cpus().length), now),
    reading("agent/uptime", "s", Math.round(uptimeMs / 1_000), now),
    reading("agent/memory", "B", process.memoryUsage.rss(), now),
  ];
}

export interface RunningHealth {
  telemetry: Telemetry;
  /** Seals what waits and gives the keepers `patienceMs` to take it; the rest stays in the journal. */
  close(patienceMs: number): Promise<void>;
}

/** Takes a sample at once and then every `everyMs`. The store belongs to the caller. */
export function runHealth(
  machine: Machine,
  { home, messenger, bus, clock }: Connection,
  store: Store,
  everyMs: number,
): RunningHealth {
  const { crypto, random, linkClock, failed } = machine;
  const { keepers } = home.config;
  const telemetry = new Telemetry({
    ...healthStream(crypto, home),
    store,
    crypto,
    random,
    signer: home.keys.signer,
    clock,
    linkClock,
    k: shardsNeeded(keepers.length),
    keepers,
    limits: { records: 64, bytes: 48 * 1024, waitMs: SAMPLES_PER_CHUNK * everyMs },
    send: (to, type, body) => messenger.send(to, type, encodeMessage(body)),
  });
  bus.onConnected((connected) => telemetry.setOpen(connected));
  // How long it runs, and how often it samples, has nothing to do with what time it is.
  const startedMs = linkClock.now();
  const sample = async (): Promise<void> => {
    const changes: Changes = new Map();
    telemetry.plan(healthRecords(linkClock.now() - startedMs, clock.now()), changes);
    await store.commit(changes);
    telemetry.confirm();
  };
  let sampling = sample().catch(failed);
  let timer = linkClock.at(linkClock.now() + everyMs, again);
  function again(): void {
    timer = linkClock.at(linkClock.now() + everyMs, again);
    sampling = sampling.then(sample).catch(failed);
  }
  return {
    telemetry,
    close: async (patienceMs) => {
      timer.cancel();
      await sampling;
      const giveUp = new Promise<void>((resolve) => {
        timer = linkClock.at(linkClock.now() + patienceMs, resolve);
      });
      await Promise.race([telemetry.flush(), giveUp]);
      timer.cancel();
      await telemetry.close();
    },
  };
}
