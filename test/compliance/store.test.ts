import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../agent/node/crypto.ts";
import { openJournal } from "../../agent/node/journal-store.ts";
import { openLmdbStore } from "../../agent/node/lmdb-store.ts";
import { MemoryStore } from "../../simulators/network/memory-store.ts";
import { storeCompliance } from "./store.ts";

storeCompliance("journal", async () => {
  const folder = mkdtempSync(join(tmpdir(), "segment-journal-"));
  return { open: () => openJournal(folder), dispose: async () => rmSync(folder, { recursive: true }) };
});

storeCompliance("lmdb", async () => {
  const folder = mkdtempSync(join(tmpdir(), "segment-store-"));
  return {
    open: async () => openLmdbStore(join(folder, "store.lmdb")),
    dispose: async () => rmSync(folder, { recursive: true }),
  };
});

storeCompliance("memory", async () => {
  let store = new MemoryStore({ clock: systemClock });
  return {
    open: async () => {
      store = store.reopen();
      return store;
    },
    dispose: async () => {},
  };
});
