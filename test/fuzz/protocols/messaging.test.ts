/** Fuzz: sealed envelopes, tokens, bodies, topics: what a bus may carry. */
import fc from "fast-check";
import { describe } from "vitest";
import { z } from "zod";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { hpkeOpenAt, hpkeRecipient, hpkeSealAt, hpkeSender } from "../../../protocols/crypto/hpke.ts";
import { concat, fromBase64Url, toBase64Url, utf8 } from "../../../protocols/encoding/bytes.ts";
import { decodeCbor, encodeCbor, type CborValue } from "../../../protocols/encoding/cbor.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { sign1, verify1 } from "../../../protocols/identity/cose.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { KEY_LABELS } from "../../../protocols/labels.ts";
import { checkPublish, checkSubscribe } from "../../../protocols/messaging/bus-rules.ts";
import { RecipientContexts } from "../../../protocols/messaging/contexts.ts";
import { MAX_PAYLOAD_BYTES, openEnvelope, sealEnvelope } from "../../../protocols/messaging/envelope.ts";
import type { Incoming } from "../../../protocols/messaging/envelope.ts";
import { openInbox } from "../../../protocols/messaging/inbox.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import { openTimeQuestion, signTimeQuestion } from "../../../protocols/messaging/time.ts";
import { makeToken, readClock, verifyToken } from "../../../protocols/messaging/token.ts";
import {
  castTopic,
  directTopic,
  inboxFilter,
  maySubscribe,
  mayPublish,
  parseTopic,
  topicMatches,
} from "../../../protocols/topics.ts";
import { keyOf, personOf, seededRandom, START_MS } from "../../ledger/committee.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { cborHead, encodeLoose } from "../support/cbor-tree.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutatedBytes, mutatedInside } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { must, mustEqual } from "../support/must.ts";
import { asIfSigned, fuzzSigned, trusting } from "../support/signed.ts";

const random = seededRandom(3);
const alice = keyOf("alice");
const bob = keyOf("bob");
const sessionSecret = random.bytes(32);
const recipientSessionKey = nodeCrypto.x25519PublicKey(sessionSecret);
const topic = directTopic("village", agentId(alice.publicKey), agentId(bob.publicKey));
const body = encodeMessage({ hello: "bob", list: [1, 2] });
const sealed = sealEnvelope({
  ...{ crypto: nodeCrypto, random, network: "village", sender: alice, recipient: bob.publicKey },
  ...{
    recipientSessionKey,
    topic,
    messageId: new Uint8Array(16).fill(1),
    timeMs: START_MS,
    kind: "order",
    body,
    card: personOf("alice").card,
  },
});
const receiver = { crypto: nodeCrypto, network: "village", recipient: bob.publicKey, sessionSecret };
const incoming: Incoming = { ...receiver, topic, payload: sealed, now: START_MS };
const INFO = utf8(KEY_LABELS.sealedMessage);
/** Encapsulated key and number. */
const HEAD_BYTES = 36;
const context = hpkeRecipient(nodeCrypto, sessionSecret, sealed.slice(0, 32), INFO);
const inner = hpkeOpenAt(nodeCrypto, context, 0, utf8(topic), sealed.subarray(HEAD_BYTES));
const [, pledge, ...rest] = decodeCbor(inner) as [CborValue, Uint8Array, ...CborValue[]];
const pledged = verify1(nodeCrypto, "message", pledge).payload;

/** Sealed by anybody: the recipient's key is public. */
function seal(plaintext: Uint8Array): Uint8Array {
  return concat(sealed.subarray(0, HEAD_BYTES), hpkeSealAt(nodeCrypto, context, 0, utf8(topic), plaintext));
}

/** Sealed as far as this crypto can tell: HPKE costs more than all that comes after it. */
const openHanded = {
  ...trusting,
  x25519: () => new Uint8Array(32),
  x25519PublicKey: () => new Uint8Array(32),
  chacha20Poly1305: { ...trusting.chacha20Poly1305, open: (...[, , , text]: Uint8Array[]) => text },
};

