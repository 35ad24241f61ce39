/** What the commands of guest keys show: of phones at a real lock's door, and of calls that are refused. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ana, bo, olga } from "../../devices/lock/testing/door.ts";
import { LOCK_ID, Street } from "../../devices/keyring/testing/street.ts";
import type { Phone } from "../../devices/keyring/testing/street.ts";
import { parseKeyLink } from "../../protocols/access/link.ts";
import { DAY, HOUR, keyOf, MONDAY_8H } from "../../protocols/access/testing/kit.ts";
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import { addInit } from "./init.ts";
import { addKey } from "./key.ts";
import { workMsOf } from "../../devices/keyring/given.ts";
import { guestKeyDocuments, guestKeyRows, keyNamed, linkOf, sentencesOf, tellLink } from "./key-shown.ts";
import { workText } from "../platform/key-words.ts";
import { call } from "./testing/call.ts";
import { zoneOf } from "../platform/wall-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-key-"));
beforeAll(() => vi.stubEnv("SEGMENT_HOME", join(folder, "no-home")));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Olga's phone owns the lock. */
function owned(): { street: Street; owner: Phone } {
  const street = new Street();
  const owner = street.phone(olga);
  owner.pair();
  return { street, owner };
}

describe("a link", () => {
  it("is shown again as often as one likes, and opens the door for whoever takes it first", () => {
    const { street, owner } = owned();
    owner.give();
    const link = linkOf(owner.state, owner.state.given[0]!)!;
    expect(linkOf(owner.state, owner.state.given[0]!)).toBe(link);
    const guest = street.phone(ana);
    guest.take(link);
    expect(guest.tap()).toBe("done");
    expect(parseKeyLink(link).network).toBe(owner.state.locks[0]!.network);
  });

  it("of a part holds the whole of which it is one, as long as the phone has that", () => {
    const { street, owner } = owned();
    owner.give({ depth: 1 });
    const guest = street.phone(ana);
    guest.take(linkOf(owner.state, owner.state.given[0]!)!);
    const { id } = guest.state.held[0]!;
    const windows = [{ fromMs: street.now, untilMs: street.now + HOUR }];
    guest.command("pass-on", {
      ...{ key: id, nonce: guest.nonce(), name: "Bo", holder: bo.signer.publicKey, secret: null, windows },
      rights: [{ target: "door", actions: ["open"] }],
      ...{ week: [], offsets: [], uses: 1, depth: 0, refreshMs: null },
    });
    const part = guest.state.given[0]!;
    const friend = street.phone(bo);
    friend.take(linkOf(guest.state, part)!);
    expect(friend.tap()).toBe("done");
    expect(linkOf({ ...guest.state, held: [] }, part)).toBeUndefined();
    expect(linkOf({ ...guest.state, locks: [] }, part)).toBeUndefined();
  });
});

describe("the list", () => {
  it("says how each key stands, and whether the lock has heard of its end", () => {
    const { street, owner } = owned();
    const now = street.now;
    for (const [name, fromMs, untilMs] of [
      ["Now", now, now + HOUR],
      ["Later", now + HOUR, now + DAY],
      ["Before", now - DAY, now - HOUR],
    ] as const)
      owner.give({ name, windows: [{ fromMs, untilMs }] });
    owner.give({ name: "Ever", windows: [] });
    const heard = owner.give({ name: "Gone" });
    owner.command("revoke", { key: heard });
    street.isOnline = false;
    owner.isNear = false;
    street.settle();
    const unheard = owner.give({ name: "Gone too" });
    owner.command("revoke", { key: unheard });

    const rows = guestKeyRows(owner.state, now).given.map(([, who, how]) => [who, how?.split(" 2026")[0]]);
    expect(rows).toEqual([
      ["for Now, “Front door”", "valid until"],
      ["for Later, “Front door”", "valid from"],
      ["for Before, “Front door”", "expired"],
      ["for Ever, “Front door”", "without an end"],
      ["for Gone, “Front door”", "revoked"],
      ["for Gone too, “Front door”", "revoked, not heard yet"],
    ]);
    const { given, held } = guestKeyDocuments(owner.state);
    expect(held).toEqual([]);
    expect(given.map(({ revoked, heard }) => [revoked, heard])).toEqual([
      ...Array.from({ length: 4 }, () => [false, false]),
      [true, true],
      [true, false],
    ]);
    expect(given[0]).toMatchObject({
      name: "Now",
      lock: LOCK_ID,
      host: { fromMs: now, untilMs: now + HOUR },
    });
    expect(given[3]).toMatchObject({ host: { fromMs: null, untilMs: null } });
  });

  it("holds what others gave this phone", () => {
    const { street, owner } = owned();
    owner.give();
    const guest = street.phone(ana);
    guest.take(owner.link());
    const key = toHex(guest.state.held[0]!.id);
    expect(guestKeyDocuments(guest.state).held).toMatchObject([{ key, lock: LOCK_ID, claimed: false }]);
    guest.look();
    expect(guestKeyDocuments(guest.state).held).toMatchObject([{ key, claimed: true }]);
    expect(guestKeyRows(guest.state, street.now).held[0]?.[1]).toBe("“Olga's door”");
  });
});

