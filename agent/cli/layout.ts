/** Lines and tables that fit the terminal, whatever its width. */

/** Columns of the terminal; env COLUMNS where there is none; 80 otherwise. */
export function terminalWidth(): number {
  const wanted = process.stdout.columns ?? Number.parseInt(process.env["COLUMNS"] ?? "", 10);
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 40), 200) : 80;
}

/** French sets a space before some marks and within its quotes, at which no line may break. */
const BREAK = /(?<!«) +(?![;:!?»])/;

/** Breaks a text between words; a longer word stands alone and is broken where it must. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(BREAK)) {
    let rest = word;
    if (line !== "" && line.length + 1 + rest.length <= width) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== "") lines.push(line);
    for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width));
    line = rest;
  }
  lines.push(line);
  return lines;
}

/** A paragraph, its first line after `first`, the others indented as deep. */
export function paragraph(text: string, width: number, first = ""): string[] {
  const indent = " ".repeat(first.length);
  return wrap(text, Math.max(width - first.length, 10)).map((line, at) => (at === 0 ? first : indent) + line);
}

const GAP = 2;

/**
 * Columns side by side, each cell broken to its column's width; `weights` part what is left of the line
 * once no column is wider than what stands in it.
 */
export function table(
  rows: readonly (readonly string[])[],
  weights: readonly number[],
  width: number,
): string[] {
  const widths = columnWidths(rows, weights, width - GAP * (weights.length - 1));
  const tall = rows.some((row) => row.some((cell, at) => cell.length > (widths[at] ?? 0)));
  return rows.flatMap((row, index) => {
    const cells = row.map((cell, at) => wrap(cell, widths[at] ?? 1));
    const height = Math.max(...cells.map((cell) => cell.length));
    const lines = Array.from({ length: height }, (_, line) =>
      cells
        .map((cell, at) => (cell[line] ?? "").padEnd(widths[at] ?? 0))
        .join(" ".repeat(GAP))
        .trimEnd(),
    );
    // Where cells run over several lines, an empty one keeps the rows apart.
    return tall && index > 0 ? ["", ...lines] : lines;
  });
}

function columnWidths(
  rows: readonly (readonly string[])[],
  weights: readonly number[],
  width: number,
): number[] {
  const natural = weights.map((_, at) => Math.max(1, ...rows.map((row) => row[at]?.length ?? 0)));
  const widths = natural.map(() => 0);
  let left = width;
  let open = weights.map((_, at) => at);
  // Whoever needs less than his share leaves the rest to the others.
  for (;;) {
    const weight = open.reduce((sum, at) => sum + (weights[at] ?? 0), 0);
    const share = (at: number): number => Math.floor((left * (weights[at] ?? 0)) / weight);
    const content = open.filter((at) => (natural[at] ?? 0) <= share(at));
    if (content.length === 0 || open.length === 0) {
      for (const at of open) widths[at] = Math.max(1, share(at));
      return widths;
    }
    for (const at of content) {
      widths[at] = natural[at] ?? 0;
      left -= widths[at] ?? 0;
    }
    open = open.filter((at) => !content.includes(at));
    if (open.length === 0) return widths;
  }
}

/** A stranger's text for a terminal: without control characters and changes of direction. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "?");
}

/** "2026-03-04 10:00:05 UTC". */
export function utc(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "1 notary", "3 notaries". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
