import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../node/crypto.ts";
import { makeTerms } from "../../platform/offers.ts";
import type { OfferMaker } from "../../platform/offers.ts";
import { seededRandom } from "../../../simulators/random.ts";
import { blank } from "../../../protocols/contract/negotiation-state.ts";
import { encodeTerms, termsId } from "../../../protocols/contract/terms.ts";
import type { AccountMovement } from "../../../protocols/documents/movements.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { currencyId } from "../../../protocols/money/currencies.ts";
import { NETWORK, silentNetwork, somebody, START_MS } from "../../../test/support/agents.ts";
import {
  costSentences,
  counterFields,
  dealFormat,
  differences,
  isDataRequest,
  partyRows,
  standingOf,
} from "./deal-view.ts";
import { drawTrack, metresText, SIDE } from "./track-view.ts";
import { withFix } from "./tracks.ts";
import { balanceRows, movementRows } from "./wallet-view.ts";

const ann = somebody("ann");
const bob = somebody("bob");
const euro = currencyId(crypto, "EUR", ann.root.publicKey);
const other = currencyId(crypto, "EUR", bob.root.publicKey);
const CURRENCIES = [
  { id: euro, code: "EUR", exponent: 2 },
  { id: other, code: "EUR", exponent: 2 },
];

describe("balances", () => {
  const balance = (currency: string, minor: string) => ({ currency, code: "EUR", exponent: 2, minor });

  it("stand in major units, as the language writes them; nothing of nothing", () => {
    const balances = [
      balance(euro, "123456"),
      { ...balance("JPY.0000000000000000", "5"), code: "JPY", exponent: 0 },
    ];
    expect(balanceRows({ balances }, "en").map(({ amount }) => amount)).toEqual(["1234.56 EUR", "5 JPY"]);
    expect(balanceRows({ balances }, "fr")[0]?.amount).toBe("1234,56 EUR");
    expect(balanceRows({ balances: [balance(euro, "0")] }, "en")).toEqual([]);
  });

  it("of two currencies of one name are told apart by their issuers", () => {
    const rows = balanceRows({ balances: [balance(euro, "100"), balance(other, "200")] }, "en");
    expect(rows.map(({ amount }) => amount)).toEqual([
      `1.00 EUR (${euro.slice(4, 8)})`,
      `2.00 EUR (${other.slice(4, 8)})`,
    ]);
  });

  it("of issuers that begin alike show as many digits as it takes, whoever holds them", () => {
    const alike = [euro, `${euro.slice(0, 11)}${euro[11] === "0" ? "1" : "0"}00000000`];
    const known = alike.map((id) => ({ id, code: "EUR", exponent: 2 }));
    expect(balanceRows({ balances: [balance(euro, "100")] }, "en", known)[0]?.amount).toBe(
      `1.00 EUR (${euro.slice(4, 12)})`,
    );
  });

  it("lose no unit, however large they are", () => {
    const balances = [balance(euro, "9223372036854775807")];
    expect(balanceRows({ balances }, "en")[0]?.amount).toBe("92233720368547758.07 EUR");
  });
});

describe("movements", () => {
  const bobs = agentId(bob.root.publicKey);
  const movement: AccountMovement = {
    ...{ timeMs: START_MS, height: 1, leafIndex: 0, entryId: "ab", kind: "transfer", currency: euro },
    ...{ change: -1234n, others: [bobs], memo: "ren\u202et", termsId: null },
  };

  it("come newest first, with names where they are known, and nothing that turns text around", () => {
    const second = { ...movement, entryId: "cd", timeMs: START_MS + 1, change: 5n, memo: "" };
    const names = (id: string) => (id === bobs ? "Bob" : undefined);
    const rows = movementRows([movement, second], [CURRENCIES[0]!], "en", names);
    expect(rows.map(({ entryId, amount, text, memo }) => [entryId, amount, text, memo])).toEqual([
      ["cd", "+0.05 EUR", expect.stringMatching(/^Payment from Bob/), ""],
      ["ab", "-12.34 EUR", "Payment to Bob", "ren?t"],
    ]);
  });

  it("name an account that nobody knows by its first and last characters", () => {
    const [row] = movementRows([movement], CURRENCIES, "fr", () => undefined);
    expect(row?.text).toContain(`${bobs.slice(0, 8)}…`);
    expect(row?.text).not.toContain(bobs);
    expect(row?.amount).toBe(`-12,34 EUR (${euro.slice(4, 8)})`);
  });
});

