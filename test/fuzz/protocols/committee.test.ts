/** Fuzz: what notaries state, network files, and the messages between agents and notaries. */
import { describe } from "vitest";
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { utf8 } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { LEDGER_SCHEMAS } from "../../../protocols/ledger/messages.ts";
import type { LedgerKind } from "../../../protocols/ledger/messages.ts";
import { checkNetwork, formatNetwork, networkHash, parseNetwork } from "../../../protocols/ledger/network.ts";
import type { CurrencyPolicy } from "../../../protocols/ledger/policy.ts";
import { openNoRelease, openStamp, signNoRelease, signStamp } from "../../../protocols/ledger/statements.ts";
import { START_MS } from "../../ledger/committee.ts";
import { alice, euro } from "../../ledger/village.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzSigned, trusting, unsigned } from "../support/signed.ts";
import { id, network, rules, statement, termSigners } from "../support/village.ts";

describe("statements of notaries", () => {
  const stamp = signStamp(rules, termSigners[2]!, {
    ...{ height: 4, timeMs: START_MS },
    seen: [1, 2].map((fill) => ({ entryId: new Uint8Array(32).fill(fill), timeMs: START_MS - fill })),
  });
  fuzzSigned("openStamp", {
    label: "stamp",
    payloads: [verify1(crypto, "stamp", stamp).payload],
    signers: [termSigners[2]!, termSigners[2]!, alice.device],
    open: (by, bytes) => {
      const opened = openStamp({ ...rules, crypto: by }, bytes);
      must(opened.notary === 2 && opened.seen.every(({ timeMs }) => timeMs <= opened.timeMs), "seen before");
    },
  });
  fuzzSigned("openNoRelease", {
    label: "noRelease",
    payloads: [verify1(crypto, "noRelease", statement).payload],
    signers: [termSigners[0]!, termSigners[0]!, alice.device],
    open: (by, bytes) => {
      const { termsId, seq, timeMs } = openNoRelease({ ...rules, crypto: by }, bytes);
      const again = signNoRelease(rules, unsigned(alice.device), { termsId, seq, timeMs });
      const { payload } = verify1(trusting, "noRelease", again);
      mustEqual(payload, verify1(by, "noRelease", bytes).payload, "the statement");
    },
  });
  const all = [...cborBombs(), ...bombsIn([stamp, statement])];
  bombs("openStamp", all, (bytes) => openStamp({ ...rules, crypto: trusting }, bytes));
  bombs("openNoRelease", all, (bytes) => openNoRelease({ ...rules, crypto: trusting }, bytes));
});

describe("network files", () => {
  fuzz(
    "checkNetwork",
    mutatedValue([network]),
    (value) => {
      const checked = checkNetwork(value);
      must(
        checked.notaries.length % 3 === 1 && networkHash(crypto, checked).length === 32,
        "3f+1 sound keys",
      );
      must(
        formatNetwork(checkNetwork(JSON.parse(formatNetwork(checked)))) === formatNetwork(checked),
        "the same",
      );
    },
    { accepted: 0.1 },
  );
  fuzz(
    "parseNetwork of any text",
    mutatedBytes([utf8(formatNetwork(network))]),
    (bytes) => parseNetwork(new TextDecoder().decode(bytes)),
    { accepted: 0.1 },
  );
});

describe("messages", () => {
  const melting: CurrencyPolicy = {
    ...{ kind: "money", minters: [id], cap: { minor: 5n, periodMs: 60_000 } },
    demurrage: { ppm: 1, periodMs: 60_000, fund: id },
  };
  const samples: Record<LedgerKind, unknown> = {
    time: { nonce: new Uint8Array(16), timeMs: START_MS },
    receipt: { receipt: new Uint8Array(900) },
    "receipt-wanted": { entryId: id },
    "receipt-missing": { entryId: id },
    "account-wanted": { account: id, after: euro },
    account: {
      root: id,
      joint: { k: 1, members: [id] },
      balances: [{ currency: euro, minor: 5n }],
      timeMs: START_MS,
    },
    "contract-wanted": { termsId: id },
    contract: {
      termsId: id,
      seq: 2,
      label: "may-land",
      closed: false,
      pot: [{ currency: euro, minor: 2_490 }],
      path: [0, 3],
      mandates: [{ inPeriod: 0n, inAll: 5n, isEnded: false }],
    },
    "contract-missing": { termsId: id },
    "history-wanted": { after: 3, limit: 100 },
    history: { account: id, count: 4, first: 2, receipts: [new Uint8Array(900)] },
    "devices-wanted": {},
    devices: {
      root: id,
      devices: [{ identity: id, notBefore: START_MS, notAfter: START_MS + 1, isRevoked: false }],
    },
    "time-wanted": { nonce: new Uint8Array(16) },
    "time-statement": { statement: new Uint8Array(160) },
    "currencies-wanted": { after: euro },
    currencies: {
      currencies: [
        { id: euro, code: "EUR", exponent: 2, name: "Euro", issuer: id, supply: 10_000n, policy: melting },
      ],
    },
  };
  for (const kind of Object.keys(LEDGER_SCHEMAS) as LedgerKind[]) {
    fuzz(
      `LEDGER_SCHEMAS, ${kind}`,
      mutatedValue([samples[kind]]),
      (value) => {
        const parsed = LEDGER_SCHEMAS[kind].safeParse(value);
        if (!parsed.success) throw new SegmentError("message-invalid", "refused");
        encodeCbor(Object.keys(parsed.data));
      },
      { accepted: 0.1 },
    );
  }
});
