/** MQTT over WebSocket (MQTT 3.1.1, section 6): the broker's door for browsers, on any HTTP server. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";
import { MAX_PACKET_BYTES } from "./broker.ts";
import type { Broker } from "./broker.ts";

/** Section 6: the name that both sides must use. */
const PROTOCOL = "mqtt";
/** What a fixed header adds to a packet. */
const HEADER_BYTES = 5;

export interface WebSocketDoor {
  /** For the server's `upgrade` event. What is no MQTT is refused. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

/** The broker meters and checks who comes here as it does everybody. */
export function openWebSocketDoor(broker: Pick<Broker, "accept">): WebSocketDoor {
  const server = new WebSocketServer({
    noServer: true,
    // Several packets may share a frame, and a client may flush as many as it likes at once.
    maxPayload: 4 * (MAX_PACKET_BYTES + HEADER_BYTES),
    // What is sealed does not shrink, and a decompressor is one more thing to feed bombs to.
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(PROTOCOL) ? PROTOCOL : false),
  });
  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => {
        if (client.protocol !== PROTOCOL) {
          // RFC 6455, section 7.4.1: 1002, a protocol error.
          client.close(1002, "the protocol here is mqtt");
          return;
        }
        const stream = createWebSocketStream(client);
        // A peer that breaks the protocol: ws has closed the connection.
        stream.on("error", () => stream.destroy());
        broker.accept(stream);
      });
    },
    close: () => server.close(),
  };
}
