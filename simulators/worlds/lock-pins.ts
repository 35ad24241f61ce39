/**
 * What hangs on the pins of a lock that has no board: a bolt that moves, its sensor, a door that is shut,
 * and a battery.
 */
import type { LockConfig } from "../../devices/lock/state.ts";
import type { Clock, Timer } from "../../protocols/ports.ts";

export interface SimulatedLock {
  config: LockConfig;
  actuate(name: string, value: unknown): void;
  /** The sensors as they are, and whenever they change. */
  onSensor(report: (name: string, value: boolean | number) => void): void;
  /** Somebody opens or shuts the door, or presses or lets go of the button. Returns how it is now. */
  toggle(name: "door-open" | "button"): boolean;
  /** So much is left of the battery from now on. */
  setBattery(permille: number): void;
  close(): void;
}

/** A motor bolt that locks again 5 s after the door was shut, and a light in the hall. */
export const SIMULATED_LOCK: LockConfig = {
  door: { pulseMs: 500, relockMs: 5_000, hasContact: true, hasBoltSensor: true, openAlarmMs: 60_000 },
  home: { light: { role: "light", actuator: "light", pulseMs: 100 } },
  resetHoldMs: 10_000,
  keepsTime: true,
};

/** Of a battery that was changed some weeks ago. */
const FRESH_PERMILLE = 870;

/** `say` tells what moves, for people who watch. */
export function simulatedLock(clock: Clock, say: (line: string) => void): SimulatedLock {
  const sensors = new Map<string, boolean | number>([
    ["door-open", false],
    ["bolt-locked", true],
    ["button", false],
    ["battery", FRESH_PERMILLE],
  ]);
  let report: (name: string, value: boolean | number) => void = () => undefined;
  let moving: Timer | undefined;
  const set = (name: string, value: boolean | number): void => {
    sensors.set(name, value);
    report(name, value);
  };
  return {
    config: SIMULATED_LOCK,
    actuate(name, value) {
      if (name === "bolt") {
        const { to, pulseMs } = value as { to: "locked" | "unlocked"; pulseMs: number };
        moving?.cancel();
        moving = clock.at(clock.now() + pulseMs, () => {
          say(`bolt: ${to}`);
          set("bolt-locked", to === "locked");
        });
      } else if (name === "light") {
        say(`light: ${(value as { action: string }).action}`);
      }
    },
    onSensor(listener) {
      report = listener;
      for (const [name, value] of sensors) report(name, value);
    },
    toggle(name) {
      const value = sensors.get(name) !== true;
      set(name, value);
      return value;
    },
    setBattery: (permille) => set("battery", permille),
    close: () => moving?.cancel(),
  };
}
