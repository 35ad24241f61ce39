/** One life of a device's own process, as the world holds it. */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../agent/node/crypto.ts";
import { REMEDIES, SegmentError, type ErrorCode } from "../../../protocols/errors.ts";
import type { FromDevice, Setup, ToDevice } from "./ipc.ts";

/** How long a process may take to open its radio and reach the broker. */
const READY_MS = 30_000;
const STOP_MS = 10_000;

export type Stopped = FromDevice & { kind: "stopped" };

export class DeviceHost {
  readonly name: string;
  /** It hears its sensors: set with its word that it is ready. */
  isReady = false;
  readonly #child: ChildProcess;
  readonly #heard: (message: FromDevice) => void;
  readonly #failed: (error: unknown) => void;
  readonly #ready = deferred<void>();
  readonly #stopped = deferred<Stopped | undefined>();
  readonly #gone = deferred<void>();
  /** Its end is wanted: told to stop, or killed. */
  #ends: "no" | "stops" | "killed" = "no";

  constructor(
    name: string,
    setup: Setup,
    heard: (message: FromDevice) => void,
    failed: (error: unknown) => void,
  ) {
    this.name = name;
    this.#heard = heard;
    this.#failed = failed;
    // Built code only: Node 20 does not run TypeScript.
    this.#child = fork(processPath(), [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child.on("message", (message) => this.#received(message as FromDevice));
    this.#child.on("exit", (code, signal) => this.#exited(code, signal));
    this.#ready.promise.catch(() => undefined);
    this.tell({ kind: "setup", setup });
  }

  tell(message: ToDevice): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Resolves when the device is on the bus and its radio is up. */
  ready(): Promise<void> {
    return withTimeout(this.#ready.promise, READY_MS, `the ${this.name} did not get ready`);
  }

  /** Asks the process to end; its last words, or undefined if it has crashed. */
  async stop(): Promise<Stopped | undefined> {
    if (this.#ends === "no") this.#ends = "stops";
    this.tell({ kind: "stop" });
    try {
      return await withTimeout(this.#stopped.promise, STOP_MS, `the ${this.name} did not stop`);
    } finally {
      if (this.#child.exitCode === null) this.#child.kill();
    }
  }

  /** SIGKILL. What it had told and nobody had heard yet is lost with it. Resolves once it is gone. */
  kill(): Promise<void> {
    this.#ends = "killed";
    this.isReady = false;
    this.#child.kill("SIGKILL");
    return this.#gone.promise;
  }

  #exited(code: number | null, signal: string | null): void {
    this.isReady = false;
    this.#stopped.resolve(undefined);
    this.#gone.resolve();
    const how = `exit code ${code ?? "none"}, signal ${signal ?? "none"}`;
    const early = new SegmentError("internal", `the process of the ${this.name} ended early (${how})`);
    this.#ready.reject(early);
    if (this.#ends === "no") this.#failed(early);
  }

  #received(message: FromDevice): void {
    if (this.#ends === "killed") return;
    if (message.kind === "ready") {
      this.isReady = true;
      this.#ready.resolve();
    } else if (message.kind === "stopped") this.#stopped.resolve(message);
    else if (message.kind === "failed") {
      const code = Object.hasOwn(REMEDIES, message.code) ? (message.code as ErrorCode) : "internal";
      const where = message.where === undefined ? {} : { where: message.where };
      const error = new SegmentError(code, `${this.name}: ${message.message}`, where);
      this.#ready.reject(error);
      this.#failed(error);
    }
    this.#heard(message);
  }
}

interface Deferred<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

/** Promise.withResolvers, which Node 20 lacks. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** The built entry point: beside this file in dist/, or in dist/ when a test runs the sources. */
function processPath(): string {
  const built = import.meta.url.endsWith(".ts")
    ? "../../../dist/simulators/worlds/delivery/device-process.js"
    : "./device-process.js";
  const path = fileURLToPath(new URL(built, import.meta.url));
  if (existsSync(path)) return path;
  throw new SegmentError("module-missing", "the device processes are not built: run `npm run build`", {
    where: path,
  });
}

export function withTimeout<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = systemClock.at(systemClock.now() + ms, () =>
      reject(new SegmentError("scenario-failed", `${what} within ${ms} ms`)),
    );
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
