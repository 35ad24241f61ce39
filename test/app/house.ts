/** A house that serves the app and its network, and nothing else. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { document, Running, temporaryFolder } from "../cli/segment.ts";

export interface House {
  /** Of the running home. */
  home: string;
  /** Where the app is served, as the home says it. */
  url: string;
  hub: Running;
  close(): Promise<void>;
}

/** `more` is told to `segment run`, such as the address that it listens at. */
export async function openHouse(more: readonly string[] = []): Promise<House> {
  const folder = temporaryFolder();
  const home = join(folder, "hub");
  await document(["init", "--home", home, "--found", "village", "--name", "hub", "--port", "0"]);
  const hub = new Running(["--home", home, "--app", "0", ...more]);
  const close = async (): Promise<void> => {
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const url = /https?:\/\/\S+/.exec(await hub.line(/^app: http/))![0];
    await hub.line(/^ready$/);
    return { home, url, hub, close };
  } catch (error) {
    await close();
    throw error;
  }
}
