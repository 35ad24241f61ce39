/**
 * An air for agents that run on one machine without Bluetooth: each radio is an HCI controller behind a unix
 * socket, below the real noble and bleno. `segment simulate air` serves it, `segment run --radio` uses it.
 */
import { statSync } from "node:fs";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { BleTransport } from "../../agent/node/ble/stacks.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock, Random } from "../../protocols/ports.ts";
import { Air } from "../radio/air.ts";
import { socketDriver } from "../radio/driver.ts";
import { serveRadio } from "../radio/server.ts";
import { ORIGIN } from "../radio/space.ts";
import type { Position } from "../radio/space.ts";
import { Cleanup } from "./cleanup.ts";

export type { Position } from "../radio/space.ts";

export interface AirSetup {
  clock: Clock;
  random: Random;
  /** Names of the radios. */
  radios: readonly string[];
  /** Where they stand, in metres; who is not named stands at the origin. They hear each other up to 63 m. */
  places: ReadonlyMap<string, Position>;
  /** Where each radio's socket is to be found by its name; null for a folder of temporary files. */
  folder: string | null;
}

export interface ServedAir {
  /** The sockets, by the radios' names. */
  readonly paths: ReadonlyMap<string, string>;
  /** Moves a radio. */
  place(name: string, position: Position): void;
  close(): Promise<void>;
}

/** More than fit the last byte of an address would need another plan. */
export const MAX_RADIOS = 250;

/** Errors: store-failed. */
export async function serveAir({ clock, random, radios, places, folder }: AirSetup): Promise<ServedAir> {
  const air = new Air({ clock, random });
  const cleanup = new Cleanup();
  cleanup.add(() => air.close());
  const addresses = new Map(radios.map((name, at) => [name, addressOf(at + 1)]));
  const paths = new Map<string, string>();
  const place = (name: string, position: Position): void => {
    const address = addresses.get(name);
    if (address !== undefined) air.place(address, position);
  };
  try {
    for (const [name, address] of addresses) {
      place(name, places.get(name) ?? ORIGIN);
      const served = await serveRadio(air, address);
      cleanup.add(() => served.close());
      paths.set(name, folder === null ? served.path : await linked(folder, name, served.path, cleanup));
    }
  } catch (error) {
    await cleanup.run();
    throw error;
  }
  return { paths, place, close: () => cleanup.run() };
}

/** By its name in the folder: a path that people can write, and that is the same the next time. */
async function linked(folder: string, name: string, socket: string, cleanup: Cleanup): Promise<string> {
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    // A link that a killed run has left behind leads nowhere, and makes room.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) await rm(path, { force: true });
    await symlink(socket, path);
    cleanup.add(() => rm(path, { force: true }));
    return path;
  } catch (cause) {
    const problem = `a radio cannot be put there: ${(cause as Error).message}`;
    throw new SegmentError("store-failed", problem, { where: path, cause });
  }
}

/** A static random address (Core 5.4, vol 6 part B, 1.3.2.1). */
function addressOf(number: number): string {
  return `c0:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
}

/** The radio that an air serves there. Errors: radio-unavailable. */
export function airTransport(path: string): BleTransport {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() !== true) {
    const problem = `no virtual air serves a radio at ${path}: run \`segment simulate air\`, or say: hci`;
    throw new SegmentError("radio-unavailable", problem, { where: path });
  }
  return { hciDriver: socketDriver(path) };
}
