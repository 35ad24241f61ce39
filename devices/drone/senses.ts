/** What the drone knows of itself, and how it judges it. */
import { distanceMm, type GroundPoint } from "../../protocols/contract/distance.ts";
import type { DeliveryPlan } from "../../protocols/delivery/plan.ts";
import type { DeviceContext } from "../device.ts";
import { latest } from "../readings.ts";
import { flightReadingSchema, type DroneConfig, type FlightReading } from "./state.ts";

/** The bay's scale wobbles; a parcel weighs more. */
const EMPTY_BAY_GRAMS = 20;
/** Below this the drone does not land: it needs the rest for the way home. */
const RESERVE_PERMILLE = 150;

export function reading(context: DeviceContext): FlightReading | undefined {
  return latest(context, "position", flightReadingSchema);
}

/** What the parcel bay's scale reads; undefined until it has reported. */
export function grams(context: DeviceContext): number | undefined {
  const value = context.readings.get("scale");
  return typeof value === "number" && Math.abs(value) <= 1_000_000 ? Math.round(value) : undefined;
}

export function isLoaded(context: DeviceContext): boolean {
  return (grams(context) ?? 0) > EMPTY_BAY_GRAMS;
}

export function isWithin(here: GroundPoint | undefined, place: GroundPoint, radiusMm: number): boolean {
  return here !== undefined && distanceMm(here, place) <= radiusMm;
}

export function isInRange(config: DroneConfig, plan: DeliveryPlan, here: GroundPoint): boolean {
  return isWithin(here, plan.point, config.rangeM * 1_000);
}

export function isOnGround(here: FlightReading): boolean {
  return !here.airborne && !here.motorsOn;
}

export function isAtPoint(plan: DeliveryPlan, context: DeviceContext): boolean {
  return isWithin(reading(context), plan.point, plan.radiusMm);
}

/**
 * The contract permits, the drone may still decline: it must be in the air, at the point, with charge to
 * get home.
 */
export function vetoReason(plan: DeliveryPlan, context: DeviceContext): string | undefined {
  const here = reading(context);
  if (here === undefined) return "it has no position";
  if (!here.airborne || !here.motorsOn) return "it is not in the air";
  if (!isAtPoint(plan, context)) return "it is not at the point";
  if (here.batteryPermille < RESERVE_PERMILLE) return "the battery would not last for the way home";
  if (isBlocked(context)) return "something is below";
  return undefined;
}

/** Something or somebody is below. */
export function isBlocked(context: DeviceContext): boolean {
  return context.readings.get("obstacle") === true;
}
