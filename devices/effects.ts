/** Effects that every device writes often, by short names. */
import type { AgentId, DeviceEffect, Step } from "./device.ts";

/** Nothing to do in the world. */
export function stay<State>(state: State): Step<State> {
  return { state, effects: [] };
}

export function progress(step: string, detail: string): DeviceEffect {
  return { kind: "progress", step, detail };
}

/** A message that is repeated until it is acknowledged; the same `id` is one message. */
export function send(id: string, to: AgentId, type: string, body: unknown): DeviceEffect {
  return { kind: "send", id, to, type, body, durable: true };
}

export function say(session: string, type: string, body: unknown): DeviceEffect {
  return { kind: "say", session, type, body };
}

export function meet(card: Uint8Array): DeviceEffect {
  return { kind: "meet", card };
}

export function keep(name: string, bytes: Uint8Array): DeviceEffect {
  return { kind: "keep", name, bytes };
}

export function actuate(name: string, value: unknown): DeviceEffect {
  return { kind: "actuate", name, value };
}

/** `null` cancels. */
export function timer(name: string, atMs: number | null): DeviceEffect {
  return { kind: "timer", name, atMs };
}
