/** Finds the Chromium of this machine, and what belongs to it, for whatever needs a real browser. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Its path, or undefined where there is none; `SEGMENT_NO_SKIP=1` makes that an error. */
export function findChromium(): string | undefined {
  return findProgram(
    ["chromium", "chromium-browser", "google-chrome"],
    "without Chromium nothing of agent/browser can be tested; apt-get install chromium",
  );
}

/** NSS's own tool, which tells Chromium on Linux whom to trust; as above. */
export function findCertutil(): string | undefined {
  return findProgram(
    ["certutil"],
    "without certutil nobody can be told to trust the app's certificate; apt-get install libnss3-tools",
  );
}

function findProgram(names: readonly string[], missing: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (found !== undefined) return found;
  if (process.env["SEGMENT_NO_SKIP"] === "1") throw new Error(missing);
  console.warn(`skipped: ${missing}`);
  return undefined;
}
