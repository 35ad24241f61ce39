/** How much a browser fetches before a person can begin. Needs the built app: npm run build:app. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../support/shared.ts";

const STATIC = join(repositoryRoot, "dist", "agent", "app", "static");
const ASSETS = join(STATIC, "assets");
const MOST_BYTES = 150 * 1024;

const gzipped = (path: string): number => gzipSync(readFileSync(path), { level: 9 }).length;

/** The file and all that it imports, not what it may load later. */
function withImports(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const code = readFileSync(join(ASSETS, file), "utf8");
  for (const [, one] of code.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g))
    withImports(one!, found);
  return found;
}

function built(name: string): string {
  const file = readdirSync(ASSETS).find((one) => one.startsWith(`${name}-`) && one.endsWith(".js"));
  if (file === undefined) throw new Error(`the app has no file ${name}: npm run build:app`);
  return file;
}

function bytesOf(...names: string[]): number {
  const files = new Set(names.flatMap((name) => [...withImports(built(name))]));
  const css = readdirSync(ASSETS).filter((one) => one.endsWith(".css"));
  const shell = ["index.html", "icon.svg"].map((one) => join(STATIC, one));
  const all = [...shell, ...[...files, ...css].map((one) => join(ASSETS, one))];
  return all.map(gzipped).reduce((sum, one) => sum + one, 0);
}

describe("the built app", () => {
  it("is there", () => {
    expect(existsSync(join(STATIC, "index.html")), "npm run build:app").toBe(true);
  });

  it("needs at most 150 KB, compressed, for the first screen of a first visit", () => {
    const bytes = bytesOf("index", "onboarding");
    console.log(`first load: ${(bytes / 1024).toFixed(1)} KB gzip`);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });

  it("does not need the network's library, the wallet or the camera's decoder for it", () => {
    const files = withImports(built("index"));
    for (const late of ["mqtt-bus", "decode", "phone-home", "wallet"])
      expect([...files].filter((file) => file.startsWith(`${late}-`))).toEqual([]);
  });

  it("holds no code or style in the page itself, and no address of another server", () => {
    const page = readFileSync(join(STATIC, "index.html"), "utf8");
    expect(page).not.toMatch(/<style|style=|onload=|<script(?![^>]*src="\.\/)/);
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).toContain("default-src 'self'");
  });

  it("names every file to the service worker", () => {
    const worker = readFileSync(join(STATIC, "service-worker.js"), "utf8");
    const assets = readdirSync(ASSETS).map((name) => `./assets/${name}`);
    const others = readdirSync(STATIC, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "service-worker.js")
      .map(({ name }) => `./${name}`);
    for (const file of [...assets, ...others]) expect(worker).toContain(`"${file}"`);
  });
});
