/** How the lock answers: in the session in which it was asked, or over the bus. */
import type { AccessBody } from "../../protocols/access/messages.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import type { AgentId, DeviceContext, DeviceEffect } from "../device.ts";
import { progress, say } from "../effects.ts";
import { alarmed } from "./door.ts";
import { logged } from "./audit.ts";
import type { Line } from "./audit.ts";
import { failed, isGuest, isOwner, isWorthAlert, waits } from "./patience.ts";
import { standingOf } from "./senses.ts";
import type { LockConfig, LockState, OpenSession, Result } from "./state.ts";

/** Who speaks, and how an answer reaches them. */
export interface Speaker {
  peer: AgentId;
  /** null over the bus. */
  session: OpenSession | null;
}

type Answer = AccessBody<"lock-answer">;

export interface Asked {
  about: Uint8Array;
  /** For the log. */
  line: Line;
  /** Whether it holds an owner's word: then it does not wait for what strangers do. */
  isVouched?: () => boolean;
}

/** A refusal that the lock signs: a rental's guest who was to be let in can show it. */
export class SignedRefusal extends SegmentError {
  readonly fact: Uint8Array;

  constructor(code: ErrorCode, message: string, fact: Uint8Array) {
    super(code, message, { where: "stay" });
    this.fact = fact;
  }
}

/** What came of it, and with which code it was refused; null if it was done. */
export interface Heard extends Result {
  code: ErrorCode | null;
}

/** Not repeated: an answer that comes late is worth nothing. */
export function tell(to: Speaker, id: string, type: string, body: unknown): DeviceEffect {
  if (to.session !== null) return say(to.session.id, type, body);
  return { kind: "send", id, to: to.peer, type, body, durable: false };
}

export function answer(
  to: Speaker,
  about: Uint8Array,
  why: Partial<Pick<Answer, "code" | "message" | "waitMs" | "state" | "fact">>,
): DeviceEffect {
  const body: Answer = { about, code: null, message: "", waitMs: 0, state: null, fact: null, ...why };
  return tell(to, `answer/${toHex(about)}`, "lock-answer", body);
}

/** The answer to what was done; how the lock stands is for those who have business with it. */
export function done(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  about: Uint8Array,
  context: DeviceContext,
  fact: Uint8Array | null = null,
): DeviceEffect {
  const isKnown = isOwner(state, to.peer) || isGuest(state, to.peer);
  return answer(to, about, { state: isKnown ? standingOf(config, state, context) : null, fact });
}

/**
 * Runs what a peer asks for. A refusal becomes an answer, a line in the log, and patience with that peer is
 * used up; whoever has used it up is not even listened to.
 */
export function heard(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  asked: Asked,
  context: DeviceContext,
  run: () => Result,
): Heard {
  const { ownMs, strangersMs } = waits(state, to.peer, context.now);
  const wait = strangersMs > 0 && asked.isVouched?.() !== true ? Math.max(ownMs, strangersMs) : ownMs;
  if (wait > 0) {
    const message = `wait ${Math.ceil(wait / 1_000)} s`;
    const code = "too-many-attempts";
    return { state, effects: [answer(to, asked.about, { code, message, waitMs: wait })], code };
  }
  try {
    return { ...run(), code: null };
  } catch (error) {
    if (!(error instanceof SegmentError) || error.code === "internal") throw error;
    return refused(config, state, to, asked, error, context);
  }
}

function refused(
  config: LockConfig,
  state: LockState,
  to: Speaker,
  { about, line }: Asked,
  error: SegmentError,
  context: DeviceContext,
): Heard {
  const { code, message } = error;
  const fact = error instanceof SignedRefusal ? error.fact : null;
  const known = isOwner(state, to.peer) || isGuest(state, to.peer);
  const next = failed(state, to.peer, code, context.now);
  const written = logged(config, next, { ...line, who: to.peer, code }, context);
  const alarm =
    !known && isWorthAlert(next)
      ? alarmed(config, written.state, "many-failures", context)
      : { state: written.state, effects: [] };
  return {
    state: alarm.state,
    effects: [
      answer(to, about, { code, message: message.slice(0, 300), fact }),
      ...written.effects,
      ...alarm.effects,
      progress("refused", `a ${line.what} was refused (${code})`),
    ],
    code,
  };
}
