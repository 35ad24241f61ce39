/**
 * The entry point of a device's own process: it gets its setup from the world, runs
 * one agent on real MQTT and real BLE stacks, and ends when told to or when the world
 * is gone.
 */
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import type { FromDevice, ToDevice } from "./ipc.ts";
import { runDrone } from "./drone-process.ts";
import { runImpostor } from "./impostor-process.ts";
import { runPhone } from "./phone-process.ts";

/** What a running device process can be told. */
export interface Running {
  command(name: string, value: unknown): void;
  sensor(name: string, value: unknown): void;
  /** The owner has a document. */
  kept(id: number): void;
  /** Ends everything; resolves with the last words. */
  stop(): Promise<FromDevice & { kind: "stopped" }>;
}

function tell(message: FromDevice): void {
  if (process.connected) process.send?.(message);
}

function fail(error: unknown): void {
  const where = error instanceof SegmentError ? error.where : undefined;
  const message = error instanceof Error ? error.message : String(error);
  tell({ kind: "failed", code: errorCode(error), message, where });
  // Give the channel a turn to carry it.
  setImmediate(() => process.exit(1));
}

let running: Promise<Running> | undefined;

async function receive(message: ToDevice): Promise<void> {
  switch (message.kind) {
    case "setup": {
      const { setup } = message;
      if (setup.role === "drone") running = runDrone(setup, tell, fail);
      else if (setup.role === "phone") running = runPhone(setup, tell, fail);
      else running = runImpostor(setup, tell, fail);
      await running;
      return;
    }
    case "command":
      (await running)?.command(message.name, message.value);
      return;
    case "sensor":
      (await running)?.sensor(message.name, message.value);
      return;
    case "kept":
      (await running)?.kept(message.id);
      return;
    case "stop": {
      const last = await (await running)?.stop();
      if (last !== undefined) tell(last);
      process.disconnect();
      return;
    }
  }
}

process.on("message", (message) => {
  receive(message as ToDevice).catch(fail);
});
// The world is gone: nobody is left to fly for.
process.on("disconnect", () => setImmediate(() => process.exit(0)));
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
