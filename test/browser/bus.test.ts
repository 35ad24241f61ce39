/** A page in Chromium on the broker, over WebSocket: the way of browsers without Bluetooth. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeCrypto as crypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { mqttBus } from "../../agent/platform/mqtt-bus.ts";
import type { MqttBus } from "../../agent/platform/mqtt-bus.ts";
import { startBroker } from "../../agent/roles/broker.ts";
import { openWebSocketDoor } from "../../agent/roles/websocket.ts";
import { text, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { castTopic, directTopic } from "../../protocols/topics.ts";
import { seededRandom } from "../../simulators/random.ts";
import { NETWORK, somebody } from "../support/agents.ts";
import { findChromium } from "../support/chromium.ts";
import { severable } from "../compliance/bus-relay.ts";
import type { Severable } from "../compliance/bus-relay.ts";
import { openBrowser } from "./chromium.ts";
import type { BrowserStage } from "./chromium.ts";
import type { BusPage } from "./pages/bus.ts";

const seed = seededRandom(8).bytes(32);
const pageId = agentId(signerFromSeed(crypto, seed).publicKey);
const other = somebody("other");

describe.skipIf(findChromium() === undefined)("MQTT over WebSocket in Chromium", () => {
  let stage: BrowserStage;
  let page: Page;
  let peer: MqttBus;
  let relay: Severable;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const broker = await startBroker({
      ...{ host: "127.0.0.1", port: 0, network: NETWORK, crypto, clock: systemClock },
    });
    const door = openWebSocketDoor(broker);
    const server = createServer();
    server.on("upgrade", (request, socket, head) => door.upgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    relay = await severable((server.address() as AddressInfo).port);
    const { signer } = other.keys;
    peer = mqttBus({ url: broker.url, network: NETWORK, signer, clock: systemClock, random: nodeRandom });
    await peer.ready();
    stage = await openBrowser();
    page = await stage.open("bus");
    closers.push(
      () => stage.close(),
      () => peer.close(),
      () => relay.close(),
      () => broker.close(),
      async () => {
        door.close();
        await new Promise((resolve) => server.close(resolve));
      },
    );
  });

  afterAll(async () => {
    for (const close of closers) await close();
  });

  it("hears what is written to it, and is heard", async () => {
    const casts: string[] = [];
    await peer.subscribe(castTopic(NETWORK, pageId, "card"), (_topic, bytes) => casts.push(text(bytes)));
    const url = `ws://127.0.0.1:${relay.port}`;
    await page.evaluate(([at, network, hex]) => busPage().join(at, network, hex), [
      ...[url, NETWORK, toHex(seed)],
    ] as [string, string, string]);
    await peer.publish(directTopic(NETWORK, other.id, pageId), utf8("for the page alone"));
    await expect.poll(() => page.evaluate(() => busPage().heard)).toEqual(["for the page alone"]);
    await page.evaluate(() => busPage().cast("good morning"));
    await expect.poll(() => casts).toEqual(["good morning"]);
  });

  it("comes back by itself, with what it had to say meanwhile", async () => {
    const casts: string[] = [];
    await peer.subscribe(castTopic(NETWORK, pageId, "card"), (_topic, bytes) => casts.push(text(bytes)));
    relay.cut();
    await expect.poll(() => page.evaluate(() => busPage().connections.at(-1))).toBe(false);
    const said = page.evaluate(() => busPage().cast("said while away"));
    relay.restore();
    await said;
    await expect.poll(() => casts).toEqual(["said while away"]);
  });
});

/** In the page. */
declare function busPage(): BusPage;
