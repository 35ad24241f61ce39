import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { fromHex, toHex } from "../encoding/bytes.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { SegmentError } from "../errors.ts";
import { sign1 } from "../identity/cose.ts";
import { agentId, signerFromSeed } from "../identity/keys.ts";
import { readBody } from "./entry.ts";
import {
  approveLegs,
  approves,
  encodeJointRule,
  jointAccount,
  jointKey,
  jointRule,
  openApproval,
  ownAccount,
} from "./joint.ts";
import { legsHash } from "./legs.ts";

const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const members = [key(1), key(2), key(3)];
const currency = "EUR.0123456789abcdef";
const content = {
  legs: [
    { account: key(1), currency, change: -2_490n },
    { account: key(2), currency, change: 1_990n },
    { account: key(3), currency, change: 500n },
  ],
  charges: [{ leg: 0, termsId: key(9), mandate: 1 }],
  memo: new TextEncoder().encode("rent"),
};
const frame = {
  network: "village",
  zone: "main",
  nonce: new Uint8Array(16).fill(2),
  notAfter: 1_800_000_000_000,
};
const device = signerFromSeed(crypto, key(1));

/** Both made a second time with Python's hashlib and cryptography, from the documentation alone. */
const GOLDEN_ACCOUNT = "e692c3c44f13374058d92794c83d7f11743fd39727f3fe7aff3ddeabb36afdcf";
const GOLDEN_APPROVAL = [
  "d2845826a201270458208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5ca0584b86016776",
  "696c6c616765646d61696e50020202020202020202020202020202025820d138488f46acf12953ae09f672b0606022739",
  "4fa232a0c48e2771e47f96aeede1b000001a3185c5000584004ec310ae97a6e4bde82b6aa08c7d009f9b2af1d497ece3cb",
  "1bf7e111bfd14afb30bd128fcbe11e80adca3bcf16bd7dc3a8d97fb40742ffc933672dc5d0c2f06",
].join("");

describe("a joint account", () => {
  it("is named by its rule, whatever the order of its members", () => {
    expect(toHex(jointAccount(crypto, 2, members))).toBe(GOLDEN_ACCOUNT);
    expect(toHex(jointAccount(crypto, 2, members.toReversed()))).toBe(GOLDEN_ACCOUNT);
    expect(toHex(jointAccount(crypto, 1, members))).not.toBe(GOLDEN_ACCOUNT);
    expect(toHex(jointAccount(crypto, 2, members.slice(1)))).not.toBe(GOLDEN_ACCOUNT);
    expect(agentId(fromHex(GOLDEN_ACCOUNT))).toMatch(/^z6Mk/);
  });

  it.each<[string, CborValue[]]>([
    ["nobody's agreement", [0, members]],
    ["more agreement than members", [4, members]],
    ["one member", [1, [key(1)]]],
    ["no member", [1, []]],
    ["the same member twice", [1, [key(1), key(2), key(1)]]],
    ["16 members", [1, Array.from({ length: 16 }, (_, index) => key(index))]],
    ["a short member", [1, [key(1), new Uint8Array(31)]]],
    ["a member that is a text", [1, [key(1), "key"]]],
    ["a field too many", [1, members, 0]],
  ])("is not made with %s", (_, fields) => {
    expect(() => readBody({ kind: "joint", fields })).toThrow(
      expect.objectContaining({ code: "entry-invalid" }),
    );
  });

  it("is its members' own, and nobody else's", () => {
    const account = jointAccount(crypto, 2, members);
    const rule = encodeJointRule({ k: 2, members: members.toReversed() });
    const state = new Map([[jointKey(account), rule]]);
    expect(jointRule(state, account)).toEqual({ k: 2, members });
    expect(jointRule(state, key(1))).toBeUndefined();
    expect(ownAccount(state, key(1), account)).toEqual({ account, joint: { k: 2, members } });
    expect(ownAccount(state, key(1), key(1))).toEqual({ account: key(1) });
    expect(ownAccount(state, key(4), account)).toBeUndefined();
    expect(ownAccount(state, key(4), key(1))).toBeUndefined();
  });
});

describe("an approval", () => {
  const hash = legsHash(crypto, content);

  it("has the bytes that were written down", () => {
    expect(toHex(approveLegs(crypto, device, frame, content))).toBe(GOLDEN_APPROVAL);
    const approval = openApproval(crypto, fromHex(GOLDEN_APPROVAL));
    expect(approval).toEqual({ ...frame, signer: device.publicKey, hash });
  });

  it("is for one entry of one network, up to its end", () => {
    const approval = openApproval(crypto, fromHex(GOLDEN_APPROVAL));
    expect(approves(approval, frame, hash, frame.notAfter)).toBe(true);
    expect(approves(approval, frame, hash, frame.notAfter + 1)).toBe(false);
    expect(approves(approval, frame, key(1), 0)).toBe(false);
    expect(approves(approval, { ...frame, network: "town" }, hash, 0)).toBe(false);
    expect(approves(approval, { ...frame, zone: "north" }, hash, 0)).toBe(false);
    expect(approves(approval, { ...frame, nonce: new Uint8Array(16) }, hash, 0)).toBe(false);
  });

  it("is refused when it is changed, or was made for something else", () => {
    const good = fromHex(GOLDEN_APPROVAL);
    for (let at = 0; at < good.length; at++) {
      const bytes = Uint8Array.from(good);
      bytes[at]! ^= 1;
      expect(() => openApproval(crypto, bytes)).toThrow(SegmentError);
    }
    const payload = [1, frame.network, frame.zone, frame.nonce, hash, frame.notAfter];
    expect(() => openApproval(crypto, sign1("terms", encodeCbor(payload), device))).toThrow(
      expect.objectContaining({ code: "signature-invalid" }),
    );
    for (const wrong of [[2, ...payload.slice(1)], [...payload, 0], payload.slice(0, 5)]) {
      expect(() => openApproval(crypto, sign1("approval", encodeCbor(wrong), device))).toThrow(
        expect.objectContaining({ code: "cbor-wrong-shape" }),
      );
    }
  });
});
