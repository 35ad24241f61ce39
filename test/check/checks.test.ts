/**
 * A check that never fires is worse than none: each rule is shown a small tree that
 * breaks it, with the repository's own configuration.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../support/shared.ts";

const trees: string[] = [];
afterAll(() => trees.forEach((tree) => rmSync(tree, { recursive: true })));

/** A temporary tree with these files and the repository's configuration. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "segment-check-"));
  trees.push(root);
  for (const file of [".oxlintrc.json", ".oxfmtrc.json", "tsconfig.json", "knip.json", "package.json"])
    copyFileSync(join(repositoryRoot, file), join(root, file));
  symlinkSync(join(repositoryRoot, "node_modules"), join(root, "node_modules"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function run(root: string, program: string, args: string[]): { failed: boolean; output: string } {
  const path = program === "node" ? process.execPath : join(repositoryRoot, "node_modules", ".bin", program);
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: root, encoding: "utf8" });
  return { failed: status !== 0, output: stdout + stderr };
}

const lint = (files: Record<string, string>): ReturnType<typeof run> =>
  run(tree(files), "oxlint", ["--type-aware", "--deny-warnings", "--format=unix"]);

const imports = (files: Record<string, string>): ReturnType<typeof run> =>
  run(tree(files), "node", [join(repositoryRoot, "test/check/imports.mjs"), "."]);

describe("lint", () => {
  const broken: [string, string, string][] = [
    ["no-restricted-globals", "Date", "export const x = Date.now();"],
    ["no-restricted-globals", "new Date", "export const x = new Date(0);"],
    ["no-restricted-globals", "setTimeout", "setTimeout(() => {}, 1);"],
    ["no-restricted-globals", "setInterval", "setInterval(() => {}, 1);"],
    ["no-restricted-globals", "setImmediate", "setImmediate(() => {});"],
    ["no-restricted-globals", "process", "export const x = process.pid;"],
    ["no-restricted-globals", "Buffer", "export const x = Buffer.alloc(1);"],
    ["no-restricted-globals", "crypto", "export const x = crypto.randomUUID();"],
    ["no-restricted-globals", "globalThis", "export const x = globalThis.Date.now();"],
    ["no-restricted-properties", "Math.random", "export const x = Math.random();"],
    ["no-restricted-imports", "node:fs", 'export { readFileSync } from "node:fs";'],
    ["no-restricted-imports", "buffer", 'import { Blob } from "buffer";\nexport const x = Blob;'],
    ["no-floating-promises", "a promise", "async function f() {}\nf();"],
    [
      "no-misused-promises",
      "an async callback",
      "export function each(f: () => void): void {\n  f();\n}\neach(async () => {});",
    ],
    [
      "switch-exhaustiveness-check",
      "a missing case",
      'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      break;\n  }\n}',
    ],
    ["no-explicit-any", "any", "export const x: any = 1;"],
    ["no-default-export", "a default export", "export default 1;"],
    ["no-console", "console", "console.log(1);"],
    ["max-lines", "401 lines", "export {};\n".repeat(401)],
    ["max-lines-per-function", "71 lines", `export function f(): void {\n${"  void 0;\n".repeat(70)}}`],
  ];
  const below = (folder: string): string => {
    const files = broken.map(([, , text], i) => [`${folder}/broken${i}.ts`, `${text}\n`] as const);
    return lint(Object.fromEntries(files)).output;
  };
  const inProtocols = below("protocols");
  const inDevices = below("devices");
  for (const [i, [rule, name]] of broken.entries()) {
    it(`${rule} fires on ${name} in protocols and devices`, () => {
      const where = new RegExp(`broken${i}\\.ts.*${rule}`);
      expect(inProtocols).toMatch(where);
      expect(inDevices).toMatch(where);
    });
  }

  it("bans clocks and randomness in simulators, profiles and the agent's core, but not Node there", () => {
    for (const folder of ["simulators", "hardware-profiles", "agent/core"]) {
      const output = below(folder);
      for (const i of [0, 1, 2, 3, 9]) expect(output).toMatch(new RegExp(`broken${i}\\.ts.*no-restricted`));
      for (const i of [5, 6, 10]) expect(output).not.toMatch(new RegExp(`broken${i}\\.ts`));
    }
  });

  it("lets the agent's adapters and the tests have them", () => {
    const text = "export const x = [Date.now(), Math.random()];\n";
    expect(lint({ "agent/node/clock.ts": text, "protocols/a.test.ts": text })).toMatchObject({
      failed: false,
    });
  });
});

describe("imports", () => {
  const sound = {
    "protocols/a.ts": "export const a = 1;\n",
    "devices/b.ts": 'export { a } from "../protocols/a.ts";\n',
    "hardware-profiles/c.ts": 'export type { b } from "../devices/type.ts";\n',
    "devices/type.ts": "export type b = 1;\n",
    "agent/core/d.ts": 'export { a } from "../../devices/b.ts";\n',
    "simulators/e.ts": 'export { a } from "../protocols/a.ts";\n',
    "simulators/worlds/f.ts":
      'export { a } from "../../agent/core/d.ts";\nexport { a as e } from "../e.ts";\n',
    "agent/cli/main.ts": 'export const f = () => import("../../simulators/worlds/f.ts");\n',
    "protocols/a.test.ts":
      'export { a } from "../agent/core/d.ts";\nexport { a as e } from "../simulators/e.ts";\n',
  };

  it("pass a sound tree and count what they saw", () => {
    const { failed, output } = imports(sound);
    expect(output).toMatch(/9 modules, 9 imports, 0 violations, 0 unseen/);
    expect(failed).toBe(false);
  });

  const from = (path: string, what = "a"): string => `export { ${what} } from "${path}";\n`;
  const broken: [string, string, string][] = [
    ["protocols-imports", "protocols/x.ts", from("../devices/b.ts")],
    ["protocols-imports", "protocols/y.ts", from("../agent/core/d.ts")],
    ["protocols-imports", "protocols/types.ts", 'export type { b } from "../devices/type.ts";\n'],
    ["devices-imports", "devices/x.ts", from("../agent/core/d.ts")],
    ["devices-imports", "devices/y.ts", from("../hardware-profiles/c.ts", "b")],
    ["hardware-profiles-imports", "hardware-profiles/x.ts", from("../agent/core/d.ts")],
    ["agent-imports", "agent/core/t.ts", from("../../test/t.ts")],
    ["agent-imports-no-simulators", "agent/core/x.ts", from("../../simulators/e.ts")],
    [
      "agent-imports-no-simulators",
      "agent/node/x.ts",
      'export const f = () => import("../../simulators/worlds/f.ts");\n',
    ],
    [
      "cli-imports-worlds-only",
      "agent/cli/x.ts",
      'export const f = () => import("../../simulators/e.ts");\n',
    ],
    ["cli-loads-worlds-lazily", "agent/cli/y.ts", from("../../simulators/worlds/f.ts")],
    ["only-worlds-import-agent", "simulators/x.ts", from("../agent/core/d.ts")],
    ["simulators-imports", "simulators/y.ts", from("../test/t.ts")],
    ["no-node-built-ins", "protocols/node.ts", 'export { join } from "node:path";\n'],
    ["no-tests-in-code", "agent/core/tests.ts", from("../../protocols/a.test.ts")],
    ["no-dev-dependencies", "agent/core/dev.ts", 'export { assert } from "fast-check";\n'],
    ["no-unresolvable", "agent/core/none.ts", from("./nowhere.ts")],
    ["no-circles", "protocols/circle.ts", 'import { r } from "./round.ts";\nexport const c = () => r;\n'],
  ];
  const extra = {
    "test/t.ts": "export const a = 1;\n",
    "protocols/round.ts": 'import { c } from "./circle.ts";\nexport const r = () => c;\n',
  };
  const files = Object.fromEntries(broken.map(([, path, text]) => [path, text]));
  const result = imports({ ...sound, ...extra, ...files });
  for (const [rule, path] of broken) {
    it(`${rule} fires on ${path}`, () => {
      expect(result.failed).toBe(true);
      expect(
        result.output.split("\n").some((line) => line.startsWith(`${path} -> `) && line.includes(rule)),
      ).toBe(true);
    });
  }

  it("say nothing against the sound files among them", () => {
    const blamed = result.output.split("\n").map((line) => line.split(" -> ")[0]);
    for (const path of Object.keys(sound)) expect(blamed).not.toContain(path);
  });

  it("fail when they saw nothing", () => {
    expect(imports({})).toMatchObject({ failed: true });
  });
});

describe("the other checks", () => {
  it("format: a line that could be shorter, and other quotes, fail", () => {
    const format = (text: string): boolean =>
      run(tree({ "protocols/a.ts": text }), "oxfmt", ["--check", "protocols"]).failed;
    const call = (length: number): string => `export const sum = f(${"1, ".repeat((length - 24) / 3)}10);\n`;
    expect(format(call(108))).toBe(false);
    expect(format(call(111))).toBe(true);
    expect(format("export const a = 'b';\n")).toBe(true);
  });

  it("lines: a comment of 111 characters fails, a vector does not", () => {
    const lines = (text: string): ReturnType<typeof run> =>
      run(tree({ "protocols/a.ts": `${text}\n` }), "node", [
        join(repositoryRoot, "test/check/lines.mjs"),
        ".",
      ]);
    expect(lines(`// ${"word ".repeat(21)}th`)).toMatchObject({ failed: false });
    expect(lines(`// ${"word ".repeat(21)}the`)).toMatchObject({ failed: true });
    expect(lines(`// ${"word ".repeat(21)}the`).output).toContain("protocols/a.ts:1: 111 characters");
    expect(lines(`export const vector = "${"0f".repeat(100)}";`)).toMatchObject({ failed: false });
  });

  it("types: an unchecked index fails", () => {
    const text = "export const first = (list: number[]): number => list[0];\n";
    const { failed, output } = run(tree({ "protocols/a.ts": text }), "tsc", [
      "--noEmit",
      "-p",
      "tsconfig.json",
    ]);
    expect(failed).toBe(true);
    expect(output).toContain("TS2322");
  });

  it("unused: an export, a file and a package that nobody uses fail", () => {
    const { failed, output } = run(
      tree({
        "agent/cli/main.ts": 'export { used } from "../core/d.ts";\n',
        "agent/core/d.ts": "export const used = 1;\nexport const idle = 2;\n",
        "agent/core/lost.ts": "export const lost = 1;\n",
      }),
      "knip",
      ["--no-progress"],
    );
    expect(failed).toBe(true);
    expect(output).toMatch(/Unused files[\s\S]*agent\/core\/lost\.ts/);
    expect(output).toMatch(/Unused exports[\s\S]*idle/);
    expect(output).toMatch(/Unused dependencies[\s\S]*lmdb/);
  });

  it("the runner goes on to the end and fails if one failed", () => {
    const { failed, output } = run(repositoryRoot, "node", ["test/check/run.mjs", "no-such-check"]);
    expect(failed).toBe(true);
    expect(output).toContain("there are types, lint, format, lines, imports, unused");
  });
});
