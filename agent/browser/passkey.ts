/**
 * A passkey that keeps a secret for the app: WebAuthn Level 3, extension "prf" (section 10.1.4). The secret
 * is the passkey's answer to a salt; it leaves the authenticator only after the person has shown that it is
 * they, by a finger, a face or the device's own code.
 */
import { toBase64Url } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { browserRandom } from "./platform.ts";

const SALT_BYTES = 32;
const SECRET_BYTES = 32;
const CHALLENGE_BYTES = 32;
const USER_BYTES = 32;
const TIMEOUT_MS = 2 * 60_000;
/** Chromium was seen not to answer this right after a passkey was used. */
const CAPABILITIES_MS = 1_000;
/** COSE algorithms: Ed25519, ES256, RS256. What they sign is of no use here, but one must be named. */
const ALGORITHMS = [-8, -7, -257] as const;

/** What the browser keeps of a passkey: none of it is secret. */
export interface Passkey {
  id: Uint8Array<ArrayBuffer>;
  salt: Uint8Array<ArrayBuffer>;
}

/** Why none can be had: no WebAuthn, no PRF, or a page served under an address that is no name. */
export type Hindrance = "no-webauthn" | "no-prf" | "no-name";

/** undefined: a passkey may be made, as far as the browser tells beforehand. */
export async function passkeyHindrance(): Promise<Hindrance | undefined> {
  if (typeof PublicKeyCredential === "undefined") return "no-webauthn";
  // A passkey belongs to a domain, which an address of numbers is none (WebAuthn 5.1.2).
  if (/^[\d.]+$|:|\[/.test(location.hostname)) return "no-name";
  // Whether the browser says it or not, the passkey itself tells once it is made.
  const silent = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), CAPABILITIES_MS));
  const capabilities = await Promise.race([newer().getClientCapabilities?.(), silent]);
  return capabilities?.["extension:prf"] === false ? "no-prf" : undefined;
}

/** From a tap. Errors: passkey-refused, passkey-unusable (it has no PRF). */
export async function makePasskey(name: string): Promise<{ passkey: Passkey; secret: Uint8Array }> {
  const salt = fresh(SALT_BYTES);
  const made = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        rp: { name: "SEGMENT", id: location.hostname },
        user: { id: fresh(USER_BYTES), name, displayName: name },
        challenge: fresh(CHALLENGE_BYTES),
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation: "none",
        timeout: TIMEOUT_MS,
        extensions: { prf: { eval: { first: salt } } },
      },
    }),
  );
  const passkey = { id: new Uint8Array(made.rawId), salt };
  const { prf } = made.getClientExtensionResults();
  if (prf?.enabled !== true) {
    await forgetPasskey(passkey);
    throw unusable();
  }
  // Some authenticators answer only when the passkey is used.
  const secret = secretOf(prf) ?? (await usePasskey(passkey));
  return { passkey, secret };
}

/** From a tap. Resolves with 32 bytes. Errors: passkey-refused, passkey-unusable. */
export async function usePasskey({ id, salt }: Passkey): Promise<Uint8Array> {
  const used = await asked(() =>
    navigator.credentials.get({
      publicKey: {
        rpId: location.hostname,
        challenge: fresh(CHALLENGE_BYTES),
        allowCredentials: [{ type: "public-key", id }],
        userVerification: "required",
        timeout: TIMEOUT_MS,
        extensions: { prf: { eval: { first: salt } } },
      },
    }),
  );
  const secret = secretOf(used.getClientExtensionResults().prf);
  if (secret === undefined) throw unusable();
  return secret;
}

/** Tells whatever keeps passkeys that this one opens nothing any more, where the browser can. */
export async function forgetPasskey({ id }: Passkey): Promise<void> {
  const told = { rpId: location.hostname, credentialId: toBase64Url(id) };
  // The person may remove it in the system's own list as well: nothing rests on this.
  await newer()
    .signalUnknownCredential?.(told)
    .catch(() => undefined);
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const credential = await ask();
    if (credential instanceof PublicKeyCredential) return credential;
  } catch (cause) {
    // Browsers give one reason for a refusal, a missing passkey and a timeout, so that pages cannot pry.
    const isRefused = cause instanceof DOMException && REFUSALS.has(cause.name);
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = isRefused ? "passkey-refused" : "passkey-unusable";
    throw new SegmentError(code, `the passkey was not used: ${reason}`, { cause });
  }
  throw new SegmentError("passkey-refused", "no passkey was chosen");
}

/** What the newest browsers have besides (WebAuthn Level 3, 5.1.7 and 5.1.10). */
interface Newer {
  getClientCapabilities?(): Promise<Readonly<Record<string, boolean>>>;
  signalUnknownCredential?(told: { rpId: string; credentialId: string }): Promise<void>;
}

function newer(): Newer {
  return PublicKeyCredential;
}

const REFUSALS: ReadonlySet<string> = new Set(["NotAllowedError", "AbortError", "InvalidStateError"]);

function secretOf(prf: AuthenticationExtensionsPRFOutputs | undefined): Uint8Array | undefined {
  const first = prf?.results?.first;
  if (first === undefined) return undefined;
  const secret = ArrayBuffer.isView(first)
    ? new Uint8Array(first.buffer, first.byteOffset, first.byteLength)
    : new Uint8Array(first);
  return secret.length === SECRET_BYTES ? secret : undefined;
}

function unusable(): SegmentError {
  return new SegmentError("passkey-unusable", "the passkey keeps no secret for the app (no PRF)");
}

function fresh(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(browserRandom.bytes(length));
}
