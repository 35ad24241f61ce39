import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { signerFromSeed } from "../identity/keys.ts";
import { portableCrypto } from "../crypto/portable.ts";
import type { Random } from "../ports.ts";
import { errorCode } from "../errors.ts";
import { PERIOD_MS, periodKey, streamRootKey } from "./keytree.ts";
import { createStream, openChunk, readStream, streamId } from "./stream.ts";
import { reading, type SenmlRecord } from "./senml.ts";
import { encodeHeader } from "./manifest.ts";
import { unwrapPackage } from "./aont.ts";

it("smoke", () => {
  const crypto = portableCrypto;
  let c = 0;
  const random: Random = { bytes: (n) => new Uint8Array(n).fill(++c) };
  const signer = signerFromSeed(crypto, new Uint8Array(32).fill(1));
  const id = streamId(crypto, signer.publicKey, "flight");
  const rootKey = streamRootKey(crypto, new Uint8Array(32).fill(3), id, 0);
  const w = createStream({ crypto, random, signer, streamId: id, rootKey, k: 4, n: 7 });
  const t = Date.UTC(2026, 10, 1);
  const recs = Array.from({ length: 16 }, (_, i) => reading("drone7:alt", "m", i * 1.5, t + i * 1000));
  const { manifest, shards } = w.sealChunk(recs);
  const key = periodKey(crypto, rootKey, manifest.period);
  for (let a = 0; a < 128; a++) {
    if ([...a.toString(2)].filter((x) => x === "1").length !== 4) continue;
    const some = shards.map((s, i) => ((a >> i) & 1 ? s : undefined));
    expect(openChunk({ crypto, manifest, shards: some, periodKey: key })).toEqual(recs);
  }
  console.log(manifest.signed.length, shards[0]!.length);
});
