/** One command in the test's own process: what it prints, and what it throws. */
import { Command } from "commander";
import { vi } from "vitest";

export interface Called {
  stdout: string;
  stderr: string;
  error: unknown;
}

export async function call(add: (program: Command) => void, args: readonly string[]): Promise<Called> {
  const called: Called = { stdout: "", stderr: "", error: undefined };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    called.stdout += String(text);
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    called.stderr += String(text);
    return true;
  });
  try {
    const program = new Command("segment").exitOverride();
    add(program);
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    called.error = error;
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return called;
}
