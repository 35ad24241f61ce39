/**
 * A guest key on its way to its holder, as a link or a QR code:
 *
 *     segment:key:Bl9…
 *
 * base64url of deterministic CBOR [1, network or null, session key of the lock (32), keys, secret (32) or
 * null], where keys are [[key, claim or null], …]. With a secret, whoever has the link can claim the last of
 * them, once.
 */
import { fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { isNetworkName } from "../topics.ts";
import { MAX_CHAIN } from "./chain.ts";
import type { Link } from "./chain.ts";
import { MAX_GUEST_KEY_BYTES } from "./key.ts";

export interface KeyLink {
  network: string | null;
  /** X25519 of the lock; its identity stands in the keys. */
  sessionKey: Uint8Array;
  /** The claim of the last is null where there is a secret. */
  links: readonly Link[];
  /** Ed25519 seed of the last key's `linkKey`. */
  secret: Uint8Array | null;
}

const PREFIX = "segment:key:";
const MAX_BYTES = MAX_CHAIN * (MAX_GUEST_KEY_BYTES + 256) + 256;
const MAX_CHARS = PREFIX.length + Math.ceil((MAX_BYTES * 4) / 3);

export function formatKeyLink({ network, sessionKey, links, secret }: KeyLink): string {
  const chain = links.map(({ key, claim }) => [key, claim]);
  return PREFIX + toBase64Url(encodeCbor([1, network, sessionKey, chain, secret]));
}

/** As opened, scanned or pasted; the keys are still to be verified. Throws `guest-key-invalid`. */
export function parseKeyLink(text: string): KeyLink {
  const line = text.trim();
  if (line.length > MAX_CHARS) throw invalid(`it has more than ${MAX_CHARS} characters`);
  if (!line.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`);
  try {
    return readLink(fromBase64Url(line.slice(PREFIX.length)));
  } catch (error) {
    if (!(error instanceof SegmentError) || error.code === "guest-key-invalid") throw error;
    throw invalid(error.message);
  }
}

function readLink(bytes: Uint8Array): KeyLink {
  const reader = FieldReader.fromBytes(bytes, "key link", { maxDepth: 4, maxItems: 32 });
  reader.int("version", { min: 1, max: 1 });
  const network = reader.nullable("network", (fields) => fields.text("network", { max: 64 }));
  if (network !== null && !isNetworkName(network)) throw invalid("its network has no such name");
  const sessionKey = reader.bytes("sessionKey", { length: 32 });
  const links = reader.list("links", { max: MAX_CHAIN }).map((value): Link => {
    const fields = new FieldReader(value, "link", 2);
    const key = fields.bytes("key", { min: 1, max: MAX_GUEST_KEY_BYTES });
    return { key, claim: fields.nullable("claim", (one) => one.bytes("claim", { min: 1, max: 256 })) };
  });
  if (links.length === 0) throw invalid("it holds no key");
  const secret = reader.nullable("secret", (fields) => fields.bytes("secret", { length: 32 }));
  reader.end();
  if (secret !== null && links.at(-1)!.claim !== null) throw invalid("its key is claimed already");
  return { network, sessionKey, links, secret };
}

/** It says nothing of what the link holds: that may be a secret. */
function invalid(problem: string): SegmentError {
  return new SegmentError("guest-key-invalid", `this is no link to a guest key: ${problem}`, {
    where: "link",
  });
}
