/** One certified movement: what it was, and its proof, checked on this phone. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { isoDay } from "../../../protocols/calendar.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import type { AppContext } from "../app-context.ts";
import { moneyOf } from "../money/service.ts";
import { movementRows } from "../money/wallet-view.ts";
import { shortTime } from "../times.ts";
import { Button, Note } from "../ui.tsx";
import { NoNetwork } from "./wallet.tsx";
import { WALLET_WORDS } from "./wallet-words.ts";

export function ReceiptScreen(context: AppContext): VNode {
  const { language, runtime, route } = context;
  const words = WALLET_WORDS[language];
  const money = moneyOf(runtime);
  const [signed, setSigned] = useState<number>();
  if (money === undefined) return <NoNetwork context={context} />;
  const { receipts, wallet, people } = money;
  const id = route.params["id"] ?? "";
  const movements = receipts.movements().filter(({ entryId }) => entryId === id);
  const [first] = movements;
  if (first === undefined) return <Note tone="warn">{words.none}</Note>;
  const rows = movementRows(movements, wallet.currencies, language, (one) => people.nameOf(one));
  const notaries = runtime.network?.notaries.length ?? 0;
  return (
    <div class="stack wide">
      <section class="card stack">
        {rows.map(({ amount, text }) => (
          <div key={amount}>
            <p class="amount">{amount}</p>
            <p>{text}</p>
          </div>
        ))}
        {first.memo !== "" && <p>{words.confirmMemo(plainText(first.memo))}</p>}
        <dl class="facts">
          <dt>{words.when}</dt>
          <dd>{shortTime(first.timeMs, language)}</dd>
          <dt>{words.block}</dt>
          <dd>{first.height}</dd>
          <dt>{first.change > 0n ? words.from : words.to}</dt>
          <dd class="mono small">{first.others.join(" ")}</dd>
          <dt>{words.entry}</dt>
          <dd class="mono small">{first.entryId}</dd>
          <dt>{words.currencyId}</dt>
          <dd class="mono small">{first.currency}</dd>
        </dl>
      </section>
      <section class="stack" aria-live="polite">
        <Button
          context={context}
          look="primary"
          act={() => {
            setSigned(undefined);
            setSigned(receipts.verify(id).certificate.length);
          }}
        >
          {words.verify}
        </Button>
        <p class="soft small">{words.verifyWhat}</p>
        {signed !== undefined && <Note tone="good">{words.verified(signed, notaries)}</Note>}
        <Button
          context={context}
          act={() => save(receipts.bytesOf(id), `${isoDay(first.timeMs)}-${id.slice(0, 16)}`)}
        >
          {words.download}
        </Button>
      </section>
    </div>
  );
}

/** As a file that `segment verify` takes. */
function save(bytes: Uint8Array | undefined, name: string): void {
  if (bytes === undefined) return;
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: "application/octet-stream" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: `${name}.receipt` });
  link.click();
  URL.revokeObjectURL(url);
}
