/** `segment key`: the owner's devices, the guest keys of a phone, and the end of either. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { keyring } from "../../devices/keyring/keyring.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import { agentFolder } from "../node/agent-home.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { submitAs } from "../node/owner-entry.ts";
import type { Home } from "../node/home.ts";
import { askDevices } from "../node/run-client.ts";
import type { DeviceInfo } from "../node/run-client.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { rootFromWords } from "../../protocols/identity/root.ts";
import { perhapsOnline } from "./contract-home.ts";
import { addGuestKeys, revokeGuestKey } from "./key-guest.ts";
import { guestKeyDocuments, guestKeyRows, isGuestKeyId } from "./key-shown.ts";
import { withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags } from "./keyring-visit.ts";
import { counted, table, terminalWidth, utc } from "./layout.ts";
import { loadHome, optionInvalid, smallText, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { visit } from "./visit.ts";

interface RevokeFlags extends KeyringFlags {
  wordsFile?: string;
}

export function addKey(program: Command): void {
  const key = program.command("key").description("The owner's devices, guest keys, and the end of either.");
  addGuestKeys(key);
  withNetwork(key.command("list"))
    .description(
      "Show the devices that 2f+1 notaries know as this home's owner's, and this phone's guest keys.",
    )
    .addHelpText("after", "\nExample:\n  segment key list --home phone\n")
    .action(list);
  withKeyringOptions(key.command("revoke"))
    .description("End a guest key, or a device's rights (with its owner's words), for good.")
    .argument("<id>", "the first digits of a guest key, or a device (segment key list shows them)")
    .option("--words-file <file>", "for a device: the BIP 39 words of its owner")
    .addHelpText(
      "after",
      "\nExamples:\n  segment key revoke 3f0c2a --home phone\n" +
        "  segment key revoke z6Mk… --words-file words.txt --home anything-that-is-online\n\n" +
        "A guest key is ended by an order to its lock, over the network and over the radio that is given.\n" +
        "A device's end any home of the network can hand in: the words sign. The account keeps its money; a\n" +
        "new device of the same words (segment init --words-file) goes on spending from it.\n",
    )
    .action((id: string, flags: RevokeFlags) => {
      return isGuestKeyId(id) ? revokeGuest(id, flags) : revokeDevice(id, flags);
    });
}

function stateOf({ isRevoked, notBefore, notAfter }: DeviceInfo, now: number): string {
  if (isRevoked) return "revoked";
  if (now < notBefore) return `valid from ${utc(notBefore)}`;
  return now >= notAfter ? `expired ${utc(notAfter)}` : `valid until ${utc(notAfter)}`;
}

async function list(flags: NetworkFlags): Promise<void> {
  const home = await loadHome(flags);
  const state = await keysOf(flags, home);
  const asked = await perhapsOnline(flags, home, async (client) => client && askDevices(client));
  const account = agentId(home.card.root);
  const now = systemClock.now();
  if (flags.json === true) {
    const devices = asked?.value.devices.map(({ identity, isRevoked, notBefore, notAfter }) => {
      return { id: agentId(identity), revoked: isRevoked, host: { notBefore, notAfter } };
    });
    const said = { agreeing: asked?.agreeing ?? null, notaries: asked?.notaries ?? null };
    const keys = state === undefined ? { given: [], held: [] } : guestKeyDocuments(state);
    printDocument({ account, self: home.id, devices: devices ?? null, ...said, ...keys });
    return;
  }
  if (asked === undefined) print(`The devices of the account could not be asked for: ${account}`);
  else devicesLines(asked, account, home, now).forEach((line) => print(line));
  if (state === undefined) return;
  const { given, held } = guestKeyRows(state, now);
  for (const [title, rows] of [
    ["Guest keys given:", given],
    ["Guest keys held:", held],
  ] as const) {
    if (rows.length === 0) continue;
    print(title);
    for (const line of table(rows, [2, 4, 4], terminalWidth() - 2)) print(`  ${line}`);
  }
}

function devicesLines(
  { value, agreeing, notaries }: Awaited<ReturnType<typeof askDevices>>,
  account: string,
  home: Home,
  now: number,
): string[] {
  const lines = value.devices.map((device) => {
    const id = agentId(device.identity);
    return `  ${id}  ${stateOf(device, now)}${id === home.id ? " (this home)" : ""}`;
  });
  return [
    `Devices of the account ${account}:`,
    ...(lines.length === 0 ? ["  none is registered yet"] : lines),
    `${agreeing} of ${counted(notaries, "notary", "notaries")} said so`,
  ];
}

/** What this phone's keyring knows; undefined where there is none, or another command uses it. */
async function keysOf(flags: NetworkFlags, home: Home): Promise<KeyringState | undefined> {
  if (!existsSync(agentFolder(home.folder, keyring.kind))) return undefined;
  try {
    return await withKeyring(flags, async ({ state }) => state);
  } catch (error) {
    if (errorCode(error) !== "home-locked") throw error;
    say("the guest keys are not shown: another command uses them now");
    return undefined;
  }
}

async function revokeGuest(id: string, flags: RevokeFlags): Promise<void> {
  if (flags.wordsFile !== undefined)
    throw optionInvalid("--words-file", "a device to revoke, z6Mk…", `the guest key ${id}`);
  await revokeGuestKey(id, flags);
}

async function revokeDevice(id: string, flags: RevokeFlags): Promise<void> {
  const identity = publicKeyFromId(id);
  const { wordsFile } = flags;
  if (wordsFile === undefined)
    throw optionInvalid("--words-file", "the words of the device's owner", "nothing");
  const root = rootFromWords(nodeCrypto, smallText(wordsFile));
  await visit(flags, async (client, home) => {
    const body = { kind: "revoke" as const, identity };
    const certified = await submitAs(client, root, body).catch((error: unknown) => {
      throw explained(error, agentId(identity));
    });
    const path = keepReceipt(home, certified);
    const account = agentId(root.publicKey);
    const { height, timeMs, certificate } = certified.receipt;
    if (flags.json === true) {
      const signed = { signed: certificate.length, of: client.connection.network.notaries.length };
      printDocument({
        revoked: agentId(identity),
        account,
        notaries: signed,
        host: { height, timeMs, receipt: path },
      });
      return;
    }
    print(`Revoked ${agentId(identity)}: it can no longer act for the account ${account}`);
    print(`  receipt: ${path}`);
    print("  The money stays where it is. A new device: segment init --words-file FILE --network FILE");
  });
}

function explained(error: unknown, id: string): unknown {
  if (!(error instanceof SegmentError)) return error;
  if (error.code === "account-unknown") {
    return new SegmentError("account-unknown", `this network has no device ${id}: nothing was revoked`, {
      cause: error,
    });
  }
  if (error.code !== "entry-unauthorized") return error;
  const problem = `these words are not those of the owner of ${id}: nothing was revoked`;
  return new SegmentError("entry-unauthorized", problem, { cause: error });
}
