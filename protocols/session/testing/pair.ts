/** A phone and a lock with fixed keys, and the air between them, for the tests of this folder. */
import { portableCrypto } from "../../crypto/portable.ts";
import { toHex, utf8 } from "../../encoding/bytes.ts";
import { signCard } from "../../identity/card.ts";
import type { Card } from "../../identity/card.ts";
import { signerFromSeed } from "../../identity/keys.ts";
import type { Crypto, Random, Signer } from "../../ports.ts";
import { SessionInitiator } from "../initiator.ts";
import type { SessionInitiatorOptions } from "../initiator.ts";
import type { SessionEvent } from "../messages.ts";
import { SessionResponder } from "../responder.ts";
import type { SessionResponderOptions } from "../responder.ts";

export const NOW = 1_767_225_600_000;

/**
 * The portable crypto, which remembers its slow answers: tests that repeat one seeded
 * handshake for every byte of a message then compute only what that byte changes.
 */
export const crypto: Crypto = {
  ...portableCrypto,
  x25519: remembered((secret, publicKey) => portableCrypto.x25519(secret, publicKey)),
  x25519PublicKey: remembered((secret) => portableCrypto.x25519PublicKey(secret)),
  ed25519Sign: remembered((seed, message) => portableCrypto.ed25519Sign(seed, message)),
};

function remembered<Inputs extends Uint8Array[]>(
  compute: (...inputs: Inputs) => Uint8Array,
): (...inputs: Inputs) => Uint8Array {
  const answers = new Map<string, Uint8Array>();
  return (...inputs) => {
    const question = inputs.map(toHex).join();
    const answer = answers.get(question) ?? compute(...inputs);
    answers.set(question, answer);
    // A copy: the handshake zeroises its secrets.
    return answer.slice();
  };
}

/** The same bytes for the same seed. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let offset = 0; offset < length; offset += 32) {
        bytes.set(crypto.sha256(utf8(`${seed}/${counter++}`)).subarray(0, length - offset), offset);
      }
      return bytes;
    },
  };
}

export interface Party {
  signer: Signer;
  sessionSecret: Uint8Array;
  sessionKey: Uint8Array;
  card: Card;
  cardBytes: Uint8Array;
}

/** The same keys and signatures, whichever crypto makes them. */
export function party(name: string, kind: string, by: Crypto = crypto): Party {
  const signer = signerFromSeed(by, crypto.sha256(utf8(`${name} identity`)));
  const root = signerFromSeed(by, crypto.sha256(utf8(`${name} root`)));
  const sessionSecret = crypto.sha256(utf8(`${name} session`));
  const sessionKey = crypto.x25519PublicKey(sessionSecret);
  const validity = { notBefore: NOW - 1_000, notAfter: NOW + 1_000_000 };
  const card = { root: root.publicKey, identity: signer.publicKey, sessionKey, kind, name, ...validity };
  return { signer, sessionSecret, sessionKey, card, cardBytes: signCard(card, root) };
}

export const phone = party("phone", "phone");
export const lock = party("lock", "lock");
export const stranger = party("stranger", "phone");
export const psk = crypto.sha256(utf8("the code on the box"));
export const purpose = utf8("open the front door");
export const command = utf8("open");

export function initiatorOptions(changes: Partial<SessionInitiatorOptions> = {}): SessionInitiatorOptions {
  return {
    crypto,
    random: seededRandom("phone"),
    signer: phone.signer,
    sessionSecret: phone.sessionSecret,
    peerIdentity: lock.signer.publicKey,
    peerSessionKey: lock.sessionKey,
    purpose,
    command,
    writeSize: 244,
    now: NOW,
    ...changes,
  };
}

export function makeInitiator(changes: Partial<SessionInitiatorOptions> = {}): SessionInitiator {
  return new SessionInitiator(initiatorOptions(changes));
}

export function makeResponder(changes: Partial<SessionResponderOptions> = {}): SessionResponder {
  return new SessionResponder({
    crypto,
    random: seededRandom("lock"),
    signer: lock.signer,
    sessionSecret: lock.sessionSecret,
    notifySize: 244,
    cardHash: crypto.sha256(lock.cardBytes),
    authorize: () => null,
    ...changes,
  });
}

export interface Talk {
  /** All that the phone wrote and the lock notified, in order. */
  writes: Uint8Array[];
  notifications: Uint8Array[];
  phoneEvents: SessionEvent[];
  lockEvents: SessionEvent[];
}

/** Carries values between the two until nobody has any left. */
export function talk(
  initiator: SessionInitiator,
  responder: SessionResponder,
  first: { writes?: Uint8Array[]; notifications?: Uint8Array[] },
): Talk {
  const carried: Talk = { writes: [], notifications: [], phoneEvents: [], lockEvents: [] };
  const writes = [...(first.writes ?? [])];
  const notifications = [...(first.notifications ?? [])];
  while (writes.length + notifications.length > 0) {
    for (const value of writes.splice(0)) {
      carried.writes.push(value);
      const output = responder.received(value, NOW);
      notifications.push(...output.notifications);
      carried.lockEvents.push(...output.events);
    }
    for (const value of notifications.splice(0)) {
      carried.notifications.push(value);
      const output = initiator.received(value);
      writes.push(...output.writes);
      carried.phoneEvents.push(...output.events);
    }
  }
  return carried;
}

export interface OpenPair extends Talk {
  initiator: SessionInitiator;
  responder: SessionResponder;
}

/** The whole handshake; the sessions may have been refused. */
export function meet(
  phoneChanges: Partial<SessionInitiatorOptions> = {},
  lockChanges: Partial<SessionResponderOptions> = {},
): OpenPair {
  const initiator = makeInitiator(phoneChanges);
  const responder = makeResponder(lockChanges);
  const writes = initiator.begin(responder.info(NOW));
  return { initiator, responder, ...talk(initiator, responder, { writes }) };
}

export function kinds(events: SessionEvent[]): string[] {
  return events.map((event) => (event.kind === "refused" ? event.code : event.kind));
}

export function only<K extends SessionEvent["kind"]>(
  events: SessionEvent[],
  kind: K,
): Extract<SessionEvent, { kind: K }> {
  const [event, ...others] = events.filter((candidate) => candidate.kind === kind);
  if (event === undefined || others.length > 0)
    throw new Error(`not one "${kind}" in ${kinds(events).join()}`);
  return event as Extract<SessionEvent, { kind: K }>;
}

/** A copy with the lowest bit of one byte turned. */
export function flipped(bytes: Uint8Array, index: number, mask = 1): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[index]! ^= mask;
  return copy;
}
