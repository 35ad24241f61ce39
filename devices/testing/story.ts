/** The stages of an honest delivery, each from the one before. */
import type { Stage } from "./stage.ts";

export const STORY = {
  idle: (stage: Stage) => stage,
  outbound: (stage: Stage) => stage.order(),
  hovering: (stage: Stage) => stage.order().arrive(),
  landing: (stage: Stage) => stage.order().arrive().walk(),
  landed: (stage: Stage) => stage.order().arrive().walk().touchDown(),
  "parcel-gone": (stage: Stage) => stage.order().arrive().walk().touchDown().lift(),
  returning: (stage: Stage) => stage.order().arrive().walk().touchDown().lift().inHand(),
  home: (stage: Stage) => stage.order().arrive().walk().touchDown().lift().inHand().flyHome(),
} as const satisfies Record<string, (stage: Stage) => Stage>;
