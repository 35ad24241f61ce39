import { describe, expect, it } from "vitest";
import { DAY, HOUR, keyOf, link, MONDAY_8H } from "./testing/kit.ts";
import { keySentences } from "./text.ts";

const weekly = keyOf({
  rights: [
    { target: "door", actions: ["open", "lock"] },
    { target: "light-2", actions: ["on", "off"] },
  ],
  windows: [
    { fromMs: MONDAY_8H, untilMs: MONDAY_8H + DAY },
    { fromMs: MONDAY_8H + 2 * DAY, untilMs: MONDAY_8H + 3 * DAY },
  ],
  week: [
    { days: 0b0011111, fromMinute: 480, toMinute: 1_080 },
    { days: 0b1100001, fromMinute: 1_320, toMinute: 1_560 },
    { days: 127, fromMinute: 0, toMinute: 1_440 },
  ],
  offsets: [{ fromMs: 0, minutes: 60 }],
  uses: 3,
  depth: 2,
  refreshMs: 2 * HOUR,
});

describe("a key in words", () => {
  it("reads in English", () => {
    expect(keySentences(weekly, "en")).toEqual([
      "Ana may open and lock the door and switch on and switch off “light-2”.",
      "Only from 23 November 2026, 08:00 UTC until 24 November 2026, 08:00 UTC and " +
        "from 25 November 2026, 08:00 UTC until 26 November 2026, 08:00 UTC.",
      "Only at these hours, by the clock at the lock: Monday to Friday 08:00 to 18:00; " +
        "Monday, Saturday and Sunday 22:00 to 02:00 of the next day; every day 00:00 to 24:00.",
      "At most 3 times in all.",
      "It can be passed on, in whole or in part, and from there on, 2 times one after the other.",
      "If it is revoked while the lock is offline, it works at most 2 hours longer.",
    ]);
  });

  it("reads in French", () => {
    expect(keySentences(weekly, "fr")).toEqual([
      "Ana peut ouvrir et verrouiller la porte et allumer et éteindre « light-2 ».",
      "Seulement du 23 novembre 2026 à 08:00 UTC au 24 novembre 2026 à 08:00 UTC et " +
        "du 25 novembre 2026 à 08:00 UTC au 26 novembre 2026 à 08:00 UTC.",
      "Seulement à ces heures, à l’horloge de la serrure : lundi à vendredi de 08:00 à 18:00 ; " +
        "lundi, samedi et dimanche de 22:00 à 02:00 le lendemain ; chaque jour de 00:00 à 24:00.",
      "Au plus 3 fois en tout.",
      "Elle peut être transmise, en tout ou en partie, et de là encore, 2 fois à la suite.",
      "Si elle est révoquée pendant que la serrure est hors ligne, elle marche encore au plus 2 heures.",
    ]);
  });

  it("says what has no bound, and who has a link", () => {
    const open = keyOf({
      name: "",
      windows: [],
      holder: { kind: "link", linkKey: link.publicKey },
      depth: 1,
    });
    expect(keySentences(open, "en")).toEqual([
      "Whoever has the link may open the door.",
      "At any time, without an end.",
      "As often as needed.",
      "It can be passed on, in whole or in part, but not further from there.",
      "Whoever uses the link first has the key; afterwards the link is worth nothing to others.",
      "If it is revoked while the lock is offline, it works until the lock hears of it, however long that takes.",
    ]);
    expect(keySentences(open, "fr").at(-1)).toBe(
      "Si elle est révoquée pendant que la serrure est hors ligne, elle marche jusqu’à ce que la serrure " +
        "l’apprenne, quel que soit le temps que cela prend.",
    );
    const once = keyOf({ uses: 1 });
    expect(keySentences(once, "en").slice(2)).toEqual([
      "Once only.",
      "The key cannot be passed on.",
      "If it is revoked while the lock is offline, it works until the lock hears of it, " +
        "at most until 25 November 2026, 08:00 UTC.",
    ]);
    expect(keySentences({ ...once, name: "" }, "fr")[0]).toBe(
      "Le porteur de cette clé peut ouvrir la porte.",
    );
  });
});
