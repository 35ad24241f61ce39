import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessage } from "../encoding/messages.ts";
import { parseBody } from "../messaging/schemas.ts";
import {
  crypto,
  device,
  id,
  makeRecords,
  makeStream,
  refusal,
  seededRandom,
  seededSigner,
} from "../../test/support/telemetry.ts";
import { MAX_SHARD_BYTES, TELEMETRY_SCHEMAS } from "./messages.ts";
import { checkShardReceipt, openShardReceipt, signShardReceipt } from "./receipt.ts";
import { countHits, MIN_NEEDLE_BYTES, needles } from "./search.ts";

const random = seededRandom(8);
const { manifest, shards } = makeStream().sealChunk(makeRecords(16));
const put = {
  ...{ publisher: device.publicKey, streamId: id, sequence: 0, index: 2 },
  ...{ manifest: manifest.signed, shard: shards[2]! },
};

describe("messages", () => {
  it("travel", () => {
    expect(parseBody(TELEMETRY_SCHEMAS["shard-put"], encodeMessage(put))).toEqual(put);
  });

  it.each([
    ["a short key", { publisher: new Uint8Array(31) }],
    ["a text for bytes", { streamId: "abc" }],
    ["a negative number", { sequence: -1 }],
    ["a fraction", { sequence: 1.5 }],
    ["a number beyond 2^53", { sequence: 2 ** 60 }],
    ["an index beyond the code", { index: 64 }],
    ["an empty shard", { shard: new Uint8Array(0) }],
    ["a shard beyond a message", { shard: new Uint8Array(MAX_SHARD_BYTES + 1) }],
    ["a field too many", { more: 1 }],
  ])("with %s are refused", (_, change) => {
    const body = encodeMessage({ ...put, ...change });
    expect(refusal(() => parseBody(TELEMETRY_SCHEMAS["shard-put"], body))).toBe("message-invalid");
  });

  it("of any bytes are refused as invalid, or taken", () => {
    const kinds = fc.constantFrom(...Object.values(TELEMETRY_SCHEMAS));
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 100 }), (schema, bytes) => {
        expect(refusal(() => parseBody(schema, bytes))).toBe("message-invalid");
      }),
    );
  });
});

describe("a keeper's receipt", () => {
  const keeper = seededSigner(30);
  const fields = {
    ...{ publisher: device.publicKey, streamId: id, sequence: 0, index: 2 },
    ...{ shardHash: manifest.shardHashes[2]!, manifestHash: manifest.hash, storedAtMs: 5 },
  };
  const expected = { manifest, index: 2, keeper: keeper.publicKey };
  const check = (bytes: Uint8Array, change: object = {}): string =>
    refusal(() => checkShardReceipt(crypto, bytes, { ...expected, ...change }));

  it("says what was stored", () => {
    const bytes = signShardReceipt(fields, keeper);
    expect(openShardReceipt(crypto, bytes)).toEqual({ ...fields, keeper: keeper.publicKey });
    expect(check(bytes)).toBe("nothing");
  });

  it("does not pass for another shard, chunk or keeper", () => {
    const bytes = signShardReceipt(fields, keeper);
    expect(check(bytes, { index: 3 })).toBe("shard-invalid");
    expect(check(bytes, { index: 99 })).toBe("shard-invalid");
    expect(check(bytes, { keeper: device.publicKey })).toBe("shard-invalid");
    expect(check(bytes, { manifest: makeStream().sealChunk(makeRecords(3)).manifest })).toBe("shard-invalid");
    expect(check(signShardReceipt({ ...fields, shardHash: random.bytes(32) }, keeper))).toBe("shard-invalid");
    expect(check(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))).toBe("shard-invalid");
    expect(check(random.bytes(50))).toBe("shard-invalid");
  });
});

describe("the search for plaintext", () => {
  const records = makeRecords(3);
  const sought = needles(records, ["Anna Martin", "abc"]);

  it("knows names, texts and numbers in their likely forms", () => {
    const forms = sought.map((needle) => new TextDecoder("latin1").decode(needle));
    expect(forms).toContain("drone-7:altitude-amsl");
    expect(forms).toContain("Anna Martin");
    expect(forms).toContain("120.25");
    expect(forms).not.toContain("abc");
    expect(sought.every((needle) => needle.length >= MIN_NEEDLE_BYTES)).toBe(true);
  });

  it("counts every hit, at the ends too, and none in noise", () => {
    const name = new TextEncoder().encode("drone-7:altitude-amsl");
    const bytes = new Uint8Array(100);
    bytes.set(name, 0);
    bytes.set(name, 100 - name.length);
    expect(countHits(bytes, sought)).toBe(2);
    expect(countHits(bytes.subarray(1, 99), sought)).toBe(0);
    expect(countHits(random.bytes(100_000), sought)).toBe(0);
    expect(countHits(new Uint8Array(3), sought)).toBe(0);
    expect(countHits(bytes, [])).toBe(0);
  });

  it("finds what a plain slow search finds", () => {
    const short = fc.uint8Array({ minLength: MIN_NEEDLE_BYTES, maxLength: 9, max: 1 });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60, max: 1 }),
        fc.array(short, { maxLength: 4 }),
        (bytes, list) => {
          let expected = 0;
          for (const needle of list) {
            for (let at = 0; at + needle.length <= bytes.length; at += 1) {
              if (needle.every((byte, offset) => bytes[at + offset] === byte)) expected += 1;
            }
          }
          expect(countHits(bytes, list)).toBe(expected);
        },
      ),
    );
  });
});
