/** What measure.ts measures, in whichever process the central is. */
import type { CentralRadio } from "../../../protocols/ports.ts";
import { ASK } from "./device.ts";

export interface Measured {
  /** From the call to a connection that is discovered and subscribed. */
  connectMs: number;
  /** Each write with its echoed notification. */
  echoMs: number[];
  /** In a burst of notifications of 240 bytes. */
  notifiedBytesPerS: number;
}

const BURST = 500;
const BURST_BYTES = 240;

export async function measure(
  radio: CentralRadio,
  address: string,
  count: number,
  bytes: number,
): Promise<Measured> {
  let notified = (): void => {};
  const connectFromMs = performance.now();
  const on = { notified: () => notified(), disconnected: () => {} };
  const link = await radio.connect(address, on, 10_000);
  const connectMs = performance.now() - connectFromMs;
  const value = new Uint8Array(bytes);
  value[0] = ASK.echo;
  const echoMs: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const fromMs = performance.now();
    const echo = new Promise<void>((resolve) => (notified = resolve));
    await link.write(value);
    await echo;
    echoMs.push(performance.now() - fromMs);
  }
  let missing = BURST;
  const fromMs = performance.now();
  const all = new Promise<void>((resolve) => {
    notified = () => {
      missing -= 1;
      if (missing === 0) resolve();
    };
  });
  await link.write(Uint8Array.of(ASK.burst, BURST >> 8, BURST & 0xff, BURST_BYTES));
  await all;
  const notifiedBytesPerS = (BURST * BURST_BYTES * 1000) / (performance.now() - fromMs);
  await link.disconnect();
  return { connectMs, echoMs, notifiedBytesPerS };
}
