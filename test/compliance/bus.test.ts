import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { nodeCrypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { mqttBus } from "../../agent/platform/mqtt-bus.ts";
import { startBroker } from "../../agent/roles/broker.ts";
import type { Broker } from "../../agent/roles/broker.ts";
import { openWebSocketDoor } from "../../agent/roles/websocket.ts";
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
function mqttWorld(
  server: Server,
  protocolVersion: 4 | 5,
  maxPending: number,
  scheme: "mqtt" | "ws" = "mqtt",
): BusWorld {
  const relays = new Map<string, Severable>();
  return {
    network,
    async join(signer) {
      const relay = await severable(server.port);
      relays.set(agentId(signer.publicKey), relay);
      return mqttBus({
        url: `${scheme}://127.0.0.1:${relay.port}`,
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

const aedes = () =>
  startBroker({ host: "127.0.0.1", port: 0, network, crypto: nodeCrypto, clock: systemClock });

busCompliance("mqtt.js with aedes", async (maxPending) => mqttWorld(await aedes(), 4, maxPending));

busCompliance("mqtt.js with aedes over WebSocket", async (maxPending) => {
  return mqttWorld(await webSocketServer(await aedes()), 4, maxPending, "ws");
});

async function webSocketServer(broker: Broker): Promise<Server> {
  const door = openWebSocketDoor(broker);
  const server = createServer();
  server.on("upgrade", (request, socket, head) => door.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: async () => {
      door.close();
      await broker.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

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
