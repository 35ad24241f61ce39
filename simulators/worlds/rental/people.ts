/** Who takes part in a rental, by name: the same keys in every run. */
import type { AgentKeys } from "../../../agent/core/messenger.ts";
import { signCard } from "../../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../../protocols/identity/keys.ts";
import type { Crypto, Signer } from "../../../protocols/ports.ts";
import { seededRandom } from "../../random.ts";

/** Monday, 5 January 2026, 08:00 UTC: every rental is offered then. */
export const START_MS = 1_767_600_000_000;
const YEAR_MS = 365 * 24 * 60 * 60_000;
const SEED = 7;

export const NOTARIES = ["notary-1", "notary-2", "notary-3", "notary-4"] as const;

export interface Somebody {
  name: string;
  id: string;
  keys: AgentKeys;
  root: Signer;
}

/** The lock is the host's: one root owns both. */
const ROOTS: Readonly<Record<string, string>> = { lock: "host", "guest-new-phone": "guest" };

/** Somebody's device, and the root that it belongs to. */
export function somebody(crypto: Crypto, name: string, kind: string): Somebody {
  const root = signerFromSeed(crypto, seededRandom(SEED, `root of ${ROOTS[name] ?? name}`).bytes(32));
  const random = seededRandom(SEED, name);
  const signer = signerFromSeed(crypto, random.bytes(32));
  const sessionSecret = random.bytes(32);
  const card = signCard(
    {
      root: root.publicKey,
      identity: signer.publicKey,
      sessionKey: crypto.x25519PublicKey(sessionSecret),
      ...{ kind, name, notBefore: START_MS - YEAR_MS, notAfter: START_MS + YEAR_MS },
    },
    root,
  );
  return { name, id: agentId(signer.publicKey), keys: { signer, sessionSecret, card }, root };
}

export function partyOf({ keys, root }: Somebody): { identity: Uint8Array; account: Uint8Array } {
  return { identity: keys.signer.publicKey, account: root.publicKey };
}
