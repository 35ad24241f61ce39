/** A guest's own stay on its lock's card: when, how it stands, and the way to its contract. */
import type { VNode } from "preact";
import type { RentedStay } from "../../../devices/keyring/state.ts";
import { openFact } from "../../../protocols/contract/facts.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { AppContext } from "../app-context.ts";
import { localFormat } from "../times.ts";
import { Chip, Icon, Note } from "../ui.tsx";
import { Facts } from "./door.tsx";
import { stayFacts, stayStanding } from "./stay-shown.ts";
import { STAY_WORDS } from "./stay-words.ts";

export function StayCard({ stay, context }: { stay: RentedStay; context: AppContext }): VNode {
  const { language, runtime } = context;
  const words = STAY_WORDS[language];
  const { place, arrivalMs, departureMs } = stayFacts(stay);
  const { tone, text } = stayStanding(stay, runtime.machine.clock.now(), language);
  const { time } = localFormat(language);
  const rows: (readonly [string, string])[] = [
    [words.facts.arrival, time(arrivalMs)],
    [words.facts.departure, time(departureMs)],
  ];
  return (
    <section class="stack" aria-label={words.rental}>
      <div class="line">
        <Chip tone={wasKeptOut(stay) ? "warn" : tone}>{text}</Chip>
        {stay.phase === "stay" && <Chip>{words.paid}</Chip>}
      </div>
      <Facts rows={place === "" ? rows : [[words.facts.place, place], ...rows]} />
      {wasKeptOut(stay) && <Note tone="warn">{words.refusedSigned}</Note>}
      {place !== "" && (
        <a class="button plain" href={`#/contracts/${toHex(stay.termsId)}`}>
          <Icon name="contract" />
          {words.contract}
        </a>
      )}
    </section>
  );
}

/** Whether the lock has refused at a time of the stay itself: before and after it that is as agreed. */
function wasKeptOut(stay: RentedStay): boolean {
  if (stay.refusal === null || stay.opening !== null) return false;
  const { arrivalMs, departureMs } = stayFacts(stay);
  const { timeMs } = openFact(portableCrypto, stay.refusal);
  return timeMs >= arrivalMs && timeMs < departureMs;
}

/** In a list: of which lock, and how it stands. */
export function StayLine(props: { stay: RentedStay; name: string; context: AppContext }): VNode {
  const { stay, name, context } = props;
  const { language, runtime } = context;
  const { tone, text } = stayStanding(stay, runtime.machine.clock.now(), language);
  return (
    <a class="row" href={`#/locks/${stay.lock}`}>
      <Icon name="door" />
      <span class="grow">
        {name}
        <span class="soft small detail">{stayFacts(stay).place}</span>
        <Chip tone={tone}>{text}</Chip>
      </span>
      <Icon name="next" />
    </a>
  );
}
