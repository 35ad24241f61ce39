/**
 * Entries that the owner's root signs, or whose receipt goes to somebody else: nobody delivers a receipt to a
 * key that is no device, so it is asked for.
 */
import type { Certified } from "../core/ledger-client.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { Signer, Timer } from "../../protocols/ports.ts";
import { meet } from "./run-client.ts";
import type { Client } from "./run-client.ts";

const ASK_EVERY_MS = 500;
const PATIENCE_MS = 20_000;
const VALIDITY_MS = 60_000;
/** The ledger's time may be behind. */
const ALLOWANCE_MS = 5 * 60 * 1_000;

/** Submits and waits for the receipt. Errors: the ledger's refusal; quorum-missing. */
export async function submitAs(client: Client, signer: Signer, body: EntryBody): Promise<Certified> {
  const { machine, connection, ledger } = client;
  const { network, clock, messenger } = connection;
  const { crypto, random, linkClock } = machine;
  const now = clock.now();
  const window = { notBefore: Math.max(0, now - ALLOWANCE_MS), notAfter: now + VALIDITY_MS };
  const draft = { body, nonce: random.bytes(16), window };
  // Signing is deterministic: this is the very entry that is submitted below.
  const { id } = makeSubmission({ crypto, random, network, signer }, now, draft);
  const question = encodeMessage({ entryId: id });
  let timer: Timer | undefined;
  const ask = (): void => {
    for (const notary of network.notaries) {
      if (messenger.cardOf(notary.id) === undefined) continue;
      messenger.send(notary.id, "receipt-wanted", question).catch((error: unknown) => {
        messenger.countDrop(errorCode(error));
      });
    }
    timer = linkClock.at(linkClock.now() + ASK_EVERY_MS, ask);
  };
  await Promise.all(network.notaries.map((notary) => meet(client, notary.id)));
  const certified = ledger.submit(draft, { signer, patienceMs: PATIENCE_MS });
  ask();
  try {
    return await certified;
  } finally {
    timer?.cancel();
  }
}
