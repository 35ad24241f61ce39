/** When the processes of drone and phone are killed, on purpose, and for how long they are gone. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Bearer } from "./physical.ts";

export interface Kill {
  who: Bearer;
  /**
   * A step that anybody tells; or right before a command of its own is obeyed, or a document of its own is
   * kept, which is lost with it.
   */
  at: { step: string } | { before: string };
  /** World's time after that. */
  afterMs: number;
  /** From its death until it is started again, in the world's time. */
  downMs: number;
}

const DOWN_MS = 10_000;
const FORM = /^(drone|phone)@(?:before-([a-z-]{1,40})|((?!before-)[a-z][a-z-]{0,40})(?:\+([0-9]{1,4}))?)$/;

/**
 * `drone@arrived`; `drone@took-off+20`, 20 s of the world's time later; `drone@before-land`, with the
 * command `land` given and not obeyed. Errors: option-invalid.
 */
export function parseKill(text: string): Kill {
  const [, who, before, step, seconds] = FORM.exec(text) ?? [];
  const at = before !== undefined ? { before } : step !== undefined ? { step } : undefined;
  if ((who !== "drone" && who !== "phone") || at === undefined) {
    const forms = "drone@arrived, phone@countersigned, drone@took-off+20 or drone@before-land";
    throw new SegmentError("option-invalid", `"${text}" is no moment to kill at: write it as ${forms}`, {
      where: "--kill",
    });
  }
  return { who, at, afterMs: Number(seconds ?? 0) * 1_000, downMs: DOWN_MS };
}

export function describeKill({ who, at }: Kill): string {
  return "step" in at ? `${who}@${at.step}` : `${who}@before-${at.before}`;
}
