/**
 * One device's step, tried in each situation that a real delivery can bring it to: nothing of what is tried
 * happens on the stage.
 */
import { expect } from "vitest";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { DeviceEffect, DeviceEvent, Step } from "../device.ts";
import type { Actor } from "./actor.ts";
import { MINUTE } from "./cast.ts";
import type { Stage } from "./stage.ts";

/** What is tried: the device, its situations by name, and how its state is called. */
export interface Piece<State> {
  actorOf: (stage: Stage) => Actor<State>;
  situations: Record<string, () => Stage>;
  phaseOf: (state: State) => string;
}

/** A situation is called as its phase, or as its phase, a comma, and what is special about it. */
export function phaseIn(situation: string): string {
  return situation.split(",")[0]!;
}

export function rehearse<State>({ actorOf, situations, phaseOf }: Piece<State>) {
  const situation = (name: string): Stage => {
    const stage = situations[name]!();
    expect(phaseOf(actorOf(stage).state)).toBe(phaseIn(name));
    return stage;
  };

  /** The reading stands when its event comes, as in an agent. */
  const step = (stage: Stage, event: DeviceEvent): Step<State> => {
    const actor = actorOf(stage);
    const readings = new Map(actor.readings);
    if (event.kind === "sensor") readings.set(event.name, event.value);
    return actor.device.step(actor.state, event, { ...actor.context(), readings });
  };

  return {
    names: Object.keys(situations),
    situation,
    step,

    /** The event leads to that phase; the new state can be written and read back. */
    expectPhase: (stage: Stage, event: DeviceEvent, phase: string, where: string): DeviceEffect[] => {
      const { state, effects } = step(stage, event);
      expect(phaseOf(state), where).toBe(phase);
      expect(decodeMessage(encodeMessage(state)), `${where}: state is plain data`).toEqual(state);
      return effects;
    },

    /** It is none of the device's business. */
    expectInert: (stage: Stage, event: DeviceEvent, where: string): void => {
      expect(step(stage, event), where).toEqual({ state: actorOf(stage).state, effects: [] });
    },

    /** It is refused with a code, or changes nothing; what it still leads to is returned. */
    expectUnmoved: (stage: Stage, event: DeviceEvent): DeviceEffect[] => {
      try {
        const { state, effects } = step(stage, event);
        expect(state).toEqual(actorOf(stage).state);
        return effects;
      } catch (error) {
        expect(error).toBeInstanceOf(SegmentError);
        expect((error as SegmentError).code).not.toBe("internal");
        return [];
      }
    },

    /** The timer leads to a question to the notaries and to the next timer in a minute, to nothing else. */
    expectAsks: (stage: Stage, timer: string, next: string): void => {
      const { state, effects } = step(stage, { kind: "timer", name: timer });
      expect(state).toEqual(actorOf(stage).state);
      expect(effects).toEqual([
        { kind: "inquire", termsId: stage.termsId },
        { kind: "timer", name: next, atMs: stage.now + MINUTE },
      ]);
    },
  };
}
