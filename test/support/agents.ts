/** What the tests of the agent's core share: people with keys and cards on one network in virtual time. */
import type { AgentKeys } from "../../agent/core/messenger.ts";
import { nodeCrypto } from "../../agent/node/crypto.ts";
import { foundNetwork } from "../../agent/node/committee.ts";
import { signCard } from "../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Signer } from "../../protocols/ports.ts";
import { seededRandom } from "../../simulators/random.ts";

/** A quarter of an hour begins here. */
export const START_MS = Date.UTC(2026, 10, 1, 12);
export const NETWORK = "village";
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

export interface Somebody {
  id: string;
  keys: AgentKeys;
  root: Signer;
  sessionKey: Uint8Array;
  /** As BLE sessions know a peer. */
  known: { identity: Uint8Array; sessionKey: Uint8Array; cardHash: Uint8Array };
}

/** The same name gives the same keys in every run. */
export function somebody(
  name: string,
  validity = { notBefore: START_MS - YEAR_MS, notAfter: START_MS + YEAR_MS },
): Somebody {
  const random = seededRandom(1, name);
  const root = signerFromSeed(nodeCrypto, random.bytes(32));
  const signer = signerFromSeed(nodeCrypto, random.bytes(32));
  const sessionSecret = random.bytes(32);
  const sessionKey = nodeCrypto.x25519PublicKey(sessionSecret);
  const identity = signer.publicKey;
  const card = signCard({ root: root.publicKey, identity, sessionKey, kind: "toy", name, ...validity }, root);
  const known = { identity, sessionKey, cardHash: nodeCrypto.sha256(card) };
  return { id: agentId(identity), keys: { signer, sessionSecret, card }, root, sessionKey, known };
}

/** A network whose notaries never answer: for agents that submit nothing. */
export function silentNetwork(): NetworkDescription {
  const notaries = [1, 2, 3, 4].map((n) => somebody(`notary ${n}`).id);
  return foundNetwork(nodeCrypto, seededRandom(9), NETWORK, notaries).network;
}
