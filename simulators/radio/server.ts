/**
 * The air for several processes: the world serves each radio at its own unix socket,
 * and a process that connects there speaks H4 to the controller behind it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";
import type { Air } from "./air.ts";
import { H4Parser } from "./h4.ts";

/** Bytes that a unix socket's path may have: 107 on Linux, 103 on macOS. */
const MAX_PATH_BYTES = 103;
/** Bytes that may wait for a process that has stopped reading; then it is cut off. */
const MAX_BACKLOG_BYTES = 1 << 20;

export interface ServedRadio {
  /** Give it to `socketDriver` in the process that owns the radio. */
  readonly path: string;
  close(): Promise<void>;
}

/** Serves the radio of that address. One process at a time; when it leaves, the controller is powered off. */
export async function serveRadio(air: Air, address: string, parent: string = tmpdir()): Promise<ServedRadio> {
  // A folder of its own, closed to other users: nobody else's radio, no leftover of a world that was killed.
  const directory = await mkdtemp(join(parent, "segment-")).catch((cause: unknown) => {
    throw new SegmentError("store-failed", "a radio's socket needs a temporary folder", {
      where: parent,
      cause,
    });
  });
  const path = join(directory, "hci");
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    await remove();
    const message = `a socket's path has at most ${MAX_PATH_BYTES} bytes: ${path}`;
    throw new SegmentError("store-failed", message, { where: path });
  }
  let current: Socket | undefined;
  const server = createServer((socket) => {
    if (current !== undefined) return void socket.destroy();
    current = socket;
    socket.on("close", () => (current = undefined));
    serve(air, address, socket);
  });
  await listen(server, path);
  return {
    path,
    close: async () => {
      current?.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await remove();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new SegmentError("store-failed", `cannot serve a radio there: ${cause.message}`, {
          where: path,
          cause,
        }),
      ),
    );
    server.listen(path, resolve);
  });
}

function serve(air: Air, address: string, socket: Socket): void {
  const toHost = (packet: Uint8Array): void => {
    if (socket.writableLength > MAX_BACKLOG_BYTES) socket.destroy();
    else socket.write(packet);
  };
  const controller = air.powerOn(address, toHost, () => socket.destroy());
  const parser = new H4Parser();
  socket.on("data", (bytes: Buffer) => {
    try {
      for (const packet of parser.push(bytes)) controller.fromHost(packet);
    } catch {
      socket.destroy(); // not H4: nothing after it can be understood
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => air.powerOff(controller));
}
