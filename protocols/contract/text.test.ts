import { describe, expect, it } from "vitest";
import type { Node, Observation, Terms } from "./terms.ts";
import { arbitrated, delivery, EUR, KWH, MINUTE, ORDERED_AT } from "./testing/delivery.ts";
import { describeTerms, endingsTable, plainFormat } from "./text.ts";
import { english } from "./words-en.ts";
import { french } from "./words-fr.ts";
import { formatTimeUtc } from "./words.ts";

describe("a delivery in words", () => {
  it("in English", () => {
    expect(describeTerms(delivery.terms, "en").join("\n")).toMatchInlineSnapshot(`
      "Terms for a delivery between the buyer, the drone and the shop.
      Goods: “2 loaves of bread”
      Address: “12 rue des Lilas, Clermont-Ferrand”
      Altitude of the place: 410 m
      Ordered: 4 March 2026, 10:00 UTC
      All must have signed between 4 March 2026, 10:00 UTC and 4 March 2026, 10:10 UTC.
      Step 1: waiting for the deposit, until 4 March 2026, 10:12 UTC.
      - If the buyer deposits 24.90 EUR: step 2 follows.
      - If none of this happens, from 4 March 2026, 10:16 UTC on: it ends.
      Step 2: in flight, until 4 March 2026, 11:00 UTC. Evidence of it counts if it arrives by 4 March 2026, 11:02 UTC.
      - If the drone and the buyer are within 15 m of 45.77720°, 3.08700° and the drone and the buyer have recognised each other (each at most 2 minutes earlier): step 3 follows.
      - If the drone cancels: the buyer gets all that is left and it ends.
      - If none of this happens, from 4 March 2026, 11:04 UTC on: the drone gets 3.00 EUR, the shop gets 2.00 EUR, the buyer gets all that is left and it ends.
      Step 3: the drone may land, until 4 March 2026, 11:10 UTC. Evidence of it counts if it arrives by 4 March 2026, 11:12 UTC.
      - If the drone and the buyer state alike that the parcel was taken (at most 1 hour 12 minutes earlier): the shop gets 19.90 EUR, the drone gets all that is left and it ends.
      - If the drone states that the parcel was taken (at most 1 hour 12 minutes earlier): step 4 follows.
      - If the drone cancels: the buyer gets all that is left and it ends.
      - If none of this happens, from 4 March 2026, 11:14 UTC on: the drone gets 3.00 EUR, the shop gets 2.00 EUR, the buyer gets all that is left and it ends.
      Step 4: time to object, until 5 March 2026, 11:12 UTC.
      - If the buyer objects: the shop gets 9.95 EUR, the drone gets 2.50 EUR, the buyer gets all that is left and it ends.
      - If the buyer accepts: the shop gets 19.90 EUR, the drone gets all that is left and it ends.
      - If none of this happens, from 5 March 2026, 11:16 UTC on: the shop gets 19.90 EUR, the drone gets all that is left and it ends."
    `);
  });

  it("in French", () => {
    expect(describeTerms(delivery.terms, "fr").join("\n")).toMatchInlineSnapshot(`
      "Conditions pour une livraison entre l’acheteur, le drone et le magasin.
      Marchandise : « 2 loaves of bread »
      Adresse : « 12 rue des Lilas, Clermont-Ferrand »
      Altitude du lieu : 410 m
      Commande : 4 mars 2026 à 10:00 UTC
      Tous doivent avoir signé entre le 4 mars 2026 à 10:00 UTC et le 4 mars 2026 à 10:10 UTC.
      Étape 1 : attente du dépôt, jusqu’au 4 mars 2026 à 10:12 UTC.
      - Si l’acheteur dépose 24,90 EUR : l’étape 2 suit.
      - Si rien de cela n’arrive, à partir du 4 mars 2026 à 10:16 UTC : tout est terminé.
      Étape 2 : en vol, jusqu’au 4 mars 2026 à 11:00 UTC. Les preuves en comptent si elles arrivent au plus tard le 4 mars 2026 à 11:02 UTC.
      - Si le drone et l’acheteur se trouvent à 15 m au plus de 45,77720°, 3,08700° et le drone et l’acheteur se sont reconnus (chaque fois au plus 2 minutes auparavant) : l’étape 3 suit.
      - Si le drone annule : l’acheteur reçoit tout ce qui reste et tout est terminé.
      - Si rien de cela n’arrive, à partir du 4 mars 2026 à 11:04 UTC : le drone reçoit 3,00 EUR, le magasin reçoit 2,00 EUR, l’acheteur reçoit tout ce qui reste et tout est terminé.
      Étape 3 : le drone peut se poser, jusqu’au 4 mars 2026 à 11:10 UTC. Les preuves en comptent si elles arrivent au plus tard le 4 mars 2026 à 11:12 UTC.
      - Si le drone et l’acheteur attestent de même que le colis a été pris (au plus 1 heure 12 minutes auparavant) : le magasin reçoit 19,90 EUR, le drone reçoit tout ce qui reste et tout est terminé.
      - Si le drone atteste que le colis a été pris (au plus 1 heure 12 minutes auparavant) : l’étape 4 suit.
      - Si le drone annule : l’acheteur reçoit tout ce qui reste et tout est terminé.
      - Si rien de cela n’arrive, à partir du 4 mars 2026 à 11:14 UTC : le drone reçoit 3,00 EUR, le magasin reçoit 2,00 EUR, l’acheteur reçoit tout ce qui reste et tout est terminé.
      Étape 4 : délai de contestation, jusqu’au 5 mars 2026 à 11:12 UTC.
      - Si l’acheteur conteste : le magasin reçoit 9,95 EUR, le drone reçoit 2,50 EUR, l’acheteur reçoit tout ce qui reste et tout est terminé.
      - Si l’acheteur accepte : le magasin reçoit 19,90 EUR, le drone reçoit tout ce qui reste et tout est terminé.
      - Si rien de cela n’arrive, à partir du 5 mars 2026 à 11:16 UTC : le magasin reçoit 19,90 EUR, le drone reçoit tout ce qui reste et tout est terminé."
    `);
  });

  it("ends so, in English", () => {
    const rows = endingsTable(arbitrated.terms, "en").map(
      (row) => `${row.ending} | ${row.outcome} | ${row.by}`,
    );
    expect(rows.join("\n")).toMatchInlineSnapshot(`
      "The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone and the buyer state alike that the parcel was taken. | The buyer has paid 24.90 EUR and gets nothing back; the drone gets 5.00 EUR; the shop gets 19.90 EUR. | 4 March 2026, 11:12 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone states that the parcel was taken; then the buyer objects; then the arbiter rules that the goods were delivered. | The buyer has paid 24.90 EUR and gets nothing back; the drone gets 5.00 EUR; the shop gets 19.90 EUR. | 12 March 2026, 11:14 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone states that the parcel was taken; then the buyer objects; then the arbiter rules that the goods were not delivered. | The buyer has paid 24.90 EUR and gets 24.90 EUR back. | 12 March 2026, 11:14 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone states that the parcel was taken; then the buyer objects; then nothing more happens (the arbiter decides). | The buyer has paid 24.90 EUR and gets 12.45 EUR back; the drone gets 2.50 EUR; the shop gets 9.95 EUR. | 12 March 2026, 11:18 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone states that the parcel was taken; then the buyer accepts. | The buyer has paid 24.90 EUR and gets nothing back; the drone gets 5.00 EUR; the shop gets 19.90 EUR. | 5 March 2026, 11:12 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone states that the parcel was taken; then nothing more happens (time to object). | The buyer has paid 24.90 EUR and gets nothing back; the drone gets 5.00 EUR; the shop gets 19.90 EUR. | 5 March 2026, 11:16 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then the drone cancels. | The buyer has paid 24.90 EUR and gets 24.90 EUR back. | 4 March 2026, 11:10 UTC
      The buyer deposits 24.90 EUR; then the drone and the buyer are at the place and the drone and the buyer have recognised each other; then nothing more happens (the drone may land). | The buyer has paid 24.90 EUR and gets 19.90 EUR back; the drone gets 3.00 EUR; the shop gets 2.00 EUR. | 4 March 2026, 11:14 UTC
      The buyer deposits 24.90 EUR; then the drone cancels. | The buyer has paid 24.90 EUR and gets 24.90 EUR back. | 4 March 2026, 11:00 UTC
      The buyer deposits 24.90 EUR; then nothing more happens (in flight). | The buyer has paid 24.90 EUR and gets 19.90 EUR back; the drone gets 3.00 EUR; the shop gets 2.00 EUR. | 4 March 2026, 11:04 UTC
      Nothing more happens (waiting for the deposit). | Nobody pays or gets anything. | 4 March 2026, 10:16 UTC"
    `);
  });

  it("ends so, in French", () => {
    const rows = endingsTable(delivery.terms, "fr").map(
      (row) => `${row.ending} | ${row.outcome} | ${row.by}`,
    );
    expect(rows.join("\n")).toMatchInlineSnapshot(`
      "L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis le drone et l’acheteur attestent de même que le colis a été pris. | L’acheteur a payé 24,90 EUR et ne récupère rien ; le drone reçoit 5,00 EUR ; le magasin reçoit 19,90 EUR. | 4 mars 2026 à 11:12 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis le drone atteste que le colis a été pris ; puis l’acheteur conteste. | L’acheteur a payé 24,90 EUR et récupère 12,45 EUR ; le drone reçoit 2,50 EUR ; le magasin reçoit 9,95 EUR. | 5 mars 2026 à 11:12 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis le drone atteste que le colis a été pris ; puis l’acheteur accepte. | L’acheteur a payé 24,90 EUR et ne récupère rien ; le drone reçoit 5,00 EUR ; le magasin reçoit 19,90 EUR. | 5 mars 2026 à 11:12 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis le drone atteste que le colis a été pris ; puis plus rien ne se passe (délai de contestation). | L’acheteur a payé 24,90 EUR et ne récupère rien ; le drone reçoit 5,00 EUR ; le magasin reçoit 19,90 EUR. | 5 mars 2026 à 11:16 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis le drone annule. | L’acheteur a payé 24,90 EUR et récupère 24,90 EUR. | 4 mars 2026 à 11:10 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone et l’acheteur sont sur place et le drone et l’acheteur se sont reconnus ; puis plus rien ne se passe (le drone peut se poser). | L’acheteur a payé 24,90 EUR et récupère 19,90 EUR ; le drone reçoit 3,00 EUR ; le magasin reçoit 2,00 EUR. | 4 mars 2026 à 11:14 UTC
      L’acheteur dépose 24,90 EUR ; puis le drone annule. | L’acheteur a payé 24,90 EUR et récupère 24,90 EUR. | 4 mars 2026 à 11:00 UTC
      L’acheteur dépose 24,90 EUR ; puis plus rien ne se passe (en vol). | L’acheteur a payé 24,90 EUR et récupère 19,90 EUR ; le drone reçoit 3,00 EUR ; le magasin reçoit 2,00 EUR. | 4 mars 2026 à 11:04 UTC
      Plus rien ne se passe (attente du dépôt). | Personne ne paie ni ne reçoit rien. | 4 mars 2026 à 10:16 UTC"
    `);
  });
});

