/** `segment simulate lock`: a lock to pair and open with the phone's app, without any hardware. */
import { createInterface } from "node:readline";
import type { Command } from "commander";
import type { LockWorld } from "../../simulators/worlds/lock-world.ts";
import { gather, integerOf, smallText, thisMachine } from "./options.ts";
import { printDocument, print, say } from "./output.ts";
import { radioOf } from "./radio.ts";
import { APP_PORT, endOfRun } from "./run.ts";

interface Flags {
  port: string;
  radio?: string[];
  minutes: string;
  wordsFile?: string;
  json?: boolean;
}

export function addSimulateLock(simulate: Command): void {
  simulate
    .command("lock")
    .description("A lock whose bolt and door are simulated, and the phone's app to pair and open it with.")
    .option("--port <n>", "where the app is served, on this machine only; 0 for any", String(APP_PORT))
    .option("--minutes <n>", "how long each pairing code counts", "5")
    .option("--radio <radio>", "a radio of `segment simulate air`, to be found over Bluetooth", gather)
    .option("--words-file <file>", "the owner's BIP 39 words, so that the owner may let the house behind it")
    .option("--json", "print one JSON document on stdout: where the app is, and the first code")
    .addHelpText(
      "after",
      '\nAt the terminal, "door" opens or shuts the door, "button" presses or lets go of the reset\n' +
        'button, "battery 9" leaves 9 % of the battery, and Ctrl-C ends it; nothing is kept.\n\n' +
        "Example:\n  segment simulate lock\n",
    )
    .action(lock);
}

async function lock(flags: Flags): Promise<void> {
  const appPort = integerOf("--port", flags.port, 0, 65_535);
  const forMs = integerOf("--minutes", flags.minutes, 1, 60) * 60_000;
  const words = flags.wordsFile === undefined ? undefined : smallText(flags.wordsFile);
  const radio = await radioOf(flags.radio ?? [], "lock");
  const { openLockWorld } = await import("../../simulators/worlds/lock-world.ts");
  const ended = endOfRun();
  try {
    const machine = thisMachine(ended.failed);
    const world = await openLockWorld({
      ...{ machine, host: "127.0.0.1", appPort, say },
      ...(radio === undefined ? {} : { radio }),
      ...(words === undefined ? {} : { words }),
    });
    const lines = hands(world);
    const codes = showCodes(world, forMs, flags.json === true);
    const error = await ended.promise;
    codes.stop();
    lines.close();
    await world.close();
    if (error !== undefined) throw error;
  } finally {
    ended.forget();
  }
}

/** A code for as long as nobody owns the lock; after a reset again. */
function showCodes(world: LockWorld, forMs: number, isJson: boolean): { stop(): void } {
  let isFirst = true;
  const show = (): void => {
    const { owners, pairing } = world.lock.agent.state;
    if (owners.length > 0 || pairing !== null) return;
    const code = world.code(forMs);
    const link = `${world.appUrl}#/locks/pair?code=${code}`;
    if (isJson && isFirst) printDocument({ lock: world.home.id, host: { app: world.appUrl, code, link } });
    else if (!isJson) {
      print("");
      print("Open this in a browser: it pairs the app with the lock, once.");
      print(`  ${link}`);
      print(`Or open ${world.appUrl} and paste the code ${code}`);
      print("");
    }
    isFirst = false;
  };
  show();
  const timer = setInterval(show, 1_000);
  return { stop: () => clearInterval(timer) };
}

/** What a person at the door does, typed as a word. */
function hands(world: LockWorld): { close(): void } {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const word = line.trim();
    if (word === "door") say(`door: ${world.pins.toggle("door-open") ? "open" : "shut"}`);
    else if (word === "button") say(`button: ${world.pins.toggle("button") ? "pressed" : "let go"}`);
    else if (/^battery \d{1,2}$/.test(word)) world.pins.setBattery(Number(word.slice(8)) * 10);
    else if (word !== "") say('the words here are "door", "button" and such as "battery 9"');
  });
  return lines;
}
