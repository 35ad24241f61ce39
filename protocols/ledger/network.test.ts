import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { toHex } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import {
  checkNetwork,
  faultsTolerated,
  formatNetwork,
  formatSealKey,
  networkHash,
  parseNetwork,
  quorum,
  sealKey,
  termKeys,
} from "./network.ts";

const id = (value: number): string =>
  agentId(signerFromSeed(crypto, new Uint8Array(32).fill(value)).publicKey);
const notaries = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: id(i + 1), termKey: id(i + 101) }));
const village = {
  version: 1,
  network: "village",
  zone: "main",
  term: 1,
  notaries: notaries(4),
  sealKey: formatSealKey(new Uint8Array(32).fill(9)),
};

function refusal(change: object): string {
  try {
    checkNetwork({ ...village, ...change });
    return "accepted";
  } catch (error) {
    return errorCode(error);
  }
}

describe("the network file", () => {
  it("is read as it was written", () => {
    const network = checkNetwork(village);
    expect(parseNetwork(formatNetwork(network))).toEqual(network);
    expect(termKeys(network).map(agentId)).toEqual(village.notaries.map(({ termKey }) => termKey));
    expect(sealKey(network)).toEqual(new Uint8Array(32).fill(9));
  });

  it("has a hash that was written down, and another for any other network", () => {
    const network = checkNetwork(village);
    expect(toHex(networkHash(crypto, network))).toBe(
      "9f23a031f6bf3329620c69665af91a5ec54bd2da853a968ff166504434dd271f",
    );
    const others = [
      { ...network, network: "town" },
      { ...network, term: 2 },
      { ...network, notaries: [...network.notaries].reverse() },
      { ...network, sealKey: formatSealKey(new Uint8Array(32).fill(8)) },
      { ...network, commission: { account: id(7), ppm: 5_000 } },
      { ...network, commission: { account: id(8), ppm: 5_000 } },
      { ...network, commission: { account: id(7), ppm: 5_001 } },
    ];
    const hashes = [network, ...others].map((one) => toHex(networkHash(crypto, one)));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it("may ask for a commission, of a tenth at most", () => {
    const network = checkNetwork({ ...village, commission: { account: id(7), ppm: 100_000 } });
    expect(parseNetwork(formatNetwork(network))).toEqual(network);
  });

  it.each([
    ["no JSON", () => parseNetwork("{")],
    ["a list", () => parseNetwork("[]")],
    ["null", () => parseNetwork("null")],
  ])("refuses %s", (_, read) => {
    expect(read).toThrow(expect.objectContaining({ code: "network-invalid" }));
  });

  it.each([
    ["another version", { version: 2 }],
    ["a name in capitals", { network: "Village" }],
    ["a name of 33", { network: "a".repeat(33) }],
    ["an unknown zone", { zone: "north" }],
    ["no notaries", { notaries: [] }],
    ["a number of notaries that is not 3f+1", { notaries: notaries(5) }],
    ["one notary twice", { notaries: [...notaries(3), notaries(1)[0]] }],
    ["a notary that is no key", { notaries: [{ id: `z6Mk${"1".repeat(44)}`, termKey: id(1) }] }],
    ["a short seal key", { sealKey: "AAAA" }],
    ["a seal key with loose bits", { sealKey: `${"A".repeat(42)}B` }],
    ["a field too many", { admin: id(1) }],
    ["term 0", { term: 0 }],
    ["a commission of nothing", { commission: { account: id(7), ppm: 0 } }],
    ["a commission of more than a tenth", { commission: { account: id(7), ppm: 100_001 } }],
    ["a commission in fractions", { commission: { account: id(7), ppm: 0.5 } }],
    ["a commission for nobody", { commission: { ppm: 1 } }],
    ["a commission for what is no key", { commission: { account: `z6Mk${"1".repeat(44)}`, ppm: 1 } }],
  ])("refuses %s", (_, change) => {
    expect(refusal(change)).toBe("network-invalid");
  });

  it("says where it is wrong", () => {
    expect(() => checkNetwork({ ...village, notaries: [{ id: id(1), termKey: "x" }] })).toThrow(
      expect.objectContaining({ where: "notaries.0.termKey" }),
    );
  });

  it.each([
    [1, 0, 1],
    [4, 1, 3],
    [7, 2, 5],
    [13, 4, 9],
  ])("with %i notaries bears %i faults and needs %i votes", (size, faults, votes) => {
    expect([faultsTolerated(size), quorum(size)]).toEqual([faults, votes]);
  });
});
