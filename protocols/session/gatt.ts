/**
 * The SEGMENT GATT service: our own 128-bit UUIDs, three characteristics, and the name
 * under which a device advertises. Written with dashes, as browsers want them.
 */
import { agentId } from "../identity/keys.ts";

export const SERVICE_UUID = "5e690000-7a3c-4d1e-9b52-1f0c8a6d2e01";

export const CHARACTERISTIC_UUIDS = {
  /** Read: version, card hash, fragment size and a challenge that is made for the connection. */
  info: "5e690001-7a3c-4d1e-9b52-1f0c8a6d2e01",
  /** Write, with or without response: fragments to the device. */
  in: "5e690002-7a3c-4d1e-9b52-1f0c8a6d2e01",
  /** Notify: fragments from the device. */
  out: "5e690003-7a3c-4d1e-9b52-1f0c8a6d2e01",
} as const;

/**
 * What a device calls itself on the air: enough to find it among neighbours within the
 * 29 bytes of a scan response, proof of nothing. The session proves who it is.
 */
export function advertisedName(identity: Uint8Array): string {
  return `SEGMENT ${agentId(identity).slice(-8)}`;
}
