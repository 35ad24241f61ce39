/** Effects that every device writes often, by short names. */
import type { DeviceEffect, Step } from "./device.ts";

/** Nothing to do in the world. */
export function stay<State>(state: State): Step<State> {
  return { state, effects: [] };
}

export function progress(step: string, detail: string): DeviceEffect {
  return { kind: "progress", step, detail };
}

export function say(session: string, type: string, body: unknown): DeviceEffect {
  return { kind: "say", session, type, body };
}

export function actuate(name: string, value: unknown): DeviceEffect {
  return { kind: "actuate", name, value };
}

/** `null` cancels. */
export function timer(name: string, atMs: number | null): DeviceEffect {
  return { kind: "timer", name, atMs };
}
