/**
 * What every device is: a pure step from a state and an event to a new state and
 * effects. A device does no I/O, reads no clock and keeps no secrets of its own;
 * the agent's loop makes the new state durable before it acts on the effects.
 *
 * State is plain data (objects, arrays, text, numbers, bytes), because it is written
 * to the journal and read back after a crash. Effects that must not get lost (`send` with
 * `durable`, `submit`, `record`, `keep`) are written in the same commit as the state.
 * The others are re-issued by the device itself when it is told that it `started`.
 */
import type { Crypto, Signer, TimeMs } from "../protocols/ports.ts";
import type { EntryDraft } from "../protocols/ledger/drafts.ts";
import type { VerifiedReceipt } from "../protocols/ledger/receipt.ts";
import type { SenmlRecord } from "../protocols/telemetry/senml.ts";
import type { ErrorCode } from "../protocols/errors.ts";

/** An agent's identity in its short text form, `z6Mk…` (did:key without the prefix). */
export type AgentId = string;

export interface DeviceContext {
  /** The agent's clock, the only time a device knows. */
  readonly now: TimeMs;
  readonly self: AgentId;
  readonly signer: Signer;
  readonly crypto: Crypto;
  /** The agent's own signed card, to show to peers. */
  readonly card: Uint8Array;
  readonly network: string;
  /** The latest value of each sensor since the agent started; absent until its driver has reported. */
  readonly readings: ReadonlyMap<string, unknown>;
  /**
   * Checks a receipt that a peer shows against the network's committee. Errors: receipt-invalid,
   * receipt-foreign, quorum-missing.
   */
  verifyReceipt(bytes: Uint8Array): VerifiedReceipt;
}

export type DeviceEvent =
  /** The agent runs (again): re-issue what the state calls for. */
  | { kind: "started" }
  /**
   * The agent's clock was wrong and has been put right. Timers counted from the time as it seemed would ring
   * too late or too early, so none is set any more: re-issue, as after `started`. Sessions are still open.
   */
  | { kind: "time-corrected" }
  /** A verified message from a peer; the body is still to be validated. */
  | { kind: "message"; from: AgentId; type: string; body: Uint8Array }
  /** A certified entry that concerns this agent, verified against the network's committee. */
  | { kind: "receipt"; receipt: VerifiedReceipt; bytes: Uint8Array }
  /** A Noise session over BLE is open; both sides have proved who they are. */
  | SessionOpened
  | { kind: "session-message"; session: string; peer: AgentId; type: string; body: Uint8Array }
  | { kind: "session-closed"; session: string; peer: AgentId }
  /** Somebody came over BLE and was not let in, or the dialled peer did not let us in. */
  | { kind: "session-refused"; code: ErrorCode }
  | { kind: "timer"; name: string }
  /** A reading from a driver: plain data, its shape belongs to the device. */
  | { kind: "sensor"; name: string; value: unknown }
  /** What the person in charge asks for. */
  | { kind: "command"; name: string; value: unknown };

export interface SessionOpened {
  kind: "session-opened";
  session: string;
  peer: AgentId;
  sessionHash: Uint8Array;
  purpose: Uint8Array;
  /** The peer has proved the one-time secret of a pairing code. */
  paired?: boolean;
}

export type DeviceEffect =
  /**
   * `id` makes it idempotent: the same id is sent once, whatever crashes. Durable ones repeat until
   * acknowledged.
   */
  | { kind: "send"; id: string; to: AgentId; type: string; body: unknown; durable: boolean }
  /** `id` is the hash of contract and transition, so that nothing is paid or dropped twice. */
  | { kind: "submit"; id: string; entry: EntryDraft }
  /**
   * Asks the notaries how a contract stands; the answer, if any, is its newest receipt, as an event,
   * perhaps one that came before. Lost if the bus is away.
   */
  | { kind: "inquire"; termsId: Uint8Array }
  /**
   * Asks the notaries for the time, for somebody who has no network and has drawn this nonce (16 bytes). Each
   * answer comes as a message "time-statement". Lost if the bus is away.
   */
  | { kind: "ask-time"; nonce: Uint8Array }
  /**
   * Notaries' statements that somebody has brought, with the nonce that was drawn at `drawnMs`: if enough
   * count, the agent's clock is put right, and the sensor "clock-known" reports it.
   */
  | { kind: "trust-time"; nonce: Uint8Array; drawnMs: TimeMs; statements: Uint8Array[] }
  /** A peer's card becomes known, so that messages can be sealed for it. */
  | { kind: "meet"; card: Uint8Array }
  /** One timer per name; null cancels it. */
  | { kind: "timer"; name: string; atMs: TimeMs | null }
  /** Offer BLE to these peers only (an empty list: stop). */
  | { kind: "advertise"; to: AgentId[] }
  /**
   * Look for a peer over BLE and open a session for a purpose. Repeats until `hang-up`. `keys` are those of a
   * peer whose card need not be known: its X25519 key, and when pairing the one-time secret.
   */
  | { kind: "dial"; peer: AgentId; purpose: Uint8Array; keys?: DialKeys }
  | { kind: "hang-up" }
  /** Only whoever proves this one-time secret is let in over BLE; null: as before. */
  | { kind: "admit"; psk: Uint8Array | null }
  /** A message in the open session; lost if the session is. */
  | { kind: "say"; session: string; type: string; body: unknown }
  /** A command to a driver, by the profile's name for it. */
  | { kind: "actuate"; name: string; value: unknown }
  /** Telemetry: sealed, sharded and stored; never lost once the step is durable. */
  | { kind: "record"; records: SenmlRecord[] }
  /** A document for the owner: receipt, invoice. */
  | { kind: "keep"; name: string; bytes: Uint8Array }
  /** What a person watching would want to know. */
  | { kind: "progress"; step: string; detail: string };

export interface DialKeys {
  sessionKey: Uint8Array;
  psk: Uint8Array | null;
}

export interface Step<State> {
  state: State;
  effects: DeviceEffect[];
}

/** A device's behaviour. `State` is plain data. */
export interface Device<State> {
  readonly kind: string;
  /** The state of a device fresh from the factory. */
  initial(): State;
  step(state: State, event: DeviceEvent, context: DeviceContext): Step<State>;
}
