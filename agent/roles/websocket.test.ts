/** Who may come in by the WebSocket; that the bus works through it: test/compliance/bus.test.ts. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { MAX_PACKET_BYTES, startBroker } from "./broker.ts";
import type { Broker } from "./broker.ts";
import { openWebSocketDoor } from "./websocket.ts";
import type { WebSocketDoor } from "./websocket.ts";

/** MQTT 3.1.1, section 3.1: CONNECT "MQTT" 4, clean session, keep alive 60 s, client "x"; no login. */
const CONNECT = Uint8Array.from([...[0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x78]]);

describe("the WebSocket door", () => {
  let broker: Broker;
  let door: WebSocketDoor;
  let server: Server;
  const clients: WebSocket[] = [];

  beforeEach(async () => {
    const limits = { connections: 2 };
    const parts = { crypto: nodeCrypto, clock: systemClock, limits };
    broker = await startBroker({ host: "127.0.0.1", port: 0, network: "village", ...parts });
    door = openWebSocketDoor(broker);
    server = createServer();
    server.on("upgrade", (request, socket, head) => door.upgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.terminate();
    door.close();
    await broker.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const dial = (...protocols: string[]): WebSocket => {
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, protocols);
    clients.push(client);
    client.on("error", () => undefined);
    return client;
  };
  const ended = (client: WebSocket): Promise<number> =>
    new Promise((resolve) => client.once("close", (code) => resolve(code)));
  const opened = (client: WebSocket): Promise<void> =>
    new Promise((resolve) => client.once("open", () => resolve()));

  it.each([[[]], [["chat"]]])("refuses who does not speak mqtt: %j", async (protocols) => {
    expect([1002, 1006]).toContain(await ended(dial(...protocols)));
    expect(broker.counters.messages).toBe(0);
  });

  it("asks for the same login as everywhere", async () => {
    const client = dial("mqtt");
    await opened(client);
    const answer: number[] = [];
    client.on("message", (data: Buffer) => answer.push(...data));
    const end = ended(client);
    client.send(CONNECT);
    await end;
    // CONNACK with a return code that is not "accepted" (section 3.2.2.3).
    expect(answer.slice(0, 3)).toEqual([0x20, 2, 0]);
    expect(answer[3]).toBeGreaterThan(0);
    expect(broker.counters.refused).toBeGreaterThan(0);
  });

  it("cuts off a packet that announces more than a stranger may send, and a frame too large", async () => {
    const announcing = dial("mqtt");
    await opened(announcing);
    // 268,435,455 bytes, the most that the protocol can write.
    announcing.send(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f));
    await ended(announcing);
    const large = dial("mqtt");
    await opened(large);
    large.send(new Uint8Array(4 * MAX_PACKET_BYTES + 100));
    // RFC 6455, section 7.4.1: too big; or the connection was cut before that could be said.
    expect([1009, 1006]).toContain(await ended(large));
  });

  it("counts its clients among the broker's", async () => {
    const [first, second] = [dial("mqtt"), dial("mqtt")];
    await Promise.all([opened(first), opened(second)]);
    const third = dial("mqtt");
    await ended(third);
    expect([first.readyState, second.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    const gone = ended(first);
    first.close();
    await gone;
    await expect
      .poll(async () => {
        const again = dial("mqtt");
        await opened(again);
        again.send(CONNECT);
        return Promise.race([
          new Promise((resolve) => again.once("message", () => resolve("answered"))),
          ended(again),
        ]);
      })
      .toBe("answered");
  });
});