/** Every kind of node, case, amount and observation at once. */
function everything(): Terms {
  const maxAgeMs = 90_500;
  const any: Observation[] = [
    {
      kind: "near",
      role: "drone",
      latitudeE7: -4_567,
      longitudeE7: -1_799_999_999,
      radiusMm: 2_500,
      maxAgeMs,
    },
    { kind: "attest", role: "shop", factKind: "door-closed", maxAgeMs },
    { kind: "signed", k: 1, roles: ["drone", "shop"], factKind: "door-closed", maxAgeMs },
    { kind: "signed", k: 1, roles: ["shop"], factKind: "door-closed", maxAgeMs },
    {
      kind: "and",
      all: [
        { kind: "hash", digest: new Uint8Array(32) },
        { kind: "met", roles: ["shop", "buyer"], maxAgeMs },
      ],
    },
    { kind: "not", not: { kind: "before", timeMs: ORDERED_AT } },
  ];
  const rate = { numerator: 25n, denominator: 1_000n, min: 0n, max: 900n };
  const close: Node = { kind: "close" };
  const contract: Node = {
    kind: "when",
    label: "may-open",
    cases: [
      {
        kind: "facts",
        condition: { kind: "or", any },
        then: {
          kind: "if",
          condition: { kind: "before", timeMs: ORDERED_AT + 1_000 },
          then: {
            kind: "pay",
            to: "shop",
            currency: EUR,
            amount: { kind: "field", factKind: "wh", role: "shop", index: 1, ...rate },
            then: close,
          },
          else: close,
        },
      },
      { kind: "choice", by: "buyer", name: "more-light", min: 0n, max: 9n, then: close },
    ],
    actBy: ORDERED_AT,
    claimBy: ORDERED_AT + MINUTE,
    refundFrom: ORDERED_AT + 2 * MINUTE,
    onTimeout: close,
  };
  return {
    ...delivery.terms,
    template: "lamp/2",
    details: [
      ["colour", "red"],
      ["watts", 60],
      ["serial", new Uint8Array(4)],
    ],
    contract,
  };
}

