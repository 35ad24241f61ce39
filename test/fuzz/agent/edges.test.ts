/**
 * Where people and programs hand something in: hardware profiles, options of commands, bytes for the
 * broker.
 */
import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paragraph, printable, table, wrap } from "../../../agent/cli/layout.ts";
import { brokerUrl, idsOf, integerOf, languageOf, numberOf } from "../../../agent/cli/options.ts";
import { amountOf } from "../../../agent/cli/visit.ts";
import { nodeCrypto as crypto, systemClock } from "../../../agent/node/crypto.ts";
import { startBroker } from "../../../agent/roles/broker.ts";
import type { Broker } from "../../../agent/roles/broker.ts";
import { packetMeter } from "../../../agent/roles/packet-limit.ts";
import { parseProfile } from "../../../hardware-profiles/load.ts";
import { concat } from "../../../protocols/encoding/bytes.ts";
import { publicKeyFromId } from "../../../protocols/identity/keys.ts";
import { makeToken } from "../../../protocols/messaging/token.ts";
import { MAX_AMOUNT } from "../../../protocols/money/amounts.ts";
import type { Clock } from "../../../protocols/ports.ts";
import { castTopic, inboxFilter } from "../../../protocols/topics.ts";
import { NETWORK, somebody } from "../../support/agents.ts";
import { repositoryRoot } from "../../support/shared.ts";
import { fuzz } from "../support/harness.ts";
import { mutatedBytes } from "../support/mutate.ts";
import { mutatedValue } from "../support/mutate-value.ts";
import { looseJson } from "./scratch.ts";

const STARTED_MS = systemClock.now();

describe("a hardware profile", () => {
  const folder = join(repositoryRoot, "hardware-profiles");
  const texts = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => readFileSync(join(folder, file), "utf8"));
  const values = texts.map((text): unknown => JSON.parse(text));
  const encoder = new TextEncoder();
  const mutants = fc.oneof(
    { weight: 3, arbitrary: mutatedValue(values).map(looseJson) },
    {
      weight: 1,
      arbitrary: mutatedBytes(texts.map((text) => encoder.encode(text))).map((bytes) =>
        new TextDecoder().decode(bytes),
      ),
    },
  );
  fuzz(
    "is sound, or refused with what is wrong",
    mutants,
    (text) => {
      const profile = parseProfile(text, "mutant.json");
      expect(parseProfile(JSON.stringify(profile), "again.json")).toEqual(profile);
      // What must never be let through, whatever else a profile says: a coil that burns when software
      // forgets.
      for (const pin of profile.pins) {
        if (!("safeState" in pin) || pin.maxOnMs === 0) continue;
        expect([pin.safeState === "on", pin.restore]).toEqual([false, "off"]);
      }
      const names = profile.pins.map((pin) => pin.name);
      for (const driver of profile.drivers) {
        for (const pin of Object.values(driver.pins)) expect(names).toContain(pin);
      }
    },
    { accepted: 0.05, share: 0.2 },
  );
});

describe("what people type", () => {
  const id = somebody("alice").id;
  const words = [
    "24.90",
    "-1",
    "1e3",
    "0x10",
    " ",
    "",
    "NaN",
    "Infinity",
    "9".repeat(400),
    "1,5",
    "٣",
    "1_0",
  ];
  const text = fc.oneof(
    fc.constantFrom(...words, id, `did:key:${id}`, `${id},${id}`, "mqtt://a:1", "wss://[::1]/x", "fr"),
    fc.string({ unit: "binary", maxLength: 40 }),
    mutatedBytes([id, "24.90", "mqtt://host:1883"].map((one) => new TextEncoder().encode(one))).map((bytes) =>
      new TextDecoder().decode(bytes),
    ),
  );

  fuzz("numbers", text, (typed) => {
    const value = integerOf("--n", typed, 0, 100);
    expect(Number.isInteger(value) && value >= 0 && value <= 100).toBe(true);
    expect(numberOf("--n", typed, 0, 100)).toBe(value);
  });

  fuzz("amounts", fc.tuple(text, fc.nat(18)), ([typed, exponent]) => {
    const minor = amountOf(typed, { exponent, code: "EUR" } as Parameters<typeof amountOf>[1]);
    expect(minor >= 0n && minor <= MAX_AMOUNT).toBe(true);
  });

  fuzz("agents", fc.array(text, { maxLength: 4 }), (typed) => {
    for (const one of idsOf("--to", typed)) expect(publicKeyFromId(one)).toHaveLength(32);
  });

  fuzz(
    "addresses",
    text,
    (typed) => {
      const url = brokerUrl("--broker", typed);
      expect(["mqtt", "mqtts", "ws", "wss"]).toContain(url.slice(0, url.indexOf("://")));
      expect(url.length).toBeLessThanOrEqual(200);
    },
    { accepted: 0.01 },
  );

  fuzz("languages", text, (typed) => expect(["en", "fr"]).toContain(languageOf(typed)), { accepted: 0.01 });

  fuzz(
    "texts of strangers for a terminal of any width",
    fc.tuple(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 1, max: 200 })),
    ([stranger, width]) => {
      const shown = printable(stranger);
      expect(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(shown)).toBe(false);
      for (const line of wrap(shown, width)) expect(line.length).toBeLessThanOrEqual(Math.max(width, 1));
      expect(wrap(shown, width).join("").replaceAll(" ", "")).toBe(shown.replaceAll(" ", ""));
      paragraph(shown, width, "- ");
      table(
        [
          [shown, "x"],
          ["y", shown],
        ],
        [2, 1],
        width,
      );
    },
  );
});

