/** What the lock feels, and what it says of itself. */
import { z } from "zod";
import type { AccessBody, LockStanding } from "../../protocols/access/messages.ts";
import type { Action } from "../../protocols/access/rights.ts";
import type { DeviceContext, DeviceEffect } from "../device.ts";
import { send } from "../effects.ts";
import { latest } from "../readings.ts";
import { isTimeKnown } from "./time.ts";
import { DOOR, ROLE_ACTIONS } from "./state.ts";
import type { LockConfig, LockState } from "./state.ts";

/** What is left of it, by the sensor "battery"; a lock on the mains has none. */
export const batterySchema = z.int().min(0).max(1_000);

/** undefined: there is no such sensor, or it has not reported. */
export function isDoorOpen({ door }: LockConfig, context: DeviceContext): boolean | undefined {
  return door.hasContact ? flag(context, "door-open") : undefined;
}

export function isBoltLocked({ door }: LockConfig, context: DeviceContext): boolean | undefined {
  return door.hasBoltSensor ? flag(context, "bolt-locked") : undefined;
}

/** Without a contact the door is taken for shut; one that is silent proves nothing. */
export function isDoorShut(config: LockConfig, context: DeviceContext): boolean {
  return config.door.hasContact ? isDoorOpen(config, context) === false : true;
}

function flag(context: DeviceContext, name: string): boolean | undefined {
  const value = context.readings.get(name);
  return typeof value === "boolean" ? value : undefined;
}

/** What a target can do; undefined if there is none of that name. */
export function actionsOf(config: LockConfig, target: string): readonly Action[] | undefined {
  if (target === DOOR) return config.door.relockMs === null ? ["open"] : ["open", "lock", "unlock"];
  const thing = Object.hasOwn(config.home, target) ? config.home[target] : undefined;
  return thing === undefined ? undefined : ROLE_ACTIONS[thing.role];
}

export function standingOf(config: LockConfig, state: LockState, context: DeviceContext): LockStanding {
  const home = Object.entries(config.home).map(([name, { role }]) => ({ name, role }));
  return {
    tenure: state.tenure,
    timeMs: Math.max(0, context.now),
    isTimeKnown: isTimeKnown(config, state, context),
    isLocked: isBoltLocked(config, context) ?? null,
    isOpen: isDoorOpen(config, context) ?? null,
    batteryPermille: latest(context, "battery", batterySchema) ?? null,
    targets: [{ name: DOOR, role: "bolt" }, ...home].map(({ name, role }) => {
      return { name, role, actions: [...(actionsOf(config, name) ?? [])] };
    }),
  };
}

/** To each owner, repeated until heard. */
export function alerts(
  { owners }: LockState,
  kind: AccessBody<"lock-alert">["kind"],
  { now }: DeviceContext,
): DeviceEffect[] {
  const timeMs = Math.max(0, now);
  return owners.map(({ id }) => send(`${kind}/${timeMs}/${id}`, id, "lock-alert", { kind, timeMs }));
}
