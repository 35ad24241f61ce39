/** The app's files and the broker's door as a browser would use them, over TLS and in the clear. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureAppCertificate } from "../node/app-certificate.ts";
import { nodeCrypto as crypto, nodeRandom, systemClock } from "../node/crypto.ts";
import { mqttBus } from "../platform/mqtt-bus.ts";
import type { MqttBus } from "../platform/mqtt-bus.ts";
import { text, utf8 } from "../../protocols/encoding/bytes.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { directTopic, inboxFilter } from "../../protocols/topics.ts";
import { startAppServer } from "./app-server.ts";
import type { AppServer, AppServerOptions } from "./app-server.ts";
import { relayTo } from "./broker-relay.ts";
import { startBroker } from "./broker.ts";
import type { Broker } from "./broker.ts";

const SCRIPT = `console.log(${JSON.stringify("x".repeat(5_000))});`;
const settings = { version: 1, network: "e30" } as const;

let folder = "";
let broker: Broker;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "segment-app-"));
  mkdirSync(join(folder, "static", "assets"), { recursive: true });
  writeFileSync(join(folder, "static", "index.html"), "<!doctype html><title>SEGMENT</title>");
  writeFileSync(join(folder, "static", "assets", "main-Ab3dEf9h.js"), SCRIPT);
  writeFileSync(join(folder, "secret.txt"), "not for anybody");
  const parts = { crypto, clock: systemClock };
  broker = await startBroker({ host: "127.0.0.1", port: 0, network: "village", ...parts });
  closers.push(() => broker.close());
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

async function started(options: Partial<AppServerOptions> = {}): Promise<AppServer> {
  const parts = { host: "127.0.0.1", port: 0, folder: join(folder, "static"), settings, broker };
  const server = await startAppServer({ ...parts, ...options });
  closers.push(() => server.close());
  return server;
}

interface Answered {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** The path goes out as it is written, dots and all. */
function asked(server: AppServer, path: string, options: Record<string, unknown> = {}): Promise<Answered> {
  const request = server.url.startsWith("https") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: server.port, path, agent: false, ...options },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

function busTo(url: string, seed: number, ca?: string): MqttBus {
  const signer = signerFromSeed(crypto, new Uint8Array(32).fill(seed));
  const parts = { network: "village", signer, clock: systemClock, random: nodeRandom };
  const bus = mqttBus({ url, ...parts, ...(ca === undefined ? {} : { ca }) });
  closers.push(() => bus.close());
  return bus;
}

const idOf = (seed: number): string => agentId(crypto.ed25519PublicKey(new Uint8Array(32).fill(seed)));

describe("the app's server", () => {
  it("serves the built files, compressed, under a strict policy", async () => {
    const server = await started();
    const page = await asked(server, "/");
    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.headers["cache-control"]).toBe("no-cache");
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const script = await asked(server, "/assets/main-Ab3dEf9h.js?v=1", {
      headers: { "accept-encoding": "gzip" },
    });
    expect(script.headers["cache-control"]).toContain("immutable");
    expect(script.body.length).toBeLessThan(200);
    expect(gunzipSync(script.body).toString()).toBe(SCRIPT);
    expect((await asked(server, "/assets/main-Ab3dEf9h.js")).body.toString()).toBe(SCRIPT);
    const head = await asked(server, "/", { method: "HEAD" });
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  it("tells the app which network it may join here, and where", async () => {
    const { body } = await asked(await started(), "/segment.json");
    expect(JSON.parse(body.toString())).toEqual({ version: 1, network: "e30", mqtt: "mqtt" });
  });

  it.each([
    ["/../secret.txt", "GET", 404],
    ["/%2e%2e/secret.txt", "GET", 404],
    ["/assets/..%2f..%2fsecret.txt", "GET", 404],
    ["//etc/passwd", "GET", 404],
    ["/authority.crt", "GET", 404],
    ["/", "POST", 405],
    ["/", "DELETE", 405],
  ])("gives nothing else: %s by %s", async (path, method, status) => {
    const answer = await asked(await started(), path, { method });
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).not.toContain("not for anybody");
    expect(answer.headers["content-security-policy"]).toBeDefined();
  });

  it("closes on what is no HTTP and on headers without end, and answers the next", async () => {
    const server = await started();
    for (const bytes of [
      "\u0016\u0003\u0001garbage\r\n\r\n",
      `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = await new Promise<string>((resolve) => {
        let text = "";
        const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes));
        socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(text));
      });
      expect(answer).toMatch(/^HTTP\/1\.1 4(00|31)/);
    }
    expect((await asked(server, "/")).status).toBe(200);
  });

  it("lets phones in to the broker, and no other path is a door", async () => {
    const server = await started();
    const phone = busTo(`ws://127.0.0.1:${server.port}/mqtt`, 1);
    const lock = busTo(broker.url, 2);
    let hear: (text: string) => void = () => undefined;
    const message = new Promise<string>((resolve) => (hear = resolve));
    await lock.subscribe(inboxFilter("village", idOf(2)), (_topic, payload) => hear(text(payload)));
    await phone.publish(directTopic("village", idOf(1), idOf(2)), utf8("open, please"));
    expect(await message).toBe("open, please");
    const headers = { connection: "upgrade", upgrade: "websocket" };
    expect((await asked(server, "/elsewhere", { headers })).status).toBe(404);
  });

  it("over TLS: the page, its authority, and MQTT to a broker on another machine", async () => {
    const made = ensureAppCertificate(join(folder, "home"), { random: nodeRandom, now: Date.now() });
    const server = await started({ tls: made, broker: relayTo(broker.url) });
    const page = await asked(server, "/", { ca: made.authority, servername: "localhost" });
    expect(page.status).toBe(200);
    const given = await asked(server, "/authority.crt", { ca: made.authority, servername: "localhost" });
    expect(given.headers["content-type"]).toBe("application/x-x509-ca-cert");
    expect(given.body.toString()).toBe(made.authority);
    await expect(asked(server, "/", { servername: "localhost" })).rejects.toThrow(/certificate/);
    const phone = busTo(`wss://localhost:${server.port}/mqtt`, 3, made.authority);
    await phone.ready();
    expect(broker.counters.refused).toBe(0);
  });

  it("says that the app is not built", async () => {
    await expect(started({ folder: join(folder, "nothing") })).rejects.toMatchObject({
      code: "module-missing",
    });
  });
});
