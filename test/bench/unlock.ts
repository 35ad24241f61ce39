/**
 * Unlocking over BLE: what the session adds to the radio, and its cryptography to its
 * primitives. See door.ts for what is real and what the air models.
 */
import { systemClock as clock } from "../../agent/node/crypto.ts";
import { newPair, openStreet } from "./door.ts";
import type { Street, Visit } from "./door.ts";
import { elapsedMs, spread } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { barePrimitives, sumMs } from "./primitives.ts";

/** What noble asks for. */
const INTERVAL_MS = 22.5;

/** The median of so many durations. */
async function p50Ms(times: number, work: () => Promise<unknown>): Promise<number> {
  const durations: number[] = [];
  for (let time = 0; time < times; time++) durations.push(await elapsedMs(work));
  return spread(durations).median;
}

/** A bench on an open street: what it needs there is made once, and all of it closed at the end. */
function onStreet<T>(
  intervalMs: number,
  bench: Omit<Bench, "unit" | "better" | "run" | "limit" | "open" | "close"> & {
    enter: (street: Street) => Promise<T>;
    run: (state: T) => Promise<number>;
    limit: { name: string; run: (state: T) => Promise<number> };
    leave: (state: T) => Promise<void>;
  },
): Bench {
  let street: Street | undefined;
  let state: T;
  const { enter, leave, run, limit, ...rest } = bench;
  return {
    ...rest,
    unit: "ms",
    better: "less",
    open: async () => {
      street = await openStreet(intervalMs);
      state = await enter(street);
    },
    run: () => run(state),
    limit: { name: limit.name, run: () => limit.run(state) },
    close: async () => {
      if (state !== undefined) await leave(state);
      await street?.close();
    },
  };
}

/** The next connection event of a link whose first was at `anchorMs`, by this machine's timers. */
function nextEvent(anchorMs: number): Promise<void> {
  const events = Math.floor((clock.now() - anchorMs) / INTERVAL_MS);
  return new Promise((resolve) => {
    clock.at(Math.ceil(anchorMs + (events + 1) * INTERVAL_MS), resolve);
  });
}

/**
 * Each command leaves right after the answer to the one before, so right after an event: it
 * waits a whole interval for the next, and the answer for the one after that. A command at
 * any other moment waits half an interval less on average.
 */
const connected = onStreet<Visit>(INTERVAL_MS, {
  name: "unlock: command and answer in a session, connection interval 22.5 ms, p50",
  enter: (street) => street.unlock(),
  run: (visit) => p50Ms(11, () => visit.ask()),
  limit: {
    name: "two connection events",
    run: () => {
      const anchorMs = clock.now();
      return p50Ms(11, async () => {
        await nextEvent(anchorMs);
        await nextEvent(anchorMs);
      });
    },
  },
  leave: (visit) => visit.leave(),
});

const withoutInterval = onStreet<{ visit: Visit; bare: Visit }>(0, {
  name: "unlock: command and answer in a session, no connection interval, p50",
  enter: async (street) => ({ visit: await street.unlock(), bare: await street.echo() }),
  run: ({ visit }) => p50Ms(100, () => visit.ask()),
  limit: {
    name: "as many bytes written and notified, no session",
    run: ({ bare }) => p50Ms(100, () => bare.ask()),
  },
  leave: async ({ visit, bare }) => {
    await visit.leave();
    await bare.leave();
  },
});

/** The median of three calls; each begins when the last connection has ended. */
async function callsMs(call: () => Promise<() => Promise<void>>): Promise<number> {
  const durations: number[] = [];
  for (let time = 0; time < 3; time++) {
    let leave: () => Promise<void> = () => Promise.resolve();
    durations.push(
      await elapsedMs(async () => {
        leave = await call();
      }),
    );
    await leave();
  }
  return spread(durations).median;
}

const fromAfar = onStreet<Street>(INTERVAL_MS, {
  name: "unlock: from a known phone's call to the open session, interval 22.5 ms, p50",
  rounds: 3,
  enter: (street) => Promise.resolve(street),
  run: (street) =>
    callsMs(async () => {
      const visit = await street.unlock();
      return () => visit.leave();
    }),
  limit: {
    name: "connecting and discovering alone",
    run: (street) =>
      callsMs(async () => {
        const connection = await street.connect();
        return () => connection.disconnect();
      }),
  },
  leave: () => Promise.resolve(),
});

/**
 * On the lock: the phone's hello is opened, judged and answered. The least that it takes is
 * four agreements, one new key, one signature verified and one made, and three seals.
 */
function handshake(): Bench {
  const pair = newPair();
  const bare = barePrimitives();
  const payload = new Uint8Array(400);
  const handshakes = 100;
  return {
    name: "unlock: cryptography of one handshake, the lock's side",
    unit: "ms",
    better: "less",
    run: async () => {
      const visits = Array.from({ length: handshakes }, () => {
        const responder = pair.responder(509);
        const values = pair.initiator(509).begin(responder.info(clock.now()));
        return { responder, values };
      });
      const nowMs = clock.now();
      const passedMs = await elapsedMs(() => {
        for (const { responder, values } of visits) {
          for (const value of values) responder.received(value, nowMs);
        }
      });
      if (!visits.every(({ responder }) => responder.isOpen)) throw new Error("a session did not open");
      return passedMs / handshakes;
    },
    limit: {
      name: "sum of its primitives in node:crypto",
      run: () =>
        sumMs(
          [4, bare.agree],
          [1, bare.makeKey],
          [1, bare.verify],
          [1, bare.sign],
          [3, () => bare.sealChaCha(payload)],
        ),
    },
  };
}

export const unlockBenches: Bench[] = [connected, withoutInterval, fromAfar, handshake()];
