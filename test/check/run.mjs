/**
 * `npm run check`: every check, each with its result, to the end; exit code 1 if any failed.
 * Arguments choose checks by name: `npm run check -- lint imports`.
 */
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const CHECKS = [
  { name: "types", command: ["tsc", "--noEmit", "-p", "tsconfig.json"] },
  { name: "lint", command: ["oxlint", "--type-aware", "--deny-warnings", "--format=unix"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lines", command: ["node", "test/check/lines.mjs"] },
  { name: "imports", command: ["node", "test/check/imports.mjs"] },
  { name: "unused", command: ["knip", "--no-progress"] },
];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !CHECKS.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(
    `no such check: ${unknown.join(", ")}; there are ${CHECKS.map((check) => check.name).join(", ")}`,
  );
  process.exit(2);
}

const env = { ...process.env, PATH: join(root, "node_modules", ".bin") + delimiter + process.env.PATH };
const failed = [];
for (const { name, command } of CHECKS) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const begun = performance.now();
  const [program, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const passed = status === 0;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  if (!passed) {
    failed.push(name);
    console.log(`\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`.trimEnd());
  }
  console.log(
    `${passed ? "ok    " : "FAILED"}  ${name.padEnd(8)} ${seconds.padStart(6)} s   ${command.join(" ")}`,
  );
}
console.log(failed.length === 0 ? "check: all passed" : `check: failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
