/** A door to a broker on another machine: whoever comes through it speaks to that broker, byte for byte. */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { connect as connectTls } from "node:tls";
import { SegmentError } from "../../protocols/errors.ts";
import type { Broker } from "./broker.ts";

const PORTS: Record<string, number> = { "mqtt:": 1883, "mqtts:": 8883 };
/** What waits for either side is bounded by the sockets; how many may come, by the server before this. */
const IDLE_MS = 600_000;

/** Errors: option-invalid (not mqtt:// or mqtts://). */
export function relayTo(brokerUrl: string): Pick<Broker, "accept"> {
  const { protocol, hostname, port } = new URL(brokerUrl);
  const standard = PORTS[protocol];
  if (standard === undefined) {
    const problem = `the app reaches brokers at mqtt:// or mqtts://, not ${brokerUrl}`;
    throw new SegmentError("option-invalid", problem, { where: "--app" });
  }
  const host = hostname.replace(/^\[|\]$/g, "");
  const options = { host, port: port === "" ? standard : Number(port) };
  return {
    accept(stream: Duplex) {
      const broker = protocol === "mqtts:" ? connectTls({ ...options, servername: host }) : connect(options);
      broker.setTimeout(IDLE_MS, () => broker.destroy());
      // Whichever side ends or fails takes the other one along; the client comes again by itself.
      pipeline(stream, broker, stream, () => undefined);
    },
  };
}
