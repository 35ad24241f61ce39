import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SegmentError } from "../protocols/errors.ts";
import { loadProfile, loadProfileFile, parseProfile, profileIds } from "./load.ts";
import { isOutput } from "./schema.ts";
import type { Profile } from "./schema.ts";

describe("the profiles that come with SEGMENT", () => {
  it("are these", () => {
    expect(profileIds()).toEqual(
      expect.arrayContaining(["raspberry-pi-4", "sim-drone", "sim-phone", "sim-shop"]),
    );
  });

  for (const id of profileIds()) {
    it(`${id} is sound`, () => {
      const profile = loadProfile(id);
      expect(profile.id).toBe(id);
      // Nothing that moves may stay on for ever: a pulse ends even if the agent hangs.
      for (const pin of profile.pins.filter(isOutput))
        expect(pin.maxOnMs > 0 || pin.restore === "last").toBe(true);
    });
  }
});

describe("a faulty profile", () => {
  type Change = (profile: Profile & Record<string, unknown>) => void;
  const pi = (change: Change): string => {
    const profile = structuredClone(loadProfile("raspberry-pi-4")) as Profile & Record<string, unknown>;
    change(profile);
    return JSON.stringify(profile);
  };
  const pin = (profile: Profile): Record<string, unknown> => profile.pins[0] as Record<string, unknown>;
  const faults: [string, Change, RegExp][] = [
    ["unknown field", (p) => (p["colour"] = "red"), /Unrecognized key: "colour"/],
    ["pin without safeState", (p) => delete pin(p)["safeState"], /pi\.json: pins\.0/],
    ["pin without maxOnMs", (p) => delete pin(p)["maxOnMs"], /pi\.json: pins\.0/],
    ["pin without interlock", (p) => delete pin(p)["interlock"], /pi\.json: pins\.0/],
    ["same line twice", (p) => (pin(p)["line"] = 27), /gpiochip0 line 27" occurs twice/],
    ["on at the start", (p) => (pin(p)["restore"] = "on"), /"relay": restore must be "off"/],
    ["on when dead", (p) => (pin(p)["safeState"] = "on"), /"relay": safeState must not be "on"/],
    [
      "one-sided interlock",
      (p) => (pin(p)["interlock"] = []),
      /interlock with "relay" must stand on both sides/,
    ],
    ["interlock with an input", (p) => (pin(p)["interlock"] = ["contact"]), /"contact", which is no output/],
    ["interlock with itself", (p) => (pin(p)["interlock"] = ["relay"]), /names the pin itself/],
    [
      "driver without its pin",
      (p) => (p.drivers[0]!.pins["forward"] = "none"),
      /"bolt": there is no pin "none"/,
    ],
    ["driver without its bus", (p) => (p.drivers[0]!.bus = "none"), /"bolt": there is no bus "none"/],
    ["two drivers on a pin", (p) => (p.drivers[1]!.pins["led"] = "relay"), /"relay" occurs twice/],
    ["simulated with real radios", (p) => (p.simulated = true), /contradicts simulated: true/],
    [
      "no second slot",
      (p) => p.flash.method === "image" && p.flash.partitions.splice(2, 1),
      /there is no slot-b/,
    ],
    [
      "partitions too large",
      (p) => Object.assign(p.flash, { minMediumBytes: 5 }),
      /partitions need \d+ bytes/,
    ],
    ["USB id of five digits", (p) => (p.board.hwids = [["0x12345", "0x0001"]]), /a USB id such as/],
    [
      "device outside /dev",
      (p) => Object.assign(p.buses[0]!, { device: "/etc/passwd" }),
      /a device below \/dev/,
    ],
    ["next schema", (p) => Object.assign(p, { schema: 2 }), /schema/],
  ];
  for (const [name, change, message] of faults) {
    it(`is refused: ${name}`, () => {
      const act = (): Profile => parseProfile(pi(change), "pi.json");
      expect(act).toThrow(SegmentError);
      expect(act).toThrow(message);
    });
  }

  it("is refused when it is not JSON, not there, or of another name", () => {
    expect(() => parseProfile("{", "pi.json")).toThrow(/pi\.json: not JSON/);
    expect(() => loadProfile("../package")).toThrow(
      /there is no profile "\.\.\/package"; there are .*sim-drone/,
    );
    expect(() => loadProfileFile("/no/such/board.json")).toThrow(/board\.json: cannot be read/);
    const folder = mkdtempSync(join(tmpdir(), "segment-profile-"));
    try {
      const path = join(folder, "other.json");
      writeFileSync(
        path,
        pi(() => undefined),
      );
      expect(() => loadProfileFile(path)).toThrow(/id is "raspberry-pi-4", but the file is named "other"/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
