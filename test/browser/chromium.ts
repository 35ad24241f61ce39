/** Pages in Debian's Chromium, served from the sources by Vite, with Bluetooth switched on. */
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { createServer } from "vite";
import { findChromium } from "../support/chromium.ts";

/** Linux hides Web Bluetooth behind a flag; the others keep the browser from asking the outside world. */
const FLAGS = [
  "--enable-features=WebBluetooth",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface BrowserStage {
  browser: Browser;
  /** Opens a page of test/browser/pages, in a profile of its own. What it throws fails the test. */
  open(name: string): Promise<Page>;
  close(): Promise<void>;
}

/** Errors: of Chromium, when it is missing or does not start. */
export function launchChromium(
  more: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("Chromium is missing");
  return chromium.launch({ executablePath, args: [...FLAGS, ...more], env: { ...process.env, ...env } });
}

/** Errors: of Chromium, when it is missing or does not start. */
export async function openBrowser(): Promise<BrowserStage> {
  const server = await createServer({
    configFile: false,
    root: fileURLToPath(new URL("../..", import.meta.url)),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
    // Else a page would be reloaded whenever a library is found that was not bundled yet.
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  await server.listen();
  const origin = server.resolvedUrls?.local[0] ?? "";
  const browser = await launchChromium();
  return {
    browser,
    open: async (name) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      page.on("pageerror", (error) => {
        throw error;
      });
      await page.goto(`${origin}test/browser/pages/${name}.html`);
      return page;
    },
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}
