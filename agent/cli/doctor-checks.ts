/** What `segment doctor` looks at. Each check says what it found and, if that is not well, how to mend it. */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { readAppCertificate } from "../node/app-certificate.ts";
import { systemClock, nodeCrypto, nodeRandom } from "../node/crypto.ts";
import { openHome, readHomeNetwork } from "../node/home.ts";
import type { Home } from "../node/home.ts";
import { inspectKeystore } from "../node/keystore.ts";
import { loadLmdb } from "../node/lmdb-log.ts";
import { mqttBus } from "../platform/mqtt-bus.ts";
import { registration } from "../node/run-documents.ts";
import { readRunStatus, runningProcess } from "../node/run-status.ts";
import { readStatement } from "../node/run-wallet.ts";
import { errorCode, REMEDIES, SegmentError } from "../../protocols/errors.ts";
import { faultsTolerated } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { utc } from "./layout.ts";
import { brokerOf } from "./options.ts";

export type Verdict = "ok" | "warning" | "error";

export interface Check {
  group: "machine" | "home" | "network";
  name: string;
  verdict: Verdict;
  /** What was found: of this machine, and of this run. */
  found: string;
  /** How to mend it; empty where there is nothing to mend. */
  mend: string;
}

const OLDEST_NODE = [20, 19] as const;
/** Nothing of SEGMENT is older: a clock that says so is not set. */
const SEGMENT_BEGAN_MS = Date.UTC(2025, 0, 1);
const LITTLE_ROOM_BYTES = 64 * 1024 * 1024;
const EXPIRES_SOON_MS = 30 * 24 * 60 * 60 * 1_000;
const BROKER_PATIENCE_MS = 5_000;

const require = createRequire(import.meta.url);

export function machineChecks(): Check[] {
  return [nodeVersion(), clockIsSet(), ledgerStore(), bleStacks(), bluetoothAdapter()];
}

function check(group: Check["group"], name: string, verdict: Verdict, found: string, mend = ""): Check {
  return { group, name, verdict, found, mend };
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isNew = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const mend = `Install Node ${OLDEST_NODE.join(".")} or later.`;
  return check("machine", "node", isNew ? "ok" : "error", `Node ${process.versions.node}`, isNew ? "" : mend);
}

function clockIsSet(): Check {
  const now = systemClock.now();
  const found = `the clock says ${utc(now)}`;
  if (now >= SEGMENT_BEGAN_MS) return check("machine", "clock", "ok", found);
  return check(
    "machine",
    "clock",
    "error",
    found,
    "Set the clock, or let NTP do it: signatures carry their time.",
  );
}

function ledgerStore(): Check {
  const problem = problemOf(() => loadLmdb());
  if (problem === undefined) return check("machine", "lmdb", "ok", "the ledger's store loads");
  return check("machine", "lmdb", "error", problem, REMEDIES["module-missing"]);
}

/** As packages only: to open a stack would take the adapter away from whoever uses it. */
function bleStacks(): Check {
  const packages = [
    "@abandonware/noble/lib/resolve-bindings.js",
    "@abandonware/bleno/lib/resolve-bindings.js",
    "@stoprocent/bluetooth-hci-socket",
  ];
  for (const name of packages) {
    const problem = problemOf(() => require(name));
    if (problem === undefined) continue;
    return check(
      "machine",
      "ble",
      "warning",
      `${name} does not load: ${problem}`,
      REMEDIES["module-missing"],
    );
  }
  return check("machine", "ble", "ok", "the BLE stacks load");
}

function problemOf(load: () => unknown): string | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    return ((error as Error).message.split("\n")[0] ?? "").slice(0, 200);
  }
}

function bluetoothAdapter(): Check {
  if (process.platform !== "linux")
    return check("machine", "bluetooth", "ok", "the system's own stack is used");
  const folder = "/sys/class/bluetooth";
  const adapters = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("hci")) : [];
  if (adapters.length > 0) return check("machine", "bluetooth", "ok", `adapters: ${adapters.join(", ")}`);
  const mend = "Plug one in, if this device shall meet phones; simulations need none.";
  return check("machine", "bluetooth", "warning", "no Bluetooth adapter", mend);
}

/** Of a home that can be opened; else what keeps it closed. */
export async function homeChecks(
  folder: string,
  passphrase: string | undefined,
): Promise<{ checks: Check[]; home: Home | undefined }> {
  let home: Home;
  try {
    home = await openHome(folder, nodeCrypto, passphrase);
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    const { message, code, remedy } = error;
    return { checks: [check("home", "home", "error", `${message} [${code}]`, remedy)], home: undefined };
  }
  const { config, network } = home;
  const checks = [
    check("home", "home", "ok", `${config.kind} "${config.name}" in ${folder}`),
    await keyFile(folder),
    card(home),
    room(folder),
    joined(network),
    ...appCertificate(folder),
  ];
  return { checks, home };
}

async function keyFile(folder: string): Promise<Check> {
  const path = join(folder, "keys");
  const { sealed, othersCanRead } = await inspectKeystore(path);
  if (othersCanRead) {
    return check(
      "home",
      "keys",
      "error",
      "other users can read the key file",
      `Take it from them: chmod 600 ${path}`,
    );
  }
  const how = sealed ? "sealed with a passphrase" : "not sealed with a passphrase";
  return check("home", "keys", "ok", `the key file is the owner's alone, ${how}`);
}

function card({ card: { notBefore, notAfter } }: Home): Check {
  const now = systemClock.now();
  const until = `the card is valid until ${utc(notAfter)}`;
  if (now < notBefore) {
    const found = `the card is valid from ${utc(notBefore)} only`;
    return check(
      "home",
      "card",
      "error",
      found,
      "Set the clock: it is behind the day on which this home was made.",
    );
  }
  if (now >= notAfter)
    return check("home", "card", "error", "the card has expired", REMEDIES["card-expired"]);
  if (notAfter - now > EXPIRES_SOON_MS) return check("home", "card", "ok", until);
  return check("home", "card", "warning", until, "Its owner signs a new one soon.");
}

