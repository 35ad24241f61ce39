/** Fuzz of the schemas that bodies of messages are validated with. */
import type { z } from "zod";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { fuzz } from "./harness.ts";
import { mutatedValue } from "./mutate-value.ts";
import { mustEqual } from "./must.ts";

/** One `it`: mutants of a sound body are refused, or given back as they are. */
export function fuzzShape(name: string, schema: z.ZodType, sample: unknown): void {
  fuzz(
    `${name} gives back what a body of its shape says, or refuses`,
    mutatedValue([sample]),
    (value) => {
      const parsed = schema.safeParse(value);
      if (!parsed.success) throw new SegmentError("message-invalid", "refused");
      mustEqual(encodeMessage(parsed.data), encodeMessage(value), "nothing added, nothing dropped");
    },
    { accepted: 0.1 },
  );
}
