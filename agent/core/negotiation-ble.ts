/**
 * Negotiations over BLE alone, with no broker and no network: two agents open a session, and each tells the
 * other what it lacks. The ledger hears of it when either is online again.
 *
 * A message may be larger than a session carries at once: it travels in parts, in order.
 */
import { z } from "zod";
import { equalBytes, concat, utf8 } from "../../protocols/encoding/bytes.ts";
import { encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { RadioUse } from "./shared-radio.ts";

/** What such sessions are for; others on the same radio are not touched. */
export const NEGOTIATION_PURPOSE = utf8("contracts");
const PART_BYTES = 12_000;
/** The largest message, an offer with all its signatures and parameters, is below 24 kB. */
const MAX_PARTS = 3;

const partSchema = z.strictObject({
  type: z.string().min(1).max(32),
  /** From 0. */
  part: z
    .number()
    .int()
    .min(0)
    .max(MAX_PARTS - 1),
  of: z.number().int().min(1).max(MAX_PARTS),
  body: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= PART_BYTES),
});

export interface NegotiationTalksParts {
  /** Says it in an open session. */
  say: (session: string, bytes: Uint8Array) => void;
  /** A session with this peer is open. */
  reachable: (peer: string) => void;
  /** A whole message of a peer who has proved who it is. May throw: it is refused. */
  received: (peer: string, kind: string, body: Uint8Array) => void;
}

interface Talk {
  session: string;
  /** Of the message that is under way. */
  parts: Uint8Array[];
  type: string;
}

/** The negotiations' share of the radio. */
export class NegotiationTalks implements RadioUse {
  readonly #parts: NegotiationTalksParts;
  /** By peer. */
  readonly #talks = new Map<string, Talk>();

  constructor(parts: NegotiationTalksParts) {
    this.#parts = parts;
  }

  serves(purpose: Uint8Array): boolean {
    return equalBytes(purpose, NEGOTIATION_PURPOSE);
  }

  opened(session: string, peer: string): void {
    this.#talks.set(peer, { session, parts: [], type: "" });
    this.#parts.reachable(peer);
  }

  closed(session: string, peer: string): void {
    if (this.#talks.get(peer)?.session === session) this.#talks.delete(peer);
  }

  isOpen(peer: string): boolean {
    return this.#talks.has(peer);
  }

  /** Undefined where no session is open with the peer. What a lost session loses is said again. */
  send(peer: string, kind: string, body: Uint8Array): Promise<void> | undefined {
    const talk = this.#talks.get(peer);
    if (talk === undefined) return undefined;
    const of = Math.max(1, Math.ceil(body.length / PART_BYTES));
    if (of > MAX_PARTS)
      return Promise.reject(new SegmentError("frame-too-large", `a "${kind}" is too large`));
    for (let part = 0; part < of; part++) {
      const piece = body.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      const bytes = encodeMessage({ type: kind, part, of, body: piece });
      this.#parts.say(talk.session, bytes);
    }
    return Promise.resolve();
  }

  /** Errors: message-invalid, and what the negotiation throws. */
  message(session: string, peer: string, bytes: Uint8Array): void {
    const talk = this.#talks.get(peer);
    if (talk?.session !== session) return;
    const { type, part, of, body } = parseBody(partSchema, bytes);
    if (part === 0) {
      talk.parts = [];
      talk.type = type;
    }
    if (part !== talk.parts.length || part >= of || type !== talk.type)
      throw new SegmentError("message-invalid", "a part of a message is missing", { where: "part" });
    talk.parts.push(body);
    if (talk.parts.length < of) return;
    const whole = concat(...talk.parts);
    talk.parts = [];
    this.#parts.received(peer, type, whole);
  }
}
