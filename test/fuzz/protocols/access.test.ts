/** Fuzz: what opens doors: pairing codes, guest keys and their links, orders, requests, and the messages. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { openChain } from "../../../protocols/access/chain.ts";
import { openRequest, signRequest } from "../../../protocols/access/command.ts";
import { openClaim, openGuestKey, signClaim, signGuestKey } from "../../../protocols/access/key.ts";
import type { GuestKey } from "../../../protocols/access/key.ts";
import { formatKeyLink, parseKeyLink } from "../../../protocols/access/link.ts";
import { ACCESS_SCHEMAS } from "../../../protocols/access/messages.ts";
import type { AccessBody, AccessMessage } from "../../../protocols/access/messages.ts";
import { openOrder, openRefresh, signOrder, signRefresh } from "../../../protocols/access/orders.ts";
import { formatPairing, parsePairing } from "../../../protocols/access/pairing.ts";
import * as kit from "../../../protocols/access/testing/kit.ts";
import { keySentences } from "../../../protocols/access/text.ts";
import { timeRefusal } from "../../../protocols/access/times.ts";
import { fromBase64Url, toBase64Url } from "../../../protocols/encoding/bytes.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import type { SignatureLabel } from "../../../protocols/labels.ts";
import { fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { near } from "../support/near.ts";
import { fuzzShape } from "../support/shapes.ts";
import { fuzzSigned, unsigned } from "../support/signed.ts";

const { owner, guest, stranger, HERE, MONDAY_8H, HOUR } = kit;
const signers = [owner, guest, stranger];
const id = new Uint8Array(32).fill(3);
const nonce = new Uint8Array(16).fill(4);

const pairing = {
  ...{ network: "village", identity: kit.lock.publicKey, sessionKey: id, psk: id, untilMs: MONDAY_8H },
};
const full: GuestKey = kit.keyOf({
  rights: [
    { target: "door", actions: ["open", "lock"] },
    { target: "light-2", actions: ["on"] },
  ],
  week: [{ days: 31, fromMinute: 480, toMinute: 1_080 }],
  offsets: [
    { fromMs: 0, minutes: 60 },
    { fromMs: MONDAY_8H, minutes: 120 },
  ],
  ...{ uses: 3, depth: 2, refreshMs: HOUR },
});

/** The bytes behind a text's prefix, mutated as CBOR, and the text itself. */
function texts(prefix: string, samples: string[]): fc.Arbitrary<string> {
  const bytes = samples.map((line) => fromBase64Url(line.slice(prefix.length)));
  const inside = fc.oneof(mutatedCbor(bytes), mutated(bytes)).map((one) => prefix + toBase64Url(one));
  return fc.oneof({ weight: 4, arbitrary: inside }, { weight: 1, arbitrary: near(samples) });
}

describe("what is scanned or pasted", () => {
  const codes = [pairing, { ...pairing, network: null }, { ...pairing, untilMs: null }].map(formatPairing);
  fuzz(
    "parsePairing reads one code in one text, or refuses",
    texts("segment:pair:", codes),
    (text) => must(formatPairing(parsePairing(text)) === text.trim(), "the code"),
    { accepted: 0.05 },
  );

  const shared = { network: "village", sessionKey: id, links: [kit.linkOf(kit.keyOf())], secret: id };
  const links = [shared, { ...shared, network: null, links: kit.passedOn(), secret: null }].map(
    formatKeyLink,
  );
  fuzz(
    "parseKeyLink reads one link in one text, or refuses; openChain does so with its keys",
    texts("segment:key:", links),
    (text) => {
      const read = parseKeyLink(text);
      must(formatKeyLink(read) === text.trim(), "the link");
      openChain(nodeCrypto, read.links);
    },
    { share: 0.2 },
  );
});

