/** Fuzz: what phone and lock take of a rental, and links that make a phone an owner. */
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { signOrder } from "../../../protocols/access/orders.ts";
import {
  formatCard,
  formatOwnerLink,
  parseCard,
  parseOwnerLink,
} from "../../../protocols/access/owner-link.ts";
import {
  openLocksWord,
  openOpening,
  readStay,
  signDeparture,
  signOpening,
  signRefusal,
} from "../../../protocols/access/stay.ts";
import * as kit from "../../../protocols/access/testing/kit.ts";
import { openStayOffer, signStayOffer } from "../../../protocols/access/walk-up.ts";
import { openFact } from "../../../protocols/contract/facts.ts";
import { rentalTerms } from "../../../protocols/contract/templates/rental.ts";
import { encodeTerms, termsId } from "../../../protocols/contract/terms.ts";
import { fromBase64Url, toBase64Url } from "../../../protocols/encoding/bytes.ts";
import { openCard, signCard } from "../../../protocols/identity/card.ts";
import { verify1 } from "../../../protocols/identity/cose.ts";
import { fuzz } from "../support/harness.ts";
import { mutated, mutatedCbor } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { fuzzSigned } from "../support/signed.ts";

const { owner, guest, stranger, HERE, MONDAY_8H, HOUR, DAY, lock } = kit;
const session = new Uint8Array(32).fill(7);

const card = signCard(
  {
    ...{ root: owner.publicKey, identity: guest.publicKey, sessionKey: new Uint8Array(32).fill(9) },
    ...{ kind: "phone", name: "Ana", notBefore: MONDAY_8H, notAfter: MONDAY_8H + 300 * DAY },
  },
  owner,
);

describe("what makes a phone an owner", () => {
  const order = signOrder({ ...HERE, number: 1, timeMs: MONDAY_8H, act: { kind: "add-owner", card } }, owner);
  const link = { network: "village", sessionKey: session, order };
  const links = [link, { ...link, network: null }].map((one) =>
    fromBase64Url(formatOwnerLink(one).slice("segment:owner:".length)),
  );
  fuzz(
    "parseOwnerLink reads one link in one text, or refuses",
    mutatedCbor(links).map((bytes) => `segment:owner:${toBase64Url(bytes)}`),
    (text) => must(formatOwnerLink(parseOwnerLink(text)) === text, "the link"),
    { accepted: 0.02 },
  );
  fuzz(
    "parseCard takes a card that its root has signed, or refuses",
    mutated([card]).map((bytes) => `segment:card:${toBase64Url(bytes)}`),
    (text) => {
      const read = parseCard(nodeCrypto, text);
      must(formatCard(read) === text, "the card");
      mustEqual(openCard(nodeCrypto, read).identity, guest.publicKey, "whose it is");
    },
    { share: 0.2, accepted: 0.001 },
  );
});

describe("what is taken of a rental", () => {
  const partyOf = (identity: Uint8Array, account: Uint8Array) => ({ identity, account });
  const terms = encodeTerms(
    rentalTerms({
      ...{ network: "village", nonce: new Uint8Array(16).fill(1), currency: `EUR.${"0".repeat(16)}` },
      guest: partyOf(guest.publicKey, stranger.publicKey),
      host: partyOf(owner.publicKey, owner.publicKey),
      lock: partyOf(lock.publicKey, owner.publicKey),
      ...{ place: "a", address: "b", offeredAtMs: MONDAY_8H, signByMs: MONDAY_8H + HOUR },
      ...{ cancelByMs: MONDAY_8H + DAY, arrivalMs: MONDAY_8H + 2 * DAY, departureMs: MONDAY_8H + 4 * DAY },
      ...{ priceMinor: 100n, depositMinor: 50n },
    }),
  );
  const stay = readStay(nodeCrypto, terms);
  fuzz(
    "readStay reads a stay that can be lived in, or refuses",
    mutatedCbor([terms]),
    (bytes) => {
      const read = readStay(nodeCrypto, bytes);
      mustEqual(read.termsId, termsId(nodeCrypto, bytes), "its contract");
      must(Number.isSafeInteger(read.arrivalMs) && Number.isSafeInteger(read.departureMs), "its times");
      must(read.guest.identity.length === 32 && read.lock.identity.length === 32, "its parties");
    },
    { share: 0.2 },
  );

  const id = stay.termsId;
  const payloadOf = (bytes: Uint8Array): Uint8Array => verify1(nodeCrypto, "fact", bytes).payload;
  const openings = [0, 1_000, -1_000].map((ms) => signOpening(guest, id, session, MONDAY_8H + ms));
  fuzzSigned("openOpening", {
    ...{ label: "fact", payloads: openings.map(payloadOf), signers: [guest, guest, guest, stranger] },
    open: (crypto, bytes) => {
      const fact = openOpening(crypto, bytes, { termsId: id, by: guest.publicKey, session, now: MONDAY_8H });
      mustEqual(fact.signer, guest.publicKey, "who has signed");
      mustEqual(fact.subject!, id, "what it is about");
    },
  });
  const words = [openings[0]!, signRefusal(lock, id, "key-not-yet", MONDAY_8H), signDeparture(lock, id, 0)];
  fuzzSigned("openLocksWord", {
    ...{ label: "fact", payloads: words.map(payloadOf), signers: [lock, lock, lock, stranger] },
    open: (crypto, bytes) => {
      const fact = openLocksWord(crypto, bytes, stay);
      mustEqual(fact.signer, lock.publicKey, "who has signed");
      must(fact.kind !== openFact(nodeCrypto, signDeparture(lock, id, 0)).kind, "no departure");
    },
  });
  const offer = { tab: id, untilMs: MONDAY_8H + DAY, priceMinor: 8_000n };
  fuzzSigned("openStayOffer", {
    ...{ label: "fact", signers: [lock, lock, lock, stranger] },
    payloads: [payloadOf(signStayOffer(lock, offer, MONDAY_8H))],
    open: (crypto, bytes) => {
      const read = openStayOffer(crypto, bytes, lock.publicKey);
      must(read.priceMinor > 0n && Number.isSafeInteger(read.untilMs), "an offer");
    },
  });
});
