import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { nodeCrypto, nodeRandom, steadyClock, systemClock } from "./crypto.ts";

describe("nodeRandom", () => {
  it("gives as many bytes as asked, other ones each time", () => {
    expect(nodeRandom.bytes(0)).toHaveLength(0);
    expect(nodeRandom.bytes(32)).toHaveLength(32);
    expect(nodeRandom.bytes(32)).not.toEqual(nodeRandom.bytes(32));
    expect(Object.getPrototypeOf(nodeRandom.bytes(4))).toBe(Uint8Array.prototype);
  });
});

describe("nodeCrypto", () => {
  it("keeps its answers apart when more keys pass than it remembers", () => {
    const seeds = Array.from({ length: 1100 }, (_, i) => new Uint8Array(32).fill(i & 255).fill(i >> 8, 0, 1));
    const message = Uint8Array.of(1, 2, 3);
    const first = nodeCrypto.ed25519Sign(seeds[0]!, message);
    const firstKey = nodeCrypto.ed25519PublicKey(seeds[0]!);
    for (const seed of seeds) {
      const publicKey = nodeCrypto.ed25519PublicKey(seed);
      expect(nodeCrypto.ed25519Verify(publicKey, message, nodeCrypto.ed25519Sign(seed, message))).toBe(true);
    }
    expect(nodeCrypto.ed25519Sign(seeds[0]!, message)).toEqual(first);
    expect(nodeCrypto.ed25519Verify(firstKey, message, first)).toBe(true);
    expect(nodeCrypto.ed25519Verify(nodeCrypto.ed25519PublicKey(seeds[1]!), message, first)).toBe(false);
  });

  it("agrees on the same secret, whatever was computed right before", () => {
    const [a, b, c] = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const [ofA, ofB, ofC] = [a, b, c].map((secret) => nodeCrypto.x25519PublicKey(secret)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const shared = nodeCrypto.x25519(a, ofB);
    expect(nodeCrypto.x25519(b, ofA)).toEqual(shared);
    nodeCrypto.x25519PublicKey(c);
    expect(nodeCrypto.x25519(a, ofB)).toEqual(shared);
    nodeCrypto.x25519PublicKey(a);
    expect([nodeCrypto.x25519(a, ofB), nodeCrypto.x25519(a, ofB)]).toEqual([shared, shared]);
    expect(nodeCrypto.x25519(a, ofC)).not.toEqual(shared);
    // The bytes of the key that waits for its agreement become those of another.
    nodeCrypto.x25519PublicKey(c);
    c.set(a);
    expect(nodeCrypto.x25519(c, ofB)).toEqual(shared);
  });

  it("makes the same HMAC for keys and messages of every length, in parts or not", () => {
    const ofLength = (length: number): Uint8Array =>
      Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
    for (const key of [0, 1, 31, 32, 63, 64, 65, 200].map(ofLength)) {
      for (const message of [0, 1, 55, 56, 64, 4_095, 4_096, 4_097, 9_000].map(ofLength)) {
        const expected = portableCrypto.hmacSha256(key, message);
        expect(nodeCrypto.hmacSha256(key, message)).toEqual(expected);
        expect(nodeCrypto.hmacSha256(key, message.subarray(0, 40), message.subarray(40))).toEqual(expected);
      }
    }
  });

  it("is not misled by a key that changes after its use", () => {
    const seed = new Uint8Array(32).fill(1);
    const before = nodeCrypto.ed25519PublicKey(seed);
    seed[0] = 2;
    expect(nodeCrypto.ed25519PublicKey(seed)).not.toEqual(before);
  });
});

describe("systemClock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("fires once, at the time and not before, and soon for a time in the past", () => {
    const fired: number[] = [];
    systemClock.at(1_005_000, () => fired.push(systemClock.now()));
    systemClock.at(999_000, () => fired.push(systemClock.now()));
    vi.advanceTimersByTime(4999);
    expect(fired).toEqual([1_000_000]);
    vi.advanceTimersByTime(10_000);
    expect(fired).toEqual([1_000_000, 1_005_000]);
  });

  it("does not fire once cancelled", () => {
    let fired = false;
    systemClock.at(1_000_010, () => (fired = true)).cancel();
    vi.advanceTimersByTime(1000);
    expect(fired).toBe(false);
  });

  it("reaches times beyond setTimeout's 25 days, and can be cancelled on the way", () => {
    const dayMs = 86_400_000;
    const fired: string[] = [];
    systemClock.at(1_000_000 + 60 * dayMs, () => fired.push("sixty"));
    const cancelled = systemClock.at(1_000_000 + 61 * dayMs, () => fired.push("never"));
    vi.advanceTimersByTime(59 * dayMs);
    expect(fired).toEqual([]);
    cancelled.cancel();
    vi.advanceTimersByTime(3 * dayMs);
    expect(fired).toEqual(["sixty"]);
  });

  it("notices within a minute that the clock was set forward", () => {
    let fired = false;
    systemClock.at(1_000_000_000_000, () => (fired = true));
    vi.setSystemTime(1_000_000_000_001);
    vi.advanceTimersByTime(60_000);
    expect(fired).toBe(true);
  });
});

describe("steadyClock", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("begins with the machine's, and goes on alone", async () => {
    expect(Math.abs(steadyClock.now() - Date.now())).toBeLessThan(60_000);
    const before = steadyClock.now();
    vi.spyOn(Date, "now").mockReturnValue(0);
    expect(steadyClock.now()).toBeGreaterThanOrEqual(before);
    const firedMs = await new Promise<number>((resolve) => {
      steadyClock.at(before + 30, () => resolve(steadyClock.now()));
    });
    expect(firedMs).toBeGreaterThanOrEqual(before + 30);
    expect(firedMs).toBeLessThan(before + 5_000);
    expect(Number.isInteger(firedMs)).toBe(true);
  });
});
