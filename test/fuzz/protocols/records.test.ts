/** Fuzz: SenML in both forms, and the package in which a chunk of it is sealed. */
import fc from "fast-check";
import { deflateSync } from "fflate";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { concat, utf8 } from "../../../protocols/encoding/bytes.ts";
import { PACKAGE_OVERHEAD_BYTES, unwrapPackage, wrapPackage } from "../../../protocols/telemetry/aont.ts";
import { compress, decompress } from "../../../protocols/telemetry/compress.ts";
import { openPackage, padChunk, sealPadded } from "../../../protocols/telemetry/seal.ts";
import { decodeSenml, encodeSenml } from "../../../protocols/telemetry/senml-cbor.ts";
import { compact } from "../../../protocols/telemetry/senml-compact.ts";
import { fromJson, parseJson, recordTimeMs, resolve, toJson } from "../../../protocols/telemetry/senml.ts";
import type { SenmlRecord } from "../../../protocols/telemetry/senml.ts";
import { seededRandom } from "../../ledger/committee.ts";
import * as kit from "../../support/telemetry.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { encodeLoose } from "../support/cbor-tree.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedCbor } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";

const { START_MS } = kit;
const START_S = START_MS / 1_000;
const crypto = nodeCrypto;
const random = seededRandom(12);
const records = kit.makeRecords(12);
const PACKS: SenmlRecord[][] = [
  records,
  compact(records),
  [
    { bn: "urn:dev:ow:10e2073a01080063", bt: START_S, bu: "A", bver: 5, n: "/voltage", u: "V", v: 120.1 },
    { n: "/current", t: -5, v: 1.2, s: 3, ut: 60 },
    { n: "/open", vb: true },
    {
      n: "/label",
      vs: "é\u{1f980}",
      extra: new Map<string | number, string | number>([
        ["x", 1],
        [40, "y"],
      ]),
    },
    { n: "/data", vd: new Uint8Array([1, 2, 3]) },
  ],
];
const SENML = PACKS.map(encodeSenml);
/** Decimal fractions, half floats, indefinite lengths, extensions that nest. */
const FOREIGN_SENML = [
  Uint8Array.of(0x9f, 0xbf, 0x00, 0x61, 0x61, 0x02, 0xc4, 0x82, 0x20, 0x19, 0x01, 0x00, 0xff, 0xff),
  Uint8Array.of(
    0x81,
    0xa3,
    0x00,
    0x61,
    0x61,
    0x02,
    0xf9,
    0x3e,
    0x00,
    0x18,
    0x63,
    0x82,
    0x80,
    0xa1,
    0x01,
    0xf6,
  ),
  encodeLoose([
    new Map<unknown, unknown>([
      [0, "a"],
      [2, 2 ** 60],
      [6, 1.5],
      ["ext", [[[{}]]]],
    ]),
  ]),
];

describe("SenML", () => {
  fuzz(
    "decodeSenml: what it reads, encodes and reads again to the same",
    mutated([...SENML, ...FOREIGN_SENML]),
    (bytes) => {
      const pack = decodeSenml(bytes);
      const again = encodeSenml(pack);
      mustEqual(encodeSenml(decodeSenml(again)), again, "the pack");
      const resolved = resolve(pack, START_S);
      for (const record of resolved) must(Number.isFinite(recordTimeMs(record)), "a time");
      mustEqual(encodeSenml(resolve(resolved, 0)), encodeSenml(resolved), "resolved once and for all");
    },
    { accepted: 0.05 },
  );
  bombs(
    "decodeSenml",
    [...cborBombs(), ...bombsIn(SENML)],
    (bytes) => decodeSenml(bytes),
    (length) =>
      // A record of one byte is an object of some hundred.
      (8 << 20) + 256 * length,
  );

  const json = PACKS.map(toJson);
  fuzz(
    "parseJson, fromJson and toJson",
    mutatedValue(json),
    (value) => {
      const text = JSON.stringify(value, (_, field: unknown) => (typeof field === "bigint" ? "x" : field));
      const pack = parseJson(text);
      const again = toJson(pack);
      mustEqual(encodeSenml(fromJson(again)), encodeSenml(pack), "the pack");
      must(!("polluted" in {}), "no prototype is changed");
    },
    { accepted: 0.1, share: 0.5 },
  );
  fuzz(
    "parseJson of any text",
    mutatedBytes(json.map((pack) => utf8(JSON.stringify(pack)))),
    (bytes) => parseJson(new TextDecoder().decode(bytes)),
    { accepted: 0.1 },
  );
  fuzz(
    "compact packs what resolves to the same records",
    mutatedCbor(SENML),
    (bytes) => {
      const resolved = resolve(decodeSenml(bytes), START_S);
      mustEqual(encodeSenml(resolve(compact(resolved), 0)), encodeSenml(resolved), "the records");
    },
    { accepted: 0.05 },
  );
  bombs(
    "parseJson",
    [
      utf8("[".repeat(100_000) + "]".repeat(100_000)),
      utf8('{"a":'.repeat(50_000)),
      utf8("9".repeat(100_000)),
    ],
    (bytes) => parseJson(new TextDecoder().decode(bytes)),
  );
});

describe("packages", () => {
  const key = random.bytes(32);
  const header = random.bytes(100);
  const seal = { crypto, random, periodKey: key };
  const padded = [padChunk(utf8("altitude 120.5 ".repeat(30)), 4), padChunk(random.bytes(90), 4)];
  const sealed = sealPadded(seal, header, padded[0]!);

  fuzz(
    "unwrapPackage opens nothing that was changed",
    mutatedBytes([sealed]),
    (bytes) => {
      mustEqual(unwrapPackage(crypto, key, header, bytes), padded[0]!, "the padded chunk");
      mustEqual(bytes, sealed, "the package");
    },
    { accepted: 0.05 },
  );
  fuzz(
    "openPackage of any content that its publisher sealed",
    mutatedBytes(padded),
    (bytes) => {
      const opened = openPackage(crypto, key, header, wrapPackage(crypto, random, key, header, bytes));
      must(opened.length <= 4 << 20, "bounded");
    },
    { accepted: 0.05 },
  );

  const text = utf8("altitude 120.5 ".repeat(30));
  const small = compress(text)!;
  fuzz(
    "decompress gives exactly the stated length",
    fc.tuple(mutatedBytes([small]), fc.constantFrom(text.length, 0, text.length + 1, 100_000)),
    ([bytes, length]) => {
      must(decompress(bytes, length).length === length, "the length");
    },
    { accepted: 0.05 },
  );

  // Sixteen mebibytes of zeros in 16 kB; stored blocks, and blocks that refer far back.
  const zeros = deflateSync(new Uint8Array(16 << 20), { level: 6 });
  const states = [0, 1, 1_000, 4 << 20].map((length) => frame(1, length, zeros));
  const liars = [0xffff_ffff, 0x7fff_ffff].flatMap((length) => [
    frame(1, length, zeros),
    frame(0, length, small),
  ]);
  bombs("openPackage, deflate bombs", [...states, ...liars], (bytes) =>
    openPackage(crypto, key, header, wrapPackage(crypto, random, key, header, bytes)),
  );
  must(PACKAGE_OVERHEAD_BYTES === sealed.length - padded[0]!.length, "the overhead");
});

/** A padded chunk that states these lengths. */
function frame(flag: number, length: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(9);
  const view = new DataView(head.buffer);
  view.setUint8(0, flag);
  view.setUint32(1, length);
  view.setUint32(5, body.length);
  return concat(head, body, new Uint8Array(7));
}
