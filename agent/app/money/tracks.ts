/**
 * Deliveries on their way: the positions that a drone signs for the other parties of its contract while it
 * flies. They are news, sent once each: what came while the phone was away is not there.
 */
import { PUSH } from "../../core/push.ts";
import { openFact, readPosition } from "../../../protocols/contract/facts.ts";
import type { Negotiation } from "../../../protocols/contract/negotiation-state.ts";
import { positionSchema } from "../../../protocols/delivery/messages.ts";
import { readPlan } from "../../../protocols/delivery/plan.ts";
import type { DeliveryPlan } from "../../../protocols/delivery/plan.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { equalBytes, toHex } from "../../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { parseBody } from "../../../protocols/messaging/schemas.ts";
import type { Crypto, TimeMs } from "../../../protocols/ports.ts";
import { z } from "zod";
import type { Kept } from "./kept.ts";

/** As drones say it: news, and its last word that has to arrive. */
const KINDS: ReadonlySet<string> = new Set([`${PUSH}position`, "position"]);
/** Of one delivery; of more every second one is left out. */
const MOST_FIXES = 512;

export interface TrackFix {
  timeMs: TimeMs;
  latitudeE7: number;
  longitudeE7: number;
  altitudeMm: number;
}

export interface Track {
  fixes: readonly TrackFix[];
  /** The drone has said that it is at the place. */
  hasArrived: boolean;
}

const trackSchema = z.strictObject({
  fixes: z.array(
    z.strictObject({
      timeMs: z.number(),
      latitudeE7: z.number(),
      longitudeE7: z.number(),
      altitudeMm: z.number(),
    }),
  ),
  hasArrived: z.boolean(),
});

export interface TracksParts {
  kept: Kept;
  crypto: Crypto;
  /** A contract of this phone, by its id in hex. */
  contractOf: (termsId: string) => Negotiation | undefined;
  changed: () => void;
}

export class Tracks {
  readonly #parts: TracksParts;

  constructor(parts: TracksParts) {
    this.#parts = parts;
  }

  /** What has been heard of this delivery; an empty track where nothing was. */
  of(termsId: string): Track {
    const bytes = this.#parts.kept.get(termsId);
    const read = bytes && trackSchema.safeParse(decodeMessage(bytes)).data;
    return read ?? { fixes: [], hasArrived: false };
  }

  /** The delivery that the terms prescribe; undefined for other contracts, and for terms made otherwise. */
  planOf({ termsBytes }: Pick<Negotiation, "termsBytes">): DeliveryPlan | undefined {
    try {
      return readPlan(this.#parts.crypto, termsBytes);
    } catch (error) {
      if (error instanceof SegmentError) return undefined;
      throw error;
    }
  }

  handles(kind: string): boolean {
    return KINDS.has(kind);
  }

  /** A position of the drone of one of this phone's deliveries. Errors: message-invalid, fact-invalid, … */
  received(from: string, body: Uint8Array): void {
    const { kept, crypto, contractOf, changed } = this.#parts;
    const { termsId, fact: bytes, arrived } = parseBody(positionSchema, body);
    const id = toHex(termsId);
    const one = contractOf(id);
    if (one === undefined || this.planOf(one)?.drone !== from)
      throw new SegmentError("message-invalid", "no delivery of this phone is flown by the sender");
    const fact = openFact(crypto, bytes);
    const isOurs = fact.subject !== null && equalBytes(fact.subject, termsId);
    if (!isOurs || agentId(fact.signer) !== from)
      throw new SegmentError("fact-invalid", "the position is of another delivery, or another's");
    const { latitudeE7, longitudeE7, altitudeMm } = readPosition(fact);
    const before = this.of(id);
    const fix = { timeMs: fact.timeMs, latitudeE7, longitudeE7, altitudeMm };
    const fixes = withFix(before.fixes, fix);
    kept.set(id, encodeMessage({ fixes, hasArrived: before.hasArrived || arrived }));
    changed();
  }
}

/** In the order of time; the same time is told once. */
export function withFix(fixes: readonly TrackFix[], fix: TrackFix): TrackFix[] {
  if (fixes.some(({ timeMs }) => timeMs === fix.timeMs)) return [...fixes];
  const all = [...fixes, fix].sort((a, b) => a.timeMs - b.timeMs);
  if (all.length <= MOST_FIXES) return all;
  return all.filter((_one, at) => at % 2 === 0 || at === all.length - 1);
}
