/** A relay of TCP between one client and a server, which can be cut and mended: a cable in a test's hand. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface Severable {
  readonly port: number;
  /** Drops what is connected and refuses what comes, until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

export async function severable(serverPort: number): Promise<Severable> {
  const open = new Set<Socket>();
  let whole = true;

  const server = createServer((client) => {
    if (!whole) {
      client.destroy();
      return;
    }
    const upstream = connect(serverPort, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  function cut(): void {
    whole = false;
    for (const socket of open) socket.destroy();
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    restore() {
      whole = true;
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