/**
 * MQTT 3.1.1: a fixed header (section 2.2), then fields; texts and bytes with their length before them
 * (1.5.3).
 */
function packet(type: number, ...fields: (Uint8Array | string | number[])[]): Uint8Array {
  const body = concat(
    ...fields.map((field) => {
      if (Array.isArray(field)) return Uint8Array.from(field);
      const bytes = typeof field === "string" ? new TextEncoder().encode(field) : field;
      return concat(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
    }),
  );
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return concat(Uint8Array.of(type, ...length), body);
}

/** The packets of an honest client, one after the other: from CONNECT to DISCONNECT. */
function conversation(): Uint8Array[] {
  const alice = somebody("alice");
  const clientId = `${alice.id}.1`;
  const token = makeToken(alice.keys.signer, { network: NETWORK, clientId, now: STARTED_MS });
  const inbox = inboxFilter(NETWORK, alice.id);
  return [
    // Version 4; user name, password, clean session; keep-alive 60 s.
    packet(0x10, "MQTT", [4, 0xc2, 0, 60], clientId, token.username, token.password),
    packet(0x82, [0, 1], inbox, [1]),
    packet(0x32, castTopic(NETWORK, alice.id, "card"), [0, 2], [0x78]),
    packet(0xc0),
    packet(0xa2, [0, 3], inbox),
    packet(0xe0),
  ];
}

describe("the broker", () => {
  const packets = conversation();
  const streams = fc.oneof(
    fc.array(fc.oneof(fc.constantFrom(...packets), mutatedBytes(packets)), { minLength: 1, maxLength: 6 }),
    mutatedBytes([concat(...packets)]).map((stream) => [stream]),
    // Past the door, then anything.
    fc.array(mutatedBytes(packets), { minLength: 1, maxLength: 6 }).map((rest) => [packets[0]!, ...rest]),
  );

  fuzz(
    "meters a stream the same however it is cut, and lets no packet by that announces too much",
    fc.tuple(
      streams,
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 }),
      fc.constantFrom(10, 100, 4_096),
    ),
    ([parts, cuts, limit]) => {
      const stream = concat(...parts);
      const whole = packetMeter(limit).accepts(stream);
      const meter = packetMeter(limit);
      let at = 0;
      let accepted = true;
      for (const cut of [...cuts, stream.length]) {
        accepted &&= meter.accepts(stream.subarray(at, at + cut));
        at += cut;
      }
      expect(accepted).toBe(whole);
      expect(whole).toBe(announcesNoMoreThan(stream, limit));
    },
  );

  // Time stands still, so that a token is good however long the run takes; alarms come all the same.
  const clock: Clock = {
    now: () => STARTED_MS,
    at: (atMs, fire) => systemClock.at(systemClock.now() + atMs - STARTED_MS, fire),
  };
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker({ host: "127.0.0.1", port: 0, network: NETWORK, crypto, clock });
  });
  afterAll(() => broker.close());

  fuzz("outlives any client", streams, (parts) => say(broker.port, concat(...parts), 400), { share: 0.1 });

  it("still opens its door to an honest client", async () => {
    const answer = await say(broker.port, packets[0]!, 1);
    // CONNACK, accepted (MQTT 3.1.1, section 3.2).
    expect([...answer.subarray(0, 4)]).toEqual([0x20, 2, 0, 0]);
  });
});

/** By the specification, packet by packet (MQTT 3.1.1, section 2.2). */
function announcesNoMoreThan(stream: Uint8Array, limit: number): boolean {
  for (let at = 0; at < stream.length;) {
    let length = 0;
    let digits = 0;
    for (;;) {
      digits += 1;
      const digit = stream[at + digits];
      if (digit === undefined) return true;
      length += (digit & 0x7f) * 128 ** (digits - 1);
      if (length > limit) return false;
      if (digit < 0x80) break;
      if (digits === 4) return false;
    }
    at += 1 + digits + length;
  }
  return true;
}

/**
 * Writes the bytes and waits for the end, or for as many bytes of answer; it ends its side of the link
 * itself.
 */
function say(port: number, bytes: Uint8Array, enough: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const heard: Buffer[] = [];
    let length = 0;
    socket.on("data", (data: Buffer) => {
      heard.push(data);
      length += data.length;
      if (length >= enough) socket.end();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // It may hang up on us; it must not be gone.
      if (error.code === "ECONNREFUSED") reject(error);
    });
    socket.on("close", () => resolve(Buffer.concat(heard)));
    socket.on("connect", () => {
      if (enough === 1) socket.write(bytes);
      else socket.end(bytes);
    });
  });
}
