/**
 * What a test may need from outside the repository: the sample data in `../shared/data`
 * and programs such as mosquitto. Where one is absent the test skips and says what is
 * missing; with SEGMENT_NO_SKIP=1 (as in CI) it fails instead, so that a green run has
 * really run everything.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";

const NO_SKIP = process.env["SEGMENT_NO_SKIP"] === "1";

/** The repository's root: the nearest folder above with a package.json, from source or from dist alike. */
export const repositoryRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(from: string): string {
  // dist/ has no package.json of its own, so the walk ends in the repository.
  if (existsSync(join(from, "package.json"))) return from;
  const above = dirname(from);
  if (above === from) throw new Error("test/support/shared.ts is not inside the repository");
  return findRoot(above);
}

/** The absolute path of a sample, e.g. `sharedPath("energy/homes")`, whether or not it exists. */
export function sharedPath(relativePath: string): string {
  return join(repositoryRoot, "..", "shared", "data", relativePath);
}

/** The bytes of `../shared/data/<relativePath>`; undefined when absent (throws with SEGMENT_NO_SKIP=1). */
export function sharedData(relativePath: string): Uint8Array | undefined {
  const path = sharedPath(relativePath);
  if (!existsSync(path)) {
    if (NO_SKIP) throw new Error(absent(relativePath));
    return undefined;
  }
  return new Uint8Array(readFileSync(path));
}

/** Names of a folder of samples, sorted; undefined when absent (throws with SEGMENT_NO_SKIP=1). */
export function sharedFiles(relativeFolder: string): string[] | undefined {
  const path = sharedPath(relativeFolder);
  if (!existsSync(path)) {
    if (NO_SKIP) throw new Error(absent(relativeFolder));
    return undefined;
  }
  return readdirSync(path).toSorted();
}

/**
 * A `describe` whose tests need one file, or one folder, of `../shared/data`.
 * `fn` gets the file's bytes (none for a folder); it runs only when the sample is there.
 */
export function describeShared(name: string, relativePath: string, fn: (bytes: Uint8Array) => void): void {
  const path = sharedPath(relativePath);
  if (!existsSync(path)) {
    without(name, absent(relativePath));
    return;
  }
  const bytes = statSync(path).isDirectory() ? new Uint8Array() : new Uint8Array(readFileSync(path));
  describe(name, () => fn(bytes));
}

/**
 * Undefined when the program is on the PATH, else what to install:
 * `const missing = needProgram("mosquitto", "mosquitto"); describe.skipIf(missing)(...)`.
 * Throws the same sentence with SEGMENT_NO_SKIP=1.
 */
export function needProgram(program: string, aptPackage: string): string | undefined {
  // Debian keeps daemons such as mosquitto in sbin, which an ordinary user's PATH leaves out.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  if (folders.some((folder) => isExecutable(join(folder, program)))) return undefined;
  const sentence = `skipped: ${program} is not installed (apt-get install ${aptPackage})`;
  if (NO_SKIP) throw new Error(sentence);
  return sentence;
}

/** A `describe` that runs when `missing` is undefined, and else shows what is missing in its place. */
export function describeWith(name: string, missing: string | undefined, fn: () => void): void {
  if (missing === undefined) describe(name, fn);
  else without(name, missing);
}

function absent(relativePath: string): string {
  return `skipped: ../shared/data/${relativePath} is absent`;
}

/** The reason stands in the test's name, so that vitest's report shows it. */
function without(name: string, reason: string): void {
  describe(name, () => {
    if (NO_SKIP) {
      it(reason, () => {
        throw new Error(reason);
      });
    } else it.skip(reason, () => {});
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
