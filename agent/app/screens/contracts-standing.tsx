/** How an open contract stands, as notaries say, and what the owner can do in it. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { currencyChosen, describeStep, factText, labelText } from "../../../protocols/contract/text.ts";
import type { Case } from "../../../protocols/contract/terms.ts";
import { caseText } from "../money/deal-view.ts";
import type { Stand } from "../money/dealings.ts";
import { Button, Confirm, Field, Note } from "../ui.tsx";
import type { DealProps } from "./contracts-parts.tsx";
import { TermsSentences } from "./contracts-parts.tsx";
import { Show } from "./contracts-show.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";

export function Standing(props: DealProps): VNode {
  const { context, money, deal, format } = props;
  const { language, runtime } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const [asked, setAsked] = useState<{ stand: Stand | undefined }>();
  const ask = async (): Promise<void> => setAsked({ stand: await money.dealings.stand(deal.id) });
  const seq = deal.progress?.seq;
  useEffect(() => {
    if (runtime.isConnected) ask().catch((error: unknown) => context.fail(error));
  }, [deal.id, seq, runtime.isConnected]);
  const stand = asked?.stand;
  const { progress } = deal;
  return (
    <section class="card stack" aria-live="polite">
      <h2>{words.standing}</h2>
      {asked === undefined && runtime.isConnected && <p class="soft">{words.asking}</p>}
      {asked !== undefined && stand === undefined && <p>{words.notOpen}</p>}
      {stand === undefined && progress !== undefined && (
        <p class="soft">
          {words.lastKnown(labelText(progress.label, language), format.time(progress.timeMs))}
        </p>
      )}
      {stand !== undefined && <Told {...props} stand={stand} ask={ask} />}
      <Button context={context} act={ask} disabled={!runtime.isConnected}>
        {words.refresh}
      </Button>
    </section>
  );
}

type ToldProps = DealProps & { stand: Stand; ask: () => Promise<void> };

function Told(props: ToldProps): VNode {
  const { context, deal, format, stand } = props;
  const { language } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const { info, step, agreeing, notaries } = stand;
  const held = info.pot.map(({ currency, minor }) => format.amount(minor, currency)).join(", ");
  return (
    <>
      <p>{info.closed ? words.hasEnded : words.holds(held === "" ? words.nothing : held)}</p>
      <p class="soft small">{words.agreeing(agreeing, notaries)}</p>
      {step !== undefined && (
        <>
          <p>
            <strong>{words.until(format.time(step.actBy))}</strong>
          </p>
          <TermsSentences lines={describeStep(deal.one.terms, step, language, format)} />
          <Acts {...props} />
        </>
      )}
    </>
  );
}

function Acts(props: ToldProps): VNode {
  const { context, money, deal, stand, ask } = props;
  const words = CONTRACT_SCREEN_WORDS[context.language];
  const did = async (work: () => Promise<void>, said: string): Promise<void> => {
    await work();
    context.say(said, "good");
    await ask();
  };
  const acts = stand.yours.filter(({ kind }) => kind !== "facts");
  // Whoever has it may; of the parties that is not the one who pays for it.
  const canShow = stand.canShow && deal.role !== "reader";
  const canHandIn = stand.isEnough || stand.isTimeout;
  const nothing = acts.length + stand.statable.length === 0 && !canHandIn && !canShow;
  return (
    <div class="stack">
      {nothing && <p class="soft">{words.nothingToDo}</p>}
      {acts.length > 0 && <h3>{words.youCan}</h3>}
      {acts.map((one) => (
        <Act key={keyOf(one)} {...props} one={one} did={did} />
      ))}
      {stand.statable.length > 0 && <h3>{words.statable}</h3>}
      {stand.statable.map(({ kind }) => (
        <Button
          key={kind}
          context={context}
          act={() => did(() => money.dealings.state(deal.id, kind), words.stated)}
        >
          {factText(deal.role, kind, context.language)}
        </Button>
      ))}
      {canShow && <Show {...props} did={(work) => did(work, words.done)} />}
      {canHandIn && (
        <Note tone="good">
          <p>{stand.isEnough ? words.enough : words.timeout}</p>
          <Button context={context} act={() => did(() => money.dealings.claim(deal.id), words.done)}>
            {stand.isEnough ? words.handIn : words.seeTimeout}
          </Button>
        </Note>
      )}
    </div>
  );
}

function keyOf(one: Case): string {
  return one.kind === "choice" ? `choice ${one.name}` : one.kind;
}

interface ActProps extends ToldProps {
  one: Case;
  did: (work: () => Promise<void>, said: string) => Promise<void>;
}

function Act({ context, money, deal, format, one, did }: ActProps): VNode | null {
  const words = CONTRACT_SCREEN_WORDS[context.language];
  const [value, setValue] = useState("");
  if (one.kind === "facts") return null;
  const text = caseText(one, deal.role, context.language, format);
  const needsValue = one.kind === "choice" && one.min !== one.max;
  const currency = one.kind === "choice" ? currencyChosen(one.then, one) : undefined;
  const range =
    needsValue && currency !== undefined
      ? `${format.amount(one.min, currency)} – ${format.amount(one.max, currency)}`
      : undefined;
  const act = (): Promise<void> =>
    one.kind === "deposit"
      ? money.dealings.deposit(deal.id)
      : money.dealings.choose(deal.id, one.name, needsValue ? value : undefined);
  return (
    <div class="stack">
      {needsValue && (
        <Field
          label={words.value}
          value={value}
          change={setValue}
          inputMode="decimal"
          {...(range === undefined ? {} : { hint: range })}
        />
      )}
      <Confirm
        context={context}
        label={text}
        question={text}
        yes={text}
        act={() => did(act, words.done)}
        look="primary"
      />
    </div>
  );
}
