/** A new guest key: whom, when, at which hours, how often; and what it will say, before it is made. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { HeldKey, KnownLock } from "../../../devices/keyring/state.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { browserRandom } from "../../browser/platform.ts";
import type { AppContext } from "../app-context.ts";
import { previewOf, wishOf } from "../key-form.ts";
import type { KeyForm } from "../key-form.ts";
import { fieldTime, localFormat, localZone } from "../times.ts";
import { Check, Field, Form, Note, Select, Sentences } from "../ui.tsx";
import { DOOR_WORDS } from "./door-words.ts";
import { MAKE_WORDS } from "./key-make-words.ts";
import type { MakeWords } from "./key-make-words.ts";
import { opened } from "./key-shown.ts";

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
const NONCE_BYTES = 16;
const SECRET_BYTES = 32;

export function MakeKeyScreen(context: AppContext): VNode {
  const words = MAKE_WORDS[context.language];
  const { keyring, route } = context;
  const of = route.query.get("of");
  const parent = keyring.held.find(({ id }) => toHex(id) === of);
  const owned = keyring.locks.filter(({ isOwned }) => isOwned);
  if (parent === undefined && owned.length === 0) return <Note tone="warn">{words.noLock}</Note>;
  return <Make context={context} owned={owned} parent={parent} />;
}

function freshForm(now: number, isPart: boolean): KeyForm {
  return {
    ...{ who: "", by: "link", id: "", from: "", hours: "always", start: "08:00", end: "18:00" },
    ...{ uses: "", passOn: "0", refresh: "24h", may: isPart ? [] : ["door:open"] },
    ends: isPart ? "parent" : "until",
    // A day from now, at a full hour.
    until: fieldTime(Math.ceil((now + DAY_MS) / HOUR_MS) * HOUR_MS),
    days: [true, true, true, true, true, false, false],
  };
}

interface MakeProps {
  context: AppContext;
  owned: readonly KnownLock[];
  parent: HeldKey | undefined;
}

interface PartProps {
  form: KeyForm;
  set: (part: Partial<KeyForm>) => void;
  words: MakeWords;
  isPart: boolean;
}

function Make({ context, owned, parent }: MakeProps): VNode {
  const { runtime, language, route } = context;
  const words = MAKE_WORDS[language];
  const { clock } = runtime.machine;
  const [form, setForm] = useState(() => freshForm(clock.now(), parent !== undefined));
  const [lock, setLock] = useState(route.query.get("lock") ?? owned[0]?.id ?? "");
  const [isTried, setTried] = useState(false);
  const set = (part: Partial<KeyForm>): void => setForm({ ...form, ...part });
  const key = parent && opened(parent);
  const zone = localZone();
  const preview = previewOf(form, { zone, now: clock.now(), language }, key);
  const problem = preview.wrong === undefined ? undefined : (words.wrong[preview.wrong] ?? "");
  const make = async (): Promise<void> => {
    setTried(true);
    if (problem !== undefined && problem !== "") return;
    const { content, followsUntilMs } = wishOf(form, zone, clock.now(), key);
    const secret = content.holder === null ? browserRandom.bytes(SECRET_BYTES) : null;
    const random = { nonce: browserRandom.bytes(NONCE_BYTES), secret };
    const of = parent === undefined ? { lock } : { key: parent.id };
    await runtime.run(parent === undefined ? "give" : "pass-on", { ...of, ...content, ...random });
    const made = runtime.agent.state.given.at(-1)!;
    const follows =
      followsUntilMs === null
        ? ""
        : ` ${words.follows(zone.name, localFormat(language).time(followsUntilMs))}`;
    context.say(words.made + follows);
    context.go(`/keys/${toHex(made.id)}`);
  };
  const parts = { form, set, words, isPart: parent !== undefined };
  return (
    <Form context={context} submit={words.make} icon="key" act={make}>
      {parent !== undefined && <Note>{words.part}</Note>}
      {parent === undefined && owned.length > 1 && (
        <Select
          label={words.lock}
          value={lock}
          change={setLock}
          options={owned.map(({ id, name }) => [id, name] as const)}
        />
      )}
      <Field
        label={words.who}
        hint={words.whoHint}
        max={64}
        value={form.who}
        change={(who) => set({ who })}
      />
      <When {...parts} />
      <details>
        <summary>{words.more}</summary>
        <div class="stack wide more">
          <HowOften {...parts} />
          <What {...parts} context={context} lock={owned.find(({ id }) => id === lock)} />
          <Whom {...parts} />
        </div>
      </details>
      {preview.lines.length > 0 && (
        <Note>
          <h2>{words.reads}</h2>
          <Sentences lines={preview.lines} />
        </Note>
      )}
      {isTried && problem !== undefined && problem !== "" && (
        <div role="alert">
          <Note tone="bad">{problem}</Note>
        </div>
      )}
    </Form>
  );
}

function When({ form, set, words, isPart }: PartProps): VNode {
  const ends = [
    ...(isPart ? ([["parent", words.asParent]] as const) : []),
    ["until", words.untilTime],
    ...(isPart ? [] : ([["forever", words.forever]] as const)),
  ] as const;
  return (
    <>
      <Select label={words.ends} value={form.ends} change={(value) => set({ ends: value })} options={ends} />
      {form.ends === "until" && (
        <>
          <Field
            label={words.until}
            type="datetime-local"
            value={form.until}
            change={(until) => set({ until })}
          />
          <Field
            label={words.from}
            hint={words.fromNow}
            type="datetime-local"
            value={form.from}
            change={(from) => set({ from })}
          />
        </>
      )}
      <Select
        label={words.hours}
        value={form.hours}
        change={(hours) => set({ hours })}
        options={[
          ["always", words.always],
          ["some", words.someHours],
        ]}
      />
      {form.hours === "some" && <Week form={form} set={set} words={words} isPart={isPart} />}
    </>
  );
}

function Week({ form, set, words }: PartProps): VNode {
  return (
    <>
      <fieldset>
        <legend class="hidden">{words.someHours}</legend>
        <div class="days">
          {words.dayNames.map((name, at) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={form.days[at] === true}
                onChange={(event) => {
                  const { checked } = event.currentTarget;
                  set({ days: form.days.map((one, other) => (other === at ? checked : one)) });
                }}
              />
              <span>{name}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="pair">
        <Field label={words.start} type="time" value={form.start} change={(start) => set({ start })} />
        <Field label={words.end} type="time" value={form.end} change={(end) => set({ end })} />
      </div>
    </>
  );
}

function HowOften({ form, set, words, isPart }: PartProps): VNode {
  return (
    <>
      <Field
        label={words.uses}
        hint={words.usesHint}
        inputMode="numeric"
        max={9}
        value={form.uses}
        change={(uses) => set({ uses })}
      />
      <Select
        label={words.passOn}
        value={form.passOn}
        change={(passOn) => set({ passOn })}
        options={words.passOnOptions.map((text, times) => [String(times), text] as const)}
      />
      {!isPart && (
        <Select
          label={words.offline}
          hint={words.offlineHint}
          value={form.refresh}
          change={(refresh) => set({ refresh })}
          options={words.offlineOptions}
        />
      )}
    </>
  );
}

function What(props: PartProps & { context: AppContext; lock: KnownLock | undefined }): VNode | null {
  const { form, set, words, isPart, context, lock } = props;
  const doors = DOOR_WORDS[context.language];
  const targets = lock?.standing?.targets ?? [];
  const all = targets.flatMap(({ name, actions }) => actions.map((action) => ({ name, action })));
  // A part is of what the own key allows; and one thing alone is no choice.
  if (isPart || all.length < 2) return null;
  return (
    <fieldset>
      <legend>{words.what}</legend>
      {all.map(({ name, action }) => {
        const right = `${name}:${action}`;
        return (
          <Check
            key={right}
            label={doors.action(action, name)}
            checked={form.may.includes(right)}
            change={(checked) => {
              const others = form.may.filter((one) => one !== right);
              set({ may: checked ? [...others, right] : others });
            }}
          />
        );
      })}
    </fieldset>
  );
}

function Whom({ form, set, words }: PartProps): VNode {
  return (
    <>
      <Select
        label={words.whom}
        value={form.by}
        change={(by) => set({ by })}
        options={[
          ["link", words.byLink],
          ["id", words.byId],
        ]}
      />
      {form.by === "id" && (
        <Field
          isCode
          label={words.id}
          hint={words.idHint}
          max={80}
          value={form.id}
          change={(id) => set({ id })}
        />
      )}
    </>
  );
}
