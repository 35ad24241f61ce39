import { beforeAll, describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { decodeCbor, encodeCbor } from "../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../protocols/encoding/cbor.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { decodeHeader, encodeHeader } from "../../protocols/ledger/block.ts";
import { signVote } from "../../protocols/ledger/certificate.ts";
import { headerHash } from "../../protocols/ledger/block.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { parseNetwork } from "../../protocols/ledger/network.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import golden from "./golden-receipt.json" with { type: "json" };
import { World } from "./committee.ts";
import { alice, bank, euro, people, shop } from "./village.ts";

const memo = new Uint8Array(3);
let world: World;
let receipts: Uint8Array[];

beforeAll(() => {
  world = new World(4, { seed: 1 });
  for (const { card, device } of people) world.submit(device, { kind: "card", card });
  world.run(5_000);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(5_000);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(5_000);
  const ids = Array.from({ length: 7 }, (_, i) => {
    return world.submit(alice.device, {
      kind: "transfer",
      to: shop.root.publicKey,
      currency: euro,
      amount: i === 3 ? 20_000n : 1n,
      memo,
    }).id;
  });
  world.run(5_000);
  receipts = ids.map((id) => world.members[0]!.core.receiptFor(id)!.bytes);
});

function codeOf(bytes: Uint8Array): string {
  try {
    verifyReceipt(crypto, bytes, world.network);
    return "ok";
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return error.code;
  }
}

/** The receipt's fields, changed. */
function changed(bytes: Uint8Array, change: (fields: CborValue[]) => void): Uint8Array {
  const fields = decodeCbor(bytes) as CborValue[];
  change(fields);
  return encodeCbor(fields);
}

describe("a receipt of long ago", () => {
  it("still verifies, with the network file of then", () => {
    const network = parseNetwork(JSON.stringify(golden.network));
    const receipt = verifyReceipt(crypto, fromHex(golden.receipt), network);
    expect(receipt).toMatchObject({
      kind: "transfer",
      outcome: "ok",
      height: 4,
      result: { amount: 1n, currency: euro },
    });
    expect(toHex(receipt.headerHash)).toBe(golden.headerHash);
  });
});

describe("a receipt", () => {
  it("proves what an entry did, offline", () => {
    const verified = verifyReceipt(crypto, receipts[0]!, world.network);
    expect(verified).toMatchObject({
      kind: "transfer",
      outcome: "ok",
      signer: alice.device.publicKey,
      result: { from: alice.root.publicKey, to: shop.root.publicKey, amount: 1n },
    });
    expect(receipts[0]!.length).toBeLessThan(1_000);
  });

  it("proves a refusal too", () => {
    expect(verifyReceipt(crypto, receipts[3]!, world.network)).toMatchObject({
      outcome: "funds-short",
      result: null,
    });
  });

  it("does not survive the flip of any bit", () => {
    const bytes = receipts[0]!;
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of at % 16 === 0 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
        const flipped = Uint8Array.from(bytes);
        flipped[at]! ^= 1 << bit;
        expect(["receipt-invalid", "receipt-foreign", "quorum-missing"], `byte ${at}, bit ${bit}`).toContain(
          codeOf(flipped),
        );
      }
    }
  });

  it("does not survive the loss or the addition of bytes", () => {
    const bytes = receipts[0]!;
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(bytes.slice(0, length))).toBe("receipt-invalid");
    expect(codeOf(Uint8Array.from([...bytes, 0]))).toBe("receipt-invalid");
  });

  it("needs 2f+1 votes, each once, and no wrong one besides", () => {
    const [bytes] = receipts as [Uint8Array];
    const certificateOf = (fields: CborValue[]) => fields[2] as CborValue[][];
    expect(codeOf(changed(bytes, (fields) => certificateOf(fields).pop()))).toBe("quorum-missing");
    expect(codeOf(changed(bytes, (fields) => (certificateOf(fields)[2] = certificateOf(fields)[1]!)))).toBe(
      "receipt-invalid",
    );
    expect(codeOf(changed(bytes, (fields) => certificateOf(fields).reverse()))).toBe("receipt-invalid");
    const headerBytes = (decodeCbor(bytes) as Uint8Array[])[1]!;
    const voted = { height: decodeHeader(headerBytes).height, hash: headerHash(crypto, headerBytes) };
    const all = world.configs.map(({ termSigner, index }) => [index, signVote(termSigner, voted)]);
    expect(codeOf(changed(bytes, (fields) => (fields[2] = all)))).toBe("ok");
    for (let liar = 0; liar < 4; liar++) {
      const withWrong = all.map(([index, signature], place) => [
        index!,
        place === liar ? new Uint8Array(64) : signature!,
      ]);
      expect(codeOf(changed(bytes, (fields) => (fields[2] = withWrong)))).toBe("receipt-foreign");
    }
  });

  it("is of its own network and committee", () => {
    const { network } = new World(7, { seed: 1 });
    expect(() => verifyReceipt(crypto, receipts[0]!, network)).toThrow(
      expect.objectContaining({ code: "receipt-foreign" }),
    );
    const renamed = { ...world.network, network: "town" };
    expect(() => verifyReceipt(crypto, receipts[0]!, renamed)).toThrow(
      expect.objectContaining({ code: "receipt-foreign" }),
    );
  });

  it("does not lend its proof to another entry", () => {
    const [first, second] = receipts.map((bytes) => decodeCbor(bytes) as CborValue[]) as [
      CborValue[],
      CborValue[],
    ];
    for (const place of [3, 4, 5, 6]) {
      const mixed = [...first];
      mixed[place] = second[place]!;
      if (encodeCbor(mixed).join() === receipts[0]!.join()) continue;
      expect(codeOf(encodeCbor(mixed)), `field ${place}`).toBe("receipt-invalid");
    }
  });

  it("is refused when its votes are for another header", () => {
    const verified = verifyReceipt(crypto, receipts[0]!, world.network);
    const header = encodeHeader({ ...verified.header, timeMs: verified.timeMs + 1 });
    expect(codeOf(changed(receipts[0]!, (fields) => (fields[1] = header)))).toBe("receipt-foreign");
  });

  it("never brings down its reader", () => {
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0x87),
      new Uint8Array(200_000),
      encodeCbor([1, 2, 3]),
    ]) {
      try {
        verifyReceipt(crypto, bytes, world.network);
        expect.unreachable();
      } catch (error) {
        expect(errorCode(error)).toBe("receipt-invalid");
      }
    }
  });
});
