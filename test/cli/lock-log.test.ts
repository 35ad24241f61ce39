/** A lock's log with a keeper, sealed: its owner reads who opened by which key, and nobody else anything. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const home = (name: string): string => join(folder, name);
const [hub, front, olga, sam] = [home("hub"), home("front"), home("olga"), home("sam")];
const started: Running[] = [];
const ids = new Map<string, string>();
let lock: Running;

const PATIENCE_MS = 180_000;

interface LogDocument {
  complete: boolean;
  log: { who: string; what: string; target: string | null; code: string | null; isSigned: boolean }[];
}

async function start(place: string, ready: RegExp): Promise<Running> {
  const running = new Running(["--home", place]);
  started.push(running);
  await running.line(ready);
  return running;
}

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0"]);
  const house = await start(hub, /^ready$/);
  const broker = /^broker: listens on (\S+)$/m.exec(house.stderr)?.[1] ?? "";
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  const init = async (place: string, kind: string): Promise<void> => {
    const { id } = await document<{ id: string }>(["init", "--home", place, "--kind", kind, ...network]);
    ids.set(place, id);
  };
  await init(front, "lock");
  await init(olga, "phone");
  await init(sam, "phone");
  const { id } = await document<{ id: string }>(["status", "--home", hub]);
  await document(["telemetry", "keepers", id, "--home", front]);
  lock = await start(front, /^lock: ready$/);
  const { host } = await document<{ host: { code: string } }>(["pair", "--home", front]);
  await document(["pair", host.code, "--name", "Front door", "--far", "--home", olga]);
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("the sealed log of a running lock", { timeout: PATIENCE_MS }, () => {
  it("is read by an owner's phone that asks the lock for the key, and by nobody else's", async () => {
    const reading = ["telemetry", "read", "--lock"];
    const refused = await segment([...reading, ids.get(front)!, "--home", sam]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("[owner-required]")]);
    const unknown = await segment([...reading, "cellar", "--home", olga]);
    expect(unknown.stderr).toContain("[key-foreign]");
    // Half a minute may go by before a line is sealed.
    const asking = [...reading, "Front door", "--home", olga, "--json"];
    let read = await segment(asking);
    while (read.code !== 0) {
      expect(read.stderr).toContain("[shards-missing]");
      read = await segment(asking);
    }
    const { complete, log } = JSON.parse(read.stdout) as LogDocument;
    expect(complete).toBe(true);
    expect(log[0]).toMatchObject({ who: ids.get(olga), what: "pair", code: null });
  });

  it("is read by its owner, with what the phone has signed", async () => {
    await document(["lock", "open", "--far", "--home", olga]);
    await lock.line(/^bolt: unlocked/);
    const grant = join(front, "grants", `${ids.get(olga)}.grant`);
    // What waits is sealed as the lock ends.
    await lock.stop();
    expect(existsSync(grant)).toBe(true);
    const { id } = await document<{ id: string }>(["status", "--home", hub]);
    const reading = ["telemetry", "read", "--grant", grant, "--keepers", id];
    const { complete, log } = await document<LogDocument>([...reading, "--home", olga]);
    expect(complete).toBe(true);
    expect(log.map(({ who, what, target, code }) => [who, what, target, code])).toEqual([
      [ids.get(olga), "pair", null, null],
      [ids.get(sam), "audit", null, "owner-required"],
      [ids.get(olga), "request", "door", null],
    ]);
    expect(log.at(-1)?.isSigned).toBe(true);
    const { stdout } = await segment([...reading, "--home", olga]);
    expect(stdout).toMatch(/open door {2}done {2}signed/);
  });

  it("says nothing to those who have no grant, nor to the keeper", async () => {
    const { id } = await document<{ id: string }>(["status", "--home", hub]);
    const grant = join(front, "grants", `${ids.get(olga)}.grant`);
    const { code } = await segment([
      ...["telemetry", "read", "--grant", grant, "--keepers", id, "--home", sam, "--json"],
    ]);
    expect(code).not.toBe(0);
    const shards = readdirSync(join(hub, "shards"), { recursive: true, withFileTypes: true });
    const files = shards.filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(0);
    for (const { parentPath, name } of files)
      expect(readFileSync(join(parentPath, name)).includes("lock/log")).toBe(false);
  });
});
