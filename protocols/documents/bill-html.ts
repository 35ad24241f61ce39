/** An invoice or receipt as a page to read and to print. */
import { isoDay, isoTime } from "../calendar.ts";
import { vatPercent } from "./bill.ts";
import type { Bill, BillParty, PaymentProof } from "./bill.ts";
import { html, htmlPage } from "./html.ts";
import type { Html } from "./html.ts";
import { groupedNumber } from "./money.ts";
import { documentWords } from "./words.ts";
import type { DocumentLanguage, DocumentWords } from "./words.ts";

export function billHtml(bill: Bill, language: DocumentLanguage): string {
  const words = documentWords(language);
  const { kind, number, issuedMs, seller, buyer, proof } = bill;
  const isInvoice = kind === "invoice";
  const title = isInvoice ? words.invoice : words.receipt;
  const paidOn =
    proof === null
      ? []
      : html`<dt>${words.paidOn}</dt>
          <dd>${isoDay(proof.timeMs)}</dd>`;
  const issued = isInvoice
    ? html`<dt>${words.issued}</dt>
        <dd>${isoDay(issuedMs)}</dd>`
    : [];
  const body = html`<header>
      <h1>${title}</h1>
      <dl>
        <dt>${words.number}</dt>
        <dd>${number}</dd>
        ${issued} ${paidOn}
      </dl>
    </header>
    <div class="columns">
      ${partyHtml(isInvoice ? words.seller : words.payee, seller, proof === null ? [] : [proof.to], words)}
      ${partyHtml(isInvoice ? words.buyer : words.payer, buyer, proof?.from ?? [], words)}
    </div>
    ${linesHtml(bill, words)} ${proof === null ? [] : proofHtml(bill, proof, words)}`;
  return htmlPage(language, `${title} ${number}`, body);
}

function partyHtml(title: string, party: BillParty | null, accounts: string[], words: DocumentWords): Html {
  const { name = "", address = "", vatNumber = "" } = party ?? {};
  return html`<section>
    <h2>${title}</h2>
    ${name === "" ? [] : html`<div><strong>${name}</strong></div>`}
    ${address === "" ? [] : address.split("\n").map((line) => html`<div>${line}</div>`)}
    ${vatNumber === "" ? [] : html`<div>${words.vatNumber} ${vatNumber}</div>`}
    ${accounts.slice(0, 4).map((account) => html`<div class="id">${account}</div>`)}
  </section>`;
}

function linesHtml(bill: Bill, words: DocumentWords): Html {
  const { currency, lines, vatRate, netMinor, vatMinor, totalMinor, kind } = bill;
  const number = (minor: bigint): string => groupedNumber(minor, currency.exponent, words);
  const vat =
    vatRate === null
      ? []
      : html`<tr>
            <td>${words.net}</td>
            <td class="number">${number(netMinor)}</td>
          </tr>
          <tr>
            <td>${words.vat(vatPercent(vatRate, words.decimalMark))}</td>
            <td class="number">${number(vatMinor)}</td>
          </tr>`;
  const note = vatRate === null ? words.noVat : words.vatRounding;
  return html`<table>
      <thead>
        <tr>
          <th>${words.item}</th>
          <th class="number">${words.amount} (${currency.code})</th>
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          ({ text, minor }) =>
            html`<tr>
              <td>${text}</td>
              <td class="number">${number(minor)}</td>
            </tr> `,
        )}
        ${vat}
        <tr class="sum">
          <td>${words.totalPaid}</td>
          <td class="number">${number(totalMinor)} ${currency.code}</td>
        </tr>
      </tbody>
    </table>
    ${kind === "invoice" ? html`<p>${note}</p>` : []}`;
}

function proofHtml({ currency }: Bill, proof: PaymentProof, words: DocumentWords): Html {
  const { height, signed, notaries, network, entryId, memo, timeMs } = proof;
  const certified = words.proof(height.toString(), signed.toString(), notaries.toString(), network);
  return html`<footer>
    <div>${words.named(words.paid, isoTime(timeMs))}. ${certified}</div>
    ${memo === "" ? [] : html`<div>${words.named(words.memo, words.quoted(memo))}</div>`}
    <div>${words.proofOfEntry} <span class="id">${entryId}</span></div>
    <div>${words.currencyId} <span class="id">${currency.id}</span></div>
  </footer>`;
}
