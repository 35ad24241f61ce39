/** What each scenario changes in the world, and how it must end. */
import { SegmentError } from "../../../protocols/errors.ts";

export const SCENARIOS = {
  ok: { outcome: "delivered", tells: "the parcel is delivered and paid" },
  "no-show": { outcome: "refunded", tells: "the buyer never comes; the drone returns with the parcel" },
  "wrong-phone": {
    outcome: "refunded",
    tells: "an impostor with another key is at the point; the drone does not land",
  },
  unfunded: { outcome: "refused", tells: "the wallet does not hold the price; nothing flies" },
  "parcel-kept": {
    outcome: "refunded",
    tells: "the drone lands, but nobody takes the parcel before the deadline",
  },
  "spoofed-position": {
    outcome: "refunded",
    tells: "a phone far away signs the drone's own position; no meeting over BLE, no landing",
  },
  replay: {
    outcome: "refunded",
    tells: "the recorded BLE session of an earlier delivery is played to the drone of a second one",
  },
} as const satisfies Record<string, { outcome: Outcome; tells: string }>;

export type Outcome = "delivered" | "refunded" | "refused";
export type Scenario = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as Scenario[];

/** Errors: option-invalid, with the names that there are. */
export function scenarioOf(name: string): Scenario {
  if (Object.hasOwn(SCENARIOS, name)) return name as Scenario;
  throw new SegmentError(
    "option-invalid",
    `there is no scenario "${name}": choose one of ${SCENARIO_NAMES.join(", ")}`,
    {
      where: "--scenario",
    },
  );
}

/** How the people behave. */
export interface Cast {
  buyerComes: boolean;
  takesParcel: boolean;
  spoofs: boolean;
  funded: boolean;
  impostor: "none" | "other-key" | "replays";
}

const HONEST: Cast = { buyerComes: true, takesParcel: true, spoofs: false, funded: true, impostor: "none" };

/** The delivery that the scenario is about. */
export function castOf(scenario: Scenario): Cast {
  switch (scenario) {
    case "ok":
      return HONEST;
    case "no-show":
      return { ...HONEST, buyerComes: false };
    case "wrong-phone":
      return { ...HONEST, buyerComes: false, impostor: "other-key" };
    case "unfunded":
      return { ...HONEST, funded: false };
    case "parcel-kept":
      return { ...HONEST, takesParcel: false };
    case "spoofed-position":
      return { ...HONEST, buyerComes: false, spoofs: true };
    case "replay":
      return { ...HONEST, buyerComes: false, impostor: "replays" };
  }
}
