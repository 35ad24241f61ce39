/**
 * Keeps the built files, so that the app begins without its server. A new build is another version: it is
 * kept whole beside the old one, and serves from the next start on.
 */

/** Written in front of this file by the build: the version, and every file with the page first. */
declare const BUILT: { version: string; files: readonly string[] };

interface WaitingEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchedEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Worker {
  addEventListener(type: "install" | "activate", listener: (event: WaitingEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchedEvent) => void): void;
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
}

const worker = globalThis as unknown as Worker;
const PREFIX = "segment-app-";
const NAME = PREFIX + BUILT.version;
const PAGE = new URL("./", worker.location.href).href;
const KEPT = new Set(BUILT.files.map((file) => new URL(file, worker.location.href).href));

worker.addEventListener("install", (event) => event.waitUntil(keepAll()));
worker.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const [address = ""] = request.url.split(/[?#]/);
  const isKept = request.method === "GET" && (address === PAGE || KEPT.has(address));
  // segment.json and whatever else is asked goes to the server, as without this.
  if (isKept) event.respondWith(answered(request, address));
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(NAME);
  // Past the browser's own cache: a file of an earlier build must not slip in.
  await cache.addAll(BUILT.files.map((file) => new Request(file, { cache: "reload" })));
}

async function dropOthers(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function answered(request: Request, address: string): Promise<Response> {
  const cache = await caches.open(NAME);
  const kept = await cache.match(address === PAGE ? new URL("index.html", PAGE).href : address);
  return kept ?? fetch(request);
}