const maker: OfferMaker = {
  self: openCard(crypto, ann.keys.card),
  people: new Map([[bob.id, openCard(crypto, bob.keys.card)]]),
  network: { ...silentNetwork(), network: NETWORK },
  currencies: [CURRENCIES[0]!],
  nowMs: START_MS,
  random: seededRandom(4),
};
const SALE = {
  ...{ buyer: "me", seller: bob.id, currency: "EUR", goods: "honey", price: "10.00" },
  ...{ signBy: "2026-11-01T12:20:00Z", shipBy: "2026-11-01T13:30:00Z" },
};

function sale(changes: Record<string, string> = {}) {
  const { terms, shared } = makeTerms(maker, "sale", { ...SALE, ...changes });
  const bytes = encodeTerms(terms);
  const origin = { from: bob.id, replaces: null, note: "", params: shared, heardMs: START_MS };
  return blank(termsId(crypto, bytes), bytes, terms, origin);
}

describe("an offer", () => {
  const format = dealFormat("en", CURRENCIES.slice(0, 1), (timeMs) => new Date(timeMs).toISOString());

  it("says what signing may cost, and that it follows by itself", () => {
    const cost = costSentences(sale().terms, "buyer", "en", format, true);
    expect(cost[0]).toMatch(/^You sign as (the )?buyer\.$/);
    expect(cost[1]).toMatch(/at most 10\.00 EUR, by itself/);
    expect(costSentences(sale().terms, "buyer", "en", format, false)[1]).toMatch(/when you say so/);
    expect(costSentences(sale().terms, "seller", "en", format, true)[1]).toBe("Nothing is deposited by you.");
    expect(costSentences(sale().terms, "buyer", "fr", dealFormat("fr", CURRENCIES, String), true)[1]).toMatch(
      /10,00 EUR/,
    );
  });

  it("lets all be changed but who takes part", () => {
    const fields = counterFields(sale(), "fr");
    expect(fields.map(({ name }) => name).sort()).toEqual(["goods", "price", "shipBy", "signBy"]);
    expect(fields.find(({ name }) => name === "price")).toEqual({
      name: "price",
      label: "Prix",
      value: "10.00",
    });
    expect(counterFields({ ...sale(), params: "" }, "en")).toEqual([]);
    expect(counterFields({ ...sale(), params: '{"__proto__": "x", "buyer": "y"}' }, "en")).toEqual([]);
  });

  it("shows what a counter-offer changes, and nothing else", () => {
    const { gone, come } = differences(sale().terms, sale({ price: "8.00" }).terms, "en", format);
    expect(gone.length).toBeGreaterThan(0);
    expect(gone.every((line) => line.includes("10.00") || line.includes("5.00"))).toBe(true);
    expect(come.some((line) => line.includes("8.00 EUR"))).toBe(true);
    expect(differences(sale().terms, sale().terms, "en", format)).toEqual({ gone: [], come: [] });
  });

  it("names its parties, and this phone among them", () => {
    const rows = partyRows(sale(), ann.id, "en", (id) => (id === bob.id ? "Bo\u202eb" : undefined));
    expect(rows.map(({ role, who }) => [role, who])).toEqual([
      [expect.stringContaining("buyer"), "this phone"],
      [expect.stringContaining("seller"), "Bo?b"],
    ]);
  });

  it("stands as it does, in both languages", () => {
    const progress = { seq: 1, label: "inspection", closed: false, timeMs: START_MS };
    expect(standingOf({ status: "opened", progress }, "en")).toEqual({
      text: "open · time to look and to object",
      tone: "good",
    });
    expect(standingOf({ status: "opened", progress }, "fr").text).toBe(
      "ouvert · délai d’examen et de contestation",
    );
    expect(standingOf({ status: "waits-for-you", progress: undefined }, "fr")).toEqual({
      ...{ text: "attend votre signature", tone: "warn" },
    });
  });

  it("is a request for data where the owner of data is asked", () => {
    expect(isDataRequest({ one: sale(), role: "owner" })).toBe(false);
    const data = { ...sale(), terms: { ...sale().terms, template: "data/1" } };
    expect([
      isDataRequest({ one: data, role: "owner" }),
      isDataRequest({ one: data, role: "reader" }),
    ]).toEqual([...[true, false]]);
  });
});

