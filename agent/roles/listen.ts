/** Listening on an address of this machine. */
import type { AddressInfo, Server } from "node:net";
import { SegmentError } from "../../protocols/errors.ts";

/** Returns the port. Errors: port-in-use, broker-unreachable (the host is no address of this machine). */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      const isTaken = cause.code === "EADDRINUSE";
      const problem = isTaken
        ? `another program listens on port ${port} of ${host}`
        : `cannot listen on ${where}: ${cause.message}`;
      reject(new SegmentError(isTaken ? "port-in-use" : "broker-unreachable", problem, { where, cause }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** An address as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
