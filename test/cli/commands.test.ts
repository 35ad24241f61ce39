/** The command's manners: help with examples, one document on stdout, exit codes, errors with a remedy. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addCompletion } from "../../agent/cli/completion.ts";
import { addContract } from "../../agent/cli/contract.ts";
import { addCurrency } from "../../agent/cli/currency.ts";
import { addDoctor } from "../../agent/cli/doctor.ts";
import { addInit } from "../../agent/cli/init.ts";
import { addKey } from "../../agent/cli/key.ts";
import { addRun } from "../../agent/cli/run.ts";
import { addSimulate } from "../../agent/cli/simulate.ts";
import { addStatus } from "../../agent/cli/status.ts";
import { addTelemetry } from "../../agent/cli/telemetry.ts";
import { addVerify } from "../../agent/cli/verify.ts";
import { addWallet } from "../../agent/cli/wallet.ts";
import { call } from "../../agent/cli/testing/call.ts";
import { document, Running, segment, temporaryFolder } from "./segment.ts";

const folder = temporaryFolder();
const hub = join(folder, "hub");
const ADDERS = [
  addCompletion,
  addContract,
  addCurrency,
  addDoctor,
  addInit,
  addKey,
  addRun,
  addSimulate,
  addStatus,
  addTelemetry,
  addVerify,
  addWallet,
];
const COMMANDS = [
  ...["init", "run", "status", "doctor", "verify", "completion", "simulate delivery"],
  ...["wallet history", "wallet export", "wallet request", "wallet invoice", "wallet receipt"],
  ...["wallet backup", "wallet restore", "wallet addresses", "key list", "key revoke"],
  ...["wallet standing add", "wallet standing list", "wallet standing remove"],
  ...["wallet joint create", "wallet joint show", "wallet joint propose"],
  ...["wallet joint approve", "wallet joint send", "wallet joint list"],
  ...["wallet show", "wallet send", "wallet account", "currency list", "currency create", "currency mint"],
  ...["currency supply"],
  ...[
    "contract show",
    "contract check",
    "contract fact",
    "contract claim",
    "telemetry read",
    "telemetry status",
    "telemetry keepers",
  ],
];

beforeAll(async () => {
  await document(["init", "--home", hub, "--found", "village", "--port", "0"]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("help", () => {
  it("of every command has an example, and exits with 0", async () => {
    for (const command of COMMANDS) {
      const args = [...command.split(" "), "--help"];
      const { error, stdout } = await call((program) => ADDERS.forEach((add) => add(program)), args);
      expect(error, command).toMatchObject({ exitCode: 0 });
      expect(stdout, command).toMatch(/\nExamples?:\n {2}\S+/);
    }
    const { code, stdout } = await segment(["--help"]);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command.split(" ")[0] ?? ""}`);
  });

  it.each([
    ["nonsense"],
    ["constructor"],
    ["wallet"],
    ["wallet", "steal"],
    ["verify"],
    ["status", "--nonsense"],
  ])("segment %s %s is a wrong call: exit code 2, and the usage on stderr", async (...args) => {
    const { code, stdout, stderr } = await segment(args.filter((arg) => typeof arg === "string"));
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: segment");
  });
});

describe("errors", () => {
  it("are one document with --json, and say how to mend on stderr", async () => {
    const { code, stdout, stderr } = await segment(["status", "--home", join(folder, "none"), "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "home-missing", remedy: expect.stringContaining("init") },
    });
    expect(stderr).toMatch(/^error: .*\[home-missing\]\n {2}remedy: /);
  });

  it("run: another program has the port", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await segment(["run", "--home", hub, "--port", String(port)]);
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain("[port-in-use]");
    expect(stderr).toContain("--port");
    // Nothing is left behind that would keep the next run away.
    const agent = new Running(["--home", hub]);
    await agent.line(/^ready$/);
    expect(await agent.stop("SIGTERM")).toBe(0);
  });

  it("run: no network, no broker, wrong options", async () => {
    const lone = join(folder, "lone");
    await document(["init", "--home", lone]);
    expect((await segment(["run", "--home", lone])).stderr).toContain("[network-invalid]");
    writeFileSync(join(lone, "network.json"), readFileSync(join(hub, "network.json")));
    expect((await segment(["run", "--home", lone])).stderr).toContain("[broker-unreachable]");
    expect((await segment(["run", "--home", lone, "--health-s", "0.5"])).stderr).toContain(
      "[option-invalid]",
    );
    const config = JSON.parse(readFileSync(join(lone, "config.json"), "utf8")) as object;
    writeFileSync(join(lone, "config.json"), JSON.stringify({ ...config, roles: ["broker", "notary"] }));
    const notItsNotary = await segment(["run", "--home", lone]);
    expect(notItsNotary.code).toBe(1);
    expect(notItsNotary.stderr).toContain("[entry-unauthorized]");
    writeFileSync(join(lone, "config.json"), JSON.stringify({ ...config, rolls: [] }));
    expect((await segment(["run", "--home", lone])).stderr).toMatch(
      /config\.json.*rolls.*\[option-invalid\]/,
    );
  });

  it("run: ends at once when it is killed, and starts again on what is left", async () => {
    const agent = new Running(["--home", hub, "--health-s", "1"]);
    await agent.line(/^ready$/);
    await agent.stop("SIGKILL");
    const again = new Running(["--home", hub, "--health-s", "1"]);
    await again.line(/^ready$/);
    expect(again.stderr).toContain("notary: at block 1");
    expect(await again.stop()).toBe(0);
    expect((await segment(["telemetry", "read", "--home", hub])).stderr).toContain("[broker-unreachable]");
  });
});

describe("completion", () => {
  it("completes commands and options in bash", async () => {
    const { stdout } = await segment(["completion", "bash"]);
    const complete = (line: string): string[] => {
      const words = line.split(" ");
      const list = words.map((word) => `"${word}"`).join(" ");
      const ask = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _segment; echo "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", `${stdout}\n${ask}`], { encoding: "utf8" })
        .stdout.trim()
        .split(" ");
    };
    expect(complete("segment wal")).toEqual(["wallet"]);
    expect(complete("segment wallet s")).toEqual(["show", "send", "standing"]);
    expect(complete("segment wallet send --me")).toEqual(["--memo"]);
    expect((await segment(["completion", "fish"])).stderr).toContain("[option-invalid]");
    expect((await segment(["completion", "zsh"])).stdout).toContain("bashcompinit");
  });
});
