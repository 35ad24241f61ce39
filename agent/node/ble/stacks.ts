/**
 * Loads the BLE stacks noble (central) and bleno (peripheral), on a real adapter or
 * on a driver that is handed in.
 *
 * A real adapter on Linux: raw HCI races with bluetoothd, so stop bluetoothd or set
 * HCI_CHANNEL_USER=1, and give the process CAP_NET_RAW (or run it as root).
 *
 * Both packages have parts that only the internals reach; each such place below
 * says why. Their versions are pinned in package.json.
 */
import type { EventEmitter } from "node:events";
import { createRequire, Module } from "node:module";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import type { Clock } from "../../../protocols/ports.ts";

/**
 * The driver shape of @stoprocent/bluetooth-hci-socket: it carries H4 packets, one
 * a `write` and one a "data" event. The stacks make instances themselves.
 */
export interface HciDriver extends EventEmitter {
  bindRaw(deviceId?: number): number;
  bindUser(deviceId?: number): number;
  bindControl(): number;
  start(): void;
  stop(): void;
  reset(): void;
  isDevUp(): boolean;
  setFilter(filter: Uint8Array): void;
  write(packet: Uint8Array): void;
}

export type HciDriverClass = new () => HciDriver;

/** The machine's own adapter, or a driver such as those of simulators/radio. */
export type BleTransport = "system" | { hciDriver: HciDriverClass };

export interface BleOptions {
  clock: Clock;
  transport: BleTransport;
  /** The adapter has gone off; may be called more than once. */
  lost?: () => void;
}

/** What both stacks have in common. */
export interface Stack {
  readonly state: string;
  readonly _bindings: StackBindings;
  on(event: string, listener: (...values: never[]) => void): unknown;
  once(event: string, listener: (...values: never[]) => void): unknown;
  removeListener(event: string, listener: (...values: never[]) => void): unknown;
  removeAllListeners(event?: string): unknown;
  stop(): void;
}

export interface StackBindings {
  onStateChange?: (state: string) => void;
  _sigIntHandler?: () => void;
  _exitHandler?: () => void;
  /** Absent on macOS, where the system is the host, and null in noble where no adapter could be opened. */
  _hci?: StackHci | null;
}

interface StackHci {
  _socket: {
    on(event: "data", listener: (packet: Uint8Array) => void): unknown;
    removeAllListeners(event: "data"): unknown;
  };
  onSocketData: (packet: Uint8Array) => void;
  pollIsDevUp: () => void;
  stop(): void;
}

/** Time for an adapter to report that it is powered on. */
const POWER_ON_TIMEOUT_MS = 5_000;

const HCI_SOCKET = "@stoprocent/bluetooth-hci-socket";
const require = createRequire(import.meta.url);

/** Makes a stack and waits until its adapter is on. Throws `module-missing` or `radio-unavailable`. */
export async function openStack<T extends Stack>(
  packageName: "@abandonware/noble" | "@abandonware/bleno",
  { clock, transport, lost }: BleOptions,
): Promise<T> {
  const withBindings = loadStack(packageName);
  let stack: T | undefined;
  try {
    stack =
      transport === "system"
        ? (withBindings("default") as T)
        : // `loadDriver` of ours takes the class itself where the packages pass a name.
          (withBindings("hci", { hciDriver: transport.hciDriver }) as T);
    await poweredOn(stack, clock);
    if (lost !== undefined)
      stack.on("stateChange", (state: string) => (state === "poweredOn" ? undefined : lost()));
    guardInput(stack._bindings._hci ?? undefined);
    return stack;
  } catch (cause) {
    if (stack !== undefined) stopStack(stack);
    if (cause instanceof SegmentError) throw cause;
    throw new SegmentError("radio-unavailable", `the Bluetooth adapter cannot be opened: ${String(cause)}`, {
      cause,
    });
  } finally {
    if (stack !== undefined) releaseProcess(stack._bindings, transport !== "system");
  }
}

/**
 * Both stacks end the process at Ctrl-C when they listen last; the agent closes in its
 * own order. A virtual adapter needs no release at exit either, and a world may have very many of them.
 */
function releaseProcess(
  { _sigIntHandler: interrupted, _exitHandler: exited }: StackBindings,
  virtual: boolean,
): void {
  if (interrupted !== undefined) process.removeListener("SIGINT", interrupted);
  if (virtual && exited !== undefined) process.removeListener("exit", exited);
}

/** Stops a stack whatever state it is in, so that it no longer keeps the process alive. */
export function stopStack(stack: Stack): void {
  const hci = stack._bindings._hci ?? undefined;
  for (const stop of [() => stack.stop(), () => hci?.stop()]) {
    try {
      stop();
    } catch {
      // It was never started, or its adapter is gone: there is nothing to stop.
    }
  }
  // bleno looks for its adapter each second, even after stop(): the look that is due is the last.
  if (hci !== undefined) hci.pollIsDevUp = () => {};
}

