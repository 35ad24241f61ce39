/** `segment doctor`: whether machine, home and network are well, and how to mend what is not. */
import type { Command } from "commander";
import { SegmentError } from "../../protocols/errors.ts";
import { homeChecks, machineChecks, networkChecks } from "./doctor-checks.ts";
import type { Check, Verdict } from "./doctor-checks.ts";
import { counted, paragraph, terminalWidth } from "./layout.ts";
import { homeFolder, passphraseOf, withHome } from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

export function addDoctor(program: Command): void {
  withHome(program.command("doctor"))
    .description("Check machine, home and network; says how to mend what is not well.")
    .addHelpText("after", "\nExample:\n  segment doctor --home hub\n\nExit code 1 if there is any error.\n")
    .action(doctor);
}

async function doctor(flags: HomeFlags): Promise<void> {
  const { checks: ofHome, home } = await homeChecks(homeFolder(flags), passphraseOf(flags));
  const ofNetwork = home === undefined ? [] : await networkChecks(home);
  const checks = [...machineChecks(), ...ofHome, ...ofNetwork];
  const count = (verdict: Verdict): number => checks.filter((one) => one.verdict === verdict).length;
  const errors = count("error");
  const warnings = count("warning");
  if (flags.json === true) {
    const plain = checks.map(({ group, name, verdict }) => ({ group, name, verdict }));
    const details = checks.map(({ name, found, mend }) => ({ name, found, mend }));
    printDocument({ errors, warnings, checks: plain, host: { details } });
  } else {
    show(checks);
    print("");
    print(`${counted(checks.length, "check")}: ${counted(errors, "error")}, ${counted(warnings, "warning")}`);
  }
  if (errors > 0) throw new SegmentError("checks-failed", `${counted(errors, "check")} failed`);
}

const MARKS: Readonly<Record<Verdict, string>> = { ok: "OK     ", warning: "WARNING", error: "ERROR  " };

function show(checks: readonly Check[]): void {
  const width = terminalWidth();
  for (const group of ["machine", "home", "network"] as const) {
    const members = checks.filter((one) => one.group === group);
    if (members.length > 0) print(`\n${group}`);
    for (const { name, verdict, found, mend } of members) {
      for (const line of paragraph(`${name}: ${found}`, width, `  ${MARKS[verdict]}  `)) print(line);
      if (mend !== "") for (const line of paragraph(mend, width, "           mend: ")) print(line);
    }
  }
}
