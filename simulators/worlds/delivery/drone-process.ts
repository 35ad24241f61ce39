/**
 * The drone in its own process: the agent, the flight simulator as its autopilot, a scale in its parcel
 * bay.
 */
import { createDrone } from "../../../devices/drone/drone.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import { Agent } from "../../../agent/core/agent.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import type { Point } from "../../../protocols/delivery/messages.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { streamRootKey, spanOfTimes } from "../../../protocols/telemetry/keytree.ts";
import { makeGrant } from "../../../protocols/telemetry/grant.ts";
import { streamId } from "../../../protocols/telemetry/stream.ts";
import { modelFlight } from "../../flight/fly.ts";
import { DEFAULT_FLIGHT } from "../../flight/model.ts";
import { trackFlight } from "../../flight/player.ts";
import { readTrackFile } from "../../flight/track-file.ts";
import type { FlightSource } from "../../flight/source.ts";
import { socketDriver } from "../../radio/driver.ts";
import { seededRandom } from "../../random.ts";
import type { DroneSetup, FromDevice } from "./ipc.ts";
import type { Running } from "./device-process.ts";
import { every, lastWords, openParts, type Parts } from "./parts.ts";

/** The autopilot reports once a second of the world's time, as many do over MAVLink. */
const REPORT_MS = 1_000;
const PARCEL_GRAMS = 850;
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
  const flight = openFlight(setup, parts);
  const stream = openStream(parts);
  let grams = PARCEL_GRAMS;
  const agent = new Agent({
    device: createDrone({
      operator: setup.operator,
      rangeM: 60_000,
      arrivedWithinM: 5,
      pushEveryMs: 5_000,
      countersignWaitMs: 90_000,
      papersWaitMs: 120_000,
    }),
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
        obey(flight, name, value, clock.now());
        if (name === "home") finishFlight(agent, tell).catch(failed);
      },
      keep: (name, bytes) => tell({ kind: "keep", name, bytes }),
      progress: (step, detail) => tell({ kind: "progress", step, detail }),
      failed,
    },
  });
  for (const card of setup.contacts) agent.meet(card);
  await agent.start();
  agent.sensor("scale", grams);
  const stopReports = every(clock, REPORT_MS, () => {
    const sample = flight.at(clock.now());
    agent.sensor("position", sample);
    tell({ kind: "position", sample });
  });
  await grantToOwner(agent, setup, parts, stream);
  tell({ kind: "ready", id: agent.id });
  return {
    command: (name, value) => agent.command(name, value),
    physical: (name) => {
      if (name !== "parcel-lifted") return;
      grams = 0;
      agent.sensor("scale", grams);
    },
    stop: async () => {
      stopReports();
      const radio = { ...peripheral.counters };
      await agent.stop();
      await bus.close();
      await store.close();
      return { kind: "stopped", radio, ...lastWords(bus, agent.messenger.dropped), writes: [] };
    },
  };
}

function openFlight(setup: DroneSetup, { clock }: Parts): FlightSource {
  const { base } = setup;
  if (setup.track !== null) {
    return trackFlight(readTrackFile(setup.track, setup.tolerant ? "tolerant" : "strict"), clock.now());
  }
  const place = {
    latitudeE7: base.latitudeE7,
    longitudeE7: base.longitudeE7,
    groundAltitudeMm: base.altitudeMm,
  };
  return modelFlight(DEFAULT_FLIGHT, place, clock.now(), seededRandom(setup.seed, "wind"));
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

function obey(flight: FlightSource, name: string, value: unknown, now: number): void {
  switch (name) {
    case "fly-to": {
      const { latitudeE7, longitudeE7, altitudeMm } = value as Point;
      flight.command({ kind: "goto", place: { latitudeE7, longitudeE7, groundAltitudeMm: altitudeMm } }, now);
      return;
    }
    case "hover":
    case "land":
    case "return":
      flight.command({ kind: name }, now);
      return;
    default:
      return;
  }
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
