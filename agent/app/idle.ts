/** When the app locks by itself: after some time without a touch or a key, whether it is looked at or not. */

/** In minutes; 0: never. */
export const LOCK_AFTER = [1, 5, 15, 60, 0] as const;
export type LockAfter = (typeof LOCK_AFTER)[number];

const KEPT = "segment.lock-after";
const USUAL: LockAfter = 15;
const MINUTE_MS = 60_000;
/** A page that is hidden, or a machine that slept, may be late: it looks again at least so often. */
const LOOK_MS = 15_000;

/** What was chosen last. */
export function lockAfter(): LockAfter {
  const kept = localStorage.getItem(KEPT);
  return LOCK_AFTER.find((minutes) => String(minutes) === kept) ?? USUAL;
}

export function keepLockAfter(minutes: LockAfter): void {
  localStorage.setItem(KEPT, String(minutes));
}

/** From now on, until what it returns is called; `lock` is called once at most. */
export function lockWhenIdle(lock: () => void): () => void {
  let touched = moment();
  const isOver = (): boolean => {
    const minutes = lockAfter();
    return minutes !== 0 && idleMs(touched) >= minutes * MINUTE_MS;
  };
  const look = (): void => {
    if (!isOver()) return;
    end();
    lock();
  };
  /** The first touch after a long time locks as well: a sleeping page's timers may not have run yet. */
  const touch = (event: Event): void => {
    if (isOver()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      look();
    } else touched = moment();
  };
  const capture = { capture: true };
  const timer = setInterval(look, LOOK_MS);
  for (const name of TOUCHES) addEventListener(name, touch, capture);
  for (const name of WAKINGS) addEventListener(name, look, capture);
  const end = (): void => {
    clearInterval(timer);
    for (const name of TOUCHES) removeEventListener(name, touch, capture);
    for (const name of WAKINGS) removeEventListener(name, look, capture);
  };
  return end;
}

const TOUCHES = ["pointerdown", "keydown", "click", "input", "wheel"] as const;
const WAKINGS = ["visibilitychange", "pageshow", "focus"] as const;

interface Moment {
  wallMs: number;
  steadyMs: number;
}

function moment(): Moment {
  return { wallMs: Date.now(), steadyMs: performance.now() };
}

/** By the clock that went further: one may stand still in sleep, the other may be set back. */
function idleMs({ wallMs, steadyMs }: Moment): number {
  return Math.max(Date.now() - wallMs, performance.now() - steadyMs);
}
