/** Fuzz: COSE signatures, cards, identities, words. */
import fc from "fast-check";
import { describe } from "vitest";
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { concat, toHex } from "../../../protocols/encoding/bytes.ts";
import { CborTag, encodeCbor } from "../../../protocols/encoding/cbor.ts";
import type { CborValue } from "../../../protocols/encoding/cbor.ts";
import { openCard, signCard } from "../../../protocols/identity/card.ts";
import { openSign1, sign1, sigStructure, verify1 } from "../../../protocols/identity/cose.ts";
import { agentId, didKey, publicKeyFromId, requirePublicKey } from "../../../protocols/identity/keys.ts";
import { newWords, seedFromWords, slip10 } from "../../../protocols/identity/root.ts";
import { keyOf, personOf, seededRandom, START_MS } from "../../ledger/committee.ts";
import { bombsIn, cborBombs } from "../support/bombs.ts";
import { cborHead } from "../support/cbor-tree.ts";
import { bombs, fuzz } from "../support/harness.ts";
import { mutated, mutatedInside } from "../support/mutate.ts";
import { must, mustEqual } from "../support/must.ts";
import { near } from "../support/near.ts";
import { fuzzSigned, trusting, unsigned } from "../support/signed.ts";

const signer = keyOf("signer");
const other = keyOf("other");
const signed = sign1("fact", encodeCbor([1, "payload", new Uint8Array(40)]), signer);
const card = personOf("alice").card;

describe("COSE_Sign1", () => {
  fuzz(
    "openSign1 takes apart what is put together again to the same bytes",
    mutated([signed, card]),
    (bytes) => {
      const { protectedBytes, unprotected, payload, signature } = openSign1(bytes);
      mustEqual(
        encodeCbor(new CborTag(18, [protectedBytes, unprotected, payload, signature])),
        bytes,
        "the message",
      );
      sigStructure(protectedBytes, new Uint8Array(0), payload);
    },
    { accepted: 0.1 },
  );

  fuzz(
    "verify1 believes no mutant",
    mutated([signed, card]),
    (bytes) => {
      verify1(nodeCrypto, "fact", bytes);
      mustEqual(bytes, signed, "the message");
    },
    { accepted: 0.02 },
  );

  const headers = encodeCbor(
    new Map<CborValue, CborValue>([
      [1, -8],
      [4, signer.publicKey],
    ]),
  );
  fuzz(
    "verify1 of headers that were changed before signing",
    mutatedInside([headers]),
    (protectedBytes) => {
      const payload = encodeCbor(1);
      const aad = new TextEncoder().encode("segment/1/sign/fact");
      const signature = signer.sign(sigStructure(protectedBytes, aad, payload));
      const bytes = encodeCbor(new CborTag(18, [protectedBytes, new Map(), payload, signature]));
      mustEqual(verify1(nodeCrypto, "fact", bytes).signer, signer.publicKey, "the signer");
      mustEqual(protectedBytes, headers, "one header, one form");
    },
    { accepted: 0.05, share: 0.5 },
  );

  // Four mebibytes are allowed here: a long integer in place of the signature was read in hours.
  const bignum = concat(Uint8Array.of(0xc2), cborHead(2, 3 << 20), new Uint8Array(3 << 20).fill(0xff));
  const bombed = concat(Uint8Array.of(0xd2, 0x84, 0x40, 0xa0, 0x40), bignum);
  bombs("verify1", [...cborBombs(), ...bombsIn([signed]), bombed], (b) => verify1(nodeCrypto, "fact", b));
});

describe("cards", () => {
  const root = keyOf("alice root");
  const { payload } = verify1(nodeCrypto, "card", card);

  fuzz(
    "openCard of mutants",
    mutated([card, signed]),
    (bytes) => {
      openCard(nodeCrypto, bytes, START_MS);
      mustEqual(bytes, card, "the card");
    },
    { accepted: 0.02 },
  );

  fuzzSigned("openCard", {
    label: "card",
    payloads: [payload],
    signers: [root, root, other],
    open: (crypto, bytes) => {
      const opened = openCard(crypto, bytes);
      const { payload: signedPayload } = verify1(crypto, "card", bytes);
      mustEqual(
        verify1(trusting, "card", signCard(opened, unsigned(root))).payload,
        signedPayload,
        "the card",
      );
    },
    accepted: 0.05,
  });

  bombs("openCard", [...cborBombs(), ...bombsIn([card])], (bytes) => openCard(nodeCrypto, bytes));
  bombs("openCard, signed", bombsIn([payload]), (b) => openCard(nodeCrypto, sign1("card", b, root)));
});

describe("identities", () => {
  const id = agentId(signer.publicKey);
  fuzz(
    "publicKeyFromId reads what agentId and didKey write, and nothing else",
    near([id, didKey(signer.publicKey), `did:key:${"z6Mk".repeat(2_000)}`, "z6Mk".padEnd(48, "1")]),
    (text) => {
      const publicKey = publicKeyFromId(text);
      must(text === agentId(publicKey) || text === didKey(publicKey), "the id's one form, or the did's");
    },
    { accepted: 0.05 },
  );

  fuzz(
    "requirePublicKey and agentId agree",
    mutated([signer.publicKey, new Uint8Array(32)]),
    (key) => {
      requirePublicKey(key);
      mustEqual(publicKeyFromId(agentId(key)), key, "the key");
    },
    { accepted: 0.1 },
  );
});

describe("words", () => {
  const words = Array.from({ length: 3 }, (_, seed) => newWords(seededRandom(seed)));
  const shuffled = fc.array(fc.constantFrom(...wordlist), { minLength: 11, maxLength: 13 });
  // The sound ones cost 30 ms each, and many are the same: these are read once.
  const lengths = new Map<string, number>();
  fuzz(
    "seedFromWords",
    fc.oneof(
      near(words),
      shuffled.map((list) => list.join(" ")),
    ),
    (text) => {
      const length = lengths.get(text) ?? seedFromWords(text).length;
      lengths.set(text, length);
      must(length === 64, "64 bytes");
    },
    { accepted: 0.01 },
  );

  fuzz(
    "slip10",
    fc.tuple(fc.uint8Array({ maxLength: 80 }), near(["m/21319'/0'", "m/2147483647'"])),
    ([seed, path]) => must(toHex(slip10(seed, path)).length === 64, "32 bytes"),
  );
});
