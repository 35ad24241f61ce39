/** `segment init`: makes a home: a device's keys, its card, its part in a network. */
import type { Command } from "commander";
import { z } from "zod";
import { ensureAppCertificate } from "../node/app-certificate.ts";
import { foundNetwork, saveCommittee } from "../node/committee.ts";
import { nodeCrypto, nodeRandom, systemClock } from "../node/crypto.ts";
import { createHome, joinNetwork, ROLES, writeConfig } from "../node/home.ts";
import type { Home, Role } from "../node/home.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, didKey } from "../../protocols/identity/keys.ts";
import { isNetworkName } from "../../protocols/topics.ts";
import { MAX_COMMISSION_PPM } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { ppmOf } from "./currency-policy.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import {
  brokerUrl,
  homeFolder,
  idsOf,
  integerOf,
  optionInvalid,
  passphraseOf,
  readNetworkFile,
  smallText,
  withHome,
} from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface InitFlags extends HomeFlags {
  kind?: string;
  name?: string;
  found?: string;
  network?: string;
  broker?: string;
  port?: string;
  roles?: string;
  keepers?: string;
  wordsFile?: string;
  keepRoot?: boolean;
  commission?: string;
}

/** MQTT's own port. */
const DEFAULT_PORT = 1883;

export function addInit(program: Command): void {
  withHome(program.command("init"))
    .description("Make a home: keys, a card signed by the owner, and a place in a network.")
    .option("--kind <kind>", "what it is: drone, lock, meter, phone, hub, … (default: hub or device)")
    .option("--name <name>", "what people call it (default: its kind)")
    .option("--found <name>", "found a network of which this machine is the only notary")
    .option("--commission <share>", "with --found: what its founder's account gets of the fees of services")
    .option("--network <file>", "join the network of this network.json")
    .option("--broker <url>", "where the network's broker listens: mqtt://192.168.1.10:1883")
    .option("--port <n>", `where its own broker will listen, 0 for any (default: ${DEFAULT_PORT})`)
    .option("--roles <list>", `of ${ROLES.join(", ")} (default with --found: all, else none)`)
    .option("--keepers <ids>", "agents that keep its telemetry (default with --found: itself)")
    .option("--words-file <file>", "the owner's BIP 39 words, for another device of the same owner")
    .option("--keep-root", "keep the owner's key on this machine too (a phone, a simulation)")
    .addHelpText(
      "after",
      "\nExamples:\n  segment init --home hub --found village\n" +
        "  segment init --home lock --kind lock --network network.json --broker mqtt://192.168.1.10:1883\n",
    )
    .action(init);
}

