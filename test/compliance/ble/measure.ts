/**
 * Latency of a write with its echoed notification, 20 bytes:
 * `node --import ./test/compliance/ble/ts-hooks.mjs test/compliance/ble/measure.ts`.
 * An emulator says nothing about a real radio; the figures show what the stacks and the processes cost.
 */
import { measure, type Measured } from "./measuring.ts";
import { DEVICE_ADDRESS } from "./addresses.ts";
import { oneProcess, severalProcesses } from "./worlds.ts";
import type { ProcessCentral } from "./processes.ts";

for (const intervalMs of [0, 7.5, 22.5]) {
  const count = intervalMs === 0 ? 2000 : 200;
  const here = await oneProcess(intervalMs);
  report("one process", intervalMs, await measure(here.phone, DEVICE_ADDRESS, count, 20));
  await here.close();
  const apart = await severalProcesses(intervalMs);
  const { child } = apart.phone as ProcessCentral;
  report("three processes", intervalMs, await child.call<Measured>("measure", [DEVICE_ADDRESS, count, 20]));
  await apart.close();
}

function report(where: string, intervalMs: number, { connectMs, echoMs, notifiedBytesPerS }: Measured): void {
  const sorted = echoMs.toSorted((a, b) => a - b);
  const quantile = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  console.log(
    `${where}, interval ${intervalMs} ms: connect ${connectMs.toFixed(0)} ms, echo p50 ${quantile(0.5)} ms, ` +
      `p90 ${quantile(0.9)} ms, notifications ${(notifiedBytesPerS / 1000).toFixed(0)} kB/s`,
  );
}
