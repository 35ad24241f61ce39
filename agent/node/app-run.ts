/** The phone's app, served by a running home: over TLS, or in the clear to this machine alone. */
import { fileURLToPath } from "node:url";
import { toBase64Url, utf8 } from "../../protocols/encoding/bytes.ts";
import { formatNetwork } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { startAppServer } from "../roles/app-server.ts";
import type { AppServer } from "../roles/app-server.ts";
import type { Broker } from "../roles/broker.ts";
import { urlHost } from "../roles/listen.ts";
import { ensureAppCertificate } from "./app-certificate.ts";
import type { Home } from "./home.ts";
import type { Machine } from "./run-connection.ts";

export interface AppOptions {
  host: string;
  port: number;
  /** What this machine is called besides its own names. */
  names: string[];
}

export interface AppRunOptions extends AppOptions {
  network: NetworkDescription;
  broker: Pick<Broker, "accept">;
  say: (line: string) => void;
}

/** Beside the compiled agent, where the app is built to. */
const APP_FOLDER = fileURLToPath(new URL("../app/static", import.meta.url));
const HERE: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * Errors: module-missing (the app is not built), port-in-use, broker-unreachable, option-invalid (a name of
 * the Internet), store-failed.
 */
export async function runApp(machine: Machine, home: Home, options: AppRunOptions): Promise<AppServer> {
  const { host, port, names, network, broker, say } = options;
  const { random, clock } = machine;
  const isHere = HERE.has(host);
  const isEverywhere = EVERYWHERE.has(host);
  const called = isHere || isEverywhere ? names : [...names, host];
  const tls = isHere
    ? undefined
    : ensureAppCertificate(home.folder, { random, now: clock.now(), hosts: called });
  const server = await startAppServer({
    ...{ host, port, broker, folder: APP_FOLDER },
    settings: { version: 1, network: toBase64Url(utf8(formatNetwork(network))) },
    ...(tls === undefined ? {} : { tls }),
  });
  if (tls === undefined) {
    say(`app: http://localhost:${server.port}/ (to this machine only; others: --host 0.0.0.0)`);
    return server;
  }
  const isFar = (name: string): boolean => !HERE.has(name);
  const hosts = isEverywhere ? tls.hosts.filter(isFar) : [host];
  for (const name of hosts) say(`app: https://${urlHost(name)}:${server.port}/`);
  say(`app: a phone trusts it once it has ${authorityUrl(hosts[0] ?? "localhost", server.port)}`);
  say(`app: whose SHA-256 fingerprint is ${tls.fingerprint}`);
  return server;
}

function authorityUrl(host: string, port: number): string {
  return `https://${urlHost(host)}:${port}/authority.crt`;
}
