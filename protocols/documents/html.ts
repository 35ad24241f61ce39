/**
 * Pages that print well on A4 and ask nothing of anybody: no script, no outside request, no picture. Whatever
 * comes from people is text; it cannot become markup.
 */

/** Markup that is safe to stand in a page. */
export interface Html {
  readonly html: string;
}

/** `html\`<p>${text}</p>\``: strings are escaped, Html is not. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html | Html[])[]): Html {
  const out = parts.reduce((text, part, at) => {
    const value = values[at - 1];
    return text + (value === undefined ? "" : valueHtml(value)) + part;
  });
  return { html: out };
}

function valueHtml(value: string | Html | Html[]): string {
  if (Array.isArray(value)) return value.map((one) => one.html).join("");
  return typeof value === "string" ? escapeHtml(value) : value.html;
}

/** Also takes away what reorders or hides text on a screen. */
export function escapeHtml(text: string): string {
  return plainText(text).replaceAll(/[&<>"']/g, (mark) => ENTITIES[mark] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A stranger's text without control characters and changes of direction. */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu, "?");
}

const STYLE = `
@page { size: A4; margin: 18mm 16mm 20mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.45 "Noto Sans", "DejaVu Sans", "Liberation Sans", Arial, sans-serif; color: #1a1a1a;
  max-width: 178mm; margin: 12mm auto; padding: 0 4mm; }
header { border-bottom: 0.6mm solid #1d4e4a; padding-bottom: 4mm; margin-bottom: 6mm; }
h1 { font-size: 18pt; margin: 0 0 3mm; color: #1d4e4a; }
h2 { font-size: 12pt; margin: 9mm 0 2mm; break-after: avoid; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.6mm 5mm; margin: 0; }
dt { color: #5a5a5a; }
dd { margin: 0; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 8mm; margin: 6mm 0; }
.columns h2 { margin-top: 0; }
.lines { white-space: pre-line; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 9pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th { text-align: left; font-weight: 600; border-bottom: 0.3mm solid #1d4e4a; padding: 1.2mm 1.5mm; }
td { padding: 1.2mm 1.5mm; border-bottom: 0.1mm solid #d5d5d5; vertical-align: top; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.day { white-space: nowrap; }
.id { font: 7.5pt/1.3 "DejaVu Sans Mono", "Liberation Mono", monospace; color: #5a5a5a; overflow-wrap: anywhere; }
.sum td { font-weight: 600; border-bottom: none; background: #f0f5f4; -webkit-print-color-adjust: exact;
  print-color-adjust: exact; }
.warning { border-left: 1mm solid #b3261e; padding: 1mm 3mm; color: #b3261e; }
footer { margin-top: 10mm; border-top: 0.1mm solid #d5d5d5; padding-top: 2mm; font-size: 8pt; color: #5a5a5a;
  break-inside: avoid; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
`;

export function htmlPage(language: string, title: string, body: Html): string {
  // Even a mistake in this file could neither run a script nor call anybody.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="referrer" content="no-referrer" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${{ html: STYLE }}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `;
  return page.html;
}
