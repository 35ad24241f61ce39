/** What the world and its device processes tell each other over Node's IPC channel (structured clone). */
import type { ClockFrame } from "../../clock.ts";

/** Where things are at the start: 1e-7 degree, and mm above sea level. */
export interface Spot {
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
}

interface Common {
  home: string;
  network: string;
  broker: string;
  clock: ClockFrame;
  /** Signed cards of those whom it must be able to reach. */
  contacts: Uint8Array[];
  /** The virtual controller's socket. */
  radio: string;
}

export interface DroneSetup extends Common {
  role: "drone";
  operator: string;
  keepers: string[];
  owner: Uint8Array;
  sealing: "sealed" | "unsealed-for-the-plaintext-search-test";
  /** In an earlier life of this process it took off: a drone that wakes up idle then has come home. */
  hasFlown: boolean;
}

export interface PhoneSetup extends Common {
  role: "phone";
  /** Signs the drone's position as its own. */
  spoofs: boolean;
  /** Keeps what it writes over BLE, as a sniffer beside it would. */
  recordsWrites: boolean;
}

export interface ImpostorSetup extends Common {
  role: "impostor";
  drone: Uint8Array;
  purpose: Uint8Array;
  /** A recording to play; null: shakes hands with a key of its own. */
  replay: Uint8Array[] | null;
}

export type Setup = DroneSetup | PhoneSetup | ImpostorSetup;

/** The world to a device process. */
export type ToDevice =
  | { kind: "setup"; setup: Setup }
  | { kind: "command"; name: string; value: unknown }
  /** What one of the device's sensors says. */
  | { kind: "sensor"; name: string; value: unknown }
  /** The owner has the document of that number. */
  | { kind: "kept"; id: number }
  | { kind: "stop" };

export interface RadioCounts {
  reads: number;
  writes: number;
  notifications: number;
  bytes: number;
}

/** A device process to the world. */
export type FromDevice =
  | { kind: "ready"; id: string }
  | { kind: "progress"; step: string; detail: string }
  | { kind: "keep"; id: number; name: string; bytes: Uint8Array }
  /** A command to the autopilot, or what the phone's screen asks of its person. */
  | { kind: "actuate"; name: string; value: unknown }
  | { kind: "home" }
  | { kind: "telemetry"; records: number; refused: number; chunks: number; shards: number }
  | {
      kind: "stopped";
      radio: RadioCounts;
      mqtt: { messages: number; bytes: number };
      dropped: [string, number][];
      writes: Uint8Array[];
    }
  | { kind: "failed"; code: string; message: string; where: string | undefined };
