/**
 * Checks the arrows of .dependency-cruiser.cjs over a tree (this repository unless an
 * argument names another). Plain JavaScript, because checks run before anything is built.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const root = resolve(process.argv[2] ?? repository);
const FOLDERS = ["protocols", "devices", "hardware-profiles", "agent", "simulators", "test"];

const { forbidden, options } = createRequire(import.meta.url)(join(repository, ".dependency-cruiser.cjs"));
process.chdir(root);
const folders = FOLDERS.filter((folder) => existsSync(folder));
const { output } = await cruise(
  folders,
  { ...options, ruleSet: { forbidden }, validate: true, baseDir: root },
  {},
  { tsConfig: extractTSConfig(join(root, "tsconfig.json")) },
);

const seen = new Set(output.modules.map((module) => module.source));
const unseen = folders.flatMap(sources).filter((file) => !seen.has(file));
const comments = new Map(forbidden.map((rule) => [rule.name, rule.comment]));
const violations = output.summary.violations.filter(({ rule }) => rule.severity === "error");

for (const { from, to, rule, cycle } of violations) {
  const way = cycle === undefined ? to : cycle.map((step) => step.name).join(" -> ");
  console.error(`${from} -> ${way}: ${rule.name} (${comments.get(rule.name)})`);
}
for (const file of unseen) console.error(`${file}: not seen by the checker`);
const counted = `${seen.size} modules, ${output.summary.totalDependenciesCruised} imports`;
console.log(`${counted}, ${violations.length} violations, ${unseen.length} unseen`);
// No modules, no violations: that is what a checker reports that could not parse anything.
if (folders.length === 0 || output.summary.totalDependenciesCruised === 0) {
  console.error("the checker saw nothing: is TypeScript of a version that dependency-cruiser can use?");
  process.exitCode = 1;
}
if (violations.length > 0 || unseen.length > 0) process.exitCode = 1;

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (path === "test/check/fixtures" || entry.name === "node_modules") return [];
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(path) && !path.endsWith(".d.ts") ? [path] : [];
  });
}