describe("a key's name", () => {
  const keys = ["aabb01", "aabb02", "ccdd03"].map((start) => ({ id: fromHex(start.padEnd(64, "0")) }));

  it("is the beginning of its id, or nothing where there is one key", () => {
    expect(keyNamed(keys, "CCDD")).toBe(keys[2]);
    expect(keyNamed(keys, "aabb02")).toBe(keys[1]);
    expect(keyNamed([keys[0]!], undefined)).toBe(keys[0]);
    // Given and held, by a phone that gave a key to itself.
    expect(keyNamed([keys[0]!, { ...keys[0]! }], "aabb01")).toBe(keys[0]);
  });

  it.each([
    [undefined, "several keys are meant: aabb01000000, aabb02000000"],
    ["aabb", "several keys are meant"],
    ["aabb03", "this phone has no such key: aabb03"],
    ["aab", "4 digits or more"],
    ["z6Mk", "4 digits or more"],
    ["0".repeat(65), "4 digits or more"],
  ])("is refused: %s", (text, words) => {
    expect(() => keyNamed([keys[0]!, keys[1]!], text)).toThrow(words);
    expect(() => keyNamed([], text)).toThrow(/digits or more|this phone has no/);
  });
});

describe("a key's end, at a lock that has not heard of it", () => {
  it("comes with its period or its time, whichever is sooner", () => {
    const windows = [{ fromMs: MONDAY_8H, untilMs: MONDAY_8H + 2 * HOUR }];
    expect(workMsOf(keyOf({ windows, refreshMs: HOUR }), MONDAY_8H)).toBe(HOUR);
    expect(workMsOf(keyOf({ windows, refreshMs: DAY }), MONDAY_8H)).toBe(2 * HOUR);
    expect(workMsOf(keyOf({ windows }), MONDAY_8H + 3 * HOUR)).toBe(0);
    expect(workMsOf(keyOf({ windows: [], refreshMs: HOUR }), MONDAY_8H)).toBe(HOUR);
    expect(workMsOf(keyOf({ windows: [] }), MONDAY_8H)).toBeNull();
  });

  it("is said in words, to the minute", () => {
    expect(workText(DAY)).toBe("until then the key works at most 1 day longer");
    expect(workText(90 * 60_000 - 1)).toBe("until then the key works at most 1 hour 30 minutes longer");
    expect(workText(0)).toBe("the key does not work any more, as its time has passed");
    expect(workText(null)).toBe("until then the key works, however long that takes");
  });
});

