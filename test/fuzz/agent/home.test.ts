/**
 * The files of a home, each damaged in any way: the home opens as it was, or is refused with a code that
 * says why.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scryptSync } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { foundNetwork, loadCommittee, saveCommittee } from "../../../agent/node/committee.ts";
import { keepContact, readContacts } from "../../../agent/node/contacts.ts";
import { nodeCrypto as crypto, nodeRandom } from "../../../agent/node/crypto.ts";
import { createHome, joinNetwork, lockHome, openHome } from "../../../agent/node/home.ts";
import type { Home } from "../../../agent/node/home.ts";
import { inspectKeystore, loadKeystore } from "../../../agent/node/keystore.ts";
import { registration } from "../../../agent/node/run-documents.ts";
import { readRunStatus, runningProcess, writeRunStatus } from "../../../agent/node/run-status.ts";
import { concat, equalBytes, utf8 } from "../../../protocols/encoding/bytes.ts";
import { decodeCbor, encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { errorCode, SegmentError } from "../../../protocols/errors.ts";
import { KEY_LABELS } from "../../../protocols/labels.ts";
import { VirtualClock } from "../../../simulators/virtual-clock.ts";
import { silentNetwork, somebody, START_MS } from "../../support/agents.ts";
import { fuzz, isRefusal } from "../support/harness.ts";
import { mutated, mutatedBytes, mutatedCbor } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { looseJson, scratchFolder } from "./scratch.ts";

const above = scratchFolder();
const folder = join(above, "home");
const config = {
  ...{ kind: "drone", name: "Drone 7", roles: ["keeper" as const], broker: "mqtt://127.0.0.1:1883" },
  ...{ port: 1883, keepers: [somebody("keeper").id] },
};
const random = nodeRandom;
let home: Home;
/** The sound files by name. */
const sound = new Map<string, Uint8Array>();

const made = createHome(folder, {
  crypto,
  random,
  clock: new VirtualClock(START_MS),
  config,
  keepRoot: false,
});
await made;
joinNetwork(folder, silentNetwork());
for (const name of ["keys", "card", "config.json", "network.json"]) {
  sound.set(name, new Uint8Array(readFileSync(join(folder, name))));
}

beforeAll(async () => {
  home = await openHome(folder, crypto);
});

function mutantsOf(name: string): fc.Arbitrary<[string, Uint8Array]> {
  const sample = sound.get(name)!;
  const strategies = [mutated([sample])];
  if (name.endsWith(".json")) {
    const value: unknown = JSON.parse(new TextDecoder().decode(sample));
    strategies.push(mutatedValue([value]).map((mutant) => utf8(looseJson(mutant))));
  }
  return fc.oneof(...strategies).map((bytes) => [name, bytes]);
}

describe("a home", () => {
  fuzz(
    "with a damaged file opens as it was, or says which file is wrong",
    fc.oneof(...[...sound.keys()].map(mutantsOf)),
    async ([name, mutant]) => {
      writeFileSync(join(folder, name), mutant);
      try {
        const opened = await openHome(folder, crypto);
        // The card is signed and names the key: neither can have changed.
        expect(opened.id).toBe(home.id);
        expect(equalBytes(opened.keys.card, home.keys.card)).toBe(true);
        expect(opened.config.version).toBe(1);
      } finally {
        writeFileSync(join(folder, name), sound.get(name)!);
      }
    },
    { accepted: 0.02, share: 0.2 },
  );
});

/** As saveKeystore writes it, at the least cost that scrypt has: mutants are to be many. */
function cheapKeystore(passphrase: string): Uint8Array {
  const secrets = encodeCbor([1, new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), null]);
  const salt = new Uint8Array(16).fill(3);
  const nonce = new Uint8Array(12).fill(4);
  const header = [1, "scrypt", 1, 1, 1, salt, nonce];
  const key = scryptSync(passphrase, salt, 32, { N: 2, r: 1, p: 1 });
  const aad = concat(utf8(KEY_LABELS.keystore), Uint8Array.of(0), encodeCbor(header));
  return encodeCbor([...header, crypto.chacha20Poly1305.seal(key, nonce, aad, secrets)]);
}

/**
 * A mutant may ask for a gigabyte of work, which the reader allows: such cases are left to a person's
 * patience.
 */
function isCheap(bytes: Uint8Array): boolean {
  try {
    const fields = decodeCbor(bytes);
    if (!Array.isArray(fields)) return true;
    const [, , log2N, r, p] = fields.map((field) => (typeof field === "number" ? field : 1));
    return 2 ** log2N! * r! * p! <= 4_096;
  } catch {
    return true;
  }
}

