/** One device: how it stands, and what one tap does. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import { heldOf } from "../../../devices/keyring/find.ts";
import { openGuestKey } from "../../../protocols/access/key.ts";
import { ACTIONS, allows } from "../../../protocols/access/rights.ts";
import type { Action, Right } from "../../../protocols/access/rights.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import type { AppContext } from "../app-context.ts";
import { ask, look, waysTo } from "../doors.ts";
import type { Way } from "../doors.ts";
import { agoText } from "../times.ts";
import { Button, Chip, Note } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import type { DoorWords } from "./door-words.ts";
import { livingStay, stayHere, stayRefusal } from "./stay-shown.ts";

const LOOK_EVERY_MS = 5_000;
/** Every so many looks those are asked with which nothing was done lately. */
const RARELY = 4;
/** So long after a tap the bolt may still move by itself. */
const LIVELY_MS = 20_000;
const AGO_EVERY_MS = 15_000;

/** By lock: when the person last did something there. */
const actedMs = new Map<string, number>();

/** What this phone may do there: all that the lock has named, or what its keys and its stay allow. */
export function rightsAt({ keyring, runtime }: AppContext, { id, isOwned, standing }: KnownLock): Right[] {
  const named = (standing?.targets ?? []).map(({ name, actions }) => ({ target: name, actions }));
  const door: Right = { target: "door", actions: ["open"] };
  if (isOwned) return named.length > 0 ? named : [door];
  const ofKeys = heldOf(keyring, id).flatMap(
    (key) => openGuestKey(portableCrypto, key.links.at(-1)!.key).rights,
  );
  const stay = livingStay(keyring, id, runtime.machine.clock.now());
  const rights = stay === undefined ? ofKeys : [...ofKeys, door];
  const targets = new Set(rights.map(({ target }) => target));
  return [...targets].map((target) => ({
    target,
    actions: ACTIONS.filter((action) => allows(rights, target, action)),
  }));
}

