/** The flight as SenML records; units are those registered by RFC 8428 section 12.1. */
import { reading, type SenmlRecord } from "../../protocols/telemetry/senml.ts";
import type { FlightReading } from "./state.ts";

/** One reading of the flight controller as records of one instant. */
export function flightRecords(here: FlightReading): SenmlRecord[] {
  const at = (name: string, unit: string, value: number): SenmlRecord =>
    reading(name, unit, value, here.timeMs);
  return [
    at("drone/latitude", "lat", here.latitudeE7 / 1e7),
    at("drone/longitude", "lon", here.longitudeE7 / 1e7),
    at("drone/altitude", "m", here.altitudeMm / 1_000),
    at("drone/speed", "m/s", here.speedMmS / 1_000),
    at("drone/heading", "deg", here.headingCdeg / 100),
    at("drone/battery", "/", here.batteryPermille / 1_000),
  ];
}
