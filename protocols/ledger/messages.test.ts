import { describe, expect, it } from "vitest";
import { encodeMessage } from "../encoding/messages.ts";
import { parseBody } from "../messaging/schemas.ts";
import { LEDGER_SCHEMAS } from "./messages.ts";

const id = new Uint8Array(32).fill(7);

describe("a question for a receipt", () => {
  it.each([{ entryId: id }, { termsId: id }])("is by entry or by contract: %o", (body) => {
    for (const kind of ["receipt-wanted", "receipt-missing"] as const)
      expect(parseBody(LEDGER_SCHEMAS[kind], encodeMessage(body))).toEqual(body);
  });

  it.each([
    {},
    { entryId: id, termsId: id },
    { termsId: id.slice(1) },
    { termsId: "all" },
    { entryId: id, more: 1 },
  ])("is nothing else: %o", (body) => {
    for (const kind of ["receipt-wanted", "receipt-missing"] as const)
      expect(() => parseBody(LEDGER_SCHEMAS[kind], encodeMessage(body))).toThrow(
        expect.objectContaining({ code: "message-invalid" }),
      );
  });
});