describe("a track", () => {
  const goal = { latitudeE7: 474_700_000, longitudeE7: 85_000_000 };
  const fix = (latitudeE7: number, longitudeE7: number, timeMs = 1) => ({
    ...{ latitudeE7, longitudeE7, timeMs, altitudeMm: 0 },
  });

  it("lies north of the goal where it was north, and east where it was east, at its distance", () => {
    const drawing = drawTrack(
      { fixes: [fix(474_790_000, 85_000_000), fix(474_700_000, 85_133_000, 2)] },
      goal,
    );
    const [north, east] = drawing.line;
    expect(north!.y).toBeLessThan(drawing.goal.y);
    expect(north!.x).toBeCloseTo(drawing.goal.x, 1);
    expect(east!.x).toBeGreaterThan(drawing.goal.x);
    expect(east!.y).toBeCloseTo(drawing.goal.y, 1);
    // A degree of longitude is 0.676 as long here as on the equator.
    expect(drawing.metresToGoal).toBeGreaterThan(990);
    expect(drawing.metresToGoal).toBeLessThan(1_010);
  });

  it("crosses the date line the short way", () => {
    const near = { latitudeE7: 0, longitudeE7: 1_799_990_000 };
    const { metresToGoal } = drawTrack({ fixes: [fix(0, -1_799_990_000)] }, near);
    expect(metresToGoal).toBe(223);
  });

  it("is drawn within its square, whatever it is, with a grid of round metres", () => {
    const place = fc.record({
      latitudeE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
      longitudeE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
      timeMs: fc.nat(),
      altitudeMm: fc.constant(0),
    });
    fc.assert(
      fc.property(place, fc.array(place, { maxLength: 8 }), (aim, fixes) => {
        const { line, goal: at, grid, gridMetres } = drawTrack({ fixes }, aim);
        for (const { x, y } of [...line, at]) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(SIDE);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(SIDE);
        }
        expect(`${gridMetres}`).toMatch(/^[125]0*$/);
        for (const lines of [grid.x, grid.y]) {
          expect(lines.length).toBeGreaterThanOrEqual(2);
          expect(lines.length).toBeLessThan(20);
        }
      }),
    );
  });

  it("keeps its order, each time once, and not more than it may", () => {
    let fixes = withFix(withFix([], fix(1, 1, 20)), fix(2, 2, 10));
    expect(fixes.map(({ timeMs }) => timeMs)).toEqual([10, 20]);
    expect(withFix(fixes, fix(3, 3, 10))).toEqual(fixes);
    for (let timeMs = 100; timeMs < 2_000; timeMs++) fixes = withFix(fixes, fix(1, 1, timeMs));
    expect(fixes.length).toBeLessThanOrEqual(512);
    expect([fixes[0]?.timeMs, fixes.at(-1)?.timeMs]).toEqual([10, 1_999]);
  });

  it.each([
    [850.4, "850 m", "850 m"],
    [1_249, "1.2 km", "1,2 km"],
    [999.6, "1000 m", "1000 m"],
  ])("%d metres are %s", (metres, en, fr) => {
    expect([metresText(metres, "en"), metresText(metres, "fr")]).toEqual([en, fr]);
  });
});
