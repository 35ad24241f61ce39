/**
 * A lock in Home Assistant: the bridge as a process, mosquitto as Home Assistant's broker, and Debian's own
 * clients in the place of Home Assistant.
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { document, Running, temporaryFolder } from "../cli/segment.ts";
import { startMosquitto } from "../compliance/bus-mosquitto.ts";
import { describeWith, needProgram } from "../support/shared.ts";

const PATIENCE_MS = 120_000;
const folder = temporaryFolder();
const home = (name: string): string => join(folder, name);
const started: Running[] = [];

/** Home Assistant's side: all that it hears, by topic, the newest last. */
class Listener {
  readonly heard: [topic: string, payload: string][] = [];
  readonly #child: ChildProcess;
  #rest = "";

  constructor(port: number) {
    // Each line: the topic, a tab, the payload.
    this.#child = spawn("mosquitto_sub", ["-p", String(port), "-t", "#", "-F", "%t\t%p"]);
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const at = line.indexOf("\t");
        this.heard.push([line.slice(0, at), line.slice(at + 1)]);
      }
    });
  }

  last(topic: string): string | undefined {
    return this.heard.findLast(([name]) => name.endsWith(topic))?.[1];
  }

  async until(topic: string, isSo: (payload: string) => boolean): Promise<string> {
    const ends = Date.now() + 45_000;
    while (Date.now() < ends) {
      const payload = this.last(topic);
      if (payload !== undefined && isSo(payload)) return payload;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${topic} never said it: ${JSON.stringify(this.heard)}`);
  }

  stop(): void {
    this.#child.kill();
  }
}

const state = (payload: string): Record<string, unknown> => JSON.parse(payload) as Record<string, unknown>;

describeWith("a lock in Home Assistant", needProgram("mosquitto_sub", "mosquitto-clients"), () => {
  vi.setConfig({ testTimeout: PATIENCE_MS });

  let mosquitto: Awaited<ReturnType<typeof startMosquitto>>;
  let listener: Listener;
  let lock: Running;
  let lockId = "";

  async function start(args: string[], command: string[], ready: RegExp): Promise<Running> {
    const running = new Running(args, command);
    started.push(running);
    await running.line(ready);
    return running;
  }

  async function bridgeWith(name: string, rights: string): Promise<{ bridge: Running; key: string }> {
    const network = ["--network", join(home("hub"), "network.json"), "--broker", broker];
    await document(["init", "--home", home(name), "--kind", "bridge", ...network]);
    const making = ["key", "make", "--for", name, "--may", rights, "--forever", "--home", home("olga")];
    const { key, link } = await document<{ key: string; link: string }>(making);
    await document(["key", "take", link, "--home", home(name)]);
    const bridge = await start(
      ["--far", "--mqtt", `mqtt://127.0.0.1:${mosquitto.port}`, "--home", home(name)],
      ["bridge", "home-assistant"],
      /^lock: reached$/,
    );
    return { bridge, key };
  }

  function wants(payload: string, ...more: string[]): void {
    const topic = `segment/${lockId}/command`;
    execFileSync("mosquitto_pub", ["-p", String(mosquitto.port), "-t", topic, "-m", payload, ...more]);
  }

  let broker = "";

  beforeAll(async () => {
    mosquitto = await startMosquitto("home-assistant", { isOpen: true });
    listener = new Listener(mosquitto.port);
    await document(["init", "--home", home("hub"), "--found", "village", "--port", "0"]);
    const hub = await start(["--home", home("hub")], ["run"], /^ready$/);
    broker = /^broker: listens on (\S+)$/m.exec(hub.stderr)?.[1] ?? "";
    const network = ["--network", join(home("hub"), "network.json"), "--broker", broker];
    const made = ["init", "--home", home("front"), "--kind", "lock", "--name", "Front door", ...network];
    lockId = (await document<{ id: string }>(made)).id;
    await document(["init", "--home", home("olga"), "--kind", "phone", ...network]);
    lock = await start(["--home", home("front")], ["run"], /^lock: ready$/);
    const { host } = await document<{ host: { code: string } }>(["pair", "--home", home("front")]);
    await document(["pair", host.code, "--far", "--name", "Front door", "--home", home("olga")]);
  }, PATIENCE_MS);

  afterAll(async () => {
    for (const one of started.reverse()) await one.stop();
    listener.stop();
    await mosquitto.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows bolt, door, battery and last user, live, and takes no command without the right", async () => {
    const { bridge, key } = await bridgeWith("screen", "door:watch");
    const config = state(await listener.until("/config", () => true));
    const components = config["components"] as Record<string, { platform: string; command_topic?: string }>;
    expect(Object.values(components).map(({ platform }) => platform)).not.toContain("lock");
    expect(JSON.stringify(config)).not.toContain("command");
    expect(Object.keys(components).toSorted()).toEqual(["battery", "bolt", "contact", "used", "user"]);
    await listener.until("/availability", (payload) => payload === "online");
    await listener.until("/state", (payload) => state(payload)["lock"] === "LOCKED");
    await document(["lock", "open", "--far", "--home", home("olga")]);
    const opened = await listener.until("/state", (payload) => state(payload)["lock"] === "UNLOCKED");
    expect(state(opened)).toMatchObject({ contact: "OFF", battery: 87, last_user: "owner" });
    await listener.until("/state", (payload) => state(payload)["lock"] === "LOCKED");
    const from = lock.mark;
    wants("UNLOCK");
    // Revoked, it sees no more, says so, and ends.
    await document(["key", "revoke", key.slice(0, 12), "--home", home("olga")]);
    await listener.until("/availability", (payload) => payload === "offline");
    expect(await bridge.ended()).toBe(1);
    expect(bridge.stderr).toContain("key-revoked");
    expect(lock.stderr.slice(from)).not.toContain("bolt: unlocked");
  });

  it("turns the lock where the owner allows it; nothing that was retained, repeated later or made up", async () => {
    const { bridge } = await bridgeWith("hands", "door:watch,lock,unlock,open");
    const lockOf = (payload: string): { platform?: string; payload_open?: string } =>
      (state(payload)["components"] as { bolt: object }).bolt;
    const config = await listener.until("/config", (payload) => lockOf(payload).platform === "lock");
    expect(lockOf(config).payload_open).toBe("OPEN");
    const from = lock.mark;
    wants("UNLOCK");
    await lock.line(/^bolt: unlocked/, from);
    await listener.until("/state", (payload) => state(payload)["last_user"] === "hands");
    wants("LOCK");
    await lock.line(/^bolt: locked/, from);
    await listener.until("/state", (payload) => state(payload)["lock"] === "LOCKED");
    const later = lock.mark;
    const refusals = bridge.mark;
    wants("EXPLODE");
    await bridge.line(/a command was not taken/, refusals);
    // What waits in the broker for a bridge that was away opens nothing.
    expect(await bridge.stop()).toBe(0);
    expect(listener.last("/availability")).toBe("offline");
    wants("UNLOCK", "-r");
    const args = ["--far", "--mqtt", `mqtt://127.0.0.1:${mosquitto.port}`, "--home", home("hands")];
    const again = await start(args, ["bridge", "home-assistant"], /^lock: reached$/);
    await again.line(/a command was not taken/);
    wants("", "-r");
    expect(lock.stderr.slice(later)).not.toContain("bolt: unlocked");
  });
});
