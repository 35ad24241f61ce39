/** `segment telemetry`: streams read back from their keepers, and what this home has sent. */
import { Option } from "commander";
import type { Command } from "commander";
import { readBack } from "../core/stream-reader.ts";
import { meet } from "../node/run-client.ts";
import type { Client } from "../node/run-client.ts";
import { writeConfig } from "../node/home.ts";
import type { Home } from "../node/home.ts";
import { lockLogStream } from "../node/lock-log.ts";
import { healthStream, shardsNeeded } from "../node/run-health.ts";
import { readRunStatus, runningProcess } from "../node/run-status.ts";
import { readLog } from "../../protocols/access/audit-record.ts";
import type { ReadAuditEntry } from "../../protocols/access/audit-record.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { MAX_GRANT_BYTES, openGrant, readGrant } from "../../protocols/telemetry/grant.ts";
import type { OpenedGrant } from "../../protocols/telemetry/grant.ts";
import { coverSpan, PERIOD_END } from "../../protocols/telemetry/keytree.ts";
import type { SenmlRecord } from "../../protocols/telemetry/senml.ts";
import { recordTimeMs, toJson } from "../../protocols/telemetry/senml.ts";
import type { ReadStream } from "../../protocols/telemetry/stream.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { counted, table, terminalWidth, utc } from "./layout.ts";
import { idsOf, loadHome, optionInvalid, readFileBounded, withHome, withNetwork } from "./options.ts";
import type { HomeFlags, NetworkFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { lockNamed, withKeyring } from "./keyring-visit.ts";
import { askForGrant } from "./lock-grant.ts";
import { visitFrom } from "./visit.ts";

const MAX_KEEPERS = 64;
const WHOLE_ID = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/;

const STREAMS = ["health", "lock-log"] as const;

interface ReadFlags extends NetworkFlags {
  stream: (typeof STREAMS)[number];
  grant?: string;
  lock?: string;
  issuer?: string;
  keepers?: string;
}

export function addTelemetry(program: Command): void {
  const telemetry = program
    .command("telemetry")
    .description("Sealed streams: what was sent, and reading them back.");
  withNetwork(telemetry.command("read"))
    .description("Read a stream back from its keepers: one of this home's own, or what a grant gives.")
    .addOption(
      new Option("--stream <name>", "of the home's own: the machine's health, or a lock's log")
        .choices(STREAMS)
        .default("health"),
    )
    .option("--grant <file>", "a grant made for this home's key")
    .option(
      "--lock <name>",
      "the log of a lock that this phone owns; the lock is asked, and has to be online",
    )
    .option("--issuer <id>", "who must have signed the grant (default: the stream's publisher)")
    .option("--keepers <ids>", "the stream's keepers, by shard (default: those of this home)")
    .addHelpText(
      "after",
      "\nExamples:\n  segment telemetry read --home hub --json\n" +
        "  segment telemetry read --home owner --grant drone.grant --keepers z6Mk…,z6Mk…\n" +
        "  segment telemetry read --home front --stream lock-log\n" +
        '  segment telemetry read --home phone --lock "Front door"\n\n' +
        "A running lock also keeps a grant to read its log for each owner, in grants/ of its home; it is sealed\n" +
        "to the owner's key, so that it may go by any way. Of the newest half minute nothing may be there yet.\n" +
        "Exit code 1 if something of the stream is missing; what is there is printed all the same.\n",
    )
    .action(read);
  withHome(telemetry.command("status"))
    .description("Show what this home has recorded, sealed and sent.")
    .addHelpText("after", "\nExample:\n  segment telemetry status --home hub\n")
    .action(status);
  withHome(telemetry.command("keepers"))
    .description("Show or name the agents that keep this home's telemetry, one shard each.")
    .argument("[ids...]", "agents with the role keeper; of two and more, none can rebuild a chunk alone")
    .addHelpText("after", "\nExample:\n  segment telemetry keepers z6Mk… z6Mk… z6Mk…\n")
    .action(keepers);
}

async function keepers(texts: string[], flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  let ids = home.config.keepers;
  if (texts.length > 0) {
    ids = idsOf("[ids...]", texts);
    if (ids.length > MAX_KEEPERS)
      throw optionInvalid("[ids...]", `at most ${MAX_KEEPERS} keepers`, `${ids.length}`);
    if (runningProcess(home.folder) !== undefined) {
      throw new SegmentError("home-locked", "the agent runs: stop it before its keepers change", {
        where: home.folder,
      });
    }
    // Shards that wait in the journal are cut for the keepers that there were.
    const waiting = readRunStatus(home.folder)?.telemetry?.waiting ?? 0;
    if (waiting > 0) {
      const chunks = counted(waiting, "chunk");
      const problem = `${chunks} in the outbox, cut for the present keepers: run the agent until it is sent`;
      throw new SegmentError("keepers-short", problem, { where: home.folder });
    }
    const { config } = home;
    writeConfig(home.folder, { ...config, keepers: ids });
  }
  const needed = ids.length === 0 ? 0 : shardsNeeded(ids.length);
  if (flags.json === true) {
    printDocument({ keepers: ids, needed });
    return;
  }
  if (ids.length === 0) print("No keepers are named: this home streams no telemetry.");
  for (const id of ids) print(id);
  if (ids.length > 0) print(`any ${needed} of ${ids.length} rebuild a chunk; none can read one`);
}

async function status(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const { config, folder } = home;
  const known = readRunStatus(folder);
  const telemetry = known?.telemetry ?? null;
  const running = runningProcess(folder) !== undefined;
  if (flags.json === true) {
    printDocument({ keepers: config.keepers, host: { running, atMs: known?.atMs ?? null, ...telemetry } });
    return;
  }
  if (known === undefined || telemetry === null) {
    const why = config.keepers.length === 0 ? "no keepers are named" : "the agent has not run yet";
    print(`Nothing was streamed: ${why}.`);
    return;
  }
  print(`${counted(telemetry.records, "record")} taken, in ${counted(telemetry.chunks, "sealed chunk")}`);
  const all = counted(config.keepers.length, "keeper");
  print(`${counted(telemetry.waiting, "chunk")} in the outbox, not yet with all ${all}`);
  if (telemetry.refused > 0)
    print(`${counted(telemetry.refused, "record")} refused, because the outbox was full`);
  for (const [code, count] of Object.entries(telemetry.refusals))
    print(`keepers refused ${count} times: ${code}`);
  print(`as of ${utc(known.atMs)}${running ? "" : "; the agent does not run now"}`);
}

async function read(flags: ReadFlags): Promise<void> {
  const home = await loadHome(flags);
  const lock = flags.lock === undefined ? undefined : await lockCalled(flags.lock, flags);
  const { grant, stream, silent } = await visitFrom(flags, home, async (client) => {
    const { grant, keeperIds } = await sourceOf(client, { ...flags, ...(lock && { lock }) }, home);
    const there = await Promise.all(keeperIds.map((id) => answers(client, id, grant)));
    const { crypto } = client.machine;
    const stream = await readBack({ crypto, asker: client.asker, keepers: keeperIds, grant });
    return { grant, stream, silent: keeperIds.filter((_, index) => there[index] !== true) };
  });
  const records = stream.chunks.flatMap((chunk) => chunk.records);
  const missing = missingOf(stream, silent);
  const log = readLog(nodeCrypto, records);
  const isIncomplete = stream.unread.length > 0 || stream.breaks.some(({ kind }) => kind !== "replay");
  if (flags.json === true) {
    const publisher = agentId(grant.publisher);
    printDocument({
      publisher,
      complete: !isIncomplete && records.length > 0,
      missing,
      senml: toJson(records),
      ...(log.length === 0 ? {} : { log: log.map(shownLine) }),
    });
  } else {
    for (const line of summary(records)) print(line);
    for (const line of log) print(logLine(line));
  }
  for (const line of missing) say(`missing: ${line}`);
  if (isIncomplete) {
    throw new SegmentError(
      "shards-missing",
      `${counted(records.length, "record")} read; not all of the stream is there`,
    );
  }
  if (records.length === 0) throw new SegmentError("shards-missing", "no keeper has anything of this stream");
}

/** Any lock by its id, those of this phone's keyring by name too. Errors: key-foreign, option-invalid. */
async function lockCalled(name: string, flags: HomeFlags): Promise<string> {
  if (WHOLE_ID.test(name)) return name;
  return withKeyring(flags, async ({ state }) => lockNamed(state, name).id);
}

/** What opens the stream, and who has it. Errors: option-invalid, grant-invalid, keepers-short, a lock's. */
async function sourceOf(
  client: Client,
  flags: ReadFlags,
  home: Home,
): Promise<{ grant: OpenedGrant; keeperIds: readonly string[] }> {
  const named = flags.keepers === undefined ? undefined : idsOf("--keepers", [flags.keepers]);
  if (flags.lock !== undefined) {
    const { grant, keepers } = await askForGrant(client, home, flags.lock);
    return { grant, keeperIds: named ?? keepers };
  }
  const grant =
    flags.grant === undefined ? ownGrant(nodeCrypto, home, flags) : givenGrant(flags.grant, flags, home);
  const keeperIds = named ?? home.config.keepers;
  if (keeperIds.length > 0) return { grant, keeperIds };
  throw new SegmentError(
    "keepers-short",
    "the home names no keepers: say who keeps the stream with --keepers",
  );
}

/** Whether a keeper is there: it may have nothing of the stream and still answer. */
async function answers(client: Client, keeper: string, grant: OpenedGrant): Promise<boolean> {
  if (!(await meet(client, keeper))) return false;
  const { publisher, streamId } = grant;
  const question = { publisher, streamId, fromSequence: 0, limit: 1 };
  try {
    await client.asker.ask(keeper, "manifest-list", question, ({ kind }) => kind === "manifests");
    return true;
  } catch (error) {
    client.connection.messenger.countDrop(errorCode(error));
    return false;
  }
}

/** All of the home's own stream: whoever has its secret needs no grant. */
function ownGrant(crypto: Crypto, home: Home, { stream }: ReadFlags): OpenedGrant {
  const streamOf = stream === "lock-log" ? lockLogStream : healthStream;
  const { streamId, rootKey } = streamOf(crypto, home);
  const publisher = home.keys.signer.publicKey;
  const span = { from: 0, to: PERIOD_END };
  const terms = { publisher, streamId, generation: 0, reader: home.card.sessionKey, span, issuedAtMs: 0 };
  return { ...terms, issuer: publisher, cover: coverSpan(crypto, rootKey, span) };
}

/** Errors: grant-invalid. */
function givenGrant(path: string, flags: ReadFlags, home: Home): OpenedGrant {
  const grant = readFileBounded(path, MAX_GRANT_BYTES);
  const { publisher } = readGrant(nodeCrypto, grant);
  const issuer = flags.issuer === undefined ? publisher : publicKeyFromId(flags.issuer);
  return openGrant({ crypto: nodeCrypto, grant, readerSecret: home.secrets.sessionSecret, issuer });
}

function shownLine({ key, evidence: _evidence, ...line }: ReadAuditEntry): object {
  return { ...line, key: key === null ? null : toHex(key) };
}

/** Who asked for what at a door, by which key, and what came of it. */
function logLine({ timeMs, who, name, what, target, action, key, code, isSigned }: ReadAuditEntry): string {
  const person = name === "" ? (who ?? "the lock") : `${name} (${who ?? ""})`;
  const deed = target === null ? what : `${action ?? ""} ${target}`;
  const by = key === null ? "" : `  key ${toHex(key).slice(0, 12)}`;
  const came = code === null ? "done" : `refused [${code}]`;
  return `${utc(timeMs)}  ${person}  ${deed}${by}  ${came}${isSigned ? "  signed" : ""}`;
}

/** In sentences; a keeper that is silent is no loss as long as the others have enough. */
function missingOf(stream: ReadStream, silent: readonly string[]): string[] {
  return [
    ...silent.map((id) => `keeper ${id} does not answer`),
    ...stream.unread.map(({ manifest, code }) => `chunk ${manifest.sequence} cannot be read: ${code}`),
    ...stream.breaks.map(({ kind, sequence }) => `the chain of manifests has a ${kind} at chunk ${sequence}`),
    ...stream.badShards.map(
      ({ manifest, index }) => `shard ${index} of chunk ${manifest.sequence} was wrong`,
    ),
    ...(stream.badManifests.length === 0
      ? []
      : [`${counted(stream.badManifests.length, "manifest")} were wrong`]),
  ];
}

/** The time that the records span, and for each name how many there are and the last of them. */
function summary(records: readonly SenmlRecord[]): string[] {
  if (records.length === 0) return ["No records"];
  const byName = new Map<string, SenmlRecord[]>();
  const sorted = records.toSorted((a, b) => recordTimeMs(a) - recordTimeMs(b));
  for (const record of sorted) {
    const name = record.n ?? "";
    const list = byName.get(name);
    if (list === undefined) byName.set(name, [record]);
    else list.push(record);
  }
  const rows = [...byName].map(([name, list]) => {
    const last = list.at(-1);
    const value = last?.v ?? last?.vs ?? last?.vb ?? "data";
    // "/" is SenML's unit of a ratio.
    const unit = last?.u === undefined || last.u === "/" ? "" : ` ${last.u}`;
    return [name, String(list.length), `${String(value)}${unit}`, utc(recordTimeMs(last ?? {}))];
  });
  const span = `${utc(recordTimeMs(sorted[0] ?? {}))} to ${utc(recordTimeMs(sorted.at(-1) ?? {}))}`;
  const head = `${counted(records.length, "record")}, ${span}`;
  return [head, ...table([["name", "records", "last value", "at"], ...rows], [3, 1, 2, 3], terminalWidth())];
}
