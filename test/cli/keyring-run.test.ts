/** A phone's home that runs: its keyring goes on without commands, and lends itself to those that come. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const home = (name: string): string => join(folder, name);
const [hub, front, olga, ana] = [home("hub"), home("front"), home("olga"), home("ana")];
const notes = join(olga, "agent", "keyring", "wanted");
const started: Running[] = [];
let lock: Running;
let phone: Running;

const PATIENCE_MS = 180_000;

async function start(place: string, ready: RegExp): Promise<Running> {
  const running = new Running(["--home", place]);
  started.push(running);
  await running.line(ready);
  return running;
}

async function codeOf(args: readonly string[]): Promise<string> {
  const { stdout, code: exit } = await segment([...args, "--json"]);
  if (exit === 0) return "none";
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0"]);
  const house = await start(hub, /^ready$/);
  const broker = /^broker: listens on (\S+)$/m.exec(house.stderr)?.[1] ?? "";
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  await document(["init", "--home", front, "--kind", "lock", "--name", "Front door", ...network]);
  for (const place of [olga, ana]) await document(["init", "--home", place, "--kind", "phone", ...network]);
  lock = await start(front, /^lock: ready$/);
  phone = await start(olga, /^ready$/);
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("the keyring of a home that runs", { timeout: PATIENCE_MS }, () => {
  it("serves the commands beside it, two at once as well", async () => {
    const { host } = await document<{ host: { code: string } }>(["pair", "--home", front]);
    await document(["pair", host.code, "--far", "--home", olga]);
    await document(["lock", "open", "--far", "--home", olga]);
    const listing = (): Promise<{ locks: { isOwned: boolean }[] }> =>
      document(["lock", "list", "--home", olga]);
    const lists = await Promise.all([listing(), listing()]);
    for (const { locks } of lists) expect(locks.map(({ isOwned }) => isOwned)).toEqual([true]);
    expect(readdirSync(notes)).toEqual([]);
  });

  it("tells a lock what was signed while that was away, with no command", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16).replace("T", " ");
    const making = ["key", "make", "--for", "Ana", "--until", until, "--zone", "UTC", "--home", olga];
    const made = await document<{ key: string; link: string }>(making);
    await document(["key", "take", made.link, "--home", ana]);
    await document(["lock", "open", "--far", "--home", ana]);
    await lock.stop();
    await document(["key", "revoke", made.key.slice(0, 12), "--home", olga]);
    const from = phone.mark;
    lock = await start(front, /^lock: ready$/);
    await phone.line(/^keyring: order-done/, from);
    expect(await codeOf(["lock", "open", "--far", "--home", ana])).toBe("key-revoked");
  });

  it("does not wait for a command that was killed", async () => {
    mkdirSync(notes, { recursive: true });
    // No process has such a number.
    writeFileSync(join(notes, "999999999"), "");
    await document(["lock", "list", "--home", olga]);
    const { code } = await segment(["lock", "open", "--far", "--home", olga]);
    expect(code).toBe(0);
  });
});
