/** `segment status`: what a home is, and how its agent is doing. Opens nothing that a running agent uses. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { readContacts } from "../node/contacts.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { registration } from "../node/run-documents.ts";
import { readRunStatus, runningProcess } from "../node/run-status.ts";
import { agentId, didKey } from "../../protocols/identity/keys.ts";
import { faultsTolerated } from "../../protocols/ledger/network.ts";
import { counted, utc } from "./layout.ts";
import { loadHome, withHome } from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

export function addStatus(program: Command): void {
  withHome(program.command("status"))
    .description("Show what a home is: identity, network, roles, stores, and whether its agent runs.")
    .addHelpText("after", "\nExample:\n  segment status --home hub\n")
    .action(status);
}

async function status(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const { folder, config, card, network, id } = home;
  const pid = runningProcess(folder);
  const last = readRunStatus(folder);
  const registered = registration(nodeCrypto, home) !== undefined;
  const contacts = readContacts(folder, nodeCrypto, systemClock.now()).length;
  const journal = join(folder, "journal");
  const journalBytes = existsSync(journal) ? statSync(journal).size : 0;
  const { kind, name, roles } = config;
  if (flags.json === true) {
    printDocument({
      id,
      did: didKey(card.identity),
      account: agentId(card.root),
      kind,
      name,
      roles,
      network: network === undefined ? null : { name: network.network, notaries: network.notaries.length },
      registered,
      host: { home: folder, pid: pid ?? null, journalBytes, contacts, lastStatus: last ?? null },
    });
    return;
  }
  const where =
    network === undefined ? "none yet" : `${network.network}, ${notariesText(network.notaries.length)}`;
  print(`${kind} "${name}" in ${folder}`);
  print(`  id         ${id}`);
  print(`  account    ${agentId(card.root)}`);
  print(`  network    ${where}`);
  print(`  roles      ${roles.length === 0 ? "none" : roles.join(", ")}`);
  print(
    `  card       valid until ${utc(card.notAfter)}, ${registered ? "registered" : "not registered yet"}`,
  );
  print(`  contacts   ${contacts}`);
  print(`  journal    ${journalBytes} bytes`);
  print(`  process    ${pid === undefined ? "does not run" : `runs as process ${pid}`}`);
  if (last === undefined) return;
  const { telemetry, notary, keeper, radio, connected, broker, atMs } = last;
  print(`As of ${utc(atMs)}:`);
  if (pid !== undefined) print(`  broker     ${broker}, ${connected ? "connected" : "not connected"}`);
  if (pid !== undefined && radio !== undefined) {
    const plays = [radio.isFound ? "is found" : "", radio.looks ? "looks for others" : ""];
    print(`  radio      on, ${plays.filter((part) => part !== "").join(" and ")}`);
  }
  if (telemetry !== null) {
    print(`  telemetry  ${counted(telemetry.records, "record")} in ${counted(telemetry.chunks, "chunk")}`);
    print(`  outbox     ${counted(telemetry.waiting, "chunk")}`);
  }
  if (notary !== null) print(`  notary     at block ${notary.height}`);
  if (keeper !== null) print(`  keeper     ${counted(keeper.chunks, "shard")}, ${keeper.bytes} bytes`);
  const dropped = Object.entries(last.dropped).map(([code, count]) => `${count} ${code}`);
  if (dropped.length > 0) print(`  dropped    ${dropped.join(", ")}`);
}

function notariesText(notaries: number): string {
  const faults = faultsTolerated(notaries);
  const bears = faults === 0 ? "no liar" : counted(faults, "liar");
  return `${counted(notaries, "notary", "notaries")} (bears ${bears})`;
}
