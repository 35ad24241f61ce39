/** The drone's agent in its own process. Its autopilot and its sensors are in the world's. */
import { createDrone } from "../../../devices/drone/drone.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { Agent } from "../../../agent/core/agent.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { streamRootKey, spanOfTimes } from "../../../protocols/telemetry/keytree.ts";
import { makeGrant } from "../../../protocols/telemetry/grant.ts";
import { streamId } from "../../../protocols/telemetry/stream.ts";
import { socketDriver } from "../../radio/driver.ts";
import { courier } from "./firm.ts";
import type { DroneSetup, FromDevice } from "./ipc.ts";
import type { Running } from "./device-process.ts";
import { lastWords, openParts, Papers, type Parts } from "./parts.ts";

/** 4 of 7 shards rebuild a chunk. */
const SHARDS_NEEDED = 4;
const FLIGHT_STREAM = "flight";

export async function runDrone(
  setup: DroneSetup,
  tell: (message: FromDevice) => void,
  failed: (error: unknown) => void,
): Promise<Running> {
  const parts = await openParts(setup);
  const { home, clock, linkClock, bus, crypto, random, store, network } = parts;
  const peripheral = await openPeripheral({
    clock: linkClock,
    transport: { hciDriver: socketDriver(setup.radio) },
  });
  const stream = openStream(parts);
  const papers = new Papers(tell);
  const agent = new Agent({
    device: createDrone(courier(setup.operator)),
    keys: home.keys,
    network,
    bus,
    store,
    clock,
    linkClock,
    crypto,
    random,
    peripheral,
    telemetry: { ...stream, k: SHARDS_NEEDED, keepers: setup.keepers, sealing: setup.sealing },
    surroundings: {
      actuate: (name, value) => {
        if (name === "home") finishFlight(agent, tell).catch(failed);
        else tell({ kind: "actuate", name, value });
      },
      keep: (name, bytes) => papers.handOver(name, bytes),
      progress: (step, detail) => tell({ kind: "progress", step, detail }),
      failed,
    },
  });
  for (const card of setup.contacts) agent.meet(card);
  await agent.start();
  await grantToOwner(agent, setup, parts, stream);
  tell({ kind: "ready", id: agent.id });
  // Killed when it had come home: nothing is left to fly, but the last records may be with it.
  if (setup.hasFlown && agent.state.phase === "idle") finishFlight(agent, tell).catch(failed);
  return {
    command: (name, value) => agent.command(name, value),
    sensor: (name, value) => agent.sensor(name, value),
    kept: (id) => papers.kept(id),
    stop: async () => {
      const radio = { ...peripheral.counters };
      await agent.stop();
      await bus.close();
      await store.close();
      return { kind: "stopped", radio, ...lastWords(bus, agent.messenger.dropped), writes: [] };
    },
  };
}

function openStream({ home, crypto }: Parts): { streamId: Uint8Array; rootKey: Uint8Array } {
  const id = streamId(crypto, home.keys.signer.publicKey, FLIGHT_STREAM);
  return { streamId: id, rootKey: streamRootKey(crypto, home.secrets.identitySeed, id, 0) };
}

/** The drone's owner may read its flights for a day; the grant is sealed to the owner's key. */
async function grantToOwner(
  agent: Agent<DroneState>,
  setup: DroneSetup,
  { crypto, random, clock, home }: Parts,
  stream: { streamId: Uint8Array; rootKey: Uint8Array },
): Promise<void> {
  const owner = agent.messenger.meet(setup.owner);
  const now = clock.now();
  const grant = makeGrant({
    crypto,
    random,
    signer: home.keys.signer,
    rootKey: stream.rootKey,
    terms: {
      publisher: home.keys.signer.publicKey,
      streamId: stream.streamId,
      generation: 0,
      reader: owner.sessionKey,
      span: spanOfTimes(now - 60 * 60_000, now + 24 * 60 * 60_000),
      issuedAtMs: now,
    },
  });
  await agent.messenger.send(agentId(owner.identity), "grant", encodeMessage({ grant }));
}

/** At home the last records are sealed and stored; then the flight is over. */
async function finishFlight(agent: Agent<DroneState>, tell: (message: FromDevice) => void): Promise<void> {
  const { telemetry } = agent;
  if (telemetry !== undefined) {
    await telemetry.flush();
    const { records, refused, chunks, shards } = telemetry.counters;
    tell({ kind: "telemetry", records, refused, chunks, shards });
  }
  tell({ kind: "home" });
}
