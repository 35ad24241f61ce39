/**
 * A stranger at the delivery point, on a real BLE stack: either with a key of its own,
 * or with the recording of an honest phone's session that it plays to the drone.
 */
import { SessionDialer, type SessionListener } from "../../../agent/core/ble-sessions.ts";
import { openCentral } from "../../../agent/node/ble/central.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { CentralRadio, Clock } from "../../../protocols/ports.ts";
import { advertisedName, SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { socketDriver } from "../../radio/driver.ts";
import type { Running } from "./device-process.ts";
import type { FromDevice, ImpostorSetup } from "./ipc.ts";
import { lastWords, openParts } from "./parts.ts";

/** How often it tries; one refusal is enough for the story, a few show that patience gains nothing. */
const ATTEMPTS = 3;
const CONNECT_MS = 5_000;
/** How long it waits for an answer to what it played. */
const ANSWER_MS = 1_000;

export async function runImpostor(
  setup: ImpostorSetup,
  tell: (message: FromDevice) => void,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { home, clock, linkClock, bus, crypto, random, store } = await openParts(setup);
  const central = await openCentral({
    clock: linkClock,
    transport: { hciDriver: socketDriver(setup.radio) },
  });
  const drone = { ...openCard(crypto, setup.drone), cardHash: crypto.sha256(setup.drone) };
  const stop = new AbortController();
  let dialer: SessionDialer | undefined;
  let playing: Promise<void> = Promise.resolve();
  if (setup.replay === null) {
    let refusals = 0;
    const listener: SessionListener = {
      opened: () => tell({ kind: "progress", step: "impostor-in", detail: "the impostor opened a session" }),
      message: () => undefined,
      closed: () => undefined,
      refused: (code) => {
        refusals += 1;
        tell({
          kind: "progress",
          step: "impostor-refused",
          detail: `the drone turns the impostor away (${code})`,
        });
        if (refusals >= ATTEMPTS) dialer?.hangUp();
      },
    };
    const parts = {
      crypto,
      random,
      signer: home.keys.signer,
      sessionSecret: home.keys.sessionSecret,
      card: home.keys.card,
      clock,
      linkClock,
    };
    dialer = new SessionDialer(central, parts, listener);
    dialer.dial(drone, setup.purpose);
  } else {
    playing = replay(
      central,
      advertisedName(drone.identity),
      setup.replay,
      linkClock,
      stop.signal,
      tell,
    ).catch(failed);
  }
  tell({ kind: "ready", id: home.id });
  return {
    command: () => undefined,
    sensor: () => undefined,
    kept: () => undefined,
    stop: async () => {
      stop.abort();
      const radio = { ...central.counters };
      await playing;
      if (dialer === undefined) await central.close();
      else await dialer.close();
      await bus.close();
      await store.close();
      return { kind: "stopped", radio, ...lastWords(bus, new Map()), writes: [] };
    },
  };
}

/** Connects, reads the info as the honest phone did, and writes what it wrote, value for value. */
async function replay(
  central: CentralRadio,
  name: string,
  recording: readonly Uint8Array[],
  clock: Clock,
  signal: AbortSignal,
  tell: (message: FromDevice) => void,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted; attempt++) {
    const address = await findByName(central, name, signal);
    if (address === undefined) return;
    let answers = 0;
    let gone = false;
    try {
      const on = {
        notified: () => {
          answers += 1;
        },
        disconnected: () => {
          gone = true;
        },
      };
      const connection = await central.connect(address, on, CONNECT_MS);
      await connection.readInfo();
      for (const value of recording) {
        if (gone) break;
        await connection.write(value);
      }
      await pause(clock, ANSWER_MS, signal);
      await connection.disconnect();
      const outcome = gone ? "the drone hung up" : `${answers} short answers, no session`;
      tell({
        kind: "progress",
        step: "replay-played",
        detail: `${recording.length} recorded writes were played: ${outcome}`,
      });
    } catch (error) {
      tell({
        kind: "progress",
        step: "replay-played",
        detail: `the recording was not heard to its end (${errorCode(error)})`,
      });
    }
  }
}

async function findByName(
  central: CentralRadio,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const scan = new AbortController();
  signal.addEventListener("abort", () => scan.abort());
  let address: string | undefined;
  await central.scan(
    SERVICE_UUID,
    (sighting) => {
      if (sighting.name !== name) return;
      address ??= sighting.address;
      scan.abort();
    },
    scan.signal,
  );
  return address;
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.at(clock.now() + ms, resolve);
    signal.addEventListener("abort", () => {
      timer.cancel();
      resolve();
    });
  });
}
