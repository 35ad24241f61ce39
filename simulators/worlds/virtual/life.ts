/**
 * One life of an agent: the ports that it is given, from its start to its death. Whatever
 * it does to the world goes through here and is counted, so that a world can kill it right
 * before or right after any single deed. The dead hear nothing, do nothing and are told
 * nothing; what they had made durable is what their next life begins with.
 */
import type {
  Blobs,
  Bus,
  CentralConnection,
  CentralRadio,
  Clock,
  OrderLog,
  PeripheralConnection,
  PeripheralHandler,
  PeripheralRadio,
  Store,
  Timer,
} from "../../../protocols/ports.ts";
import { parseTopic } from "../../../protocols/topics.ts";
import type { MemoryStore } from "../../network/memory-store.ts";

/** Around the deed: the world has not seen it, or has, but its doer never learns so. */
export type Fate = "lives" | "dies-before" | "dies-after";

export interface LifeParts {
  clock: Clock;
  /** What the agent's own clock adds to the world's time; it may change. */
  skewMs: () => number;
  /** Asked at each deed, in order. */
  fate: (what: string) => Fate;
  /** Told once, after the life has ended; `reached`: the write under way came to the disk. */
  died: (reached: boolean) => void;
}

export class Life {
  alive = true;
  /** The machine's idea of the time: what its clock shows. */
  readonly clock: Clock;
  /** Runs as fast as time does, whatever is done to the other one. */
  readonly steadyClock: Clock;
  readonly #parts: LifeParts;
  readonly #timers = new Set<Timer>();
  #endedMs = Number.POSITIVE_INFINITY;

