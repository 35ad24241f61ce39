/** A delivery on its way: how its contract stands, and the drone's way, drawn on a plain grid. */
import type { VNode } from "preact";
import { plainText } from "../../../protocols/documents/html.ts";
import type { AppContext } from "../app-context.ts";
import { standingOf } from "../money/deal-view.ts";
import { moneyOf } from "../money/service.ts";
import { drawTrack, metresText, SIDE } from "../money/track-view.ts";
import type { Drawing } from "../money/track-view.ts";
import { localFormat } from "../times.ts";
import { Chip, Note } from "../ui.tsx";
import { dealOf } from "./contracts-parts.tsx";
import { CONTRACT_SCREEN_WORDS } from "./contracts-words.ts";
import type { ContractScreenWords } from "./contracts-words.ts";
import { NoNetwork } from "./wallet.tsx";

export function DeliveryScreen(context: AppContext): VNode {
  const { language, runtime, route } = context;
  const words = CONTRACT_SCREEN_WORDS[language];
  const money = moneyOf(runtime);
  if (money === undefined) return <NoNetwork context={context} />;
  const deal = dealOf(money, route.params["id"] ?? "");
  if (deal === undefined) return <Note tone="warn">{words.unknown}</Note>;
  const plan = money.tracks.planOf(deal.one);
  if (plan === undefined) return <Note>{words.noDelivery}</Note>;
  const track = money.tracks.of(deal.id);
  const drawing = drawTrack(track, plan.point);
  const { text, tone } = standingOf(deal, language);
  const address = deal.one.terms.details.find(([name]) => name === "address")?.[1];
  return (
    <div class="stack wide">
      <section class="card stack">
        <div class="head">
          <h2>{typeof address === "string" ? plainText(address) : words.goal}</h2>
          <Chip tone={tone}>{text}</Chip>
        </div>
        {track.hasArrived && <Note tone="good">{words.arrived}</Note>}
        {drawing.newest === undefined ? (
          <p class="soft">{words.noTrack}</p>
        ) : (
          <p aria-live="polite">{newsOf(drawing, words, context)}</p>
        )}
      </section>
      <figure class="card stack">
        <Plot drawing={drawing} words={words} language={language} />
        <figcaption class="soft small">{words.trackHow}</figcaption>
      </figure>
    </div>
  );
}

function newsOf({ newest, metresToGoal }: Drawing, words: ContractScreenWords, context: AppContext): string {
  if (newest === undefined || metresToGoal === undefined) return words.noTrack;
  const { language } = context;
  return [
    words.distance(metresText(metresToGoal, language)),
    words.height(metresText(Math.max(0, newest.altitudeMm / 1_000), language)),
    words.heardAt(localFormat(language).time(newest.timeMs)),
  ].join(", ");
}

interface PlotProps {
  drawing: Drawing;
  words: ContractScreenWords;
  language: "en" | "fr";
}

/** Colours are the text's and the accent's, by attributes: the page allows no styles of its own. */
function Plot({ drawing, words, language }: PlotProps): VNode {
  const { line, goal, grid, gridMetres, metresToGoal } = drawing;
  const [first] = line;
  const newest = line.at(-1);
  const distance =
    metresToGoal === undefined ? "" : `, ${words.distance(metresText(metresToGoal, language))}`;
  const [left = 0, next = SIDE] = grid.x;
  return (
    <svg viewBox={`0 0 ${SIDE} ${SIDE}`} role="img" aria-label={`${words.trackDrawing}${distance}`}>
      <g stroke="currentColor" stroke-opacity="0.18" stroke-width="1">
        {grid.x.map((x) => (
          <line key={`x${x}`} x1={x} x2={x} y1={0} y2={SIDE} />
        ))}
        {grid.y.map((y) => (
          <line key={`y${y}`} x1={0} x2={SIDE} y1={y} y2={y} />
        ))}
      </g>
      {line.length > 1 && (
        <polyline
          points={line.map(({ x, y }) => `${x},${y}`).join(" ")}
          fill="none"
          stroke="currentColor"
          stroke-width="2.5"
          stroke-linejoin="round"
        />
      )}
      <Mark at={goal} label={words.goal} isRing />
      {first !== undefined && line.length > 1 && <Mark at={first} label={words.first} />}
      {newest !== undefined && <Mark at={newest} label={words.newest} />}
      <g stroke="currentColor" stroke-width="2" fill="currentColor">
        <line x1={left} x2={next} y1={SIDE - 8} y2={SIDE - 8} />
        <text x={(left + next) / 2} y={SIDE - 13} text-anchor="middle" font-size="12" stroke="none">
          {metresText(gridMetres, language)}
        </text>
      </g>
    </svg>
  );
}

function Mark(props: { at: { x: number; y: number }; label: string; isRing?: boolean }): VNode {
  const { at, label, isRing = false } = props;
  // Words stay inside, on whichever side there is room.
  const isLeft = at.x > SIDE / 2;
  return (
    <g fill="currentColor">
      <circle
        cx={at.x}
        cy={at.y}
        r={isRing ? 8 : 5}
        fill={isRing ? "none" : "currentColor"}
        stroke="currentColor"
        stroke-width="2.5"
      />
      <text
        x={at.x + (isLeft ? -12 : 12)}
        y={at.y + (isRing ? -8 : 16)}
        text-anchor={isLeft ? "end" : "start"}
        font-size="12"
      >
        {label}
      </text>
    </g>
  );
}
