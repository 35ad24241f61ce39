import type { z } from "zod";
import { decodeMessage } from "../encoding/messages.ts";
import { SegmentError } from "../errors.ts";

/**
 * Decodes a message's body and checks it against the schema of its kind.
 * Throws `message-invalid`; `where` names the field.
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array): z.output<Schema> {
  const result = schema.safeParse(decode(bytes));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined ? "body" : ["body", ...issue.path.map(String)].join(".");
  throw new SegmentError("message-invalid", `${where}: ${issue?.message ?? "not of the expected shape"}`, {
    where,
  });
}

function decode(bytes: Uint8Array): unknown {
  try {
    return decodeMessage(bytes);
  } catch (cause) {
    if (!(cause instanceof SegmentError)) throw cause;
    throw new SegmentError("message-invalid", `the body does not decode: ${cause.message}`, {
      where: "body",
      cause,
    });
  }
}