function room(folder: string): Check {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK);
  } catch (error) {
    return check("home", "folder", "error", (error as Error).message, REMEDIES["store-failed"]);
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = `${Math.floor((bavail * bsize) / 1024 ** 2)} MiB are free`;
  if (bavail * bsize >= LITTLE_ROOM_BYTES) return check("home", "folder", "ok", `writable, ${free}`);
  return check(
    "home",
    "folder",
    "warning",
    free,
    "Make room: journal and ledger stop when the disk is full.",
  );
}

function joined(network: NetworkDescription | undefined): Check {
  if (network === undefined) {
    const mend = "Copy a network.json into the home, or make a home with --network or --found.";
    return check("home", "network file", "warning", "the home belongs to no network", mend);
  }
  const { length } = network.notaries;
  const bears = `bears ${faultsTolerated(length)} liars among ${length}`;
  return check("home", "network file", "ok", `the network "${network.network}" ${bears}`);
}

/** Of a home that serves the phone's app. */
function appCertificate(folder: string): Check[] {
  const certificate = readAppCertificate(folder);
  if (certificate === undefined) return [];
  const { notAfter, lacks, fingerprint } = certificate;
  const again = "Start `segment run --app` again: it renews the certificate, and phones go on trusting it.";
  if (notAfter < systemClock.now())
    return [check("home", "app", "warning", `the app's certificate ended on ${utc(notAfter)}`, again)];
  if (lacks.length > 0)
    return [check("home", "app", "warning", `the app's certificate lacks ${lacks.join(", ")}`, again)];
  const how =
    `the app's certificate is valid until ${utc(notAfter)}. A phone trusts it once it has its authority: ` +
    "open https://…/authority.crt of the app there, compare the fingerprint " +
    `${fingerprint}, and install it: Android: Settings, Security, More, Install a certificate, CA; ` +
    "iPhone: Settings, Profile downloaded, then General, About, Certificate Trust Settings; " +
    "a computer: in the browser's settings, as an authority for websites. " +
    "It can vouch for local names and addresses only";
  return [check("home", "app", "ok", how)];
}

/** Of a home that has joined a network. */
export async function networkChecks(home: Home): Promise<Check[]> {
  const { folder } = home;
  const network = readHomeNetwork(folder);
  if (network === undefined) return [];
  return [
    await broker(home, network),
    ownProcess(folder),
    registered(home),
    clockFollowsLedger(home, network),
  ];
}

async function broker(home: Home, network: NetworkDescription): Promise<Check> {
  let url: string;
  try {
    url = brokerOf({}, home);
  } catch (error) {
    errorCode(error);
    const mend = "Name it in config.json (broker), or give --broker to the commands.";
    return check("network", "broker", "warning", "no broker is named", mend);
  }
  const isOwn = home.config.roles.includes("broker");
  if (isOwn && runningProcess(home.folder) === undefined) {
    return check("network", "broker", "ok", "this home is the broker, and does not run now");
  }
  const problem = await connectProblem(url, home, network);
  if (problem === undefined) return check("network", "broker", "ok", `${url} takes this agent in`);
  const { message, code, remedy } = problem;
  return check("network", "broker", "error", `${url}: ${message} [${code}]`, remedy);
}

async function connectProblem(
  url: string,
  home: Home,
  network: NetworkDescription,
): Promise<SegmentError | undefined> {
  const bus = mqttBus({
    url,
    network: network.network,
    signer: home.keys.signer,
    clock: systemClock,
    random: nodeRandom,
    connectTimeoutMs: BROKER_PATIENCE_MS,
  });
  try {
    await bus.ready();
    return undefined;
  } catch (error) {
    if (error instanceof SegmentError) return error;
    throw error;
  } finally {
    await bus.close();
  }
}

function ownProcess(folder: string): Check {
  const pid = runningProcess(folder);
  if (pid === undefined) return check("network", "process", "ok", "the agent does not run");
  const status = readRunStatus(folder);
  const waiting = status?.telemetry?.waiting ?? 0;
  const found = `the agent runs as process ${pid}, ${waiting} chunks in its outbox`;
  const refusals = Object.keys(status?.telemetry?.refusals ?? {});
  const [refusal] = refusals;
  if (refusal === undefined) return check("network", "process", "ok", found);
  const mend = Object.hasOwn(REMEDIES, refusal) ? REMEDIES[refusal as keyof typeof REMEDIES] : "";
  return check("network", "process", "warning", `keepers have refused shards: ${refusals.join(", ")}`, mend);
}

function registered(home: Home): Check {
  if (registration(nodeCrypto, home) !== undefined) {
    return check("network", "registration", "ok", "the ledger knows this device's card");
  }
  const mend = "Run the agent while the notaries are on: segment run.";
  return check("network", "registration", "warning", "the ledger does not know this device's card yet", mend);
}

/** What the notaries have certified for this home cannot lie in the future. */
function clockFollowsLedger(home: Home, network: NetworkDescription): Check {
  const certified = registration(nodeCrypto, home)?.timeMs ?? 0;
  const latest = Math.max(certified, readStatement(home.folder, network.network)?.ledgerMs ?? 0);
  const aheadMs = latest - systemClock.now();
  if (aheadMs <= 60_000) return check("network", "ledger time", "ok", "the clock is not behind the ledger");
  const found = `the clock is ${Math.round(aheadMs / 1_000)} s behind the ledger`;
  return check("network", "ledger time", "error", found, "Set the clock, or let NTP do it.");
}
