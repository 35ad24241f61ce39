/** `segment wallet backup` and `restore`: a home in one sealed file. */
import type { Command } from "commander";
import { statSync } from "node:fs";
import { makeBackup, MAX_BACKUP_BYTES, restoreBackup } from "../node/backup.ts";
import type { BackupSummary } from "../node/backup.ts";
import { nodeCrypto, systemClock } from "../node/crypto.ts";
import { writeFileDurably } from "../node/files.ts";
import { openHome } from "../node/home.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { counted, paragraph, terminalWidth, utc } from "./layout.ts";
import { homeFolder, passphraseOf, readFileBounded, smallText, withHome } from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface BackupFlags extends HomeFlags {
  backupPassphraseFile?: string;
}

/** What else a backup holds is small beside its files. */
const MAX_FILE_BYTES = 2 * MAX_BACKUP_BYTES;

export function addBackup(wallet: Command): void {
  withBackup(wallet.command("backup"))
    .description(
      "Write keys, contacts, receipts, contracts and orders to one file, sealed with a passphrase.",
    )
    .argument("<file>", "the file to write; one that exists is replaced")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet backup phone.backup --backup-passphrase-file secret.txt\n\n" +
        "The words restore the account without any backup (segment init --words-file); a backup restores this\n" +
        "device, with its identity and its documents. Telemetry, a keeper's shards and a notary's log and key\n" +
        "are not in it.\n",
    )
    .action(backup);
  withBackup(wallet.command("restore"))
    .description("Make a home again out of a backup, in a folder that is empty or not there yet.")
    .argument("<file>", "the backup")
    .addHelpText(
      "after",
      "\nExample:\n  segment wallet restore phone.backup --home phone2 --backup-passphrase-file secret.txt\n\n" +
        "Run a device in one place only: two homes with one identity get in each other's way.\n",
    )
    .action(restore);
}

function withBackup(command: Command): Command {
  return withHome(command).option(
    "--backup-passphrase-file <file>",
    "holds the backup's passphrase (or env SEGMENT_BACKUP_PASSPHRASE; default: that of the key file)",
  );
}

/** Errors: option-invalid. */
function backupPassphrase(flags: BackupFlags): string {
  const { backupPassphraseFile } = flags;
  const passphrase =
    backupPassphraseFile === undefined
      ? (process.env["SEGMENT_BACKUP_PASSPHRASE"] ?? passphraseOf(flags))
      : smallText(backupPassphraseFile).replace(/\r?\n$/, "");
  if (passphrase !== undefined && passphrase !== "") return passphrase;
  const problem = "a backup holds the keys: it needs a passphrase, from --backup-passphrase-file";
  throw new SegmentError("option-invalid", problem, { where: "--backup-passphrase-file" });
}

async function backup(file: string, flags: BackupFlags): Promise<void> {
  const folder = homeFolder(flags);
  const passphrase = backupPassphrase(flags);
  const { sealed, summary } = await makeBackup(folder, passphrase, systemClock.now());
  writeFileDurably(file, sealed, 0o600);
  if (flags.json === true) {
    const { createdMs, ...counts } = summary;
    printDocument({ ...counts, host: { file, createdMs } });
    return;
  }
  print(`Wrote ${file}: ${sizeText(summary)}`);
  if (!summary.wasNotary) return;
  for (const line of paragraph(NOTARY_TEXT, terminalWidth())) print(line);
}

const NOTARY_TEXT =
  "This home is a notary: its log is the network's ledger, and no backup of a wallet holds it. Where it is the " +
  "only notary, copy its whole folder while it does not run, and never run both copies.";

async function restore(file: string, flags: BackupFlags): Promise<void> {
  const folder = homeFolder(flags);
  const passphrase = backupPassphrase(flags);
  const summary = await restoreBackup(folder, readFileBounded(file, MAX_FILE_BYTES), passphrase);
  const { id, account } = await whose(folder, flags);
  if (flags.json === true) {
    const { createdMs, ...counts } = summary;
    printDocument({ id, account, ...counts, host: { home: folder, createdMs } });
    return;
  }
  print(`Restored ${sizeText(summary)} of ${utc(summary.createdMs)} to ${folder}`);
  if (id !== null) print(`  id       ${id}`);
  if (account !== null) print(`  account  ${account}`);
  if (id === null) print("  Its keys are sealed: with which passphrase, the backup does not change.");
  if (summary.wasNotary) print("  It is no notary any more: its log was not in the backup.");
  if (statSync(folder).mode & 0o077) print(`  Others can look into ${folder}: chmod 700 it.`);
}

/** The keys may be sealed with another passphrase than the backup was. */
async function whose(
  folder: string,
  flags: HomeFlags,
): Promise<{ id: string | null; account: string | null }> {
  try {
    const home = await openHome(folder, nodeCrypto, passphraseOf(flags));
    return { id: home.id, account: agentId(home.card.root) };
  } catch (error) {
    const isSealed = ["passphrase-missing", "passphrase-wrong"].includes(errorCode(error));
    if (isSealed) return { id: null, account: null };
    throw error;
  }
}

function sizeText({ files, bytes }: BackupSummary): string {
  return `${counted(files, "file")}, ${counted(bytes, "byte")}`;
}
