import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { needProgram, repositoryRoot, sharedData, sharedFiles, sharedPath } from "./shared.ts";

const noSkip = process.env["SEGMENT_NO_SKIP"] === "1";

describe("shared data", () => {
  it("finds the repository's root", () => {
    expect(existsSync(join(repositoryRoot, "tsconfig.json"))).toBe(true);
    expect(sharedPath("a/b")).toBe(join(repositoryRoot, "..", "shared", "data", "a", "b"));
  });

  it("says nothing, or fails, when a sample is absent", () => {
    if (noSkip) {
      expect(() => sharedData("no/such/file")).toThrow("no/such/file is absent");
      expect(() => sharedFiles("no/such/folder")).toThrow("no/such/folder is absent");
    } else {
      expect(sharedData("no/such/file")).toBeUndefined();
      expect(sharedFiles("no/such/folder")).toBeUndefined();
    }
  });

  it("says what to install for a missing program", () => {
    const sentence = "segment-no-such-program is not installed (apt-get install segment-none)";
    const need = () => needProgram("segment-no-such-program", "segment-none");
    if (noSkip) expect(need).toThrow(sentence);
    else expect(need()).toContain(sentence);
    expect(needProgram("sh", "dash")).toBeUndefined();
  });
});
