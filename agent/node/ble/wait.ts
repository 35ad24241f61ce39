/** Waiting with an end: nothing in the radio adapters waits for ever. */
import { SegmentError } from "../../../protocols/errors.ts";
import type { Clock } from "../../../protocols/ports.ts";

export function radioFailed(why: string, cause?: unknown): SegmentError {
  return new SegmentError("radio-failed", why, cause === undefined ? {} : { cause });
}

/** What was counted since the radio was opened. `bytes` are those of values, both ways. */
export interface RadioCounters {
  reads: number;
  writes: number;
  notifications: number;
  bytes: number;
}

export function noCounts(): RadioCounters {
  return { reads: 0, writes: 0, notifications: 0, bytes: 0 };
}

/**
 * Calls `begin` with a way to settle it; rejects with `radio-failed` at `untilMs`
 * of the clock, or at once when the link `lost` meanwhile. Late results are ignored.
 */
export function bounded<T>(
  clock: Clock,
  untilMs: number,
  what: string,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  lost?: Set<() => void>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (end: () => void): void => {
      timer.cancel();
      lost?.delete(onLost);
      end();
    };
    const fail = (error: unknown): void =>
      settle(() =>
        reject(
          error instanceof SegmentError ? error : radioFailed(`${what} failed: ${String(error)}`, error),
        ),
      );
    const timer = clock.at(untilMs, () => fail(radioFailed(`${what} took too long`)));
    const onLost = (): void => fail(radioFailed(`the link ended during: ${what}`));
    lost?.add(onLost);
    try {
      begin((value) => settle(() => resolve(value)), fail);
    } catch (error) {
      fail(error);
    }
  });
}
