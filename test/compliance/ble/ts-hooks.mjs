/**
 * Lets a child process of a test run TypeScript: `node --import ts-hooks.mjs entry.ts`.
 * Node 20 has no type stripping of its own; this uses the compiler that is installed anyway.
 */
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";
import { fileURLToPath } from "node:url";

if (isMainThread) register(import.meta.url);

export async function load(url, context, nextLoad) {
  if (!url.endsWith(".ts")) return nextLoad(url, context);
  const { default: ts } = await import("typescript");
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
  };
  const source = ts.transpileModule(await readFile(fileURLToPath(url), "utf8"), {
    compilerOptions,
  }).outputText;
  return { format: "module", source, shortCircuit: true };
}
