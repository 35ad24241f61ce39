/** `segment pair`: at a lock it shows the code, at a phone it reads it. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { nodeRandom, systemClock } from "../node/crypto.ts";
import { isPairingTaken, readLockStatus, wishPairing } from "../node/lock-run.ts";
import { runningProcess } from "../node/run-status.ts";
import { formatPairing, PAIRING_MS, PSK_LENGTH } from "../../protocols/access/pairing.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { requireDone, wayOf, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { WayFlags } from "./keyring-visit.ts";
import { utc } from "./layout.ts";
import { integerOf, loadHome, networkOf } from "./options.ts";
import { print, printDocument } from "./output.ts";
import { pngOf } from "./png.ts";

/** Dots to a square: some 7 cm at 300 dots an inch. */
const PNG_SCALE = 12;

const TAKEN_MS = 15_000;
const LOOK_EVERY_MS = 50;

interface PairFlags extends WayFlags {
  name: string;
  minutes: string;
  svg?: string;
  png?: string;
}

export function addPair(program: Command): void {
  withKeyringOptions(program.command("pair"))
    .description("Make a phone the owner of a lock: the lock shows a code, the phone reads it, once.")
    .argument("[code]", "at the phone: segment:pair:…, as the lock shows it")
    .option("--name <name>", "at the phone: what the lock is to be called", "lock")
    .option("--minutes <n>", "at the lock: how long the code counts", String(PAIRING_MS / 60_000))
    .option("--far", "at the phone: over the network instead of Bluetooth")
    .option("--svg <file>", "at the lock: write the QR code as a picture, to print")
    .option("--png <file>", "the same as a picture of dots")
    .addHelpText(
      "after",
      "\nExamples:\n  segment pair --home lock                                    # shows the code\n" +
        '  segment pair segment:pair:… --name "Front door" --home phone --radio air/phone\n' +
        "  segment pair segment:pair:… --far --home phone              # over the network\n\n" +
        "Whoever reads the code first owns the lock: show it to nobody else. It is used up by the first phone\n" +
        "that proves it, or after its minutes; strangers who try in vain do not use it up.\n",
    )
    .action((code: string | undefined, flags: PairFlags) => {
      return code === undefined ? showCode(flags) : readCode(code, flags);
    });
}

/** At the lock. Errors: peer-refused (it is owned), option-invalid (no lock runs there). */
async function showCode(flags: PairFlags): Promise<void> {
  const forMs = integerOf("--minutes", flags.minutes, 1, 60) * 60_000;
  const home = await loadHome(flags);
  const { folder } = home;
  if (home.config.kind !== "lock")
    throw new SegmentError("option-invalid", `this home is a ${home.config.kind}: give it a lock's code`);
  const status = readLockStatus(folder);
  if (status === undefined || runningProcess(folder) === undefined)
    throw new SegmentError("option-invalid", "the lock does not run: start it with `segment run`");
  if (status.owners.length > 0)
    throw new SegmentError("peer-refused", `the lock has an owner: ${status.owners.join(", ")}`);
  const psk = nodeRandom.bytes(PSK_LENGTH);
  wishPairing(folder, { psk, forMs });
  await takenBy(folder);
  const { identity, sessionKey } = home.card;
  const untilMs = systemClock.now() + forMs;
  const code = formatPairing({ network: networkOf(home).network, identity, sessionKey, psk, untilMs });
  const { encodeQR } = await import("qr");
  if (flags.svg !== undefined)
    writeFileSync(flags.svg, encodeQR(code, "svg", { ecc: "medium" }), { mode: 0o600 });
  if (flags.png !== undefined) {
    const squares = encodeQR(code, "raw", { ecc: "medium", border: 4 });
    writeFileSync(flags.png, pngOf(squares, PNG_SCALE), { mode: 0o600 });
  }
  if (flags.json === true) {
    printDocument({ lock: home.id, host: { code, untilMs } });
    return;
  }
  print(encodeQR(code, "ascii", { ecc: "medium", border: 2 }).trimEnd());
  print(code);
  print(`Until ${utc(untilMs)} the first phone that reads this owns the lock. Show it to nobody else.`);
}

/** A phone may be quicker than the lock. Errors: option-invalid (the lock does not answer). */
async function takenBy(folder: string): Promise<void> {
  const endsMs = systemClock.now() + TAKEN_MS;
  while (!isPairingTaken(folder)) {
    if (systemClock.now() >= endsMs)
      throw new SegmentError("option-invalid", "the lock does not take the wish to pair: does it still run?");
    await new Promise((resolve) => void setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** At the phone. */
async function readCode(code: string, flags: PairFlags): Promise<void> {
  const isNear = wayOf(flags);
  await withKeyring(flags, async (keyring) => {
    const nonce = nodeRandom.bytes(16);
    const outcome = await keyring.run("pair", { code, name: flags.name, nonce, isNear });
    requireDone(outcome);
    const lock = keyring.state.locks.at(-1)!;
    if (flags.json === true) printDocument({ lock: lock.id, name: lock.name, owner: true });
    else print(`This phone owns "${lock.name}" (${lock.id}) now.`);
  });
}
