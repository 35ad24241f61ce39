/** Finds the Chromium of this machine, for whatever needs a real browser. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Its path, or undefined where there is none; `SEGMENT_NO_SKIP=1` makes that an error. */
export function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (found !== undefined) return found;
  const missing = "without Chromium nothing of agent/browser can be tested; apt-get install chromium";
  if (process.env["SEGMENT_NO_SKIP"] === "1") throw new Error(missing);
  console.warn(`skipped: ${missing}`);
  return undefined;
}
