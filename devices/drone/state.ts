/** The drone's states: each carries just what it needs to go on after a crash. */
import type { AgentId } from "../device.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";

/** A delivery that the drone has signed. */
export interface Mission {
  plan: DeliveryPlan;
  invoice: Uint8Array | null;
}

/** A meeting over BLE at the delivery point; `attempt` numbers the submissions of evidence. */
export interface Meeting {
  attempt: number;
  /** The session whose facts are with the notaries, once they are. */
  metIn: Uint8Array | null;
  /** The evidence is with the notaries and not yet answered. */
  submitted: boolean;
}

/** The BLE session with the buyer's phone; `hash` is its Noise handshake hash, the same on both sides. */
export interface OpenSession {
  id: string;
  hash: Uint8Array;
}

export type DroneState = { session: OpenSession | null } & (
  | { phase: "idle" }
  /** Signed; flies once the ledger certifies that the price is held. */
  | { phase: "signed"; mission: Mission }
  | { phase: "outbound"; mission: Mission }
  /** Hovers at the point and waits to be met. */
  | { phase: "hovering"; mission: Mission; meeting: Meeting }
  /** `may-land` is certified; `metIn` is the session in which the parties met. */
  | { phase: "landing"; mission: Mission; metIn: Uint8Array }
  | { phase: "landed"; mission: Mission; metIn: Uint8Array; gramsBefore: number }
  /** The parcel has left; `fact` says so, signed; the phone's countersignature or the window is awaited. */
  | { phase: "parcel-gone"; mission: Mission; fact: Uint8Array; submitted: "no" | "countersigned" | "alone" }
  /** The release is certified; receipt and invoice go to the phone. */
  | { phase: "paid"; mission: Mission; receipt: Uint8Array }
  | { phase: "returning"; mission: Mission; withParcel: boolean }
  /** Home; the contract's end may still be awaited. */
  | { phase: "home"; mission: Mission; withParcel: boolean }
);

export type DronePhase = DroneState["phase"];

export interface DroneConfig {
  /** The shop whose missions the drone flies. */
  operator: AgentId;
  /** How far it may fly from where it stands, in metres. */
  rangeM: number;
  /** How near the point counts as there, in metres: well inside the terms' radius. */
  arrivedWithinM: number;
  /** Position pushes to the other parties, at most one in this time. */
  pushEveryMs: number;
  /** After the parcel has gone, how long to wait for the phone's countersignature before the fact goes alone. */
  countersignWaitMs: number;
  /** After payment, how long to wait for the phone to have kept its papers. */
  papersWaitMs: number;
}

/** One reading of the flight controller: 1e-7 degree, millimetres, permille. */
export interface FlightReading {
  timeMs: number;
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
  speedMmS: number;
  headingCdeg: number;
  batteryPermille: number;
  airborne: boolean;
  motorsOn: boolean;
}
