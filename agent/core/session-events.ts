/** What BLE sessions tell, as a device's events. */
import { z } from "zod";
import type { DeviceEvent } from "../../devices/device.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { SessionListener } from "./ble-call.ts";

const sessionMessageSchema = z.strictObject({
  type: z.string().min(1).max(32),
  body: z.instanceof(Uint8Array),
});

/** `malformed` gets what a peer's message is refused with. */
export function sessionEvents(
  post: (event: DeviceEvent) => void,
  malformed: (error: unknown) => void,
): SessionListener {
  return {
    opened: (session, peer, sessionHash, purpose, paired) =>
      post({ kind: "session-opened", session, peer, sessionHash, purpose, paired }),
    message: (session, peer, bytes) => {
      try {
        const { type, body } = parseBody(sessionMessageSchema, bytes);
        post({ kind: "session-message", session, peer, type, body });
      } catch (error) {
        malformed(error);
      }
    },
    closed: (session, peer) => post({ kind: "session-closed", session, peer }),
    refused: (code) => post({ kind: "session-refused", code }),
  };
}
