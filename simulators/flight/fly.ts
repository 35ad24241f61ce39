/**
 * The model as a FlightSource. It advances in ticks of its own, so that the flight is
 * the same however often somebody asks where the drone is.
 */
import type { Random, TimeMs } from "../../protocols/ports.ts";
import { obey, rest, sampleOf, standing, step } from "./model.ts";
import type { FlightSettings, FlightState } from "./model.ts";
import type { FlightSource, Place } from "./source.ts";

export const TICK_MS = 100;

/** A modelled drone that stands at `home` at `startMs`. */
export function modelFlight(
  settings: FlightSettings,
  home: Place,
  startMs: TimeMs,
  random: Random,
): FlightSource {
  let state = standing(settings, home, startMs);
  return {
    at(nowMs) {
      state = advance(settings, state, nowMs, random);
      return sampleOf(settings, state);
    },
    command(command, nowMs) {
      state = advance(settings, state, nowMs, random);
      const next = obey(settings, state, command);
      state = next ?? state;
      return next !== undefined;
    },
  };
}

/** Whole ticks up to `toMs`; what is left of a tick waits for the next call. */
export function advance(
  settings: FlightSettings,
  from: FlightState,
  toMs: TimeMs,
  random: Random,
): FlightState {
  let state = from;
  // A flight ends with its battery, and a standing drone rests: the loop is bounded.
  while (state.timeMs + TICK_MS <= toMs) {
    if (state.phase.kind === "on-ground")
      return rest(settings, state, toMs - ((toMs - state.timeMs) % TICK_MS));
    state = step(settings, state, TICK_MS, random);
  }
  return state;
}
