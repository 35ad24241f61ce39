/** The contracts of a home: one folder each, contracts/<terms id>/, a file for each name. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ContractStore } from "../platform/contract-store.ts";
import type { ContractShelf } from "../platform/contract-store.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { addSharedFile, writeSharedFile } from "./files.ts";

const FOLDER = "contracts";
const ID = /^[0-9a-f]{64}$/;

/** Opens the contracts of a home; makes nothing before there is something to keep. */
export function openContracts(home: string, crypto: Crypto): ContractStore {
  return new ContractStore(folderShelf(join(home, FOLDER)), crypto);
}

/** A running home and commands beside it may use it at the same time. */
function folderShelf(folder: string): ContractShelf {
  const pathOf = (termsId: string, name: string): string => join(folder, termsId, name);
  return {
    ids: () => namesIn(folder).filter((name) => ID.test(name)),
    // What is still being written does not count.
    names: (termsId) =>
      namesIn(join(folder, termsId))
        .filter((name) => !name.endsWith(".new"))
        .sort(),
    read: (termsId, name) => orNothing(() => new Uint8Array(readFileSync(pathOf(termsId, name)))),
    add: (termsId, name, bytes) => addSharedFile(pathOf(termsId, name), bytes),
    replace: (termsId, name, bytes) => writeSharedFile(pathOf(termsId, name), bytes),
    remove: (termsId, name) => rmSync(pathOf(termsId, name), { force: true }),
    drop: (termsId) => rmSync(join(folder, termsId), { recursive: true, force: true }),
  };
}

function namesIn(path: string): string[] {
  return orNothing(() => readdirSync(path)) ?? [];
}

/** Undefined for what is not there, or not any more. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
