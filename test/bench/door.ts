/**
 * A lock and a phone for the bench of unlocking: real noble and bleno in this process, on
 * the virtual air, and the session of protocols/session between them. Beside the lock
 * stands a device that only echoes, for the bare radio.
 *
 * What the air models: connection events at a fixed interval, at which both ends exchange
 * what waited before the event, four packets each way; advertising at the 50 ms that the adapter
 * asks for and up to 5 ms more. It knows no collisions, no retries and no time on the air.
 */
import { openCentral } from "../../agent/node/ble/central.ts";
import { openPeripheral } from "../../agent/node/ble/peripheral.ts";
import { nodeCrypto as crypto, nodeRandom as random, systemClock as clock } from "../../agent/node/crypto.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import type {
  CentralConnection,
  CentralRadio,
  PeripheralConnection,
  PeripheralHandler,
  Signer,
} from "../../protocols/ports.ts";
import { SERVICE_UUID } from "../../protocols/session/gatt.ts";
import { SessionInitiator } from "../../protocols/session/initiator.ts";
import type { SessionEvent } from "../../protocols/session/messages.ts";
import { SessionResponder } from "../../protocols/session/responder.ts";
import { Air } from "../../simulators/radio/air.ts";
import { airDriver } from "../../simulators/radio/driver.ts";
import { seededRandom } from "../../simulators/random.ts";

const LOCK_ADDRESS = "c0:de:00:00:00:01";
const ECHO_ADDRESS = "c0:de:00:00:00:02";
const PHONE_ADDRESS = "c0:de:00:00:00:03";
const CONNECT_TIMEOUT_MS = 10_000;
const UNLOCK = new TextEncoder().encode("unlock");
const UNLOCKED = new TextEncoder().encode("unlocked");

interface Keys {
  signer: Signer;
  sessionSecret: Uint8Array;
  sessionKey: Uint8Array;
}

function newKeys(): Keys {
  const sessionSecret = random.bytes(32);
  const sessionKey = crypto.x25519PublicKey(sessionSecret);
  return { signer: signerFromSeed(crypto, random.bytes(32)), sessionSecret, sessionKey };
}

/** The two sides' state machines, without a radio. */
export interface Pair {
  initiator(writeSize: number): SessionInitiator;
  responder(notifySize: number): SessionResponder;
}

export function newPair(): Pair {
  const phone = newKeys();
  const lock = newKeys();
  const cardHash = random.bytes(32);
  return {
    initiator: (writeSize) =>
      new SessionInitiator({
        crypto,
        random,
        signer: phone.signer,
        sessionSecret: phone.sessionSecret,
        peerIdentity: lock.signer.publicKey,
        peerSessionKey: lock.sessionKey,
        purpose: "front door",
        command: UNLOCK,
        writeSize,
        now: clock.now(),
      }),
    responder: (notifySize) =>
      new SessionResponder({
        crypto,
        random,
        signer: lock.signer,
        sessionSecret: lock.sessionSecret,
        notifySize,
        cardHash,
        authorize: () => UNLOCKED,
      }),
  };
}

function lockHandler(pair: Pair): PeripheralHandler {
  const sessions = new Map<string, SessionResponder>();
  const sessionOf = ({ id, notifySize }: PeripheralConnection): SessionResponder => {
    const known = sessions.get(id) ?? pair.responder(notifySize);
    known.notifySize = notifySize;
    sessions.set(id, known);
    return known;
  };
  return {
    connected: () => undefined,
    readInfo: (connection) => sessionOf(connection).info(clock.now()),
    written: (connection, value) => {
      for (const out of sessionOf(connection).received(value, clock.now()).notifications) {
        notify(connection, out);
      }
    },
    disconnected: ({ id }) => void sessions.delete(id),
  };
}

/** The first two bytes of what is written say how long the answer is; 0 for none. */
const echoHandler: PeripheralHandler = {
  connected: () => undefined,
  readInfo: () => new Uint8Array(39),
  written: (connection, value) => {
    const answerBytes = ((value[0] ?? 0) << 8) | (value[1] ?? 0);
    if (answerBytes > 0) notify(connection, new Uint8Array(answerBytes));
  },
  disconnected: () => undefined,
};

/** A notification that is lost shows as an answer that never comes. */
function notify(connection: PeripheralConnection, value: Uint8Array): void {
  connection.notify(value).catch(() => connection.disconnect());
}

