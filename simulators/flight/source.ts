/**
 * What a flight offers to the drone's autopilot port, whether the model flies it or a
 * recorded track is played: positions as they leave the autopilot, and the commands
 * that it takes. Distances in mm, angles in 1e-7 degree (positions) and 0.01 degree (heading).
 */
import type { TimeMs } from "../../protocols/ports.ts";

export interface FlightSample {
  timeMs: TimeMs;
  latitudeE7: number;
  longitudeE7: number;
  /** Above sea level. */
  altitudeMm: number;
  /** Over the ground. */
  speedMmS: number;
  /** Hundredths of a degree clockwise from north, 0..35999. */
  headingCdeg: number;
  /** 1000 is full. */
  batteryPermille: number;
  /** Off the ground. */
  airborne: boolean;
  /** Propellers turn: also before take-off and for a moment after touchdown. */
  motorsOn: boolean;
}

/** A place that the drone may fly to; it lands on its ground. */
export interface Place {
  latitudeE7: number;
  longitudeE7: number;
  groundAltitudeMm: number;
}

export type FlightCommand =
  /** Climb to the cruise height and hover there. */
  | { kind: "takeoff" }
  /** Fly to a place and hover above it; takes off first if need be. */
  | { kind: "goto"; place: Place }
  /** Stop and stay. */
  | { kind: "hover" }
  /** Descend to the ground below and stop the motors. */
  | { kind: "land" }
  /** Fly home and land there. */
  | { kind: "return" };

export interface FlightSource {
  /** The sample at `nowMs`. Time does not go back: an earlier `nowMs` gives the latest sample. */
  at(nowMs: TimeMs): FlightSample;
  /** False when the autopilot refuses: nothing to stop on the ground, or too little battery to take off. */
  command(command: FlightCommand, nowMs: TimeMs): boolean;
}
