/** What fuzzing found in the decoders of protocols/, each with the bytes and why it mattered. */
import { describe, expect, it } from "vitest";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { parseRequest } from "../../protocols/documents/request.ts";
import { concat, fromHex } from "../../protocols/encoding/bytes.ts";
import { decodeCbor } from "../../protocols/encoding/cbor.ts";
import { errorCode } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { parseJson } from "../../protocols/telemetry/senml.ts";
import { advance } from "../../simulators/flight/fly.ts";
import { DEFAULT_FLIGHT, obey, sampleOf, standing } from "../../simulators/flight/model.ts";
import { seededRandom } from "../../simulators/random.ts";

/** Ample for what takes a tenth of a second; what takes time by the square of its length exceeds it. */
const AMPLE_MS = 20_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

describe("regressions", () => {
  // Anybody could seal it to an inbox in place of a signature: 256 kB of it stopped the agent for 48 s.
  it("a long bignum is read in time by its length, not by the square of it", { timeout: AMPLE_MS }, () => {
    const length = (1 << 20) - 6;
    for (const [head, expected] of [
      ["c25a000ffffa", (1n << BigInt(8 * length)) - 1n],
      ["c35a000ffffa", -(1n << BigInt(8 * length))],
    ] as const) {
      const bytes = concat(fromHex(head), new Uint8Array(length).fill(0xff));
      expect(decodeCbor(bytes) === expected).toBe(true);
    }
  });

  // It "hovered" on the ground for good, its motors on, and with an empty battery; a year of that hung.
  it("a drone that is told to hover while its propellers start takes off, and lands in the end", () => {
    const home = { latitudeE7: 470_000_000, longitudeE7: 85_000_000, groundAltitudeMm: 400_000 };
    const starting = obey(DEFAULT_FLIGHT, standing(DEFAULT_FLIGHT, home, 0), { kind: "takeoff" })!;
    const told = obey(DEFAULT_FLIGHT, starting, { kind: "hover" })!;
    const up = advance(DEFAULT_FLIGHT, told, 60_000, seededRandom(1));
    expect(sampleOf(DEFAULT_FLIGHT, up)).toMatchObject({ airborne: true, motorsOn: true });
    const down = advance(DEFAULT_FLIGHT, up, 365 * DAY_MS, seededRandom(1));
    expect(sampleOf(DEFAULT_FLIGHT, down)).toMatchObject({ airborne: false, motorsOn: false });
  });

  // It was read, and broke whoever wrote it again.
  it("a payment request holds no half characters", () => {
    const to = agentId(portableCrypto.ed25519PublicKey(new Uint8Array(32)));
    const line = `segment:pay?network=village&to=${to}&amount=1&currency=EUR.dbc298251c51321b&memo=`;
    expect(parseRequest(`${line}%F0%90%80%80`).memo).toBe("\u{10000}");
    expect(codeOf(() => parseRequest(`${line}\ud800`))).toBe("option-invalid");
  });

  // Each field copied all those before it: a pack of a megabyte took minutes. CBOR was bounded already.
  it("a SenML record in JSON has a bounded number of fields", { timeout: AMPLE_MS }, () => {
    const pack = (fields: number): string => {
      const extra = Array.from({ length: fields - 2 }, (_, i) => `"x${i}":${i}`);
      return `[{"n":"a","v":1,${extra.join()}}]`;
    };
    expect(parseJson(pack(64))[0]!.extra!.size).toBe(62);
    for (const fields of [65, 50_000]) {
      expect(codeOf(() => parseJson(pack(fields)))).toBe("record-invalid");
    }
  });
});

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return errorCode(error);
  }
  return "nothing";
}
