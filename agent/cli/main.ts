#!/usr/bin/env node
/** The `segment` command. */
import { Command, CommanderError } from "commander";
import { addSimulate } from "./simulate.ts";
import { fail } from "./output.ts";

const program = new Command("segment")
  .description("An edge agent for a society of conversing machines.")
  .version("0.1.0")
  .showHelpAfterError()
  .exitOverride();

addSimulate(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else fail(error);
}
