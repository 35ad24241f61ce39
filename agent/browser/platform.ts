/** What a browser offers of the ports. Its cryptography is `portableCrypto`: Web Crypto is asynchronous. */
import type { Random } from "../../protocols/ports.ts";

/** The most that one call may ask for (Web Cryptography API, section 10.1.1). */
const MOST_AT_ONCE = 65_536;

export const browserRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += MOST_AT_ONCE)
      crypto.getRandomValues(bytes.subarray(at, at + MOST_AT_ONCE));
    return bytes;
  },
};
