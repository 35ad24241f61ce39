import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { errorCode } from "../errors.ts";
import { seedFromWords } from "../identity/root.ts";
import { bitcoinAddresses, checksummed, ethereumAddresses } from "./addresses.ts";

// The test vector of BIP 84.
const SEED = seedFromWords(`${"abandon ".repeat(11)}about`);

describe("Bitcoin addresses", () => {
  it("are those of BIP 84's test vector", () => {
    expect(bitcoinAddresses(crypto, SEED, 2)).toEqual([
      { path: "m/84'/0'/0'/0/0", address: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu" },
      { path: "m/84'/0'/0'/0/1", address: "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g" },
    ]);
  });
});

describe("Ethereum addresses", () => {
  it("are those that other wallets show for the same words", () => {
    expect(ethereumAddresses(SEED, 1)).toEqual([
      { path: "m/44'/60'/0'/0/0", address: "0x9858EfFD232B4033E47d90003D41EC34EcaEda94" },
    ]);
    // The development words of Hardhat and Foundry, with their first two accounts.
    const development = seedFromWords(`${"test ".repeat(11)}junk`);
    expect(ethereumAddresses(development, 2).map(({ address }) => address)).toEqual([
      "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
      "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ]);
  });

  it.each([
    // The vectors of EIP-55.
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
  ])("have the checksum of EIP-55: %s", (address) => {
    expect(checksummed(address.slice(2).toLowerCase())).toBe(address);
  });

  it("refuse what is none, and too many at once", () => {
    const codeOf = (act: () => unknown): string => {
      try {
        act();
      } catch (error) {
        return errorCode(error);
      }
      return "none";
    };
    expect(codeOf(() => checksummed("12"))).toBe("text-malformed");
    for (const count of [0, 101, 1.5])
      expect(codeOf(() => ethereumAddresses(SEED, count))).toBe("option-invalid");
  });
});
