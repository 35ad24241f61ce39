/** `segment completion`: a script for the shell, made from the commands themselves. */
import type { Command } from "commander";
import { optionInvalid } from "./options.ts";
import { print } from "./output.ts";

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("Print a script that completes commands and options in bash or zsh.")
    .argument("<shell>", "bash or zsh")
    .addHelpText("after", "\nExample:\n  source <(segment completion bash)\n")
    .action((shell: string) => {
      if (shell !== "bash" && shell !== "zsh") throw optionInvalid("<shell>", "bash or zsh", shell);
      for (const line of script(program, shell)) print(line);
    });
}

/** What may follow each chain of commands: "wallet send" -> options and commands. */
function words(command: Command, path: string): [path: string, words: string[]][] {
  const commands = command.commands.map((child) => child.name());
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const deeper = command.commands.flatMap((child) => words(child, `${path} ${child.name()}`.trim()));
  return [[path, [...commands, ...options, "--help"]], ...deeper];
}

function script(program: Command, shell: "bash" | "zsh"): string[] {
  const cases = words(program, "").map(([path, list]) => `    "${path}") list="${list.join(" ")}" ;;`);
  return [
    `# Completion of segment for ${shell}; made by \`segment completion ${shell}\`.`,
    // zsh runs bash's kind of completion once it is told to.
    ...(shell === "zsh"
      ? ["autoload -U +X compinit && compinit", "autoload -U +X bashcompinit && bashcompinit"]
      : []),
    "_segment() {",
    '  local word path="" list=""',
    // The commands that stand before the cursor; the first option ends them.
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) break ;; esac',
    '    path="${path:+$path }$word"',
    "  done",
    '  case "$path" in',
    ...cases,
    "  esac",
    // Where a file or a value is due, the shell's own completion goes on.
    '  COMPREPLY=($(compgen -W "$list" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "complete -o default -F _segment segment",
  ];
}
