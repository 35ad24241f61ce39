import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbLog } from "../../agent/node/lmdb-log.ts";
import { MemoryLog } from "../../simulators/network/memory-log.ts";
import { orderLogCompliance } from "./order-log.ts";

orderLogCompliance("lmdb", async () => {
  const folder = mkdtempSync(join(tmpdir(), "segment-log-"));
  return {
    open: () => openLmdbLog(join(folder, "order.lmdb")),
    survivesClosing: true,
    dispose: async () => rmSync(folder, { recursive: true }),
  };
});

orderLogCompliance("memory", async () => {
  const log = new MemoryLog();
  return { open: () => log, survivesClosing: false, dispose: async () => {} };
});
