/** A lock in a house's network, and phones without Bluetooth: paired, opened and refused over MQTT alone. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { document, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const [hub, front, olga, sam] = ["hub", "front", "olga", "sam"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
  string,
];
const started: Running[] = [];
let lock: Running;
let broker = "";

const PATIENCE_MS = 120_000;

async function codeOf(args: readonly string[]): Promise<string> {
  const { stdout, code: exit } = await segment([...args, "--json"]);
  if (exit === 0) return "none";
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

async function run(home: string, ready: RegExp, ...args: string[]): Promise<Running> {
  const running = new Running(["--home", home, ...args]);
  started.push(running);
  await running.line(ready);
  return running;
}

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0"]);
  const house = await run(hub, /^ready$/);
  broker = /^broker: listens on (\S+)$/m.exec(house.stderr)?.[1] ?? "";
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  await document(["init", "--home", front, "--kind", "lock", "--name", "Front door", ...network]);
  for (const home of [olga, sam]) await document(["init", "--home", home, "--kind", "phone", ...network]);
  lock = await run(front, /^lock: ready$/);
}, PATIENCE_MS);

afterAll(async () => {
  for (const one of started.reverse()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("a lock over the network", { timeout: PATIENCE_MS }, () => {
  it("is paired by its code, once, and opens for its owner", async () => {
    const { host } = await document<{ host: { code: string } }>(["pair", "--home", front]);
    expect(await codeOf(["pair", host.code, "--home", olga])).toBe("option-invalid");
    await document(["pair", host.code, "--far", "--home", olga]);
    await lock.line(/^paired/);
    expect(await codeOf(["pair", host.code, "--far", "--home", sam])).toBe("peer-refused");
    await document(["lock", "open", "--far", "--home", olga]);
    await lock.line(/^bolt: unlocked/);
    const { entries } = await document<{ entries: { what: string; who: string; code: string | null }[] }>([
      ...["lock", "log", "--far", "--home", olga],
    ]);
    expect(entries.map(({ what, code }) => [what, code])).toEqual([
      ["pair", null],
      ["pair", "peer-refused"],
      ["request", null],
    ]);
    expect(entries[0]!.who).not.toBe(entries[1]!.who);
    // A second phone becomes an owner, and removes the first.
    const { card } = await document<{ card: string }>(["lock", "card", "--home", sam]);
    expect(await codeOf(["lock", "share", card.slice(0, -4), "--home", olga])).toBe("card-invalid");
    const shared = ["lock", "share", card, "--home", olga];
    const { host: second, isHeard } = await document<{ host: { link: string }; isHeard: boolean }>(shared);
    expect(isHeard).toBe(true);
    await document(["lock", "own", second.link, "--name", "Front door", "--home", sam]);
    await document(["lock", "open", "--far", "--home", sam]);
    const { id } = await document<{ id: string }>(["lock", "card", "--home", olga]);
    await document(["lock", "remove-owner", id, "--home", sam]);
    expect(await codeOf(["lock", "open", "--far", "--home", olga])).not.toBe("none");
    // Neither the broker nor the log has seen the secret of the code.
    expect(started.map(({ stderr }) => stderr).join("")).not.toContain(host.code.slice(-20));
  });
});
