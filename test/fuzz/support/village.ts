/** The notaries whose ledger is fuzzed: what they go by, and one thing that one of them states. */
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { ledgerRules } from "../../../protocols/ledger/ledger.ts";
import { signNoRelease } from "../../../protocols/ledger/statements.ts";
import { committeeOf, START_MS } from "../../ledger/committee.ts";

export const { network, configs } = committeeOf(4);
export const rules = ledgerRules(nodeCrypto, network);
export const termSigners = configs.map(({ termSigner }) => termSigner);

/** An id of nothing that the ledger knows. */
export const id = new Uint8Array(32).fill(3);
export const statement = signNoRelease(rules, termSigners[0]!, { termsId: id, seq: 1, timeMs: START_MS });
