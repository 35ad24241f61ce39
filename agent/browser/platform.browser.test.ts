import { expect, it } from "vitest";
import { cryptoCompliance } from "../../test/compliance/crypto.ts";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { browserRandom } from "./platform.ts";

cryptoCompliance("portableCrypto in a browser", portableCrypto);

it("gives as many random bytes as are asked for, of every value", () => {
  expect(browserRandom.bytes(0)).toHaveLength(0);
  const bytes = browserRandom.bytes(200_000);
  expect(bytes).toHaveLength(200_000);
  // Each value is missed with a probability of (255/256)^66,000 in each third, below e^-250.
  for (const from of [0, 66_000, 132_000])
    expect(new Set(bytes.subarray(from, from + 66_000)).size).toBe(256);
});
