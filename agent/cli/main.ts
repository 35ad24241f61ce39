#!/usr/bin/env node
/** The `segment` command. */
import { Command, CommanderError } from "commander";
import { addCurrency } from "./currency.ts";
import { addInit } from "./init.ts";
import { fail } from "./output.ts";
import { addRun } from "./run.ts";
import { addSimulate } from "./simulate.ts";
import { addWallet } from "./wallet.ts";

const program = new Command("segment")
  .description("An edge agent for a society of conversing machines.")
  .version("0.1.0")
  .showHelpAfterError()
  .exitOverride();

addInit(program);
addRun(program);
addWallet(program);
addCurrency(program);
addSimulate(program);

// Whoever reads the output may have seen enough of it (`segment … | head`).
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else fail(error, process.argv.includes("--json"));
}
