/** A statement as a page to read and to print. */
import { isoDay, isoTime } from "../calendar.ts";
import { html, htmlPage } from "./html.ts";
import type { Html } from "./html.ts";
import { groupedNumber } from "./money.ts";
import { describeMovement, periodText, warningOf } from "./statement.ts";
import type { AccountNames, Statement, StatementPart, StatementRow } from "./statement.ts";
import { documentWords } from "./words.ts";
import type { DocumentLanguage, DocumentWords } from "./words.ts";

export function statementHtml(statement: Statement, language: DocumentLanguage): string {
  const words = documentWords(language);
  const { account, network, parts, names } = statement;
  const holder = names.get(account);
  const warning = warningOf(statement, words);
  const body = html`<header>
      <h1>${words.statement}</h1>
      <dl>
        <dt>${words.account}</dt>
        <dd>${holder === undefined ? [] : html`${holder}<br />`}${account}</dd>
        <dt>${words.network}</dt>
        <dd>${network}</dd>
        <dt>${words.period}</dt>
        <dd>${periodText(statement, words)}</dd>
      </dl>
    </header>
    ${warning === undefined ? [] : html`<p class="warning">${warning}</p>`}
    ${parts.length === 0 ? html`<p>${words.nothingMoved}</p>` : parts.map((part) => partHtml(part, words, names))}
    <footer>${words.statementProof}</footer>`;
  return htmlPage(language, `${words.statement} ${account}`, body);
}

function partHtml(part: StatementPart, words: DocumentWords, names: AccountNames): Html {
  const { currency, opening, rows, totalIn, totalOut, closing } = part;
  const number = (minor: bigint): string => groupedNumber(minor, currency.exponent, words);
  return html`<h2>${currency.code} <span class="id">${currency.id}</span></h2>
    <table>
      <thead>
        <tr>
          <th>${words.date}</th>
          <th>${words.description}</th>
          <th class="number">${words.moneyIn}</th>
          <th class="number">${words.moneyOut}</th>
          <th class="number">${words.balance}</th>
        </tr>
      </thead>
      <tbody>
        <tr class="sum">
          <td colspan="4">${words.opening}</td>
          <td class="number">${number(opening)}</td>
        </tr>
        ${rows.map((row) => rowHtml(row, number, words, names))}
        <tr class="sum">
          <td colspan="2">${words.total}</td>
          <td class="number">${number(totalIn)}</td>
          <td class="number">${number(totalOut)}</td>
          <td></td>
        </tr>
        <tr class="sum">
          <td colspan="4">${words.closing}</td>
          <td class="number">${number(closing)}</td>
        </tr>
      </tbody>
    </table> `;
}

function rowHtml(
  row: StatementRow,
  number: (minor: bigint) => string,
  words: DocumentWords,
  names: AccountNames,
): Html {
  const { timeMs, change, balance, memo, others, entryId } = row;
  const parties =
    others.length > 0 && others.length <= 2 ? html`<div class="id">${others.join(", ")}</div>` : [];
  return html`<tr>
    <td class="day">
      ${isoDay(timeMs)}
      <div class="id">${isoTime(timeMs).slice(11, 19)}</div>
    </td>
    <td>
      ${describeMovement(row, words, names)}${memo === "" ? [] : html`<div>${words.quoted(memo)}</div>`}${parties}
      <div class="id">${entryId.slice(0, 32)}</div>
    </td>
    <td class="number">${change > 0n ? number(change) : ""}</td>
    <td class="number">${change < 0n ? number(-change) : ""}</td>
    <td class="number">${number(balance)}</td>
  </tr> `;
}
