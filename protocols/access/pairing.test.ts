import { describe, expect, it } from "vitest";
import { fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { errorCode } from "../errors.ts";
import { formatKeyLink, parseKeyLink } from "./link.ts";
import { formatPairing, parsePairing } from "./pairing.ts";
import { keyOf, linkOf, lock, MONDAY_8H, passedOn } from "./testing/kit.ts";

const code = {
  network: "village",
  identity: lock.publicKey,
  sessionKey: new Uint8Array(32).fill(9),
  psk: new Uint8Array(32).fill(8),
  untilMs: MONDAY_8H,
};

describe("a pairing code", () => {
  it("is read as it was written, with and without network and end", () => {
    for (const one of [code, { ...code, network: null }, { ...code, untilMs: null }]) {
      expect(parsePairing(`  ${formatPairing(one)}\n`)).toEqual(one);
    }
    expect(formatPairing(code).length).toBeLessThan(220);
  });

  it("ends at its time", () => {
    expect(parsePairing(formatPairing(code), MONDAY_8H - 1).untilMs).toBe(MONDAY_8H);
    expect(refusal(() => parsePairing(formatPairing(code), MONDAY_8H))).toBe("pairing-expired");
    expect(parsePairing(formatPairing({ ...code, untilMs: null }), MONDAY_8H).untilMs).toBeNull();
  });

  it("is refused with every byte changed, cut and lengthened, or it says something else", () => {
    const line = formatPairing(code);
    const bytes = fromBase64Url(line.slice("segment:pair:".length));
    const readings = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ 0x55;
      const text = `segment:pair:${toBase64Url(changed)}`;
      const result = refusal(() => readings.add(formatPairing(parsePairing(text))));
      expect(["pairing-invalid", "nothing"]).toContain(result);
    }
    expect(readings.has(line)).toBe(false);
    for (let length = 0; length < line.length; length++)
      expect(refusal(() => parsePairing(line.slice(0, length)))).toBe("pairing-invalid");
    expect(refusal(() => parsePairing(`${line}AA`))).toBe("pairing-invalid");
    expect(refusal(() => parsePairing("A".repeat(1_000_000)))).toBe("pairing-invalid");
  });

  it("refuses a weak identity and a network without a name", () => {
    expect(refusal(() => parsePairing(formatPairing({ ...code, identity: new Uint8Array(32) })))).toBe(
      "pairing-invalid",
    );
    expect(refusal(() => parsePairing(formatPairing({ ...code, network: "a/b" })))).toBe("pairing-invalid");
  });

  it("never says in an error what the code holds", () => {
    const line = formatPairing({ ...code, network: "no such name" });
    try {
      parsePairing(line);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toBe("this is no pairing code: its network has no such name");
    }
  });
});

describe("a link to a key", () => {
  const sessionKey = new Uint8Array(32).fill(9);
  const whole = {
    network: "village",
    sessionKey,
    links: [linkOf(keyOf())],
    secret: new Uint8Array(32).fill(6),
  };

  it("is read as it was written", () => {
    for (const one of [whole, { ...whole, network: null, secret: null, links: passedOn() }]) {
      expect(parseKeyLink(formatKeyLink(one))).toEqual(one);
    }
  });

  it("refuses what is cut, what holds no key, and a secret for a key that is claimed", () => {
    const line = formatKeyLink(whole);
    for (let length = 0; length < line.length; length += 3)
      expect(refusal(() => parseKeyLink(line.slice(0, length)))).toBe("guest-key-invalid");
    expect(refusal(() => parseKeyLink(formatKeyLink({ ...whole, links: [] })))).toBe("guest-key-invalid");
    const links = [{ key: whole.links[0]!.key, claim: new Uint8Array(100) }];
    expect(refusal(() => parseKeyLink(formatKeyLink({ ...whole, links })))).toBe("guest-key-invalid");
  });
});

function refusal(run: () => unknown): string {
  try {
    run();
    return "nothing";
  } catch (error) {
    return errorCode(error);
  }
}