describe("what is signed for a lock", () => {
  const payloadsOf = (label: SignatureLabel, messages: Uint8Array[]): Uint8Array[] =>
    messages.map((bytes) => verify1(nodeCrypto, label, bytes).payload);
  const again = (bytes: Uint8Array, payload: Uint8Array | undefined, label: SignatureLabel): void => {
    if (payload !== undefined) mustEqual(verify1(trusted, label, bytes).payload, payload, "one encoding");
  };
  const trusted = { ...nodeCrypto, ed25519Verify: () => true };

  const keys = [full, kit.keyOf(), kit.keyOf({ windows: [], parent: id })].map((key) => kit.signed(key));
  fuzzSigned("openGuestKey", {
    label: "guestKey",
    payloads: payloadsOf("guestKey", keys),
    signers: [owner, owner, owner, stranger],
    open: (crypto, bytes, payload) => {
      const key = openGuestKey(crypto, bytes);
      again(signGuestKey(key, unsigned({ publicKey: key.issuer })), payload, "guestKey");
      timeRefusal(key, MONDAY_8H);
      // Whatever a key says can be said in words.
      must(keySentences(key, "fr").length === keySentences(key, "en").length, "as many sentences");
    },
  });
  fuzzSigned("openClaim", {
    label: "keyClaim",
    payloads: payloadsOf("keyClaim", [signClaim({ key: id, identity: guest.publicKey }, kit.link)]),
    signers,
    open: (crypto, bytes, payload) => {
      again(signClaim(openClaim(crypto, bytes), unsigned(owner)), payload, "keyClaim");
    },
  });
  const acts = [
    { kind: "add-owner", card: new Uint8Array(300) },
    { kind: "hand-over", card: new Uint8Array(300) },
    { kind: "remove-owner", identity: guest.publicKey },
    ...[null, MONDAY_8H].map((untilMs) => ({ kind: "revoke", keys: [{ id, untilMs }] }) as const),
  ] as const;
  fuzzSigned("openOrder", {
    label: "lockOrder",
    payloads: payloadsOf(
      "lockOrder",
      acts.map((act) => signOrder({ ...HERE, number: 7, timeMs: MONDAY_8H, act }, owner)),
    ),
    signers,
    open: (crypto, bytes, payload) => {
      again(signOrder(openOrder(crypto, bytes).order, unsigned(owner)), payload, "lockOrder");
    },
  });
  fuzzSigned("openRefresh", {
    label: "keyRefresh",
    payloads: payloadsOf("keyRefresh", [signRefresh({ ...HERE, timeMs: MONDAY_8H, keys: [id, id] }, owner)]),
    signers,
    open: (crypto, bytes, payload) => {
      again(signRefresh(openRefresh(crypto, bytes).refresh, unsigned(owner)), payload, "keyRefresh");
    },
  });
  const request = { ...HERE, nonce, target: "door", action: "open", timeMs: MONDAY_8H } as const;
  fuzzSigned("openRequest", {
    label: "lockRequest",
    payloads: payloadsOf(
      "lockRequest",
      [null, id].map((one) => signRequest({ ...request, session: one, key: one }, guest)),
    ),
    signers,
    open: (crypto, bytes, payload) => {
      again(signRequest(openRequest(crypto, bytes).request, unsigned(guest)), payload, "lockRequest");
    },
  });
});

describe("messages between phone and lock", () => {
  const entry = {
    ...{ number: 1, timeMs: MONDAY_8H, isTimeKnown: true, who: "z6Mk", name: "Ana", what: "request" },
    ...{ target: "door", action: "open" as const, key: id, code: null, evidence: id },
  };
  const target = { name: "door", role: "bolt", actions: ["open" as const] };
  const state = {
    ...{ tenure: nonce, timeMs: MONDAY_8H, isTimeKnown: true, isLocked: true, isOpen: null },
    ...{ batteryPermille: 870, targets: [target] },
  };
  const links = [{ key: new Uint8Array(300), claim: null }];
  const samples: { [Type in AccessMessage]: AccessBody<Type> } = {
    "lock-pair": { card: new Uint8Array(300), proof: id },
    "lock-request": { request: new Uint8Array(200), links, refreshes: [new Uint8Array(200)], opened: id },
    "lock-stay": { terms: new Uint8Array(900), receipt: new Uint8Array(900) },
    "lock-claim": { links },
    "walk-up": { offer: new Uint8Array(160) },
    "walk-up-offer": { offer: new Uint8Array(160), isAgreed: true, currency: "EUR.0", tenure: nonce },
    "lock-time": { statement: new Uint8Array(160) },
    "lock-order": { order: new Uint8Array(200) },
    "lock-status": { nonce },
    "lock-watch": { nonce, links, refreshes: [new Uint8Array(200)] },
    "lock-watched": {
      ...{ about: nonce, state },
      last: { name: "Ana", target: "door", timeMs: MONDAY_8H },
    },
    "lock-audit": { nonce, from: 1 },
    "lock-answer": { about: nonce, code: "key-expired", message: "no", waitMs: 0, state, fact: id },
    "lock-log": { about: nonce, entries: [entry], next: 2 },
    "lock-grant-ask": { nonce },
    "lock-grant": { about: nonce, grant: new Uint8Array(300), keepers: ["z6Mk", "z6Ml"] },
    "lock-alert": { kind: "left-open", timeMs: MONDAY_8H },
    "key-refresh-ask": { links },
    "key-refreshed": { refresh: new Uint8Array(200) },
  };
  for (const [type, sample] of Object.entries(samples))
    fuzzShape(type, ACCESS_SCHEMAS[type as AccessMessage], sample);
});
