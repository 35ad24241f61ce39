/** My devices: each with how it stands, and one tap that opens it. */
import type { VNode } from "preact";
import type { KnownLock } from "../../../devices/keyring/state.ts";
import type { AppContext } from "../app-context.ts";
import { Icon, Note } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import { StayCard } from "./stay.tsx";
import { stayHere } from "./stay-shown.ts";
import { DoorButtons, Heard, StandingChips, useLiveState } from "./door.tsx";

export function LocksScreen(context: AppContext): VNode {
  const words = DOOR_WORDS[context.language];
  const { locks } = context.keyring;
  useLiveState(context, locks);
  return (
    <div class="stack wide">
      <BluetoothNote {...context} />
      {locks.length === 0 && (
        <div class="card center">
          <h2>{words.none}</h2>
          <p class="soft">{words.noneHow}</p>
        </div>
      )}
      {locks.map((lock) => (
        <LockCard key={lock.id} lock={lock} context={context} />
      ))}
      <div class="buttons">
        <a class="button" href="#/locks/pair">
          <Icon name="add" />
          {words.add}
        </a>
        <a class="button" href="#/keys/take">
          <Icon name="key" />
          {words.takeKey}
        </a>
      </div>
    </div>
  );
}

function LockCard({ lock, context }: { lock: KnownLock; context: AppContext }): VNode {
  const words = DOOR_WORDS[context.language];
  const stay = lock.isOwned ? undefined : stayHere(context.keyring, lock.id);
  const waiting = context.keyring.orders.filter((order) => order.lock === lock.id).length;
  return (
    <section class="card" aria-label={lock.name}>
      <div class="head">
        <h2>{lock.name}</h2>
        <span class="soft small figure">
          {lock.isOwned ? words.owner : stay === undefined ? words.guest : words.rental}
        </span>
      </div>
      <div class="line">
        <StandingChips lock={lock} context={context} />
        <Heard lock={lock} context={context} />
      </div>
      {lock.standing?.isTimeKnown === false && <Note tone="warn">{words.clockUnknown}</Note>}
      {waiting > 0 && <Note>{words.waiting(waiting)}</Note>}
      {stay !== undefined && <StayCard stay={stay} context={context} />}
      <DoorButtons lock={lock} context={context} />
      <a class="button plain" href={`#/locks/${lock.id}`}>
        {words.more}
        <span class="hidden">: {lock.name}</span>
        <Icon name="next" />
      </a>
    </section>
  );
}

/** Said plainly where the browser has no Bluetooth. */
export function BluetoothNote({ runtime, language }: AppContext): VNode | null {
  if (runtime.bluetooth !== undefined) return null;
  const words = DOOR_WORDS[language];
  return runtime.network === undefined ? (
    <Note tone="warn">{words.noBluetooth}</Note>
  ) : (
    <Note>{words.noBluetoothFar}</Note>
  );
}
