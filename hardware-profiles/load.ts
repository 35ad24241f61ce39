/** Reads the profiles that lie beside this file, or one from anywhere; both are checked whole. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SegmentError } from "../protocols/errors.ts";
import { faultsOf } from "./check.ts";
import { profileSchema } from "./schema.ts";
import type { Profile } from "./schema.ts";

const MAX_PROFILE_BYTES = 256 * 1024;

/** The ids of the profiles that come with SEGMENT, sorted. */
export function profileIds(): string[] {
  return readdirSync(folder())
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .toSorted();
}

/** Loads a profile that comes with SEGMENT, such as "raspberry-pi-4". Throws profile-invalid. */
export function loadProfile(id: string): Profile {
  if (!profileIds().includes(id))
    throw new SegmentError(
      "profile-invalid",
      `there is no profile "${id}"; there are ${profileIds().join(", ")}`,
    );
  return loadProfileFile(join(folder(), `${id}.json`));
}

/** Loads a maker's own profile; the file's name is its id. Throws profile-invalid. */
export function loadProfileFile(path: string): Profile {
  let text: string;
  try {
    if (statSync(path).size > MAX_PROFILE_BYTES)
      throw refused(basename(path), `more than ${MAX_PROFILE_BYTES} bytes`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof SegmentError) throw error;
    throw refused(path, `cannot be read (${error instanceof Error ? error.message : "unreadable"})`);
  }
  const profile = parseProfile(text, basename(path));
  const id = basename(path, ".json");
  if (profile.id !== id)
    throw refused(basename(path), `id is "${profile.id}", but the file is named "${id}"`);
  return profile;
}

/** Parses and checks a profile. `name` is for messages. Throws profile-invalid, naming what is wrong. */
export function parseProfile(text: string, name: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(name, `not JSON (${error instanceof Error ? error.message : "unreadable"})`);
  }
  const parsed = profileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refused(name, `${issue?.path.join(".") || "profile"}: ${issue?.message ?? "invalid"}`);
  }
  const faults = faultsOf(parsed.data);
  if (faults.length > 0) throw refused(name, faults.join("; "));
  return parsed.data;
}

function refused(name: string, what: string): SegmentError {
  return new SegmentError("profile-invalid", `${name}: ${what}`, { where: name });
}

/** The JSON files are not compiled: from dist/hardware-profiles they lie in the package's own folder. */
function folder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const inPackage = join(here, "..", "..", "hardware-profiles");
  return existsSync(join(here, "sim-drone.json")) ? here : inPackage;
}
