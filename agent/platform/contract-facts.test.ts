/** What is shown to a contract that waits for it, as a person pastes it. */
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import type { Observation, When } from "../../protocols/contract/terms.ts";
import { toBase64Url, toHex } from "../../protocols/encoding/bytes.ts";
import { awaitedDigests, shownSecret } from "./contract-facts.ts";

const KEY = Uint8Array.from({ length: 81 }, (_, at) => at);
const hash: Observation = { kind: "hash", digest: crypto.sha256(KEY) };

function waiting(condition: Observation): When {
  const end = { kind: "close" } as const;
  const times = { actBy: 1, claimBy: 2, refundFrom: 3 };
  return {
    ...{ kind: "when", label: "awaiting-key", ...times, onTimeout: end },
    cases: [{ kind: "facts", condition, then: end }],
  } as unknown as When;
}

describe("what is shown", () => {
  it("is read as hexadecimal or base64url, with whatever breaks its lines", () => {
    const step = waiting(hash);
    for (const text of [toHex(KEY), ` ${toBase64Url(KEY)}\n`, toHex(KEY).replace(/(.{30})/g, "$1 \n")])
      expect(shownSecret(crypto, step, text)).toEqual(KEY);
  });

  it("is what the terms name, and nothing else", () => {
    for (const text of [
      "",
      "zz!",
      toHex(KEY.slice(1)),
      toHex(new Uint8Array(300)),
      toBase64Url(KEY).slice(1),
    ])
      expect(() => shownSecret(crypto, waiting(hash), text)).toThrowError(
        expect.objectContaining({ code: "fact-invalid" }),
      );
    const none = waiting({ kind: "not", not: hash });
    expect(awaitedDigests(none)).toEqual([]);
    expect(() => shownSecret(crypto, none, toHex(KEY))).toThrowError(
      expect.objectContaining({ code: "contract-not-expected" }),
    );
  });

  it("is found wherever it counts in a condition", () => {
    const nested: Observation = { kind: "or", any: [{ kind: "and", all: [hash] }, hash] };
    expect(awaitedDigests(waiting(nested))).toHaveLength(2);
  });
});
