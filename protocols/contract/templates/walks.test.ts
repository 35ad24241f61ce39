/** Every ending of every template, reached by running the machine; with and without those who join. */
import { describe, expect, it } from "vitest";
import { checkTerms, endings } from "../check.ts";
import type { Ending } from "../check.ts";
import type { Terms } from "../terms.ts";
import { allServices, COMMISSION, PLANS, walkerOf } from "../testing/samples.ts";
import { latestEnd } from "../testing/walk.ts";
import type { Pace, Standing } from "../testing/walk.ts";
import { servicesSchema, termsOf, withServices } from "./services.ts";

const PACES: Pace[] = ["early", "late"];

function joined(plan: (typeof PLANS)[number][1], insured: string[]): Terms {
  const { insurer, ...others } = allServices(insured);
  const services = insured.length === 0 ? others : { insurer, ...others };
  return withServices(plan(), servicesSchema.parse(services), COMMISSION);
}

/** How many ways there are to end: alone, and with services. Change them knowingly. */
const ENDINGS: Record<string, [alone: number, withServices: number]> = {
  delivery: [9, 11],
  "delivery with an arbiter": [11, 15],
  rental: [24, 28],
  "rental with an arbiter": [29, 33],
  "rental without a deposit": [12, 16],
  sale: [6, 8],
  "sale with an arbiter": [8, 12],
  "sale of a deed": [4, 6],
  data: [6, 10],
  "data with approval, a keeper and an arbiter": [10, 14],
  energy: [5, 8],
  "energy with an arbiter": [10, 15],
  "energy without securities": [2, 5],
  tab: [4, 6],
};

const CASES = PLANS.flatMap(([name, plan, insured]): [string, () => Terms, number | undefined][] => [
  [name, () => termsOf(plan()), ENDINGS[name]?.[0]],
  [`${name}, with services`, () => joined(plan, insured), ENDINGS[name]?.[1]],
]);

/** Whether these books are those of a listed ending. */
function isForetold(at: Standing, listed: Ending[]): boolean {
  return listed.some((ending) =>
    (["deposits", "payouts"] as const).every((side) => {
      const real = side === "deposits" ? at.deposited : at.paid;
      const named = new Set(ending[side].map(({ role, currency }) => `${role} ${currency}`));
      if ([...real.keys()].some((key) => !named.has(key))) return false;
      return ending[side].every(({ role, currency, min, max }) => {
        const amount = real.get(`${role} ${currency}`) ?? 0n;
        return amount >= min && amount <= max;
      });
    }),
  );
}

describe.each(CASES)("%s", (_, make, count) => {
  const terms = make();
  const walker = walkerOf(terms);
  const roles = terms.parties.map((party) => party.role);
  const lastMs = latestEnd(terms.contract);

  it("is safe", () => {
    expect(checkTerms(terms)).toEqual([]);
  });

  it("ends in each of its ways, as early and as late as can be, as its table says", () => {
    const listed = endings(terms);
    expect(listed).toHaveLength(count ?? -1);
    for (const pace of PACES) {
      const ends = new Set<string>();
      for (const at of walker.everything(walker.opened(), pace)) {
        if (!at.state.closed) continue;
        ends.add(at.state.path.join());
        if (!isForetold(at, listed)) throw new Error(`not in the table: ${at.events.join("; ")}`);
        if (at.nowMs > lastMs) throw new Error(`ends after its last deadline: ${at.events.join("; ")}`);
      }
      expect(ends.size).toBe(count);
    }
  });

  it("ends, and pays everything out, if at any state any one or all but one vanish", () => {
    const groups = roles.flatMap((role) => [[role], roles.filter((other) => other !== role)]);
    let vanished = 0;
    for (const from of walker.everything(walker.opened(), "late")) {
      if (from.state.closed) continue;
      for (const away of groups) {
        let ended = 0;
        for (const at of walker.everything(from, "late", new Set(away))) {
          if (!at.state.closed) continue;
          ended++;
          if (at.nowMs > lastMs) throw new Error(`${away.join()} vanish: ${at.events.join("; ")}`);
        }
        if (ended === 0) throw new Error(`${away.join()} vanish in ${from.state.label}, and nothing ends`);
        vanished++;
      }
    }
    expect(vanished).toBeGreaterThanOrEqual(groups.length);
  });
});
