/**
 * Serves the phone's app and the broker's door for browsers: a few files, held in memory, and MQTT over
 * WebSocket. Nothing that is asked for is ever looked up on the disk.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { SegmentError } from "../../protocols/errors.ts";
import type { Broker } from "./broker.ts";
import { listen, urlHost } from "./listen.ts";
import { openWebSocketDoor } from "./websocket.ts";

export interface AppServerOptions {
  host: string;
  /** 0: any free port, see AppServer.port. */
  port: number;
  /** Absent: plain HTTP, which a browser trusts on the machine itself only. */
  tls?: { certificate: string; key: string; authority: string };
  /** The folder of the built app. */
  folder: string;
  /** What the app asks for when it starts: the network that it may join here. */
  settings: AppSettings;
  broker: Pick<Broker, "accept">;
}

/** Stands in segment.json, beside the app. */
export interface AppSettings {
  version: 1;
  /** The network's description (network.json), base64url. */
  network: string;
}

export interface AppServer {
  /** Where the app is, with the host that was given. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Where the app finds MQTT, relative to itself. */
const MQTT_PATH = "/mqtt";
const SETTINGS_PATH = "/segment.json";
/** Phones fetch it once, to trust what this server shows. */
const AUTHORITY_PATH = "/authority.crt";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".txt": "text/plain; charset=utf-8",
};
const CERTIFICATE_TYPE = "application/x-x509-ca-cert";

/** The app's own files, and nobody else's anything. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "bluetooth=(self), camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
const FOREVER = "public, max-age=31536000, immutable";
/** Asked again each time; the service worker keeps what is needed offline. */
const FRESH = "no-cache";
/** What the bundler has named after its content. */
const NAMED_BY_CONTENT = /^\/assets\/.*-[\w-]{8,}\.\w+$/;

const MAX_CONNECTIONS = 512;
const MAX_HEADER_BYTES = 8_192;
const HEADERS_TIMEOUT_MS = 10_000;
const WORTH_COMPRESSING = 1_024;

interface Served {
  body: Buffer;
  gzip: Buffer | undefined;
  type: string;
  cache: string;
}

/**
 * Errors: module-missing (the app is not built), port-in-use, broker-unreachable (no address of this
 * machine).
 */
export async function startAppServer(options: AppServerOptions): Promise<AppServer> {
  const { host, tls, settings, broker } = options;
  const files = readApp(options.folder);
  const served = (body: string, type: string): Served => ({
    ...{ body: Buffer.from(body), gzip: undefined },
    ...{ type, cache: FRESH },
  });
  files.set(
    SETTINGS_PATH,
    served(JSON.stringify({ ...settings, mqtt: MQTT_PATH.slice(1) }), TYPES[".json"]!),
  );
  if (tls !== undefined) files.set(AUTHORITY_PATH, served(tls.authority, CERTIFICATE_TYPE));
  const listener: RequestListener = (request, response) => answer(files, request, response);
  const bounds = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS };
  const server =
    tls === undefined
      ? createHttp(bounds, listener)
      : createHttps({ ...bounds, cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2" }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  const door = openWebSocketDoor(broker);
  const streams = new Set<{ destroy(): void }>();
  server.on("upgrade", (request, socket, head) => {
    streams.add(socket);
    socket.once("close", () => streams.delete(socket));
    // A peer that goes away in the middle.
    socket.on("error", () => socket.destroy());
    if (pathOf(request) === MQTT_PATH) door.upgrade(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
  });
  const port = await listen(server, host, options.port);
  const scheme = tls === undefined ? "http" : "https";
  return {
    url: `${scheme}://${urlHost(host)}:${port}/`,
    port,
    close: async () => {
      door.close();
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** All files of the built app, by the path at which they are asked for. */
function readApp(folder: string): Map<string, Served> {
  const files = new Map<string, Served>();
  const read = (below: string): void => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = `${below}/${entry.name}`;
      if (entry.isDirectory()) read(path);
      else files.set(path, prepared(path, readFileSync(join(folder, path))));
    }
  };
  try {
    read("");
  } catch (cause) {
    const problem = `the app is not built here: ${(cause as Error).message}`;
    throw new SegmentError("module-missing", problem, { where: folder, cause });
  }
  const start = files.get("/index.html");
  if (start === undefined)
    throw new SegmentError("module-missing", "the app is not built here: index.html is missing", {
      where: folder,
    });
  files.set("/", start);
  return files;
}

function prepared(path: string, body: Buffer): Served {
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  const isText = /^(text|application)\/|svg/.test(type) && body.length >= WORTH_COMPRESSING;
  const gzip = isText ? gzipSync(body, { level: 9 }) : undefined;
  return { body, gzip, type, cache: NAMED_BY_CONTENT.test(path) ? FOREVER : FRESH };
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split(/[?#]/, 1)[0]!;
}

function answer(files: Map<string, Served>, request: IncomingMessage, response: ServerResponse): void {
  // What a request may carry along is not wanted.
  request.resume();
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD", "content-length": 0 }).end();
    return;
  }
  const file = files.get(pathOf(request));
  if (file === undefined) {
    response.writeHead(404, { "content-type": TYPES[".txt"] }).end("There is nothing here.\n");
    return;
  }
  const { gzip, type, cache } = file;
  const isGzip = gzip !== undefined && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = isGzip ? gzip : file.body;
  response.writeHead(200, {
    "content-type": type,
    "content-length": body.length,
    "cache-control": cache,
    vary: "accept-encoding",
    ...(isGzip ? { "content-encoding": "gzip" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
