#!/usr/bin/env node
/** The `segment` command. */
import { Command, CommanderError } from "commander";
import { fail } from "./output.ts";

type Add = (program: Command) => void;

/** Each with all that it needs, loaded only when it is called: some need MQTT, some a native module. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  init: async () => (await import("./init.ts")).addInit,
  run: async () => (await import("./run.ts")).addRun,
  status: async () => (await import("./status.ts")).addStatus,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  pair: async () => (await import("./pair.ts")).addPair,
  lock: async () => (await import("./lock.ts")).addLock,
  key: async () => (await import("./key.ts")).addKey,
  bridge: async () => (await import("./bridge.ts")).addBridge,
  wallet: async () => (await import("./wallet.ts")).addWallet,
  currency: async () => (await import("./currency.ts")).addCurrency,
  contract: async () => (await import("./contract.ts")).addContract,
  telemetry: async () => (await import("./telemetry.ts")).addTelemetry,
  verify: async () => (await import("./verify.ts")).addVerify,
  simulate: async () => (await import("./simulate.ts")).addSimulate,
  completion: async () => (await import("./completion.ts")).addCompletion,
};

/** Whoever reads the output may have seen enough of it (`segment … | head`). */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const program = new Command("segment")
  .description("An edge agent for a society of conversing machines.")
  .version("0.1.0")
  .showHelpAfterError()
  .exitOverride();

try {
  const [, , named = ""] = process.argv;
  for (const [name, load] of Object.entries(COMMANDS)) {
    // Help and completion name them all.
    const isWanted = name === named || named === "completion" || !Object.hasOwn(COMMANDS, named);
    if (isWanted) (await load())(program);
  }
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else fail(error, process.argv.includes("--json"));
}
