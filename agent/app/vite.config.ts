/** Builds the phone's app as static files: `npm run build:app`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import type { Plugin } from "vite";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const WORKER = "service-worker.js";

export default defineConfig({
  root: folder("."),
  base: "./",
  publicDir: "public",
  logLevel: "warn",
  build: {
    outDir: folder("../../dist/agent/app/static"),
    emptyOutDir: true,
    target: "es2023",
    // The page's policy allows files of its server alone: nothing is written into others as data.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_024,
    rolldownOptions: {
      input: { index: folder("index.html"), worker: folder("service-worker.ts") },
      output: {
        entryFileNames: ({ name }) => (name === "worker" ? WORKER : "assets/[name]-[hash].js"),
      },
    },
  },
  plugins: [connectsTo(process.env["SEGMENT_APP_CONNECT"]), keptOffline()],
});

/**
 * For static files on one server and the broker on another: its origin (wss://…) joins the page's policy.
 * Without it the page speaks with its own server alone.
 */
function connectsTo(origin: string | undefined): Plugin {
  return {
    name: "segment-connects-to",
    transformIndexHtml: (html) => {
      if (origin === undefined || origin === "") return html;
      const { protocol, origin: clean, host } = new URL(origin);
      if (protocol !== "wss:" || host === "")
        throw new Error(`SEGMENT_APP_CONNECT is no wss:// origin: ${clean}`);
      return html.replace("connect-src 'self'", `connect-src 'self' wss://${host}`);
    },
  };
}

/** Tells the service worker which files there are, and by which version. */
function keptOffline(): Plugin {
  return {
    name: "segment-kept-offline",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[WORKER];
        if (worker?.type !== "chunk") throw new Error("the service worker was not built");
        const hash = createHash("sha256");
        const built = Object.values(bundle).filter((file) => file !== worker);
        for (const file of built.sort((a, b) => (a.fileName < b.fileName ? -1 : 1)))
          hash.update(file.fileName).update(file.type === "chunk" ? file.code : file.source);
        const copied = readdirSync(folder("public")).sort();
        for (const name of copied) hash.update(name).update(readFileSync(folder(`public/${name}`)));
        hash.update(worker.code);
        const names = built.map(({ fileName }) => fileName).filter((name) => name !== "index.html");
        const files = ["index.html", ...names, ...copied].map((name) => `./${name}`);
        const version = hash.digest("hex").slice(0, 16);
        worker.code = `const BUILT=${JSON.stringify({ version, files })};\n${worker.code}`;
      },
    },
  };
}
