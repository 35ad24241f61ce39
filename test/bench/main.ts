/** `npm run bench`: every benchmark. A new one is a file beside this one and a line below. */
import { flightBench } from "./flight.ts";
import { runBenches } from "./harness.ts";
import type { Bench } from "./harness.ts";

const BENCHES: Bench[] = [flightBench];

process.exitCode = await runBenches(BENCHES, process.argv.slice(2));
