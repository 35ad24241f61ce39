/** Virtual deliveries on several cores, a thread for each lane. A run is the same on whichever lane. */
import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { RunResult } from "../../simulators/worlds/virtual/delivery.ts";
import type { Lane } from "../../simulators/worlds/virtual/runs.ts";

export interface Lanes {
  lanes: Lane[];
  close(): Promise<void>;
}

/** `count` threads of this program. Whatever one of them throws, its lane's `run` rejects with. */
export function openLanes(count: number): Lanes {
  const file = new URL(`./virtual-lane${extname(import.meta.url)}`, import.meta.url);
  const threads = Array.from({ length: count }, () => new Worker(file));
  return {
    lanes: threads.map((thread) => ({
      run: async (settings) => {
        thread.postMessage(settings);
        const [result] = (await once(thread, "message")) as [RunResult];
        return result;
      },
    })),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}
