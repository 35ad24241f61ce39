/** The built `segment` command, as a user runs it: processes of their own, homes in temporary folders. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../support/shared.ts";

const MAIN = join(repositoryRoot, "dist", "agent", "cli", "main.js");
const PATIENCE_MS = 45_000;

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "segment-cli-"));
}

function launch(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  if (!existsSync(MAIN)) throw new Error("the command is not built: npm run build");
  // Nothing of the developer's own home or terminal may leak in.
  const clean = {
    ...process.env,
    SEGMENT_HOME: undefined,
    SEGMENT_PASSPHRASE: undefined,
    COLUMNS: undefined,
  };
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...clean, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs a command to its end. */
export function segment(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const child = launch(args, env);
  const result: Result = { code: null, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`segment ${args.join(" ")} did not end:\n${result.stderr}`));
    }, PATIENCE_MS);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...result, code });
    });
  });
}

/** A command that must succeed, its document. */
export async function document<T>(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const { code, stdout, stderr } = await segment([...args, "--json"], env);
  if (code !== 0) throw new Error(`segment ${args.join(" ")} ended with ${String(code)}:\n${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A running agent, or another command that goes on until it is told to end. */
export class Running {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[], command: readonly string[] = ["run"]) {
    this.#child = launch([...command, ...args], {});
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#ended = new Promise((resolve) => this.#child.on("close", resolve));
  }

  /** Resolves with the first line that matches, of those after `from` (see `mark`). */
  async line(pattern: RegExp, from = 0): Promise<string> {
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until) {
      const found = this.stderr
        .slice(from)
        .split("\n")
        .find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the agent never said ${String(pattern)}:\n${this.stderr}`);
  }

  /** How much it has said so far. */
  get mark(): number {
    return this.stderr.length;
  }

  /** Resolves with the exit code. */
  stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    if (this.#child.exitCode === null) this.#child.kill(signal);
    return this.#ended;
  }

  /** Resolves with the exit code when it ends by itself. */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}

/** Starts an agent and waits until it is ready. Returns it with where its broker listens, if it is one. */
export async function run(home: string, ...args: string[]): Promise<{ agent: Running; broker: string }> {
  const agent = new Running(["--home", home, ...args]);
  await agent.line(/^ready$/);
  const broker = /mqtt:\/\/[\d.:]+/.exec(agent.stderr)?.[0] ?? "";
  return { agent, broker };
}
