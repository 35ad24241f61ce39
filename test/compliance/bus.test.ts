import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { mqttBus } from "../../agent/node/mqtt-bus.ts";
import { startBroker } from "../../agent/roles/broker.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import { describeWith, needProgram } from "../support/shared.ts";
import { startMosquitto } from "./bus-mosquitto.ts";
import { severable } from "./bus-relay.ts";
import type { Severable } from "./bus-relay.ts";
import { busCompliance } from "./bus.ts";
import type { BusWorld } from "./bus.ts";

const network = "village";

interface Server {
  port: number;
  close(): Promise<void>;
}

/** Each client reaches the broker through a relay of its own, which the test can sever. */
function mqttWorld(server: Server, protocolVersion: 4 | 5, maxPending: number): BusWorld {
  const relays = new Map<string, Severable>();
  return {
    network,
    async join(signer) {
      const relay = await severable(server.port);
      relays.set(agentId(signer.publicKey), relay);
      return mqttBus({
        url: `mqtt://127.0.0.1:${relay.port}`,
        network,
        signer,
        clock: systemClock,
        random: nodeRandom,
        protocolVersion,
        maxPending,
        reconnectMinMs: 20,
        reconnectMaxMs: 50,
      });
    },
    cut: (id) => relays.get(id)?.cut(),
    restore: (id) => relays.get(id)?.restore(),
    async close() {
      await Promise.all([...relays.values()].map((relay) => relay.close()));
      await server.close();
    },
  };
}

busCompliance("mqtt.js with aedes", async (maxPending) => {
  const broker = await startBroker({
    host: "127.0.0.1",
    port: 0,
    network,
    crypto: nodeCrypto,
    clock: systemClock,
  });
  return mqttWorld(broker, 4, maxPending);
});

describeWith("mosquitto", needProgram("mosquitto", "mosquitto"), () => {
  for (const version of [4, 5] as const) {
    busCompliance(`mqtt.js with mosquitto, protocol ${version}`, async (maxPending) =>
      mqttWorld(await startMosquitto(network), version, maxPending),
    );
  }
});

for (const [name, faults] of [
  ["the memory bus", {}],
  ["the memory bus with losses and repeats", { loss: 0.2, duplicates: 0.2, retryMs: 10 }],
] as const) {
  busCompliance(name, async (maxPending) => {
    const delayMs = { min: 0, max: 5 };
    const memory = memoryNetwork({
      network,
      clock: systemClock,
      random: nodeRandom,
      delayMs,
      maxPending,
      ...faults,
    });
    return {
      network,
      join: async (signer) => memory.join(agentId(signer.publicKey)),
      cut: (id) => memory.cut(id),
      restore: (id) => memory.restore(id),
      close: () => memory.close(),
    };
  });
}
