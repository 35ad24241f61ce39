import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { findChromium } from "./test/support/chromium.ts";

const FOLDERS = "{agent,devices,protocols,simulators,hardware-profiles,test}";
const IN_BROWSER = `${FOLDERS}/**/*.browser.test.ts`;

const BUNDLED = [
  "@noble/ciphers/aes.js",
  "@noble/ciphers/chacha.js",
  "@noble/curves/ed25519.js",
  "@noble/hashes/hmac.js",
  "@noble/hashes/sha2.js",
  "fast-check",
];

/** Patterns of test files that this run leaves out, with commas between them. */
const LEFT_OUT = (process.env["SEGMENT_LEAVE_OUT"] ?? "").split(",").filter((pattern) => pattern !== "");

const chromium = findChromium();

export default defineConfig({
  test: {
    // Two cores: whole-process scenarios and fuzzing must not starve one another.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          include: [`${FOLDERS}/**/*.test.ts`],
          exclude: [IN_BROWSER, ...LEFT_OUT],
          setupFiles: ["test/support/property-seed.ts"],
        },
      },
      ...(chromium === undefined ? [] : [inBrowser(chromium)]),
    ],
  },
});

/** What runs in a browser is tested in a real one. */
function inBrowser(executablePath: string) {
  return {
    extends: true as const,
    // Bundled before the first test: a library found later would reload the page in the middle of one.
    optimizeDeps: { include: BUNDLED },
    test: {
      name: "chromium",
      include: [IN_BROWSER],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: ["--no-sandbox"] } }),
        instances: [{ browser: "chromium" as const }],
      },
    },
  };
}
