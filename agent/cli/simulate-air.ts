/** `segment simulate air`: agents without hardware find each other over the air, on one machine. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { nodeRandom, steadyClock } from "../node/crypto.ts";
import type { Position } from "../../simulators/worlds/air.ts";
import { gather, numberOf, optionInvalid } from "./options.ts";
import { print, printDocument, say } from "./output.ts";

interface Flags {
  radios: string;
  at?: string[];
  out?: string;
  json?: boolean;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const FARTHEST_M = 1_000_000;

export function addAir(simulate: Command): void {
  simulate
    .command("air")
    .description("Serve virtual Bluetooth radios, for `segment run --radio`, until SIGINT or SIGTERM.")
    .requiredOption("--radios <names>", "their names, apart by commas")
    .option(
      "--at <name=x,y>",
      "where one stands, in metres (repeatable; default 0,0): they hear each other up to 63 m",
      gather,
    )
    .option("--out <dir>", "where each radio's socket is found by its name (default: temporary files)")
    .option("--json", "print one JSON document on stdout")
    .addHelpText(
      "after",
      "\nA radio plays one part: an agent that is to be found and to look for others takes two.\n" +
        "\nExample:\n  segment simulate air --radios house,phone --out air\n" +
        "  segment run --home house --radio air/house\n",
    )
    .action(air);
}

async function air(flags: Flags): Promise<void> {
  const world = await import("../../simulators/worlds/air.ts");
  const radios = flags.radios.split(",").map((name) => name.trim());
  const isGood = radios.every((name) => NAME.test(name)) && new Set(radios).size === radios.length;
  if (!isGood || radios.length > world.MAX_RADIOS)
    throw optionInvalid("--radios", "different names in small letters, such as house,phone", flags.radios);
  const places = new Map((flags.at ?? []).map((text) => placeOf(text, radios)));
  const folder = flags.out === undefined ? null : resolve(flags.out);
  const ended = new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
  const served = await world.serveAir({ clock: steadyClock, random: nodeRandom, radios, places, folder });
  if (flags.json === true) printDocument({ radios, host: { paths: Object.fromEntries(served.paths) } });
  else for (const [name, path] of served.paths) print(`${name}  ${path}`);
  say("the air is there until Ctrl-C");
  await ended;
  await served.close();
}

/** Errors: option-invalid. */
function placeOf(text: string, radios: readonly string[]): [string, Position] {
  const [, name = "", x = "", y = ""] = /^([^=]+)=([^,]+),([^,]+)$/.exec(text) ?? [];
  if (!radios.includes(name)) throw optionInvalid("--at", "name=x,y with one of --radios", text);
  const metres = (value: string): number => numberOf("--at", value, -FARTHEST_M, FARTHEST_M);
  return [name, { x: metres(x), y: metres(y), z: 0 }];
}
