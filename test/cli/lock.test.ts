/**
 * A lock and phones with no network at all: homes in processes of their own, real noble and bleno on the
 * virtual air. The broker that they name does not exist.
 */
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const front = join(folder, "front");
const olga = join(folder, "olga");
const ana = join(folder, "ana");
const radios = join(folder, "air");
const started: Running[] = [];
let lock: Running;

const PATIENCE_MS = 180_000;
const withRadio = (name: string, home: string): string[] => ["--home", home, "--radio", join(radios, name)];

async function startLock(): Promise<void> {
  lock = new Running(withRadio("front", front));
  started.push(lock);
  await lock.line(/^lock: ready$/);
}

/** What the lock shows. */
async function code(): Promise<string> {
  const { host } = await document<{ host: { code: string } }>(["pair", "--home", front]);
  return host.code;
}

interface Log {
  entries: { who: string | null; what: string; target: string | null; code: string | null; name: string }[];
}

async function codeOf(args: readonly string[]): Promise<string> {
  const { stdout, code: exit } = await segment([...args, "--json"]);
  if (exit === 0) return "none";
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

beforeAll(async () => {
  const air = new Running(["--radios", "front,olga,ana", "--out", radios], ["simulate", "air"]);
  started.push(air);
  await air.line(/the air is there/);
  await document(["init", "--home", hub, "--found", "village", "--name", "hub"]);
  const network = ["--network", join(hub, "network.json"), "--broker", "mqtt://127.0.0.1:9"];
  await document(["init", "--home", front, "--kind", "lock", "--name", "Front door", ...network]);
  for (const [home, name] of [
    [olga, "Olga"],
    [ana, "Ana"],
  ] as const)
    await document(["init", "--home", home, "--kind", "phone", "--name", name, ...network]);
  await startLock();
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("a lock with no network", { timeout: PATIENCE_MS }, () => {
  it("shows a code in the terminal and as a picture, and keeps the secret to itself", async () => {
    const picture = join(folder, "pair.svg");
    const { stdout } = await segment(["pair", "--home", front, "--svg", picture]);
    expect(stdout).toMatch(/█/);
    expect(stdout).toMatch(/^segment:pair:[\w-]+$/m);
    expect(readFileSync(picture, "utf8")).toMatch(/^<svg/);
    // The picture holds the secret as well.
    expect(statSync(picture).mode & 0o077).toBe(0);
    const dots = join(folder, "pair.png");
    await segment(["pair", "--home", front, "--png", dots]);
    expect(readFileSync(dots).subarray(1, 4).toString()).toBe("PNG");
    expect(statSync(dots).mode & 0o077).toBe(0);
    await lock.line(/^pairing/);
    expect(lock.stderr).not.toContain("segment:pair:");
  });

  it("takes the first phone that proves the code as its owner; later codes and phones are refused", async () => {
    const shown = await code();
    const paired = await document<{ owner: boolean }>([
      ...["pair", shown, "--name", "Front door", ...withRadio("olga", olga)],
    ]);
    expect(paired.owner).toBe(true);
    await lock.line(/^paired/);
    expect(await codeOf(["pair", shown, ...withRadio("ana", ana)])).not.toBe("none");
    expect(await codeOf(["pair", "--home", front])).toBe("peer-refused");
  });

  it("opens for its owner, moves nothing for a stranger, and locks again", async () => {
    expect(await codeOf(["lock", "open", ...withRadio("ana", ana)])).toBe("key-foreign");
    const from = lock.mark;
    await document(["lock", "open", "Front door", ...withRadio("olga", olga)]);
    await lock.line(/^bolt: unlocked/, from);
    await lock.line(/^bolt: locked/, from);
    const refused = await codeOf(["lock", "do", "--action", "on", ...withRadio("olga", olga)]);
    expect(refused).toBe("action-unknown");
    await document(["lock", "do", "--action", "on", "--target", "light", ...withRadio("olga", olga)]);
    await lock.line(/^light: on/, from);
  });

  it("remembers its owner after the power was cut, and who was there", async () => {
    await lock.stop("SIGKILL");
    await startLock();
    await document(["lock", "open", ...withRadio("olga", olga)]);
    await lock.line(/^bolt: unlocked/);
    const { entries } = await document<Log>(["lock", "log", ...withRadio("olga", olga)]);
    const done = entries.filter((entry) => entry.code === null).map(({ what, target }) => target ?? what);
    expect(done).toEqual(["pair", "door", "light", "door"]);
    expect(entries.filter((entry) => entry.code !== null).map((entry) => entry.code)).toEqual([
      "action-unknown",
    ]);
  });

  it("lets a guest in by a link, as long as the owner has not revoked it", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16).replace("T", " ");
    const making = ["key", "make", "--for", "Ana", "--until", until, "--zone", "UTC", "--home", olga];
    const made = await document<{ key: string; link: string }>(making);
    const taken = ["key", "take", made.link, ...withRadio("ana", ana)];
    await document(taken);
    const from = lock.mark;
    await document(["lock", "open", ...withRadio("ana", ana)]);
    await lock.line(/^bolt: unlocked/, from);
    expect(await codeOf(["lock", "log", ...withRadio("ana", ana)])).toBe("owner-required");
    await document(["key", "revoke", made.key.slice(0, 12), ...withRadio("olga", olga)]);
    expect(await codeOf(["lock", "open", ...withRadio("ana", ana)])).toBe("key-revoked");
    const { entries } = await document<Log>(["lock", "log", ...withRadio("olga", olga)]);
    expect(entries.filter(({ name }) => name === "Ana").map((entry) => entry.code)).toContain(null);
  });

  it("says by which way it was not reached", async () => {
    expect(await codeOf(["lock", "open", "--home", olga])).toBe("option-invalid");
    expect(await codeOf(["lock", "open", "--far", "--home", olga])).toBe("broker-unreachable");
  });
});
