/** The inverse of `resolve`: moves what resolved records have in common into base fields. */
import { recordInvalid, RELATIVE_TIME_BELOW_S, type SenmlRecord } from "./senml.ts";

/**
 * A pack that resolves to exactly these records, with base fields in its first record.
 * Refuses records that are not resolved (base fields, relative time) with `record-invalid`.
 */
export function compact(records: readonly SenmlRecord[]): SenmlRecord[] {
  records.forEach((record, index) => {
    if (Object.keys(record).some((label) => label.startsWith("b")))
      throw recordInvalid(index, "has base fields");
    if (record.n === undefined || record.n === "") throw recordInvalid(index, "has no name");
    if (record.t === undefined || !(record.t >= RELATIVE_TIME_BELOW_S)) {
      throw recordInvalid(index, "needs an absolute time, s");
    }
  });
  const bn = commonPrefix(records);
  const bt = records[0]?.t;
  const times = bt === undefined ? undefined : offsets(records, bt);
  const bu = commonestUnit(records);
  return records.map((record, index) => {
    const { n, u, t, ...rest } = record;
    const packed: SenmlRecord = {};
    if (index === 0) {
      if (bn !== "") packed.bn = bn;
      if (times !== undefined) packed.bt = bt!;
      if (bu !== undefined) packed.bu = bu;
    }
    if (n!.length > bn.length) packed.n = n!.slice(bn.length);
    if (u !== undefined && u !== bu) packed.u = u;
    const time = times === undefined ? t! : times[index]!;
    if (time !== 0) packed.t = time;
    return Object.assign(packed, rest);
  });
}

function commonPrefix(records: readonly SenmlRecord[]): string {
  let prefix = records[0]?.n ?? "";
  for (const record of records) {
    const name = record.n!;
    let length = 0;
    while (length < prefix.length && prefix[length] === name[length]) length += 1;
    prefix = prefix.slice(0, length);
  }
  return prefix;
}

/**
 * Times after `bt`, short where that is exact (ms, us); undefined if adding one to `bt` would not give the
 * time.
 */
function offsets(records: readonly SenmlRecord[], bt: number): number[] | undefined {
  const found: number[] = [];
  for (const record of records) {
    const difference = record.t! - bt;
    const candidates = [Math.round(difference * 1e3) / 1e3, Math.round(difference * 1e6) / 1e6, difference];
    const exact = candidates.find((candidate) => bt + candidate === record.t);
    if (exact === undefined) return undefined;
    found.push(exact);
  }
  return found;
}

/** Only where every record has a unit: a record without one would take the base unit. */
function commonestUnit(records: readonly SenmlRecord[]): string | undefined {
  const counts = new Map<string, number>();
  for (const record of records) {
    if (record.u === undefined) return undefined;
    counts.set(record.u, (counts.get(record.u) ?? 0) + 1);
  }
  let commonest: string | undefined;
  for (const [unit, count] of counts) {
    if (commonest === undefined || count > counts.get(commonest)!) commonest = unit;
  }
  return commonest;
}
