import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LIES } from "../../simulators/worlds/virtual/faults.ts";
import { RULES, type Rule } from "./rules.ts";

const MAIN = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
const HOOK = new URL("./mutating.mjs", import.meta.url).href;

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function simulate(
  world: string,
  mutation: Pick<Rule, "file" | "find" | "replace"> | undefined,
): Promise<Ended> {
  const hook = mutation === undefined ? [] : ["--import", HOOK];
  const words = ["simulate", "delivery", "--virtual", "--until-failure", "--json", ...world.split(" ")];
  const child = spawn(process.execPath, [...hook, MAIN, ...words], {
    env: {
      ...process.env,
      ...(mutation === undefined ? {} : { SEGMENT_MUTATION: JSON.stringify(mutation) }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

describe("the virtual world notices when a rule is switched off:", () => {
  it.each(RULES.map((rule) => [rule.rule, rule] as const))(
    "%s",
    { timeout: 300_000 },
    async (_name, rule) => {
      const ended = await simulate(rule.world, rule);
      expect(ended.code, ended.err).toBe(1);
      const { invariants } = JSON.parse(ended.out) as { invariants?: Record<string, number> };
      const broken = Object.keys(invariants ?? {}).filter((name) => (invariants?.[name] ?? 0) > 0);
      expect(
        rule.breaks.filter((name) => broken.includes(name)),
        `broken are: ${broken.join(", ")}\n${ended.err}`,
      ).not.toEqual([]);
    },
  );

  it.each(LIES)("and nothing else: with all rules on, %s changes nothing that must hold", async (lie) => {
    const ended = await simulate(`--runs 5 --lies ${lie}`, undefined);
    expect(ended.code, ended.err).toBe(0);
  });
});
