/** The newest lines of a lock's log, as its owner reads them at the door or over the network. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { lockOf } from "../../../devices/keyring/find.ts";
import { logDeed } from "../../../protocols/access/log-words.ts";
import type { AuditEntry } from "../../../protocols/access/messages.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import type { AppContext } from "../app-context.ts";
import { readLog, waysTo } from "../doors.ts";
import { errorText } from "../error-words.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import type { ErrorCode } from "../../../protocols/errors.ts";
import type { Texts } from "../language.ts";
import { peopleOf } from "../money/service.ts";
import { shortTime } from "../times.ts";
import { Button, Chip, Note } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";

interface Words {
  read: string;
  older: string;
  none: string;
  hint: string;
  done: string;
  refused: string;
  you: string;
  nobody: string;
  noTime: string;
  byKey(key: string): string;
}

const WORDS: Texts<Words> = {
  en: {
    read: "Read the newest lines",
    older: "Go on",
    none: "Nothing is in the log yet.",
    hint: "The lock keeps the newest hundred lines.",
    done: "done",
    refused: "refused",
    you: "this phone",
    nobody: "the lock itself",
    noTime: "time unknown",
    byKey: (key) => `key ${key}`,
  },
  fr: {
    read: "Lire les dernières lignes",
    older: "Continuer",
    none: "Le journal est encore vide.",
    hint: "La serrure garde les cent dernières lignes.",
    done: "fait",
    refused: "refusé",
    you: "ce téléphone",
    nobody: "la serrure elle-même",
    noTime: "heure inconnue",
    byKey: (key) => `clé ${key}`,
  },
};

const SHORT_KEY = 12;

export function LogScreen(context: AppContext): VNode {
  const id = context.route.params["id"] ?? "";
  const lock = lockOf(context.keyring, id);
  const words = WORDS[context.language];
  const doors = DOOR_WORDS[context.language];
  const page = context.runtime.logs.get(id);
  const [way] = lock === undefined ? [] : waysTo(context.runtime, lock);
  const read = async (from: number): Promise<void> => {
    if (way === undefined) return context.say(doors.noWay, "bad");
    if (!(await readLog(context.runtime, id, way, from))) context.say(doors.chosenNone, "bad");
  };
  // Over the network no tap is needed.
  useEffect(() => {
    if (way === "far" && page === undefined) read(0).catch((error: unknown) => context.fail(error));
  }, [way]);
  const entries = [...(page?.entries ?? [])].reverse();
  return (
    <div class="stack wide">
      <p class="soft">{words.hint}</p>
      <div class="buttons">
        <Button context={context} look="primary" act={() => read(0)}>
          {words.read}
        </Button>
        {page !== undefined && page.next !== null && (
          <Button context={context} act={() => read(page.next!)}>
            {words.older}
          </Button>
        )}
      </div>
      {page !== undefined && entries.length === 0 && <Note>{words.none}</Note>}
      {entries.length > 0 && (
        <ol class="list" reversed>
          {entries.map((entry) => (
            <li key={entry.number}>
              <Line entry={entry} context={context} />
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function Line({ entry, context }: { entry: AuditEntry; context: AppContext }): VNode {
  const { language, runtime } = context;
  const words = WORDS[language];
  const nameOf = (id: string): string | undefined => {
    const name = peopleOf(runtime).get(id)?.name;
    return name === undefined ? undefined : plainText(name);
  };
  const who =
    entry.who === runtime.home.id
      ? words.you
      : entry.name !== ""
        ? entry.name
        : entry.who === null
          ? words.nobody
          : (nameOf(entry.who) ?? `…${entry.who.slice(-8)}`);
  const what = logDeed(entry, language);
  const time = entry.isTimeKnown ? shortTime(entry.timeMs, language) : words.noTime;
  const key = entry.key === null ? "" : ` · ${words.byKey(toHex(entry.key).slice(0, SHORT_KEY))}`;
  return (
    <div class="row">
      <span class="grow">
        <strong>{who}</strong>: {what}
        <span class="soft small detail">
          {time}
          {key}
        </span>
        {entry.code !== null && (
          <span class="small detail">
            {errorText(new SegmentError(entry.code as ErrorCode, ""), language)}
          </span>
        )}
      </span>
      {entry.code === null ? <Chip tone="good">{words.done}</Chip> : <Chip tone="bad">{words.refused}</Chip>}
    </div>
  );
}
