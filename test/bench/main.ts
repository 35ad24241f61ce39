/** `npm run bench`: every benchmark. A new one is a file beside this one and a line below. */
import { contractBenches } from "./contract.ts";
import { flightBench } from "./flight.ts";
import { runBenches } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { sealingBenches } from "./sealing.ts";
import { fullSettlementBench } from "./settlement-full.ts";
import { settlementBenches } from "./settlement.ts";
import { unlockBenches } from "./unlock.ts";
import { virtualBench } from "./virtual.ts";

const BENCHES: Bench[] = [
  ...unlockBenches,
  ...settlementBenches,
  fullSettlementBench,
  ...sealingBenches,
  ...contractBenches,
  flightBench,
  virtualBench,
];

process.exitCode = await runBenches(BENCHES, process.argv.slice(2));
