/** `segment key`: the owner's devices, and the end of one that was lost or stolen. */
import type { Command } from "commander";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { submitAs } from "../node/owner-entry.ts";
import { askDevices } from "../node/run-client.ts";
import type { DeviceInfo } from "../node/run-client.ts";
import { keepReceipt } from "../node/run-documents.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { rootFromWords } from "../../protocols/identity/root.ts";
import { counted, utc } from "./layout.ts";
import { smallText, withNetwork } from "./options.ts";
import type { NetworkFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { visit } from "./visit.ts";

interface RevokeFlags extends NetworkFlags {
  wordsFile: string;
}

export function addKey(program: Command): void {
  const key = program.command("key").description("The owner's devices, and the end of one that is lost.");
  withNetwork(key.command("list"))
    .description("Show the devices that 2f+1 notaries know as this home's owner's.")
    .addHelpText("after", "\nExample:\n  segment key list --home phone\n")
    .action(list);
  withNetwork(key.command("revoke"))
    .description("End a device's rights for good, with its owner's words; the account keeps its money.")
    .argument("<id>", "the device (segment key list shows it)")
    .requiredOption("--words-file <file>", "the BIP 39 words of the device's owner")
    .addHelpText(
      "after",
      "\nExample:\n  segment key revoke z6Mk… --words-file words.txt --home anything-that-is-online\n\n" +
        "Any home of the network can hand it in: the words sign. A new device of the same words\n" +
        "(segment init --words-file) goes on spending from the account.\n",
    )
    .action(revoke);
}

function stateOf({ isRevoked, notBefore, notAfter }: DeviceInfo, now: number): string {
  if (isRevoked) return "revoked";
  if (now < notBefore) return `valid from ${utc(notBefore)}`;
  return now >= notAfter ? `expired ${utc(notAfter)}` : `valid until ${utc(notAfter)}`;
}

async function list(flags: NetworkFlags): Promise<void> {
  await visit(flags, async (client, home) => {
    const { value, agreeing, notaries } = await askDevices(client);
    const account = agentId(home.card.root);
    if (flags.json === true) {
      const devices = value.devices.map(({ identity, isRevoked, notBefore, notAfter }) => {
        return { id: agentId(identity), revoked: isRevoked, host: { notBefore, notAfter } };
      });
      printDocument({ account, self: home.id, devices, agreeing, notaries });
      return;
    }
    print(`Devices of the account ${account}:`);
    const now = systemClock.now();
    for (const device of value.devices) {
      const id = agentId(device.identity);
      print(`  ${id}  ${stateOf(device, now)}${id === home.id ? " (this home)" : ""}`);
    }
    if (value.devices.length === 0) print("  none is registered yet");
    print(`${agreeing} of ${counted(notaries, "notary", "notaries")} said so`);
  });
}

async function revoke(id: string, flags: RevokeFlags): Promise<void> {
  const identity = publicKeyFromId(id);
  const root = rootFromWords(nodeCrypto, smallText(flags.wordsFile));
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
