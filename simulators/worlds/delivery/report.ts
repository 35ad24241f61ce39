/**
 * What `segment simulate delivery --json` prints: one document; what varies from run to run only under
 * `host`.
 */
import type { Outcome, Scenario } from "./scenarios.ts";
import type { RadioCounts } from "./ipc.ts";

/** Minor units as text, by party and currency; holds are parties named `hold:…`. */
export type Balances = Record<string, Record<string, string>>;

export interface DeliveryReport {
  scenario: Scenario;
  outcome: Outcome;
  /** In a sentence. */
  reason: string;
  /** The contract's id in hex; null when none was opened. */
  contract: string | null;
  steps: { name: string; by: string }[];
  balances: { before: Balances; after: Balances };
  telemetry: {
    records: number;
    chunks: number;
    shards: number;
    keepers: number;
    keepersStopped: number;
    /** Records that the owner read back from the keepers that were left. */
    recovered: number;
    /** Places in the keepers' files where plaintext of the flight stands. */
    plaintextHits: number;
  };
  /** Counted by the phone's process; what a life that was killed had counted is gone with it. */
  ble: RadioCounts;
  mqtt: { messages: number; bytes: number };
  host: {
    folder: string;
    receipt: string | null;
    invoice: string | null;
    terms: string | null;
    network: string;
    track: string | null;
    durationMs: number;
    worldMs: number;
    speed: number;
    node: string;
    /** Messages that agents refused, by error code. */
    dropped: Record<string, number>;
  };
}