  constructor(parts: LifeParts) {
    this.#parts = parts;
    const shown = (): number => Math.max(0, parts.clock.now() + parts.skewMs());
    this.clock = { now: shown, at: (atMs, fire) => this.#at(shown, atMs, fire) };
    const steady = (): number => parts.clock.now();
    this.steadyClock = { now: steady, at: (atMs, fire) => this.#at(steady, atMs, fire) };
  }

  /** Whether it was alive at that time, or still is. */
  livedUntil(atMs: number): boolean {
    return this.alive ? this.#parts.clock.now() >= atMs : this.#endedMs >= atMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  end(reached = false): void {
    if (!this.alive) return;
    this.alive = false;
    this.#endedMs = this.#parts.clock.now();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#parts.died(reached);
  }

  /** Does it, unless the doer is dead or dies right before. */
  deed(what: string, act: () => void): void {
    if (!this.alive) return;
    const fate = this.#parts.fate(what);
    if (fate === "dies-before") return this.end();
    act();
    if (fate === "dies-after") this.end();
  }

  /** As `deed`, for what answers: the dead get no answer. */
  async asking<T>(what: string, act: () => Promise<T>): Promise<T> {
    if (!this.alive) return silence();
    const fate = this.#parts.fate(what);
    if (fate === "dies-before") {
      this.end();
      return silence();
    }
    const answer = act();
    if (fate !== "dies-after") return this.#whileAlive(answer);
    answer.catch(() => undefined);
    // What is being written reaches the disk only where the writing is the deed.
    this.end(what === COMMIT);
    return silence();
  }

  hears<Heard extends unknown[]>(listen: (...heard: Heard) => void): (...heard: Heard) => void {
    return (...heard) => {
      if (this.alive) listen(...heard);
    };
  }

  /** As the machine's own clock: a timer runs for a span of time, and looks again if it was set back. */
  #at(now: () => number, atMs: number, fire: () => void): Timer {
    const { clock } = this.#parts;
    let inner: Timer | undefined;
    const timer: Timer = {
      cancel: () => {
        inner?.cancel();
        this.#timers.delete(timer);
      },
    };
    const wait = (): void => {
      const waitMs = Math.min(Math.max(atMs - now(), 0), LONGEST_WAIT_MS);
      inner = clock.at(clock.now() + waitMs, () => {
        if (!this.alive) return;
        if (now() < atMs) return wait();
        this.#timers.delete(timer);
        fire();
      });
    };
    if (!this.alive) return timer;
    this.#timers.add(timer);
    wait();
    return timer;
  }

  #whileAlive<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => {
          if (this.alive) resolve(value);
        },
        (error: unknown) => {
          if (this.alive) reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

const COMMIT = "commit";
/** As agent/node's clock: a timer looks at the time at least this often. */
const LONGEST_WAIT_MS = 60_000;

function silence(): Promise<never> {
  return new Promise(() => undefined);
}

// ------------------------------------------------------------------ the ports, as one life has them

export function livingStore(life: Life, store: MemoryStore): Store {
  return {
    get: (key) => store.get(key),
    keys: (prefix) => store.keys(prefix),
    commit: (changes) => life.asking(COMMIT, () => store.commit(changes)),
    close: () => store.close(),
  };
}

export function livingBus(life: Life, bus: Bus): Bus {
  return {
    publish: (topic, payload) => life.asking(`publish ${kindOf(topic)}`, () => bus.publish(topic, payload)),
    subscribe: (filter, receive) =>
      life.asking("subscribe", () => bus.subscribe(filter, life.hears(receive))),
    onConnected: (changed) => bus.onConnected(life.hears(changed)),
    close: () => bus.close(),
  };
}

/** "to" or the channel's name: what kind of message a topic carries. */
function kindOf(topic: string): string {
  const parsed = parseTopic(topic);
  return parsed.to === "all" ? parsed.channel : "to";
}

/** The log stands on a disk of its own: an append takes its time, and may come about unheard. */
export function livingLog(life: Life, log: OrderLog, appendMs: number): OrderLog {
  return {
    append: (record) =>
      life.asking("append", async () => {
        const index = await log.append(record);
        await new Promise<void>((resolve) => life.steadyClock.at(life.steadyClock.now() + appendMs, resolve));
        return index;
      }),
    read: (from, limit) => log.read(from, limit),
    onAppended: (listener) => log.onAppended(life.hears(listener)),
    close: () => Promise.resolve(),
  };
}

/** A blob is there when its write has ended; whoever dies before leaves nothing. */
export function livingBlobs(life: Life, blobs: Blobs, writeMs: number): Blobs {
  const written = (): Promise<void> =>
    new Promise((resolve) => life.steadyClock.at(life.steadyClock.now() + writeMs, resolve));
  return {
    put: (key, bytes) =>
      life.asking("put", async () => {
        await written();
        await blobs.put(key, bytes);
      }),
    get: (key) => blobs.get(key),
    list: (prefix) => blobs.list(prefix),
    delete: (key) => life.asking("delete", () => blobs.delete(key)),
  };
}

export function livingPeripheral(life: Life, radio: PeripheralRadio): PeripheralRadio {
  const sides = new WeakMap<PeripheralConnection, PeripheralConnection>();
  const mine = (connection: PeripheralConnection): PeripheralConnection => {
    const known = sides.get(connection);
    if (known !== undefined) return known;
    const side: PeripheralConnection = {
      id: connection.id,
      get notifySize() {
        return connection.notifySize;
      },
      notify: (value) => life.asking("notify", () => connection.notify(value)),
      disconnect: () => life.deed("disconnect", () => connection.disconnect()),
    };
    sides.set(connection, side);
    return side;
  };
  const living = (handler: PeripheralHandler): PeripheralHandler => ({
    connected: life.hears((connection) => handler.connected(mine(connection))),
    readInfo: (connection) => (life.alive ? handler.readInfo(mine(connection)) : new Uint8Array()),
    written: life.hears((connection, value) => handler.written(mine(connection), value)),
    disconnected: life.hears((connection) => handler.disconnected(mine(connection))),
  });
  return {
    start: (advertisement, handler) =>
      life.asking("advertise", () => radio.start(advertisement, living(handler))),
    stop: () => life.asking("stop advertising", () => radio.stop()),
    close: () => radio.close(),
  };
}

export function livingCentral(life: Life, radio: CentralRadio): CentralRadio {
  return {
    scan: (uuid, sighted, signal) => life.asking("scan", () => radio.scan(uuid, life.hears(sighted), signal)),
    connect: async (address, on, timeoutMs) => {
      const events = { notified: life.hears(on.notified), disconnected: life.hears(on.disconnected) };
      const connection = await life.asking("connect", () => radio.connect(address, events, timeoutMs));
      const side: CentralConnection = {
        get writeSize() {
          return connection.writeSize;
        },
        readInfo: () => life.asking("read info", () => connection.readInfo()),
        write: (value) => life.asking("write", () => connection.write(value)),
        disconnect: () => life.asking("disconnect", () => connection.disconnect()),
      };
      return side;
    },
    close: () => radio.close(),
  };
}
