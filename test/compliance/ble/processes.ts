/** Radios in child processes, seen through the ports: the parent's side of child.ts. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorCode, SegmentError } from "../../../protocols/errors.ts";
import type { CentralConnection, CentralRadio, Sighting } from "../../../protocols/ports.ts";
import type { DeviceLog } from "./device.ts";

/** A request to the child. */
export interface Call {
  id: number;
  op: string;
  args: unknown[];
}

/** What the child sends: the answer to a call, or one of the events that a call asked for. */
export type Message =
  | { answer: number; value: unknown }
  | { answer: number; code: ErrorCode; message: string }
  | { event: number; kind: string; value: unknown };

const HOOKS = new URL("./ts-hooks.mjs", import.meta.url).href;
const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
/** How long a child may live on after its radio was closed: bleno's timer takes up to two seconds. */
const EXIT_TIMEOUT_MS = 5_000;

class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();
  readonly #events = new Map<number, (kind: string, value: unknown) => void>();
  #calls = 0;

  constructor(role: string, path: string, extra: string) {
    this.#process = fork(CHILD, [role, path, extra], {
      execArgv: ["--import", HOOKS],
      serialization: "advanced",
    });
    this.#process.on("message", (message) => this.#receive(message as Message));
    this.#process.on("exit", (code) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the child process ended with ${code}`));
    });
  }

  call<T>(op: string, args: unknown[], events?: (kind: string, value: unknown) => void): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    if (events !== undefined) this.#events.set(id, events);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, op, args } satisfies Call);
    });
  }

  /** The number of the call that is made next, by which a later one can refer to it. */
  get nextCall(): number {
    return this.#calls + 1;
  }

  /** Closes the radio; the child must then end by itself. */
  async close(): Promise<void> {
    await this.call("close", []);
    this.#process.disconnect();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#process.kill();
        reject(new Error("the child process lives on after its radio was closed"));
      }, EXIT_TIMEOUT_MS);
      this.#process.on("exit", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #receive(message: Message): void {
    if ("event" in message) return this.#events.get(message.event)?.(message.kind, message.value);
    const waiting = this.#waiting.get(message.answer);
    this.#waiting.delete(message.answer);
    if ("code" in message) waiting?.reject(new SegmentError(message.code, message.message));
    else waiting?.resolve(message.value);
  }
}

export type ProcessCentral = CentralRadio & { child: Child };

/** A CentralRadio whose noble runs in a child process. */
export async function startCentral(path: string): Promise<ProcessCentral> {
  const child = new Child("central", path, "");
  await child.call("open", []);
  return {
    child,
    scan: (serviceUuid, sighted, signal) => {
      const id = child.nextCall;
      signal.addEventListener("abort", () => void child.call("abort", [id]), { once: true });
      return child.call("scan", [serviceUuid], (_kind, value) => sighted(value as Sighting));
    },
    connect: async (address, on, timeoutMs): Promise<CentralConnection> => {
      const id = child.nextCall;
      const writeSize = await child.call<number>("connect", [address, timeoutMs], (kind, value) => {
        if (kind === "notified") on.notified(value as Uint8Array);
        else on.disconnected();
      });
      return {
        writeSize,
        readInfo: () => child.call("readInfo", [id]),
        write: (value) => child.call("write", [id, value]),
        disconnect: () => child.call("disconnect", [id]),
      };
    },
    close: () => child.close(),
  };
}

/** The scripted device, its bleno in a child process. */
export async function startDevice(
  path: string,
  advertisement: { name: string; serviceUuid: string },
): Promise<{ log(): Promise<DeviceLog>; close(): Promise<void> }> {
  const child = new Child("device", path, JSON.stringify(advertisement));
  await child.call("open", []);
  return { log: () => child.call<DeviceLog>("log", []), close: () => child.close() };
}