describe("what is shown", () => {
  it("tells times by the zone's clocks, and hides what a terminal would obey", () => {
    const { owner } = owned();
    owner.give({ name: "Ana\u202e", windows: [{ fromMs: MONDAY_8H, untilMs: MONDAY_8H + HOUR }] });
    const [{ bytes } = { bytes: new Uint8Array() }] = owner.state.given;
    const text = (language: "en" | "fr") => sentencesOf(bytes, { language, zone: zoneOf("Europe/Paris") });
    expect(text("en").slice(0, 2)).toEqual([
      "Ana? may open the door.",
      "Only from 23 November 2026, 09:00 (Europe/Paris) until 23 November 2026, 10:00 (Europe/Paris).",
    ]);
    expect(text("fr")[1]).toBe(
      "Seulement du 23 novembre 2026 à 09:00 (Europe/Paris) au 23 novembre 2026 à 10:00 (Europe/Paris).",
    );
  });

  it.each([
    [60, "en", "(The QR code needs a terminal of 85 columns.)"],
    [60, "fr", "(Le code QR demande un terminal de 85 colonnes.)"],
    [85, "en", "▀"],
  ] as const)("is a QR code that no terminal of %d columns breaks (%s)", async (columns, language, words) => {
    const link = `segment:key:${"aB3_".repeat(135)}`;
    const before = process.stdout.columns;
    process.stdout.columns = columns;
    const svg = join(folder, `${columns}${language}.svg`);
    const { stdout } = await call(
      (program) => {
        const tell = () =>
          tellLink(link, { language, zone: zoneOf("UTC") }, { lang: language, qr: true, svg });
        program.command("tell").action(tell);
      },
      ["tell"],
    );
    process.stdout.columns = before;
    expect(stdout).toContain(words);
    expect(stdout.split("\n").at(-2)).toBe(link);
    expect(readFileSync(svg, "utf8")).toContain("<svg");
  });

  it("is the link alone where that is too long for a QR code", async () => {
    const link = `segment:key:${"aB3_".repeat(800)}`;
    const svg = join(folder, "long.svg");
    const { stdout, stderr } = await call(
      (program) => {
        const text = { language: "en", zone: zoneOf("UTC") } as const;
        program.command("tell").action(() => tellLink(link, text, { lang: "en", qr: true, svg }));
      },
      ["tell"],
    );
    expect(stdout).toBe(`(The link is too long for a QR code.)\n${link}\n`);
    expect(stderr).toContain("too long for a QR code");
    expect(existsSync(svg)).toBe(false);
  });
});

