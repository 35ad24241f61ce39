/**
 * The cards that a home has learned, one file each, so that after a restart its agent can answer those whom
 * it knew. A lost file is no harm: its owner shows the card again.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { isAboutTime } from "../../protocols/messaging/time.ts";
import type { Crypto, TimeMs } from "../../protocols/ports.ts";

const FOLDER = "contacts";
const SUFFIX = ".card";
/** As many as a messenger knows. */
const MAX_CONTACTS = 10_000;

/**
 * The cards that have been learned; with `now` only those that are valid then. Nothing is forgotten for its
 * date: the clock may be wrong until the network has told the time.
 */
export function readContacts(home: string, crypto: Crypto, now?: TimeMs): Uint8Array[] {
  const folder = join(home, FOLDER);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  return names.slice(0, MAX_CONTACTS).flatMap((name) => {
    const path = join(folder, name);
    const bytes = new Uint8Array(readFileSync(path));
    try {
      openCard(crypto, bytes, now);
      return [bytes];
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      // Else it was cut short by a power loss.
      if (!isAboutTime(error)) rmSync(path, { force: true });
      return [];
    }
  });
}

/** Keeps a verified card; the newest of an agent counts. Errors: card-invalid, store-failed. */
export function keepContact(home: string, crypto: Crypto, card: Uint8Array): void {
  const { identity } = openCard(crypto, card);
  const folder = join(home, FOLDER);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, agentId(identity) + SUFFIX), card, { mode: 0o600 });
  } catch (cause) {
    const problem = `a contact cannot be kept: ${(cause as Error).message}`;
    throw new SegmentError("store-failed", problem, { where: folder, cause });
  }
}

/**
 * What the owners of accounts call their agents, by the accounts' ids. Anybody may choose any name: show it
 * beside the account.
 */
export function accountNames(home: string, crypto: Crypto): Map<string, string> {
  const cards = readContacts(home, crypto).map((bytes) => openCard(crypto, bytes));
  return new Map(cards.map(({ root, name }) => [agentId(root), name]));
}
