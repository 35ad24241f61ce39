/**
 * A deadline has passed. The notaries see to it by themselves; a party that waits for it hears their
 * statements that nothing timely is there, and hands them in itself if nobody else has.
 */
import type { LedgerClient } from "../core/ledger-client.ts";
import type { ContractInfo } from "../core/negotiation-follow.ts";
import { equalBytes } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { ledgerRules } from "../../protocols/ledger/ledger.ts";
import { quorum } from "../../protocols/ledger/network.ts";
import { openNoRelease } from "../../protocols/ledger/statements.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { askContract, pause } from "./notary-questions.ts";
import type { NotaryLine } from "./notary-questions.ts";

const PATIENCE_MS = 30_000;
/** How long the notaries get to do it. */
const OWN_TURN_MS = 6_000;
const LOOK_EVERY_MS = 1_000;

/** Resolves with how the contract stands once it has moved on from `seq`. Errors: quorum-missing. */
export async function awaitTimeout(
  line: NotaryLine,
  ledger: LedgerClient,
  crypto: Crypto,
  termsId: Uint8Array,
  seq: number,
): Promise<ContractInfo> {
  const { network, messenger, linkClock } = line;
  const rules = ledgerRules(crypto, network);
  const statements = new Map<number, Uint8Array>();
  await messenger.onCast("statement", (_sender, payload) => {
    const statement = openNoRelease(rules, payload);
    if (!equalBytes(statement.termsId, termsId) || statement.seq !== seq) return;
    statements.set(statement.notary, statement.bytes);
  });
  const needed = quorum(network.notaries.length);
  const startedMs = linkClock.now();
  while (linkClock.now() < startedMs + PATIENCE_MS) {
    const { value } = await askContract(line, termsId);
    if (value === undefined)
      throw new SegmentError("contract-unknown", "the ledger has forgotten the contract");
    if (value.seq > seq) return value;
    if (linkClock.now() > startedMs + OWN_TURN_MS && statements.size >= needed) {
      const gathered = [...statements].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
      const body = { kind: "expire" as const, termsId, seq, statements: gathered.slice(0, needed) };
      await ledger.submit({ body }).catch((error: unknown) => {
        // A notary was first, or the log's time has not come yet.
        const code = errorCode(error);
        if (code !== "contract-not-expected" && code !== "contract-too-early") throw error;
      });
    }
    await pause(linkClock, LOOK_EVERY_MS);
  }
  const problem = `${statements.size} of ${needed} notaries have stated that nothing timely is there`;
  throw new SegmentError("quorum-missing", problem);
}