/**
 * Calls the agent's own code out of a stack. A SegmentError there refuses what the
 * peer did: `refused` is called. Anything else is a fault and must surface, not
 * vanish in `guardInput`.
 */
export function calling(work: () => void, refused: () => void = () => {}): void {
  try {
    work();
  } catch (error) {
    if (errorCode(error) !== "internal") return refused();
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * The stacks read peers' packets without checking lengths and throw in the middle of
 * the event loop: one malformed byte from anybody in range would end the agent. Drop such packets.
 */
function guardInput(hci: StackHci | undefined): void {
  if (hci === undefined) return;
  const original = hci.onSocketData;
  hci.onSocketData = (packet) => {
    try {
      original.call(hci, packet);
    } catch {
      // Malformed: as if it had never arrived.
    }
  };
  hci._socket.removeAllListeners("data");
  hci._socket.on("data", (packet) => hci.onSocketData(packet));
}

type WithBindings = (kind: string, options?: object) => Stack;

function loadStack(packageName: string): WithBindings {
  // Not the package's index: that one opens the system's adapter as it loads.
  const entry = `${packageName}/lib/resolve-bindings.js`;
  try {
    replaceDrivers(createRequire(require.resolve(entry)));
    return require(entry) as WithBindings;
  } catch (cause) {
    throw new SegmentError("module-missing", `${packageName} cannot be loaded`, {
      where: packageName,
      cause,
    });
  }
}

interface DriverModule {
  loadDriver: (driver: unknown) => unknown;
}

/**
 * Puts a module in front of the stacks' driver module, before their first `require`
 * of it: a driver class passes through, a name loads the real module then. So the
 * native module is not even loaded in a simulation, while a real adapter works from
 * the same installation, which an npm override would prevent.
 */
function replaceDrivers(stackRequire: NodeJS.Require): void {
  const path = stackRequire.resolve(HCI_SOCKET);
  if (stackRequire.cache[path]?.exports instanceof Drivers) return;
  const before = stackRequire.cache[path];
  const replacement = new Module(path);
  const real = (): DriverModule => {
    if (before === undefined) delete stackRequire.cache[path];
    else stackRequire.cache[path] = before;
    const exports = stackRequire(path) as DriverModule;
    stackRequire.cache[path] = replacement;
    return exports;
  };
  replacement.filename = path;
  replacement.loaded = true;
  replacement.exports = new Drivers(real);
  stackRequire.cache[path] = replacement;
}

class Drivers implements DriverModule {
  readonly loadDriver: (driver: unknown) => unknown;

  constructor(real: () => DriverModule) {
    this.loadDriver = (driver) => (typeof driver === "function" ? driver : real().loadDriver(driver));
  }
}

async function poweredOn(stack: Stack, clock: Clock): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const unavailable = (why: string): void => reject(new SegmentError("radio-unavailable", why));
    const timer = clock.at(clock.now() + POWER_ON_TIMEOUT_MS, () =>
      unavailable("the Bluetooth adapter does not answer"),
    );
    const settle = (state: string): void => {
      if (state === "poweredOn") resolve();
      else if (state === "unsupported") unavailable("this machine has no Bluetooth adapter");
      else if (state === "unauthorized") unavailable("this user may not open the Bluetooth adapter");
      else return;
      timer.cancel();
    };
    tellFailures(stack._bindings, settle);
    guardLooks(stack._bindings._hci ?? undefined, (error) =>
      unavailable(`the Bluetooth adapter cannot be opened: ${String(error)}`),
    );
    // noble starts when its state is read, bleno when somebody listens; both may throw as they do.
    settle(stack.state);
    stack.on("stateChange", settle);
  });
}

/**
 * The stacks look each second whether their adapter is up, and where there is none that throws out of a
 * timer, which would end the process: an adapter that cannot be looked at is not there.
 */
function guardLooks(hci: StackHci | undefined, failed: (error: unknown) => void): void {
  if (hci === undefined) return;
  const original = hci.pollIsDevUp;
  hci.pollIsDevUp = () => {
    try {
      original.call(hci);
    } catch (error) {
      failed(error);
    }
  };
}

/** The stacks print these two states to stdout, where `--json` promises one document: take them aside. */
function tellFailures(bindings: StackBindings, failed: (state: string) => void): void {
  const original = bindings.onStateChange;
  if (original === undefined) return;
  bindings.onStateChange = (state) => {
    if (state === "unsupported" || state === "unauthorized") failed(state);
    else original.call(bindings, state);
  };
}
