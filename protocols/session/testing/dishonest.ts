/** A peer with sound keys and Noise of its own, free to send any payload and any plaintext. */
import { concat, utf8 } from "../../encoding/bytes.ts";
import { NOISE_PROLOGUE } from "../../labels.ts";
import { FRAME, fragment } from "../frames.ts";
import { decodeInfo } from "../info.ts";
import { encodeFirstPayload, openAccept, signHello } from "../messages.ts";
import type { Hello } from "../messages.ts";
import { HandshakeState } from "../noise.ts";
import type { CipherPair } from "../noise.ts";
import type { Crypto } from "../../ports.ts";
import type { SessionResponder } from "../responder.ts";
import * as kit from "./pair.ts";

const { lock, NOW, phone } = kit;

interface Halfway {
  responder: SessionResponder;
  handshake: HandshakeState;
  hello: Hello;
}

/** A lock that has offered a challenge, and an initiator's handshake by the phone's own keys. */
export function halfway(crypto: Crypto = kit.crypto): Halfway {
  const responder = kit.makeResponder({ crypto, notifySize: 509 });
  const info = responder.info(NOW);
  const handshake = new HandshakeState({
    crypto,
    random: kit.seededRandom("peer"),
    role: "initiator",
    prologue: concat(utf8(NOISE_PROLOGUE), info),
    staticSecret: phone.sessionSecret,
    remoteStatic: lock.sessionKey,
  });
  const hello = {
    challenge: decodeInfo(info).challenge,
    responder: lock.signer.publicKey,
    initiator: phone.signer.publicKey,
    initiatorSessionKey: phone.sessionKey,
    purpose: kit.purpose,
    command: kit.command,
    timeMs: NOW,
  };
  return { responder, handshake, hello };
}

/** An open session whose phone side is bare ciphers. `hello` is what a sound next command would say. */
export function dishonestPeer(crypto: Crypto = kit.crypto): {
  responder: SessionResponder;
  ciphers: CipherPair;
  hello: Hello;
} {
  const { responder, handshake, hello } = halfway(crypto);
  const message = handshake.writeMessage(encodeFirstPayload(signHello(hello, phone.signer), undefined));
  const [value] = fragment({ type: FRAME.handshake1, body: message }, 509);
  const { notifications } = responder.received(value!, NOW);
  const { accept } = openAccept(crypto, handshake.readMessage(notifications[0]!.subarray(4)));
  return { responder, ciphers: handshake.split(), hello: { ...hello, challenge: accept.nextChallenge } };
}