describe("everything else in words", () => {
  it.each(["en", "fr"] as const)("%s", (language) => {
    expect(describeTerms(everything(), language).join("\n")).toMatchSnapshot();
    expect(endingsTable(everything(), language)).toMatchSnapshot();
  });

  it("holds no keys, ids or codes of the machine", () => {
    for (const language of ["en", "fr"] as const) {
      for (const terms of [delivery.terms, arbitrated.terms]) {
        const all = [
          ...describeTerms(terms, language),
          ...endingsTable(terms, language).map((row) => row.ending),
        ];
        expect(all.join("\n")).not.toMatch(
          /undefined|null|\[object|[0-9a-f]{16}|parcel-removed|awaiting-deposit|not-delivered/,
        );
      }
    }
  });
});

describe("formats", () => {
  it("write times in UTC, with leap days", () => {
    const day = 86_400_000;
    expect(formatTimeUtc(0, english)).toBe("1 January 1970, 00:00 UTC");
    expect(formatTimeUtc(0, french)).toBe("1er janvier 1970 à 00:00 UTC");
    expect(formatTimeUtc(ORDERED_AT + 5_000, english)).toBe("4 March 2026, 10:00:05 UTC");
    for (let at = 0; at < 80_000 * day; at += 17 * day + 3_599_000) {
      const iso = new Date(at).toISOString();
      const [date = "", clock = ""] = formatTimeUtc(at, english).replace(" UTC", "").split(", ");
      const [dayOfMonth, month, year] = date.split(" ");
      const number = english.months.indexOf(month!) + 1;
      const two = (value: string): string => value.padStart(2, "0");
      const seconds = clock.length === 5 ? `${clock}:00` : clock;
      expect(`${year}-${two(String(number))}-${two(dayOfMonth!)}T${seconds}.000Z`).toBe(iso);
    }
  });

  it("write amounts in the currency's decimals; community tokens' if told", () => {
    expect(plainFormat("en").amount(2_490n, EUR)).toBe("24.90 EUR");
    expect(plainFormat("fr").amount(2_490n, EUR)).toBe("24,90 EUR");
    expect(plainFormat("en").amount(2_490n, KWH)).toBe("2490 KWH");
    expect(plainFormat("en", () => 3).amount(2_490n, KWH)).toBe("2.490 KWH");
  });
});
