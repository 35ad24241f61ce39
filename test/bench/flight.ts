/** The flight model beside the geometry that a step cannot do without. */
import { modelFlight, TICK_MS } from "../../simulators/flight/fly.ts";
import { moved, offsetM } from "../../simulators/flight/geo.ts";
import { DEFAULT_FLIGHT } from "../../simulators/flight/model.ts";
import type { FlightSource } from "../../simulators/flight/source.ts";
import { perSecond } from "./harness.ts";
import type { Bench } from "./harness.ts";

const HOME = { latitudeE7: 481_100_000, longitudeE7: -16_000_000, groundAltitudeMm: 35_000 };

export const flightBench: Bench = {
  name: "flight: steps of the model",
  unit: "steps/s",
  better: "more",
  run() {
    // A battery that outlasts the bench: a drone on the ground is not stepped.
    const settings = { ...DEFAULT_FLIGHT, batteryWh: 1e9 };
    const flight: FlightSource = modelFlight(settings, HOME, 0, {
      bytes: (length) => new Uint8Array(length),
    });
    flight.command({ kind: "takeoff" }, 0);
    let nowMs = 0;
    return perSecond(() => flight.at((nowMs += TICK_MS)), 200, 1000);
  },
  limit: {
    name: "one offset and one move",
    run() {
      const home = { latitude: 48.11, longitude: -1.6 };
      let here = home;
      return perSecond(
        () => {
          const { northM, eastM } = offsetM(here, home);
          here = moved(here, 0.01 - northM * 0.1, 0.01 - eastM * 0.1);
        },
        200,
        1000,
      );
    },
  },
};
