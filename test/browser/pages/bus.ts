/** A page on the bus, for the test of MQTT over WebSocket. */
import { browserRandom } from "../../../agent/browser/platform.ts";
import { systemClock } from "../../../agent/platform/clocks.ts";
import { mqttBus } from "../../../agent/platform/mqtt-bus.ts";
import type { MqttBus } from "../../../agent/platform/mqtt-bus.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { fromHex, text, utf8 } from "../../../protocols/encoding/bytes.ts";
import { agentId, signerFromSeed } from "../../../protocols/identity/keys.ts";
import { castTopic, inboxFilter } from "../../../protocols/topics.ts";

export interface BusPage {
  /** Resolves once connected and subscribed to the page's inbox. */
  join(url: string, network: string, seed: string): Promise<void>;
  cast(words: string): Promise<void>;
  heard: string[];
  connections: boolean[];
}

let bus: MqttBus | undefined;
let topic = "";
const heard: string[] = [];
const connections: boolean[] = [];

const page: BusPage = {
  join: async (url, network, seed) => {
    const signer = signerFromSeed(portableCrypto, fromHex(seed));
    const id = agentId(signer.publicKey);
    topic = castTopic(network, id, "card");
    bus = mqttBus({
      ...{ url, network, signer, clock: systemClock, random: browserRandom },
      ...{ reconnectMinMs: 20, reconnectMaxMs: 50 },
    });
    bus.onConnected((connected) => connections.push(connected));
    await bus.ready();
    await bus.subscribe(inboxFilter(network, id), (_topic, payload) => heard.push(text(payload)));
  },
  cast: async (words) => bus?.publish(topic, utf8(words)),
  heard,
  connections,
};

Object.assign(globalThis, { busPage: () => page });
