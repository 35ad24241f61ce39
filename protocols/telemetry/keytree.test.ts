import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCbor } from "../encoding/cbor.ts";
import { toHex } from "../encoding/bytes.ts";
import { hpkeSeal } from "../crypto/hpke.ts";
import { sign1 } from "../identity/cose.ts";
import { utf8 } from "../encoding/bytes.ts";
import { KEY_LABELS } from "../labels.ts";
import {
  crypto,
  device,
  id,
  makeRecords,
  makeStream,
  refusal,
  rootKey,
  seededRandom,
  seededSigner,
  START_MS,
} from "../../test/support/telemetry.ts";
import { chunkKey, makeGrant, MAX_GRANT_BYTES, openGrant, readGrant, type GrantTerms } from "./grant.ts";
import {
  coverSpan,
  keyFromCover,
  nodeSpan,
  PERIOD_END,
  PERIOD_MS,
  periodKey,
  periodOf,
  spanOfTimes,
  streamRootKey,
} from "./keytree.ts";

const random = seededRandom(11);

describe("key tree", () => {
  it("gives a period's key from its cover, and no other", () => {
    const near = fc.integer({ min: 1_990_000, max: 1_990_400 });
    fc.assert(
      fc.property(near, fc.integer({ min: 1, max: 300 }), near, (from, length, period) => {
        const cover = coverSpan(crypto, rootKey, { from, to: from + length });
        const key = keyFromCover(crypto, cover, period);
        if (period < from || period >= from + length) expect(key).toBeUndefined();
        else expect(toHex(key!)).toBe(toHex(periodKey(crypto, rootKey, period)));
      }),
      { numRuns: 40 },
    );
  });

  it("covers exactly, without overlap, with few nodes", () => {
    const start = periodOf(Date.UTC(2026, 0, 1));
    const year = coverSpan(crypto, rootKey, { from: start, to: start + 35_040 });
    let next = start;
    for (const node of year) {
      expect(nodeSpan(node).from).toBe(next);
      next = nodeSpan(node).to;
    }
    expect(next).toBe(start + 35_040);
    expect(year.length).toBeLessThanOrEqual(16);
    expect(coverSpan(crypto, rootKey, { from: start, to: PERIOD_END }).length).toBeLessThanOrEqual(22);
    expect(coverSpan(crypto, rootKey, { from: 0, to: PERIOD_END })).toEqual([
      { level: 0, index: 0, key: rootKey },
    ]);
    const worst = coverSpan(crypto, rootKey, { from: 1, to: PERIOD_END - 1 });
    expect(worst.length).toBe(42);
  });

  it("gives each period, generation and stream its own key", () => {
    const keys = [0, 1, 2, PERIOD_END - 1].map((period) => toHex(periodKey(crypto, rootKey, period)));
    const secret = random.bytes(32);
    const roots = [streamRootKey(crypto, secret, id, 0), streamRootKey(crypto, secret, id, 1)];
    roots.push(streamRootKey(crypto, secret, random.bytes(32), 0));
    expect(new Set([...keys, ...roots.map(toHex)]).size).toBe(7);
  });

  it("turns times into periods", () => {
    expect(periodOf(0)).toBe(0);
    expect(periodOf(PERIOD_MS)).toBe(1);
    expect(spanOfTimes(START_MS, START_MS + 1)).toEqual({
      from: periodOf(START_MS),
      to: periodOf(START_MS) + 1,
    });
    expect(spanOfTimes(START_MS, START_MS + PERIOD_MS)).toEqual(spanOfTimes(START_MS, START_MS + 1));
    expect(refusal(() => periodOf(-1))).toBe("record-invalid");
    expect(refusal(() => periodOf(Number.NaN))).toBe("record-invalid");
    expect(refusal(() => periodOf(PERIOD_END * PERIOD_MS))).toBe("record-invalid");
    expect(refusal(() => spanOfTimes(5, 5))).toBe("option-invalid");
    expect(refusal(() => coverSpan(crypto, rootKey, { from: 2, to: 2 }))).toBe("option-invalid");
    expect(refusal(() => periodKey(crypto, rootKey, PERIOD_END))).toBe("option-invalid");
  });
});

