/** The drone's states: each carries just what it needs to go on after a crash. */
import { z } from "zod";
import type { AgentId } from "../device.ts";
import type { OpenSession } from "../delivery.ts";
import { positionReadingSchema } from "../readings.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import type { TimeMs } from "../../protocols/ports.ts";

/** A delivery that the drone has signed. */
export interface Mission {
  orderId: Uint8Array;
  plan: DeliveryPlan;
  invoice: Uint8Array | null;
  /** Where it took off, and will land again; null before. */
  home: { latitudeE7: number; longitudeE7: number } | null;
}

/** The meeting over BLE at the delivery point. */
export interface Meeting {
  /** Numbers the submissions of evidence. */
  attempt: number;
  /** The latest session in which the drone has signed that it met the phone. */
  metIn: Uint8Array | null;
  /** The evidence is with the notaries and not yet answered. */
  submitted: boolean;
  /** `may-land` is certified, but the drone still declines. */
  mayLand: boolean;
}

interface Common {
  session: OpenSession | null;
  /** Contracts that the drone has left before their end was certified; the oldest first. */
  awaited: Awaited[];
}

export interface Awaited {
  termsId: Uint8Array;
  /** However it goes, it ends from here on. */
  endsMs: TimeMs;
  /** Its label when the drone left, as far as the drone knew. */
  label: "awaiting-deposit" | "in-flight" | "may-land";
}

export type DroneState = Common &
  (
    | { phase: "idle" }
    /** Signed; flies once the ledger certifies that the price is held. */
    | { phase: "signed"; mission: Mission }
    /** The price is held; the parcel, or a position, is still missing. */
    | { phase: "loading"; mission: Mission }
    | { phase: "outbound"; mission: Mission; pushedMs: TimeMs }
    /** Hovers at the point and waits to be met. */
    | { phase: "hovering"; mission: Mission; meeting: Meeting }
    /** `may-land` is certified; `metIn` is the session in which the parties met. */
    | { phase: "landing"; mission: Mission; metIn: Uint8Array }
    | { phase: "landed"; mission: Mission; metIn: Uint8Array; gramsBefore: number }
    /** The parcel has left; `fact` says so, signed; countersigned or alone it goes to the notaries. */
    | {
        phase: "parcel-gone";
        mission: Mission;
        fact: Uint8Array;
        submitted: "no" | "countersigned" | "alone";
      }
    /** The release is certified; receipt and invoice go to the phone. */
    | { phase: "paid"; mission: Mission; receipt: Uint8Array }
    | { phase: "returning"; mission: Mission; withParcel: boolean }
  );

export type DronePhase = DroneState["phase"];
export type InPhase<Phase extends DronePhase> = DroneState & { phase: Phase };
export type OnMission = DroneState & { mission: Mission };

export interface DroneConfig {
  /** The shop whose missions the drone flies. */
  operator: AgentId;
  /** How far it may fly from where it stands, in metres. */
  rangeM: number;
  /** How near the point counts as there, in metres: well inside the terms' radius. */
  arrivedWithinM: number;
  /** Position pushes to the other parties, at most one in this time. */
  pushEveryMs: number;
  /**
   * After the parcel has gone, how long to wait for the phone's countersignature before the fact goes
   * alone.
   */
  countersignWaitMs: number;
  /**
   * How long to wait on the ground for the notaries' release, and then for the phone to have kept its
   * papers.
   */
  papersWaitMs: number;
}

/** One reading of the flight controller: 1e-7 degree, millimetres, permille. */
export const flightReadingSchema = positionReadingSchema.extend({
  speedMmS: z.number(),
  headingCdeg: z.number(),
  batteryPermille: z.number(),
  /** Off the ground. */
  airborne: z.boolean(),
  motorsOn: z.boolean(),
});
export type FlightReading = z.infer<typeof flightReadingSchema>;
