/**
 * Unlocking over BLE: what a person waits for at a door, what the session adds to the radio, and its
 * cryptography to its primitives. See door.ts for what is real and what the air models.
 */
import { systemClock as clock } from "../../agent/node/crypto.ts";
import { newPair, openStreet } from "./door.ts";
import type { Street, Visit } from "./door.ts";
import { openDoorway } from "./doorway.ts";
import type { BenchPhone, Doorway } from "./doorway.ts";
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

/** bleno's interval as the agent sets it, with the random delay that the standard asks for. */
const ADVERTISING_MS = 55;
/** MTU and its answer, info and its answer, the hello, the accept; then the request. */
const EVENTS_BEFORE_BOLT = 7;

/** The moment of a tap has nothing to do with the link's events. */
function moment(): Promise<void> {
  const waitMs = Math.floor(Math.random() * 2 * INTERVAL_MS);
  return new Promise((resolve) => void clock.at(clock.now() + waitMs, resolve));
}

function advertisement(count = 1): Promise<void> {
  return new Promise((resolve) => void clock.at(clock.now() + count * ADVERTISING_MS, resolve));
}

async function events(count: number): Promise<void> {
  const anchorMs = clock.now();
  for (let event = 0; event < count; event++) await nextEvent(anchorMs);
}

/** A bench of whole agents at one door. */
function atDoor(
  phones: number,
  bench: Pick<Bench, "name" | "limit"> & {
    figure: (owner: BenchPhone, phones: BenchPhone[]) => Promise<number>;
  },
): Bench {
  let doorway: Doorway | undefined;
  const { figure, ...rest } = bench;
  return {
    ...rest,
    unit: "ms",
    better: "less",
    rounds: 3,
    open: async () => {
      doorway = await openDoorway(INTERVAL_MS, phones);
    },
    run: () => figure(doorway!.phones[0]!, doorway!.phones),
    close: () => doorway?.close(),
  };
}

async function mediansOf(times: number, work: () => Promise<number>): Promise<number> {
  const durations: number[] = [];
  for (let time = 0; time < times; time++) durations.push(await work());
  return spread(durations).median;
}

const tapConnected = atDoor(1, {
  name: "unlock: connected phone, tap to bolt, whole agents, interval 22.5 ms, p50",
  figure: async (owner) => {
    await owner.leave();
    await owner.open();
    return mediansOf(31, async () => {
      await moment();
      return owner.tap();
    });
  },
  limit: {
    name: "the next connection event",
    run: () => {
      const anchorMs = clock.now();
      return mediansOf(31, async () => {
        await moment();
        return elapsedMs(() => nextEvent(anchorMs));
      });
    },
  },
});

const tapFromAfar = atDoor(1, {
  name: "unlock: known lock, advertisement seen to bolt, whole agents, 22.5 ms, p50",
  figure: (owner) => mediansOf(5, () => owner.tapFromAfar()),
  limit: {
    name: "the next advertisement and seven connection events",
    run: () => mediansOf(5, () => elapsedMs(() => advertisement().then(() => events(EVENTS_BEFORE_BOLT)))),
  },
});

const crowd = atDoor(10, {
  name: "unlock: ten phones tap at once, the last one's answer, whole agents, 22.5 ms",
  figure: async (_owner, phones) => {
    await Promise.all(phones.map((phone) => phone.leave()));
    return Math.max(...(await Promise.all(phones.map((phone) => phone.open()))));
  },
  limit: {
    name: "ten advertisements, then one phone's eight connection events",
    run: () => elapsedMs(() => advertisement(10).then(() => events(EVENTS_BEFORE_BOLT + 1))),
  },
});

export const unlockBenches: Bench[] = [
  tapConnected,
  tapFromAfar,
  crowd,
  connected,
  withoutInterval,
  fromAfar,
  handshake(),
];
