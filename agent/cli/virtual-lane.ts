/** One thread of `segment simulate delivery --virtual --jobs N`: makes the runs that it is handed. */
import { parentPort } from "node:worker_threads";
import type { RunSettings } from "../../simulators/worlds/virtual/runs.ts";
import { nodeCrypto } from "../node/crypto.ts";

const worlds = import("../../simulators/worlds/virtual/runs.ts").then(({ Worlds }) =>
  Worlds.open(nodeCrypto),
);

parentPort?.on("message", (settings: RunSettings) => {
  // A rejection ends the thread, and the lane rejects with it.
  void worlds.then((open) => open.run(settings)).then((result) => parentPort?.postMessage(result));
});
