import { createPrivateKey } from "node:crypto";
import type * as NodeCrypto from "node:crypto";
import { describe, expect, it, vi } from "vitest";

vi.mock("node:crypto", async (load) => {
  const real = await load<typeof NodeCrypto>();
  const strict = (input: NodeCrypto.JsonWebKeyInput): NodeCrypto.KeyObject => {
    if (input.format === "jwk" && input.key.x === "") throw new Error("the JWK has no x");
    return real.createPrivateKey(input);
  };
  return { ...real, createPrivateKey: vi.fn(strict) };
});

const { nodeCrypto } = await import("./crypto.ts");

describe("nodeCrypto on a Node that insists on a key's public part", () => {
  it("imports private keys all the same", () => {
    const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
    // The public keys of the bytes 0 to 31, by RFC 8032 and by RFC 7748.
    expect(Buffer.from(nodeCrypto.ed25519PublicKey(seed)).toString("hex")).toBe(
      "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    );
    expect(Buffer.from(nodeCrypto.x25519PublicKey(seed)).toString("hex")).toBe(
      "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f",
    );
    expect(vi.mocked(createPrivateKey).mock.results.filter(({ type }) => type === "throw")).toHaveLength(2);
  });
});