async function init(flags: InitFlags): Promise<void> {
  // All that may be wrong with the options is found before anything is written.
  const { config, network, commission } = readFlags(flags);
  const passphrase = passphraseOf(flags);
  if (passphrase === "") throw new SegmentError("option-invalid", "the passphrase is empty");
  const words = flags.wordsFile === undefined ? undefined : smallText(flags.wordsFile);
  const { home, words: ownersWords } = await createHome(homeFolder(flags), {
    crypto: nodeCrypto,
    random: nodeRandom,
    clock: systemClock,
    config,
    keepRoot: flags.keepRoot === true,
    ...(words === undefined ? {} : { words }),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  if (flags.found !== undefined) foundHere(home, flags.found, flags.keepers === undefined, commission);
  else if (network !== undefined) joinNetwork(home.folder, network);
  const newWords = words === undefined ? ownersWords : null;
  const name = flags.found ?? network?.network ?? null;
  if (flags.json === true) printDocument(documentOf(home, name, newWords));
  else for (const line of told(home, name, newWords, flags)) print(line);
}

type Config = Parameters<typeof createHome>[1]["config"];

interface Read {
  config: Config;
  network: NetworkDescription | undefined;
  /** In millionths. */
  commission: number | undefined;
}

function readFlags(flags: InitFlags): Read {
  const { found, network: networkFile, broker } = flags;
  if (found !== undefined && networkFile !== undefined) {
    throw new SegmentError(
      "option-invalid",
      "a home either founds a network or joins one: --found or --network",
    );
  }
  if (found !== undefined && !isNetworkName(found)) {
    throw optionInvalid("--found", "a name of 1 to 32 of a-z, 0-9 and hyphen", found);
  }
  const roles = rolesOf(flags.roles, found !== undefined);
  if (found !== undefined && !roles.includes("notary")) {
    throw new SegmentError("option-invalid", "who founds a network is its notary: --roles lacks it");
  }
  const kind = flags.kind ?? (found === undefined ? "device" : "hub");
  const config: Config = {
    kind,
    name: flags.name ?? kind,
    roles,
    broker: broker === undefined ? null : brokerUrl("--broker", broker),
    port: integerOf(
      "--port",
      flags.port ?? (roles.includes("broker") ? String(DEFAULT_PORT) : "0"),
      0,
      65_535,
    ),
    keepers: flags.keepers === undefined ? [] : idsOf("--keepers", [flags.keepers]),
  };
  if (flags.commission !== undefined && found === undefined) {
    throw new SegmentError("option-invalid", "a commission is set when a network is founded: --found");
  }
  return {
    config,
    network: networkFile === undefined ? undefined : readNetworkFile(networkFile),
    commission:
      flags.commission === undefined
        ? undefined
        : ppmOf("--commission", flags.commission, MAX_COMMISSION_PPM),
  };
}

function rolesOf(text: string | undefined, founds: boolean): Role[] {
  if (text === undefined) return founds ? [...ROLES] : [];
  const names = text.split(/[\s,]+/).filter((name) => name !== "");
  const parsed = z.array(z.enum(ROLES)).safeParse(names);
  if (!parsed.success) throw optionInvalid("--roles", `some of ${ROLES.join(", ")}`, text);
  return [...new Set(parsed.data)];
}

/** A network of one notary: this machine. */
function foundHere(home: Home, name: string, keepsItsOwn: boolean, ppm: number | undefined): void {
  const commission = ppm === undefined ? undefined : { account: agentId(home.card.root), ppm };
  const { network, secrets } = foundNetwork(nodeCrypto, nodeRandom, name, [home.id], commission);
  const [secret] = secrets;
  if (secret !== undefined) saveCommittee(home.folder, secret);
  joinNetwork(home.folder, network);
  // Here, because the machine that founds a network is the one that residents' phones will come to.
  ensureAppCertificate(home.folder, { random: nodeRandom, now: systemClock.now() });
  if (keepsItsOwn && home.config.roles.includes("keeper")) {
    writeConfig(home.folder, { ...home.config, keepers: [home.id] });
  }
}

function documentOf(home: Home, network: string | null, words: string | null): object {
  const { kind, name, roles } = home.config;
  return {
    id: home.id,
    did: didKey(home.card.identity),
    account: agentId(home.card.root),
    kind,
    name,
    network,
    roles,
    /** Only now and never again; null when they were given. */
    words,
    host: { home: home.folder },
  };
}

function told(home: Home, network: string | null, words: string | null, flags: InitFlags): string[] {
  const { config } = home;
  const width = terminalWidth();
  const lines = [
    `A home for the ${config.kind} "${config.name}" in ${home.folder}`,
    "",
    `  id       ${home.id}`,
    `  account  ${agentId(home.card.root)}`,
    `  network  ${network ?? "none yet"}`,
    `  roles    ${config.roles.length === 0 ? "none" : config.roles.join(", ")}`,
    "",
  ];
  if (words !== null) {
    lines.push(
      ...paragraph("The owner's words, shown this once:", width),
      "",
      ...paragraph(words, width, "  "),
      "",
      ...paragraph(
        "Write them on paper. They are the owner: whoever has them owns the account, signs cards for " +
          "further devices (segment init --words-file) and revokes a stolen one; without them nobody can. " +
          (flags.keepRoot === true
            ? "They are also kept in this home, as asked."
            : "This home does not hold them: it can spend and mint, but not replace its owner."),
        width,
      ),
      "",
    );
  }
  if (flags.found !== undefined) {
    lines.push(
      ...paragraph(
        `The network "${flags.found}" has one notary, this machine. That protects against accidents, not ` +
          "against whoever controls this machine: fine for a house. A committee of four bears one liar, of " +
          "thirteen four.",
        width,
      ),
      "",
      ...paragraph(`Others join with the file ${home.folder}/network.json, which holds no secret.`, width),
    );
  }
  lines.push(...paragraph(`Next: segment run --home ${home.folder}`, width));
  return lines;
}