/** How the lock stands, as far as it was heard. */
export function StandingChips({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = DOOR_WORDS[context.language];
  const { standing } = lock;
  if (standing === null) return <Chip>{words.unknown}</Chip>;
  const { isLocked, isOpen, batteryPermille } = standing;
  return (
    <>
      {isLocked !== null && (
        <Chip tone={isLocked ? "good" : "warn"}>{isLocked ? words.isLocked : words.isUnlocked}</Chip>
      )}
      {isOpen !== null && <Chip tone={isOpen ? "warn" : "good"}>{isOpen ? words.isOpen : words.isShut}</Chip>}
      {batteryPermille !== null && <Battery permille={batteryPermille} words={words} />}
    </>
  );
}

/** The lock alerts its owners at the same mark. */
const LOW_PERCENT = 15;

function Battery({ permille, words }: { permille: number; words: DoorWords }): VNode {
  const percent = Math.round(permille / 10);
  if (percent <= LOW_PERCENT) return <Chip tone="bad">{words.batteryLow(percent)}</Chip>;
  return <Chip>{words.battery(percent)}</Chip>;
}

export function Heard({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  useRedraw(AGO_EVERY_MS);
  const words = DOOR_WORDS[context.language];
  const heardMs = context.runtime.heardMs.get(lock.id);
  if (heardMs === undefined) return <span class="soft small">{words.never}</span>;
  const ago = agoText(Math.max(0, context.runtime.machine.clock.now() - heardMs), context.language);
  return <span class="soft small">{words.heard(ago)}</span>;
}

/** The button that opens; a lock that has relocking or lights has more below. */
export function DoorButtons({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = DOOR_WORDS[context.language];
  const rights = rightsAt(context, lock);
  const ways = waysTo(context.runtime, lock);
  const [failedWay, setFailedWay] = useState<Way>();
  const stay = lock.isOwned ? undefined : stayHere(context.keyring, lock.id);
  const acts = rights.flatMap(({ target, actions }) => actions.map((action) => ({ target, action })));
  const main = acts.find(({ action }) => action === "open") ?? acts[0];
  const others = acts.filter((one) => one !== main);
  const tap = async (way: Way | undefined, what: { target: string; action: Action }): Promise<void> => {
    if (way === undefined) return context.say(words.noWay, "bad");
    try {
      const isDone = await ask(context.runtime, lock.id, way, what);
      setFailedWay(undefined);
      actedMs.set(lock.id, context.runtime.machine.clock.now());
      context.say(isDone ? words.done(what.action, what.target) : words.chosenNone, isDone ? "good" : "bad");
    } catch (error) {
      // The keyring shows the stay before any key.
      const why = stay && stayRefusal(stay, error, context.language);
      setFailedWay(why === undefined ? way : undefined);
      if (why === undefined) throw error;
      context.say(why, "bad");
    }
  };
  const otherWay = ways.find((way) => way !== failedWay);
  return (
    <div class="stack">
      {main === undefined && stay === undefined && <Note>{words.noKey}</Note>}
      {main !== undefined && (
        <Button
          context={context}
          look="big primary"
          icon="unlocked"
          label={`${words.action(main.action, main.target)}: ${lock.name}`}
          act={() => tap(ways[0], main)}
        >
          {words.action(main.action, main.target)}
        </Button>
      )}
      {failedWay !== undefined && otherWay !== undefined && main !== undefined && (
        <Button context={context} act={() => tap(otherWay, main)}>
          {words.otherWay(otherWay === "near")}
        </Button>
      )}
      {others.length > 0 && (
        <div class="buttons">
          {others.map((one) => (
            <Button
              key={`${one.target} ${one.action}`}
              context={context}
              label={`${words.action(one.action, one.target)}: ${lock.name}`}
              act={() => tap(ways[0], one)}
            >
              {words.action(one.action, one.target)}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

export function LookButton({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = DOOR_WORDS[context.language];
  const tap = async (): Promise<void> => {
    const [way] = waysTo(context.runtime, lock);
    if (way === undefined) return context.say(words.noWay, "bad");
    if (!(await look(context.runtime, lock.id, way))) context.say(words.chosenNone, "bad");
  };
  return (
    <Button context={context} look="plain" act={tap}>
      {words.look}
    </Button>
  );
}

/** While the screen is seen, those that need no tap are asked now and then: one after the other. */
export function useLiveState({ runtime }: AppContext, locks: readonly KnownLock[]): void {
  const ids = locks.map(({ id }) => id).join(" ");
  useEffect(() => {
    let isOver = false;
    let isAsking = false;
    let turn = 0;
    const askAll = async (): Promise<void> => {
      if (isAsking || document.hidden) return;
      isAsking = true;
      turn += 1;
      for (const id of ids.split(" ").filter((one) => one !== "")) {
        const { state } = runtime.agent;
        // What the person wants goes before: there is one wish at a time.
        if (isOver || state.wish !== null) break;
        const isLively = runtime.machine.clock.now() - (actedMs.get(id) ?? -Infinity) < LIVELY_MS;
        const isTalking = state.session?.lock === id;
        const isDue = isLively || (turn % RARELY === 1 && !isTalking);
        const way: Way | undefined = isTalking ? "near" : runtime.isReachable(id) ? "far" : undefined;
        // It says nothing: the time when it was last heard does.
        if (isDue && way !== undefined) await look(runtime, id, way).catch(() => undefined);
      }
      isAsking = false;
    };
    void askAll();
    const timer = setInterval(() => void askAll(), LOOK_EVERY_MS);
    const shown = (): void => void askAll();
    document.addEventListener("visibilitychange", shown);
    return () => {
      isOver = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [runtime, ids, runtime.isConnected]);
}

function useRedraw(everyMs: number): void {
  const [, draw] = useState({});
  useEffect(() => {
    const timer = setInterval(() => draw({}), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

export function Facts({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }): VNode {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}
