/** A process with one radio: `child.ts central|device <socket> <advertisement>`, told over IPC what to do. */
import { openCentral } from "../../../agent/node/ble/central.ts";
import { openPeripheral } from "../../../agent/node/ble/peripheral.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { CentralConnection, CentralRadio } from "../../../protocols/ports.ts";
import { socketDriver } from "../../../simulators/radio/driver.ts";
import { realClock } from "./clocks.ts";
import { scriptedDevice } from "./device.ts";
import { measure } from "./measuring.ts";
import type { Call, Message } from "./processes.ts";

const [role, path = "", extra = ""] = process.argv.slice(2);

type Operations = Record<string, (id: number, ...args: never[]) => Promise<unknown>>;

function send(message: Message): void {
  if (process.connected) process.send?.(message);
}

function centralOperations(): Operations {
  let radio: CentralRadio;
  const scans = new Map<number, AbortController>();
  const links = new Map<number, CentralConnection>();
  const link = (id: number): CentralConnection => {
    const found = links.get(id);
    if (found === undefined) throw new Error(`no connection ${id}`);
    return found;
  };
  return {
    open: async () => {
      radio = await openCentral({ clock: realClock, transport: { hciDriver: socketDriver(path) } });
    },
    scan: (id, serviceUuid: string) => {
      const stop = new AbortController();
      scans.set(id, stop);
      return radio.scan(serviceUuid, (value) => send({ event: id, kind: "sighted", value }), stop.signal);
    },
    abort: async (_id, scan: number) => scans.get(scan)?.abort(),
    connect: async (id, address: string, timeoutMs: number) => {
      const on = {
        notified: (value: Uint8Array) => send({ event: id, kind: "notified", value }),
        disconnected: () => send({ event: id, kind: "disconnected", value: null }),
      };
      links.set(id, await radio.connect(address, on, timeoutMs));
      return link(id).writeSize;
    },
    readInfo: (_id, of: number) => link(of).readInfo(),
    write: (_id, to: number, value: Uint8Array) => link(to).write(value),
    disconnect: (_id, of: number) => link(of).disconnect(),
    measure: (_id, address: string, count: number, bytes: number) => measure(radio, address, count, bytes),
    close: () => radio.close(),
  };
}

function deviceOperations(): Operations {
  const { handler, log } = scriptedDevice();
  const opened = openPeripheral({ clock: realClock, transport: { hciDriver: socketDriver(path) } });
  return {
    open: async () =>
      (await opened).start(JSON.parse(extra) as { name: string; serviceUuid: string }, handler),
    log: async () => log,
    close: async () => (await opened).close(),
  };
}

const operations = role === "central" ? centralOperations() : deviceOperations();

process.on("message", (message) => {
  const { id, op, args } = message as Call;
  const operation = operations[op];
  if (operation === undefined) throw new Error(`no operation ${op}`);
  Promise.resolve()
    .then(() => operation(id, ...(args as never[])))
    .then(
      (value) => send({ answer: id, value }),
      (error: unknown) => send({ answer: id, code: errorCode(error), message: String(error) }),
    );
});