describe("envelopes", () => {
  fuzz(
    "openEnvelope of mutants",
    mutatedBytes([sealed]),
    (payload) => {
      mustEqual(openEnvelope({ ...incoming, payload }).body, body, "the body");
      mustEqual(payload, sealed, "the payload");
    },
    { share: 0.3, accepted: 0.05 },
  );

  fuzz(
    "openEnvelope of mutants sealed anew",
    mutatedInside([inner]),
    (plaintext) => {
      // Who made the context may say in it what it likes, but not as another, nor of another time.
      const opened = openEnvelope({ ...incoming, payload: seal(plaintext) });
      must(opened.from === agentId(alice.publicKey), "by Alice");
      must(Math.abs(opened.timeMs - START_MS) <= 600_000, "fresh");
    },
    { share: 0.2, accepted: 0.02 },
  );

  fuzzSigned("openEnvelope, the pledge", {
    label: "message",
    payloads: [pledged],
    signers: [alice, alice, alice, bob],
    open: (crypto, message) => {
      const plaintext = encodeCbor([2, message, ...rest]);
      const isTrusted = crypto === trusting;
      const payload = isTrusted ? concat(sealed.subarray(0, HEAD_BYTES), plaintext) : seal(plaintext);
      const opened = openEnvelope({ ...incoming, crypto: isTrusted ? openHanded : crypto, payload });
      must(opened.from === agentId(alice.publicKey), "by Alice");
      mustEqual(opened.body, body, "the body");
    },
  });

  const contexts = new RecipientContexts();
  const others = [9, 10].map((seed) => hpkeSender(nodeCrypto, seededRandom(seed), recipientSessionKey, INFO));
  fuzz(
    "contexts that are kept believe nobody who has not pledged them",
    fc.tuple(fc.nat(1), fc.constantFrom(alice, bob), fc.nat(1), fc.nat(300)),
    ([made, signer, named, seq]) => {
      const own = others[made]!;
      const text = encodeCbor([2, "village", bob.publicKey, others[named]!.encapsulated, START_MS]);
      const plaintext = encodeCbor([2, sign1("message", text, signer), ...rest]);
      const number = Uint8Array.of(0, 0, seq >> 8, seq & 255);
      const ciphertext = hpkeSealAt(nodeCrypto, own, seq, utf8(topic), plaintext);
      openEnvelope({ ...incoming, contexts, payload: concat(own.encapsulated, number, ciphertext) });
      must(signer === alice && made === named, "Alice's own");
    },
    { share: 0.2, accepted: 0.1 },
  );

  const head = new Uint8Array(HEAD_BYTES);
  const bignum = concat(Uint8Array.of(0xc2), cborHead(2, 250_000), new Uint8Array(250_000).fill(0xff));
  const inBignum = [0x40, 0x84].map((first) => concat(Uint8Array.of(0xd2, 0x84, first, 0xa0), bignum));
  bombs("openEnvelope, sealed by a stranger", [...cborBombs(), ...inBignum, ...bombsIn([inner])], (bomb) =>
    openEnvelope({ ...incoming, crypto: openHanded, payload: concat(head, bomb) }),
  );
  bombs("openEnvelope, the pledge", bombsIn([pledged]), (bomb) => {
    const plaintext = encodeCbor([2, asIfSigned("message", bomb, alice), ...rest]);
    return openEnvelope({ ...incoming, crypto: openHanded, payload: concat(head, plaintext) });
  });
  bombs("openEnvelope of what no message may weigh", [new Uint8Array(MAX_PAYLOAD_BYTES + 1)], (payload) =>
    openEnvelope({ ...incoming, payload }),
  );

  const inbox = openInbox({ ...receiver, crypto: openHanded });
  fuzz(
    "openInbox never throws, and gives each message once",
    fc.tuple(
      mutatedInside([inner]),
      fc.constantFrom(topic, "segment/1/village/x/to/y", inboxFilter("village", agentId(bob.publicKey))),
    ),
    ([payload, at]) => {
      const message = concat(sealed.subarray(0, HEAD_BYTES), payload);
      const first = inbox.receive(at, message, START_MS);
      must(first === undefined || at === topic, "on its own topic");
      must(inbox.receive(at, message, START_MS) === undefined, "and not again");
    },
    { accepted: 1 },
  );
});

describe("questions for the time", () => {
  const { card } = personOf("alice");
  const question = signTimeQuestion(alice, "village", { nonce: new Uint8Array(16).fill(6), card });
  const { payload } = verify1(nodeCrypto, "timeQuestion", question);
  fuzzSigned("openTimeQuestion", {
    label: "timeQuestion",
    payloads: [payload],
    signers: [alice, bob],
    open: (crypto, bytes) => {
      const { nonce, card: shown } = openTimeQuestion(crypto, "village", bytes);
      const again = encodeCbor([1, "village", nonce, shown]);
      mustEqual(again, verify1(crypto, "timeQuestion", bytes).payload, "the question");
    },
  });
  bombs("openTimeQuestion", [...cborBombs(), ...bombsIn([question])], (bytes) =>
    openTimeQuestion(trusting, "village", bytes),
  );
});

