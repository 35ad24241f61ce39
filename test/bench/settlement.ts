/** Settling on the ledger, without disk and network, beside the signatures that it cannot do without. */
import { nodeCrypto as crypto, nodeRandom as random } from "../../agent/node/crypto.ts";
import { ledgerRules } from "../../protocols/ledger/ledger.ts";
import { NotaryCore } from "../../protocols/ledger/notary.ts";
import { encodeCut } from "../../protocols/ledger/record.ts";
import { signStamp } from "../../protocols/ledger/statements.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { committeeOf, START_MS } from "../ledger/committee.ts";
import { cpuMs, elapsedMs, perSecond, spread } from "./harness.ts";
import type { Bench } from "./harness.ts";
import { barePrimitives, settlingSignaturesMs } from "./primitives.ts";
import { genesis, openVillage, payee, payer, transferBody } from "./village.ts";
import type { Village } from "./village.ts";

const TRANSFERS_PER_ROUND = 50;
const BLOCK_ENTRIES = 100;
const REPLAYED_BLOCKS = 20;
const REPLAY_ROUNDS = 9;
/** A log is long, these are not: what counts is how the program runs once it is compiled. */
const REPLAY_WARM_UPS = 5;

const bare = barePrimitives();

function inVillage(
  bench: Omit<Bench, "run" | "open" | "close"> & { run(village: Village): Promise<number> },
): Bench {
  let village: Village | undefined;
  return {
    ...bench,
    open: async () => {
      village = await openVillage();
    },
    run: () => {
      if (village === undefined) throw new Error("the village is not open");
      return bench.run(village);
    },
    close: () => village?.close(),
  };
}

/** Until all four have certified it and the payer has verified the receipt, all on one core. */
const oneTransfer = inVillage({
  name: "settlement: one transfer, four notaries in memory, p50",
  unit: "ms",
  better: "less",
  run: async (village) => {
    const durations: number[] = [];
    for (let time = 0; time < TRANSFERS_PER_ROUND; time++) {
      durations.push(await elapsedMs(() => village.settleAndVerify(village.transfer())));
    }
    return spread(durations).median;
  },
  limit: {
    name: "8 signatures made and 25 verified",
    run: settlingSignaturesMs,
  },
});

/** Four notaries share one core, and each verifies each entry. */
const blocks = inVillage({
  name: `settlement: blocks of ${BLOCK_ENTRIES} transfers, four notaries in memory`,
  unit: "entries/s",
  better: "more",
  run: async (village) => {
    const submissions = Array.from({ length: BLOCK_ENTRIES }, () => village.transfer());
    return (BLOCK_ENTRIES * 1000) / (await elapsedMs(() => village.settle(submissions)));
  },
  limit: {
    name: "a fourth of the Ed25519 verification rate",
    run: () => perSecond(bare.verify, 100, 16) / 4,
  },
});

/** The records of an order log: one block of genesis, then blocks of transfers, each entry signed once. */
function makeLog(): Uint8Array[] {
  const { network, configs } = committeeOf(4);
  const rules = ledgerRules(crypto, network);
  const records: Uint8Array[] = [];
  const add = (body: EntryBody, signer = payer.device): void => {
    records.push(makeSubmission({ crypto, random, network, signer }, START_MS, { body }).record);
  };
  const cut = (height: number): void => {
    const stamp = { height, timeMs: START_MS + height, seen: [] };
    const stamps = configs.slice(0, 3).map(({ termSigner }) => signStamp(rules, termSigner, stamp));
    records.push(encodeCut({ height, stamps, certificates: [] }));
  };
  for (const [index, body] of genesis(START_MS).entries())
    add(body, index === 1 ? payee.device : payer.device);
  cut(1);
  for (let block = 0; block < REPLAYED_BLOCKS; block++) {
    for (let entry = 0; entry < BLOCK_ENTRIES; entry++) add(transferBody());
    cut(block + 2);
  }
  return records;
}

/** What a notary does that comes back and reads the log: verify, execute, make the blocks, vote. */
function replay(): Bench {
  let records: Uint8Array[] = [];
  return {
    name: "contracts: transfers executed from an ordered log, one core",
    unit: "entries/s",
    better: "more",
    rounds: REPLAY_ROUNDS,
    warmUps: REPLAY_WARM_UPS,
    open: () => {
      records = makeLog();
    },
    run: async () => {
      const config = committeeOf(4).configs[3];
      if (config === undefined) throw new Error("the committee is too small");
      const core = new NotaryCore(config);
      core.handle({ kind: "restored", now: START_MS, saved: [] });
      const passedMs = await elapsedMs(() => {
        for (const [index, bytes] of records.entries()) {
          core.handle({ kind: "record", now: START_MS, index, bytes, more: true });
        }
      }, cpuMs);
      const paid = [...core.accountBalances(payee.root.publicKey).values()][0];
      if (paid !== BigInt(REPLAYED_BLOCKS * BLOCK_ENTRIES))
        throw new Error(`only ${paid} transfers were executed`);
      return (records.length * 1000) / passedMs;
    },
    limit: {
      name: "Ed25519 verification rate of node:crypto",
      run: () => perSecond(bare.verify, 500, 16, cpuMs),
    },
  };
}

export const settlementBenches: Bench[] = [oneTransfer, replay(), blocks];