describe("grants", () => {
  const owner = seededSigner(20);
  const readerSecret = random.bytes(32);
  const terms: GrantTerms = {
    publisher: device.publicKey,
    streamId: id,
    generation: 0,
    reader: crypto.x25519PublicKey(readerSecret),
    span: spanOfTimes(START_MS, START_MS + 3 * PERIOD_MS),
    issuedAtMs: START_MS,
  };
  const grant = makeGrant({ crypto, random, signer: owner, rootKey, terms });
  const open = (bytes: Uint8Array, secret = readerSecret, issuer = owner.publicKey) =>
    openGrant({ crypto, grant: bytes, readerSecret: secret, issuer });

  it("opens for its reader, and gives the keys of its span only", () => {
    const opened = open(grant);
    expect(opened).toMatchObject(terms);
    const chunkAt = (timeMs: number) => makeStream().sealChunk(makeRecords(2, timeMs)).manifest;
    const inside = chunkAt(START_MS + 2 * PERIOD_MS);
    expect(chunkKey(crypto, opened, inside)).toEqual(periodKey(crypto, rootKey, inside.period));
    expect(chunkKey(crypto, opened, chunkAt(START_MS - PERIOD_MS))).toBeUndefined();
    expect(chunkKey(crypto, opened, chunkAt(START_MS + 3 * PERIOD_MS))).toBeUndefined();
    expect(chunkKey(crypto, opened, { ...inside, generation: 1 })).toBeUndefined();
    expect(chunkKey(crypto, opened, { ...inside, publisher: owner.publicKey })).toBeUndefined();
    expect(chunkKey(crypto, opened, { ...inside, streamId: random.bytes(32) })).toBeUndefined();
  });

  it("says to anybody what it is, and opens for nobody else", () => {
    expect(readGrant(crypto, grant)).toMatchObject({ ...terms, issuer: owner.publicKey });
    expect(refusal(() => open(grant, random.bytes(32)))).toBe("grant-invalid");
    expect(refusal(() => open(grant, readerSecret, device.publicKey))).toBe("grant-invalid");
  });

  it("refuses every changed byte", () => {
    for (let at = 0; at < grant.length; at += 7) {
      const changed = Uint8Array.from(grant);
      changed[at]! ^= 0x10;
      expect(refusal(() => open(changed))).toBe("grant-invalid");
    }
    expect(refusal(() => open(new Uint8Array(MAX_GRANT_BYTES + 1)))).toBe("grant-invalid");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(refusal(() => open(bytes))).toBe("grant-invalid");
      }),
    );
  });

  it("refuses terms that were put around another's sealed cover", () => {
    const { sealed } = readGrant(crypto, grant);
    const { publisher, streamId, generation, reader, span, issuedAtMs } = terms;
    const wider = [1, publisher, streamId, generation, reader, span.from, span.to + 1, issuedAtMs, sealed];
    expect(refusal(() => open(sign1("grant", encodeCbor(wider), owner)))).toBe("grant-invalid");
  });

  it("refuses a cover that is not the span's", () => {
    const { publisher, streamId, generation, reader, span, issuedAtMs } = terms;
    const fields = [1, publisher, streamId, generation, reader, span.from, span.to, issuedAtMs];
    const withCover = (cover: [number, number, Uint8Array][]): Uint8Array => {
      const info = utf8(KEY_LABELS.sealedGrant);
      const sealed = hpkeSeal(crypto, random, reader, info, encodeCbor(fields), encodeCbor(cover));
      return sign1("grant", encodeCbor([...fields, sealed]), owner);
    };
    const right = coverSpan(crypto, rootKey, span).map(
      ({ level, index, key }): [number, number, Uint8Array] => [level, index, key],
    );
    expect(refusal(() => open(withCover(right)))).toBe("nothing");
    expect(refusal(() => open(withCover(right.slice(1))))).toBe("grant-invalid");
    expect(refusal(() => open(withCover(right.slice(0, -1))))).toBe("grant-invalid");
    expect(refusal(() => open(withCover([])))).toBe("grant-invalid");
    expect(refusal(() => open(withCover([[23, 0, rootKey]])))).toBe("grant-invalid");
    expect(refusal(() => open(withCover([[1, 2, rootKey]])))).toBe("grant-invalid");
  });

  it("is short", () => {
    const start = periodOf(Date.UTC(2026, 0, 1));
    const year = { ...terms, span: { from: start, to: start + 35_040 } };
    expect(makeGrant({ crypto, random, signer: owner, rootKey, terms: year }).length).toBeLessThan(1000);
    const worst = { ...terms, span: { from: 1, to: PERIOD_END - 1 } };
    expect(makeGrant({ crypto, random, signer: owner, rootKey, terms: worst }).length).toBeLessThan(
      MAX_GRANT_BYTES,
    );
  });
});