describe("the broker's clock", () => {
  fuzz(
    "readClock reads digits alone",
    mutatedBytes([utf8(String(START_MS)), utf8("0"), utf8("9".repeat(20)), utf8("1e9"), utf8("٣٤")]),
    (bytes) => {
      const timeMs = readClock(bytes);
      if (timeMs === undefined) return;
      must(Number.isSafeInteger(timeMs) && timeMs >= 0, "a time");
      must(Number(new TextDecoder().decode(bytes)) === timeMs, "all of the digits");
    },
    { accepted: 1 },
  );
});

describe("tokens", () => {
  const clientId = agentId(alice.publicKey);
  const login = { network: "village", clientId, now: START_MS };
  const { username, password } = makeToken(alice, login);
  const bytes = fromBase64Url(password);
  const { payload } = verify1(nodeCrypto, "brokerToken", bytes);

  fuzzSigned("verifyToken", {
    label: "brokerToken",
    payloads: [payload],
    signers: [alice, alice, bob],
    open: (crypto, message) => {
      const id = verifyToken(crypto, { ...login, username, password: toBase64Url(message) });
      must(id === username, "Alice, or nobody");
    },
  });
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc
      .tuple(fc.nat(password.length), fc.string({ maxLength: 2 }))
      .map(([at, piece]) => password.slice(0, at) + piece + password.slice(at)),
  );
  fuzz(
    "verifyToken of any text, for any name",
    fc.tuple(
      texts,
      fc.oneof(fc.constant(username), fc.string({ maxLength: 60 })),
      fc.oneof(fc.constant(clientId), texts),
    ),
    ([text, name, client]) => {
      verifyToken(nodeCrypto, { ...login, username: name, clientId: client, password: text });
      must(text === password && name === username && client === clientId, "only the token itself");
    },
  );
});

describe("bodies", () => {
  const schema = z.strictObject({ hello: z.string().max(10), list: z.array(z.number().int()).max(5) });
  fuzz(
    "parseBody",
    mutatedValue([{ hello: "bob", list: [1, 2, 3] }]).map(encodeLoose),
    (bytes) => {
      const { hello, list } = parseBody(schema, bytes);
      must(hello.length <= 10 && list.every(Number.isInteger), "of its shape");
    },
    { accepted: 0.1 },
  );
});

describe("topics", () => {
  const me = agentId(alice.publicKey);
  const samples = [
    topic,
    castTopic("village", me, "vote"),
    inboxFilter("village", me),
    "segment/1/village/+/cast/+",
    "#",
  ];
  const levels = fc.constantFrom(
    "segment",
    "1",
    "village",
    me,
    agentId(bob.publicKey),
    "to",
    "cast",
    "vote",
    "+",
    "#",
    "",
    "$SYS",
  );
  const texts = fc.oneof(
    fc.constantFrom(...samples),
    fc.array(levels, { maxLength: 8 }).map((parts) => parts.join("/")),
    fc
      .tuple(fc.constantFrom(...samples), fc.nat(150), fc.string({ unit: "binary", maxLength: 2 }), fc.nat(2))
      .map(([text, at, piece, cut]) => text.slice(0, at) + piece + text.slice(at + cut)),
  );
  fuzz(
    "parseTopic reads what the makers of topics write",
    texts,
    (text) => {
      const parsed = parseTopic(text);
      const again =
        parsed.to === "agent"
          ? directTopic(parsed.network, parsed.sender, parsed.recipient)
          : castTopic(parsed.network, parsed.sender, parsed.channel);
      must(again === text, "the topic");
    },
    { accepted: 0.03 },
  );

  fuzz(
    "who may publish and subscribe: under one's own name, and nobody else's inbox",
    fc.tuple(texts, texts),
    ([filter, target]) => {
      if (mayPublish("village", me, target)) must(target.startsWith(`segment/1/village/${me}/`), "one's own");
      const bobs = directTopic("village", me, agentId(bob.publicKey));
      if (maySubscribe("village", me, filter)) must(!topicMatches(filter, bobs), "not another's inbox");
      topicMatches(filter, target);
      checkPublish("village", me, target, new Uint8Array(1));
      checkSubscribe("village", me, filter);
    },
    { share: 1 },
  );
});
