/** What the command prints: results on stdout, everything else on stderr. */
import { errorCode, SegmentError } from "../../protocols/errors.ts";

/** A command prints one document at most: an error after it goes to stderr alone. */
let hasDocument = false;

/** One JSON document, for programs. */
export function printDocument(document: unknown): void {
  hasDocument = true;
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** A line of the result, for people. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line for people who watch. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * An error in words: what is wrong, where, and how to mend it. Sets the exit code. With `json`, a command
 * that has printed no document yet prints the error as its document too.
 */
export function fail(error: unknown, json = false): void {
  process.exitCode = 1;
  const code = errorCode(error);
  if (!(error instanceof SegmentError)) {
    const message = error instanceof Error ? error.message : String(error);
    say(`error: ${error instanceof Error ? (error.stack ?? message) : message} [${code}]`);
    if (json && !hasDocument) printDocument({ error: { code, message } });
    return;
  }
  const { message, where, remedy } = error;
  say(`error: ${message} [${code}]`);
  if (where !== undefined && !message.includes(where)) say(`  where: ${where}`);
  say(`  remedy: ${remedy}`);
  if (json && !hasDocument) printDocument({ error: { code, message, where: where ?? null, remedy } });
}