describe("a home without a network", () => {
  const home = join(folder, "ana");
  const document = async (...args: string[]) => {
    const { error, stdout } = await call(addKey, ["key", ...args, "--home", home, "--json"]);
    expect(error).toBeUndefined();
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const lines = async (...args: string[]) => {
    const { error, stdout } = await call(addKey, ["key", ...args, "--home", home, "--zone", "Asia/Tokyo"]);
    expect(error).toBeUndefined();
    return stdout.replaceAll(/\s+/g, " ");
  };
  let link = "";

  beforeAll(async () => {
    const hub = join(folder, "hub");
    await call(addInit, ["init", "--home", hub, "--found", "village", "--port", "0"]);
    const network = ["--network", join(hub, "network.json"), "--broker", "mqtt://127.0.0.1:1"];
    const { error } = await call(addInit, ["init", "--home", home, "--kind", "phone", ...network]);
    expect(error).toBeUndefined();
    const { owner } = owned();
    owner.give({ windows: [], depth: 2, refreshMs: HOUR, name: "Ana" });
    link = owner.link();
  });

  it("takes a key, shows it, and lists it", async () => {
    const said = await lines("take", link, "--name", "Olga", "--lang", "fr");
    expect(said).toMatch(/^Ce téléphone a la clé [0-9a-f]{12} de « Olga » : Ana peut ouvrir la porte\. /);
    expect(said).toContain("Le lien sera réclamé quand ce téléphone rencontrera la serrure");
    const list = await document("list");
    expect(list).toMatchObject({ devices: null, given: [], held: [{ lock: LOCK_ID, claimed: false }] });
    const key = (list["held"] as { key: string }[])[0]!.key;
    expect(await document("show")).toMatchObject({ key, lock: LOCK_ID, claimed: false, link: null });
    expect(await document("show", key.slice(0, 4), "--lang", "fr")).toMatchObject({
      sentences: expect.arrayContaining(["Ana peut ouvrir la porte.", "À tout moment, sans fin."]),
    });
  });

  it("passes on a part of it, with what is to be known of that", async () => {
    const { key } = await document("show");
    const part = ["pass-on", String(key), "--for", "Bo", "--uses", "1", "--no-qr"];
    const said = await lines(...part, "--hours", "mon-fri 08:00-18:00");
    expect(said).toContain("Bo may open the door.");
    expect(said).toContain("Monday to Friday 08:00 to 18:00.");
    expect(said).toContain("The link is a secret: whoever has it first gets the key.");
    expect(said).toContain(
      "asks the owner’s to confirm the key. Without an answer for 1 hour it opens nothing",
    );
    expect(said).not.toContain("follow the changes of the clocks");
    const link = / (segment:key:\S+) /.exec(said)?.[1] ?? "";
    const { links, secret } = parseKeyLink(link);
    expect(links).toHaveLength(2);
    expect(secret).toHaveLength(32);
    const { given } = (await document("list")) as { given: { key: string; name: string }[] };
    expect(given).toMatchObject([{ name: "Bo", revoked: false, heard: false }]);
    expect(await document("show", given[0]!.key)).toMatchObject({ link, revoked: false });
    const named = await lines(...part, "--to", bo.id, "--lang", "fr");
    expect(named).toContain("Le lien ne sert qu’au téléphone pour lequel il a été fait.");
    expect(named).toContain(
      "demande à celui du propriétaire de confirmer la clé. Sans réponse pendant 1 heure,",
    );
  });

  it("refuses more than it has, and what only owners may do", async () => {
    const { held, given } = (await document("list")) as { held: { key: string }[]; given: { key: string }[] };
    const [{ key } = { key: "" }] = held;
    const refused = async (...args: string[]) =>
      ((await call(addKey, ["key", ...args, "--home", home])).error as { code?: string }).code;
    expect(await refused("pass-on", key, "--for", "Bo", "--refresh", "none")).toBe("key-exceeds");
    expect(await refused("pass-on", key, "--for", "Bo", "--pass-on", "2")).toBe("key-exceeds");
    expect(await refused("pass-on", given[0]!.key, "--for", "Bo")).toBe("option-invalid");
    expect(await refused("make", "--for", "Bo", "--forever")).toBe("owner-required");
    expect(await refused("make", "nowhere", "--for", "Bo", "--forever")).toBe("key-foreign");
    expect(await refused("revoke", given[0]!.key)).toBe("owner-required");
    expect(await refused("revoke", key)).toBe("option-invalid");
  });
});

describe("a call that cannot be meant", () => {
  it.each<[string[], string, string]>([
    [["make", "--for", "Ana"], "option-invalid", "--until, or --forever"],
    [["make", "--for", "Ana", "--forever", "--zone", "Mars/Base"], "option-invalid", "--zone takes"],
    [["make", "--for", "Ana", "--forever", "--lang", "de"], "option-invalid", "--lang takes"],
    [["make", "--for", "Ana", "--forever"], "home-missing", ""],
    [["take", "segment:pair:AAAA"], "guest-key-invalid", "it does not begin with segment:key:"],
    [["revoke", "z6Mk"], "did-invalid", ""],
    [["revoke", LOCK_ID], "option-invalid", "--words-file takes the words of the device's owner"],
    [["revoke", "3f0c2a", "--words-file", "words.txt"], "option-invalid", "--words-file takes a device"],
    [["revoke", "3f0c2a"], "home-missing", ""],
  ])("key %s: %s", async (args, code, words) => {
    const { error, stdout } = await call(addKey, ["key", ...args]);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(stdout).toBe("");
  });

  it.each(["make", "pass-on", "take", "show", "list", "revoke"])(
    "key %s --help has an example",
    async (verb) => {
      const { error, stdout } = await call(addKey, ["key", verb, "--help"]);
      expect(error).toMatchObject({ exitCode: 0 });
      expect(stdout).toMatch(/\nExamples?:\n {2}segment key /);
    },
  );
});
