/**
 * A notary's secrets beside its identity: the key that signs in this term, and the committee's common seal.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeCbor } from "../../protocols/encoding/cbor.ts";
import { FieldReader } from "../../protocols/encoding/reader.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { checkNetwork, formatSealKey, type NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Crypto, Random } from "../../protocols/ports.ts";
import { writeFileDurably } from "./files.ts";

export interface CommitteeSecrets {
  /** Ed25519 private key of the term. */
  termSeed: Uint8Array;
  /** X25519 secret of the network's seal key; the same for all notaries of the committee. */
  sealSecret: Uint8Array;
}

const FILE = "committee";

export function saveCommittee(folder: string, secrets: CommitteeSecrets): void {
  writeFileDurably(join(folder, FILE), encodeCbor([1, secrets.termSeed, secrets.sealSecret]), 0o600);
}

/** Undefined if the home is no notary's. Errors: keystore-damaged. */
export function loadCommittee(folder: string): CommitteeSecrets | undefined {
  const path = join(folder, FILE);
  if (!existsSync(path)) return undefined;
  try {
    const reader = FieldReader.fromBytes(new Uint8Array(readFileSync(path)), "committee", { maxBytes: 256 });
    reader.int("version", { min: 1, max: 1 });
    const secrets = {
      termSeed: reader.bytes("termSeed", { length: 32 }),
      sealSecret: reader.bytes("sealSecret", { length: 32 }),
    };
    reader.end();
    return secrets;
  } catch (cause) {
    throw new SegmentError("keystore-damaged", "the notary's key file is damaged", { where: path, cause });
  }
}

/**
 * Founds a network with these notaries: one common seal key, a term key each; perhaps a commission on the
 * fees of services.
 */
export function foundNetwork(
  crypto: Crypto,
  random: Random,
  name: string,
  notaries: readonly string[],
  commission?: NetworkDescription["commission"],
): { network: NetworkDescription; secrets: CommitteeSecrets[] } {
  const sealSecret = random.bytes(32);
  const secrets = notaries.map(() => ({ termSeed: random.bytes(32), sealSecret }));
  const network = checkNetwork({
    version: 1,
    network: name,
    zone: "main",
    term: 1,
    notaries: notaries.map((id, index) => ({
      id,
      termKey: agentId(signerFromSeed(crypto, secrets[index]?.termSeed ?? new Uint8Array()).publicKey),
    })),
    sealKey: formatSealKey(crypto.x25519PublicKey(sealSecret)),
    ...(commission === undefined ? {} : { commission }),
  });
  return { network, secrets };
}
