/** What the command prints: documents on stdout, everything else on stderr. */
import { errorCode, SegmentError } from "../../protocols/errors.ts";

/** One JSON document, for programs. */
export function printDocument(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** A line for people who watch. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** An error in words: what is wrong, where, and how to mend it. Sets the exit code. */
export function fail(error: unknown): void {
  process.exitCode = 1;
  if (!(error instanceof SegmentError)) {
    say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)} [${errorCode(error)}]`);
    return;
  }
  say(`error: ${error.message} [${error.code}]`);
  if (error.where !== undefined && !error.message.includes(error.where)) say(`  where: ${error.where}`);
  say(`  remedy: ${error.remedy}`);
}
