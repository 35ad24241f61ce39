/**
 * How an agent shows a broker who it is: MQTT's username is the agent's id, its
 * password a short-lived token signed by the identity, made for one network and
 * one client id. Whoever steals a token can use it until it ends, five minutes at
 * most, and still can neither sign nor open a message.
 *
 * A device whose clock is wrong cannot make a token that is valid now. It may ask the broker
 * for the time: as the user "clock", without a password, it is told the time on one topic and
 * is disconnected. The broker is trusted with nothing else for that: its time is used for the
 * next token alone, and a false one makes a token that it would refuse itself.
 *
 * Password: base64url of COSE_Sign1, label "brokerToken", over
 * [1, network, identity (32), clientId, notBefore, notAfter].
 */
import { equalBytes, fromBase64Url, toBase64Url } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { agentId } from "../identity/keys.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import type { Crypto, Signer, TimeMs } from "../ports.ts";

/** Who only asks the broker for the time. No agent has this id. */
export const CLOCK_USER = "clock";

/** Where the broker tells the time, as decimal digits. */
export function clockTopic(network: string): string {
  return `segment/1/${network}/clock`;
}

/** The time in a broker's answer; undefined if it is none. */
export function readClock(payload: Uint8Array): TimeMs | undefined {
  const digits = new TextDecoder().decode(payload.subarray(0, 16));
  return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined;
}

/** The longest that a token may live. */
export const MAX_TOKEN_MS = 5 * 60 * 1000;

const MAX_TOKEN_CHARS = 1024;
const MAX_CLIENT_ID_CHARS = 80;

/**
 * A login that is valid now. The window lies half before and half after `now`,
 * so that clocks may differ by two and a half minutes either way.
 */
export function makeToken(
  signer: Signer,
  login: { network: string; clientId: string; now: TimeMs },
): { username: string; password: string } {
  const notBefore = login.now - MAX_TOKEN_MS / 2;
  const payload = encodeCbor([
    1,
    login.network,
    signer.publicKey,
    login.clientId,
    notBefore,
    notBefore + MAX_TOKEN_MS,
  ]);
  return {
    username: agentId(signer.publicKey),
    password: toBase64Url(sign1("brokerToken", payload, signer)),
  };
}

/** Client ids begin with the agent's id, so that nobody takes over the connection of another. */
export function isClientIdOf(id: string, clientId: string): boolean {
  return clientId.length <= MAX_CLIENT_ID_CHARS && (clientId === id || clientId.startsWith(`${id}.`));
}

/**
 * Verifies a login and returns the agent's id. Throws `broker-refused` with what is wrong, whatever the
 * input.
 */
export function verifyToken(
  crypto: Crypto,
  login: { network: string; username: string; password: string; clientId: string; now: TimeMs },
): string {
  const { network, username, password, clientId, now } = login;
  if (password.length > MAX_TOKEN_CHARS) refuse("the token is too long", "password");
  const token = readToken(crypto, password);
  if (!equalBytes(token.identity, token.signer))
    refuse("the token was signed by another identity", "identity");
  const id = agentId(token.signer);
  if (username !== id) refuse("the username is not the id of the token's identity", "username");
  if (token.network !== network) refuse("the token is for another network", "network");
  if (token.clientId !== clientId) refuse("the token is for another client id", "clientId");
  if (!isClientIdOf(id, clientId)) refuse("the client id does not begin with the agent's id", "clientId");
  if (token.notAfter - token.notBefore > MAX_TOKEN_MS) refuse("the token lives too long", "notAfter");
  if (now < token.notBefore) refuse("the token is not valid yet: the clocks differ", "notBefore");
  if (now > token.notAfter) refuse("the token has ended", "notAfter");
  return id;
}

function readToken(crypto: Crypto, password: string) {
  try {
    const { signer, payload } = verify1(crypto, "brokerToken", fromBase64Url(password));
    const reader = FieldReader.fromBytes(payload, "broker token");
    reader.int("version", { min: 1, max: 1 });
    const token = {
      signer,
      network: reader.text("network", { max: 32 }),
      identity: reader.bytes("identity", { length: 32 }),
      clientId: reader.text("clientId", { max: MAX_CLIENT_ID_CHARS }),
      notBefore: reader.int("notBefore"),
      notAfter: reader.int("notAfter"),
    };
    reader.end();
    return token;
  } catch (cause) {
    if (!(cause instanceof SegmentError)) throw cause;
    throw new SegmentError("broker-refused", `the token is malformed or not signed: ${cause.message}`, {
      where: "password",
      cause,
    });
  }
}

function refuse(message: string, where: string): never {
  throw new SegmentError("broker-refused", message, { where });
}