describe("a key file", () => {
  const path = join(above, "key-file");
  const plain = encodeCbor([
    1,
    "plain",
    encodeCbor([1, new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), new Uint8Array(64).fill(3)]),
  ]);
  const sealed = cheapKeystore("right");

  fuzz(
    "opens with the right passphrase and the very bytes, or is refused",
    fc.tuple(mutated([plain, sealed]).filter(isCheap), fc.constantFrom("right", "wrong", "", undefined)),
    async ([mutant, passphrase]) => {
      writeFileSync(path, mutant);
      const codes = ["keystore-damaged", "passphrase-missing", "passphrase-wrong"];
      try {
        const secrets = await loadKeystore(path, passphrase);
        expect(secrets.identitySeed).toHaveLength(32);
        const { sealed: isSealed } = await inspectKeystore(path);
        if (isSealed) expect([passphrase, equalBytes(mutant, sealed)]).toEqual(["right", true]);
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
        expect(codes).toContain(error.code);
        throw error;
      }
    },
    { accepted: 0.02, share: 0.5 },
  );
});

describe("the other files of a home", () => {
  const notary = join(above, "notary");
  const { secrets } = foundNetwork(
    crypto,
    random,
    "village",
    [1, 2, 3, 4].map((n) => somebody(`n ${n}`).id),
  );
  saveCommittee(notary, secrets[0]!);
  const committee = new Uint8Array(readFileSync(join(notary, "committee")));

  fuzz("a notary's keys", mutated([committee]), (mutant) => {
    writeFileSync(join(notary, "committee"), mutant);
    try {
      expect(loadCommittee(notary)?.termSeed).toHaveLength(32);
    } catch (error) {
      expect(errorCode(error)).toBe("keystore-damaged");
      throw error;
    }
  });

  const friends = join(above, "friends");
  const card = somebody("friend").keys.card;
  keepContact(friends, crypto, card);
  fuzz(
    "contacts",
    mutated([card, somebody("other").keys.card]),
    (mutant) => {
      const path = join(friends, "contacts", "mutant.card");
      writeFileSync(path, mutant);
      const known = readContacts(friends, crypto, START_MS);
      expect(known.filter((one) => equalBytes(one, card)).length).toBeGreaterThanOrEqual(1);
      for (const one of known) expect(equalBytes(one, card) || equalBytes(one, mutant)).toBe(true);
      rmSync(path, { force: true });
    },
    { share: 0.2 },
  );

  const status = {
    ...{ startedMs: 1, atMs: 2, broker: "mqtt://127.0.0.1:1", connected: true, registered: true },
    ...{ telemetry: { records: 1, refused: 0, chunks: 1, waiting: 0, refusals: { "keeper-full": 1 } } },
    ...{ notary: { height: 1, logTimeMs: 1 }, keeper: null, dropped: { "message-invalid": 3 } },
  };
  fuzz("a run's status", mutatedValue([status]).map(looseJson), (mutant) => {
    writeFileSync(join(above, "run-status.json"), mutant);
    const read = readRunStatus(above);
    if (read === undefined) return;
    writeRunStatus(above, read);
    // Written with indents, a long list of codes may become too long to read.
    if (mutant.length < 4_000) expect(readRunStatus(above)).toEqual(read);
  });

  const lockText = utf8("1 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d/123456");
  fuzz(
    "a lock",
    mutatedBytes([lockText, utf8("999999999 x"), utf8("-1 y")]),
    (mutant) => {
      const locked = join(above, "locked");
      mkdirSync(locked, { recursive: true });
      writeFileSync(join(locked, "lock"), mutant);
      runningProcess(locked);
      lockHome(locked)();
    },
    { share: 0.3, accepted: 0.3 },
  );

  const receiptLike = encodeCbor([
    1,
    new Uint8Array(200),
    [[0, new Uint8Array(64)]],
    new Uint8Array(100),
    0,
    [],
  ]);
  fuzz("a registration", mutatedCbor([receiptLike]), (mutant) => {
    const documents = join(folder, "documents");
    mkdirSync(documents, { recursive: true });
    writeFileSync(join(documents, "registration.receipt"), mutant);
    expect(registration(crypto, home)).toBeUndefined();
  });

  it.each([...sound.keys()])("is refused if %s is a folder", async (name) => {
    rmSync(join(folder, name), { recursive: true });
    mkdirSync(join(folder, name));
    try {
      const opened = openHome(folder, crypto);
      await expect(opened).rejects.toSatisfy((error) => isRefusal(error));
    } finally {
      rmSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name), sound.get(name)!);
      if (name === "keys") chmodSync(join(folder, name), 0o600);
    }
  });
});
