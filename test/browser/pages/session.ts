/** A page that talks to one device, for the tests of Web Bluetooth. */
import { steadyClock } from "../../../agent/platform/clocks.ts";
import { SessionDialer } from "../../../agent/core/ble-sessions.ts";
import { browserRandom } from "../../../agent/browser/platform.ts";
import { webBluetooth, WebBluetoothCentral } from "../../../agent/browser/web-bluetooth.ts";
import { portableCrypto as crypto } from "../../../protocols/crypto/portable.ts";
import { fromHex, text, utf8 } from "../../../protocols/encoding/bytes.ts";
import { signerFromSeed } from "../../../protocols/identity/keys.ts";
import { advertisedName } from "../../../protocols/session/gatt.ts";

export interface SessionPage {
  /** Keys in hex. Dials until `hangUp`. */
  dial(keys: { seed: string; sessionSecret: string; card: string }, peer: Record<string, string>): void;
  say(words: string): void;
  hangUp(): void;
  /** What has happened so far. */
  events: string[];
}

const radio = new WebBluetoothCentral(webBluetooth()!, steadyClock);
const events: string[] = [];
let dialer: SessionDialer | undefined;
let session = "";
let wanted: string | undefined;

document.querySelector("#choose")!.addEventListener("click", () => {
  radio.choose(wanted).then(
    (chosen) => events.push(chosen ? "chosen" : "none chosen"),
    (error: unknown) => events.push(String(error)),
  );
});

const page: SessionPage = {
  dial: ({ seed, sessionSecret, card }, { identity = "", sessionKey = "", cardHash = "" }) => {
    const keys = { signer: signerFromSeed(crypto, fromHex(seed)), sessionSecret: fromHex(sessionSecret) };
    wanted = advertisedName(fromHex(identity));
    dialer = new SessionDialer(
      radio,
      {
        crypto,
        random: browserRandom,
        ...keys,
        card: fromHex(card),
        clock: steadyClock,
        linkClock: steadyClock,
      },
      {
        opened: (id) => {
          session = id;
          events.push("opened");
        },
        message: (_session, _peer, bytes) => events.push(`heard ${text(bytes).slice(0, 40)}`),
        closed: () => events.push("closed"),
        refused: (code) => events.push(`refused ${code}`),
      },
    );
    const peer = {
      identity: fromHex(identity),
      sessionKey: fromHex(sessionKey),
      cardHash: fromHex(cardHash),
    };
    dialer.dial(peer, utf8("test"));
  },
  say: (words) => dialer?.send(session, utf8(words)),
  hangUp: () => dialer?.hangUp(),
  events,
};

Object.assign(globalThis, { sessionPage: () => page });