/** One phone's connection, with what is asked on it. */
export interface Visit {
  /** One round trip; rejects when it fails. */
  ask(): Promise<void>;
  leave(): Promise<void>;
}

export interface Street {
  /** Connects and opens a session, the first command in its hello. */
  unlock(): Promise<Visit>;
  /** Connects and discovers, no more. */
  connect(): Promise<CentralConnection>;
  /** Connects to the device that echoes; each round trip is as many bytes as a command and its answer. */
  echo(): Promise<Visit>;
  close(): Promise<void>;
}

export async function openStreet(connectionIntervalMs: number): Promise<Street> {
  const air = new Air({ clock, random: seededRandom(1), connectionIntervalMs });
  const transport = (address: string) => ({ clock, transport: { hciDriver: airDriver(air, address) } });
  const pair = newPair();
  const lock = await openPeripheral(transport(LOCK_ADDRESS));
  await lock.start({ name: "lock", serviceUuid: SERVICE_UUID }, lockHandler(pair));
  const mirror = await openPeripheral(transport(ECHO_ADDRESS));
  await mirror.start({ name: "mirror", serviceUuid: SERVICE_UUID }, echoHandler);
  const phone = await openCentral(transport(PHONE_ADDRESS));
  const quiet = { notified: () => undefined, disconnected: () => undefined };
  return {
    unlock: () => unlock(phone, pair),
    connect: () => phone.connect(LOCK_ADDRESS, quiet, CONNECT_TIMEOUT_MS),
    echo: () => echo(phone),
    close: async () => {
      await phone.close();
      await lock.close();
      await mirror.close();
      air.close();
    },
  };
}

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
}

async function unlock(phone: CentralRadio, pair: Pair): Promise<Visit> {
  const state: { session?: SessionInitiator; waiter?: Waiter } = {};
  const heard = (event: SessionEvent): void => {
    if (event.kind === "open" || event.kind === "answer") state.waiter?.resolve();
    else state.waiter?.reject(new Error(`the session ended with "${event.kind}"`));
  };
  const connection = await phone.connect(
    LOCK_ADDRESS,
    {
      notified: (value) => state.session?.received(value).events.forEach(heard),
      disconnected: () => state.waiter?.reject(new Error("the link was lost")),
    },
    CONNECT_TIMEOUT_MS,
  );
  const exchange = async (values: Uint8Array[]): Promise<void> => {
    const answered = new Promise<void>((resolve, reject) => {
      state.waiter = { resolve, reject };
    });
    await Promise.all([answered, ...values.map((value) => connection.write(value))]);
  };
  const info = await connection.readInfo();
  const session = pair.initiator(connection.writeSize);
  state.session = session;
  await exchange(session.begin(info));
  return {
    ask: () => exchange(session.command(UNLOCK, clock.now())),
    leave: () => {
      delete state.waiter;
      return connection.disconnect();
    },
  };
}

async function echo(phone: CentralRadio): Promise<Visit> {
  let answered: () => void = () => undefined;
  const on = { notified: () => answered(), disconnected: () => undefined };
  const connection = await phone.connect(ECHO_ADDRESS, on, CONNECT_TIMEOUT_MS);
  const { commandBytes, answerBytes } = sizes(connection.writeSize);
  const values = commandBytes.map((length) => new Uint8Array(length));
  values.at(-1)?.set([answerBytes >> 8, answerBytes & 0xff]);
  return {
    ask: async () => {
      const answer = new Promise<void>((resolve) => {
        answered = resolve;
      });
      await Promise.all([answer, ...values.map((value) => connection.write(value))]);
    },
    leave: () => connection.disconnect(),
  };
}

/** The values of one further command, each so many bytes, and of its answer, which is one. */
function sizes(writeSize: number): { commandBytes: number[]; answerBytes: number } {
  const pair = newPair();
  const initiator = pair.initiator(writeSize);
  const responder = pair.responder(writeSize);
  const now = clock.now();
  const tell = (values: Uint8Array[]): Uint8Array[] =>
    values.flatMap((value) => responder.received(value, now).notifications);
  for (const value of tell(initiator.begin(responder.info(now)))) initiator.received(value);
  const command = initiator.command(UNLOCK, now);
  const answer = tell(command);
  if (answer.length !== 1) throw new Error(`the answer takes ${answer.length} notifications`);
  return { commandBytes: command.map(({ length }) => length), answerBytes: answer[0]?.length ?? 0 };
}
