/** The drone's deadlines. A timer that outlived its phase changes nothing. */
import type { DeviceContext, Step } from "../device.ts";
import { progress, stay, timer } from "../effects.ts";
import { inquireOn, inquiryTimer, isInVain, unheardTimer } from "../inquiry.ts";
import { askPhone, sendPapers } from "./meeting.ts";
import { submitParcel } from "./parcel.ts";
import { isWithin, reading } from "./senses.ts";
import { goHome, landByOf, stayHome } from "./standing.ts";
import type { DroneConfig, DroneState, InPhase } from "./state.ts";

type Result = Step<DroneState>;

/** Nobody at the point can speak with a drone that is farther off. */
const ABSENT_MM = 100_000;

export function onTimer(
  config: DroneConfig,
  state: DroneState,
  name: string,
  context: DeviceContext,
): Result {
  switch (name) {
    case "unpaid":
      // Should the deposit have been certified after all, unheard, the buyer gets it back.
      return state.phase === "signed"
        ? stayHome(state, "cancel", "the price was not held in time")
        : stay(state);
    case "give-up":
      return onGiveUp(state, context);
    case "ask-again":
      return state.phase === "hovering" ? askPhone(state, context) : stay(state);
    case "land-by":
      return state.phase === "hovering" ? onLandBy(state, context) : stay(state);
    case "remove-by":
      return state.phase === "landed" ? goHome(state, "open", "nobody took the parcel") : stay(state);
    case "countersign":
      return state.phase === "parcel-gone" && state.submitted === "no"
        ? submitParcel(config, state, "alone", [state.fact], context)
        : stay(state);
    case "release":
      return state.phase === "parcel-gone" && state.submitted !== "no"
        ? goHome(state, "open", "the notaries take long to answer")
        : stay(state);
    case "papers":
      return state.phase === "paid" ? leavePapers(state) : stay(state);
    default:
      return onInquiryTimer(state, name, context);
  }
}

/** Nothing was heard of a contract that the drone has left. After a day in vain it is forgotten. */
function onInquiryTimer(state: DroneState, name: string, context: DeviceContext): Result {
  const left = state.awaited.find(({ termsId }) =>
    [inquiryTimer, unheardTimer].some((of) => of(termsId) === name),
  );
  if (left === undefined) return stay(state);
  const { termsId, endsMs } = left;
  const wasLast = name === unheardTimer(termsId) && isInVain(endsMs, context.now);
  if (!wasLast) return { state, effects: inquireOn(termsId, endsMs, context.now) };
  return {
    state: { ...state, awaited: state.awaited.filter((one) => one !== left) },
    effects: [progress("unheard", "the notaries have not said in a day how a contract ended")],
  };
}

/**
 * The last moment to cancel: a buyer is not to pay a no-show for a drone that did not come or did not
 * land.
 */
function onGiveUp(state: DroneState, context: DeviceContext): Result {
  switch (state.phase) {
    case "loading":
      return stayHome(state, "cancel", "nobody brought the parcel");
    case "outbound":
      return goHome(state, "cancel", "it cannot be there in time");
    case "hovering": {
      const here = reading(context);
      const came = here?.airborne === true && isWithin(here, state.mission.plan.point, ABSENT_MM);
      if (state.meeting.mayLand) return goHome(state, "cancel", "it could not land in time");
      return came ? stay(state) : goHome(state, "cancel", "it could not stay at the point");
    }
    case "landing":
      return goHome(state, "cancel", "it could not land in time");
    default:
      return stay(state);
  }
}

function onLandBy(state: InPhase<"hovering">, context: DeviceContext): Result {
  if (state.meeting.mayLand) return stay(state);
  const until = landByOf(state);
  if (context.now < until) return { state, effects: [timer("land-by", until)] };
  return goHome(state, "open", "nobody was met in time");
}

function leavePapers(state: InPhase<"paid">): Result {
  const { state: next, effects } = goHome(state, "ended", "the phone did not answer");
  return { state: next, effects: [...effects, sendPapers(state, state.receipt)] };
}
