/** What the world and its device processes tell each other over Node's IPC channel (structured clone). */
import type { ClockFrame } from "../../clock.ts";
import type { FlightSample } from "../../flight/source.ts";

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
  seed: number;
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
  base: Spot;
  track: string | null;
  tolerant: boolean;
  sealing: "sealed" | "unsealed-for-the-plaintext-search-test";
}

export interface PhoneSetup extends Common {
  role: "phone";
  /** Where the person is, and where they walk to once the drone calls; null: they stay. */
  start: Spot;
  walkTo: Spot | null;
  takesParcel: boolean;
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
  /** Something in the physical world: the parcel was lifted, the person has it in hand. */
  | { kind: "physical"; name: "parcel-lifted" | "parcel-in-hand" }
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
  | { kind: "keep"; name: string; bytes: Uint8Array }
  | { kind: "position"; sample: FlightSample }
  | { kind: "walked"; spot: Spot }
  /** The person lifts the parcel out of the drone. */
  | { kind: "takes-parcel" }
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
