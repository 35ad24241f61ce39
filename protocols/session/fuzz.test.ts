/** Both roles survive anything: no exception, only events, and nothing opens that should not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SegmentError } from "../errors.ts";
import { FRAME, fragment } from "./frames.ts";
import {
  decodeFirstPayload,
  decodeTransport,
  encodeFirstPayload,
  encodeTransport,
  openAccept,
  openHello,
} from "./messages.ts";
import { dishonestPeer, halfway } from "./testing/dishonest.ts";
import * as kit from "./testing/pair.ts";

const { crypto, kinds, makeInitiator, makeResponder, meet, NOW } = kit;
const NOT_REFUSED = ["open", "message", "command", "answer"];
const LOCK = { notifySize: 509 };

const values = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
const bodies = fc.array(
  fc.record({ type: fc.constantFrom(...Object.values(FRAME)), body: fc.uint8Array({ maxLength: 300 }) }),
  { minLength: 1, maxLength: 4 },
);

/** Well-formed fragments around arbitrary bodies. */
function framed(frames: Parameters<typeof fragment>[0][], sequence = 0): Uint8Array[] {
  let next = sequence;
  return frames.flatMap((frame) => {
    const pieces = fragment(frame, 100, next % 128);
    next += pieces.length;
    return pieces;
  });
}

const inputs = fc.oneof(
  values,
  bodies.map((frames) => framed(frames)),
  bodies.map((frames) => framed(frames, 1)),
);

describe("fuzz", () => {
  it("a responder that waits", () => {
    fc.assert(
      fc.property(inputs, fc.boolean(), (writes, offered) => {
        const responder = makeResponder();
        if (offered) responder.info(NOW);
        const seen = kinds(writes.flatMap((value) => responder.received(value, NOW).events));
        for (const kind of NOT_REFUSED) expect(seen).not.toContain(kind);
      }),
      { numRuns: 300 },
    );
  });

  it("an initiator that waits", () => {
    const info = makeResponder().info(NOW);
    fc.assert(
      fc.property(inputs, (notifications) => {
        const initiator = makeInitiator();
        initiator.begin(info);
        const seen = kinds(notifications.flatMap((value) => initiator.received(value).events));
        for (const kind of NOT_REFUSED) expect(seen).not.toContain(kind);
      }),
      { numRuns: 100 },
    );
  });

  it("an open session, either side", () => {
    fc.assert(
      fc.property(inputs, (garbage) => {
        const { initiator, responder } = meet({ writeSize: 509 }, LOCK);
        const atLock = kinds(garbage.flatMap((value) => responder.received(value, NOW).events));
        const atPhone = kinds(garbage.flatMap((value) => initiator.received(value).events));
        for (const kind of NOT_REFUSED) expect([...atLock, ...atPhone]).not.toContain(kind);
      }),
      { numRuns: 60 },
    );
  });

  it("a begin with any info", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (info) => {
        expect(() => makeInitiator().begin(info)).toThrow(SegmentError);
      }),
    );
  });

  it("a first payload that is anything, inside sound Noise", () => {
    const sound = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => encodeFirstPayload(bytes, undefined)),
    );
    fc.assert(
      fc.property(sound, (payload) => {
        const { responder, handshake } = halfway();
        const message = handshake.writeMessage(payload);
        const [value] = fragment({ type: FRAME.handshake1, body: message }, 509);
        expect(kinds(responder.received(value!, NOW).events)[0]).not.toBe("open");
      }),
      { numRuns: 100 },
    );
  });

  it("transport messages that are anything, from a peer that is known", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 5 }),
        (plaintexts) => {
          const { responder, ciphers } = dishonestPeer();
          const frames = plaintexts.map((plaintext) => ({
            type: FRAME.transport,
            body: ciphers.send.encrypt(new Uint8Array(0), plaintext),
          }));
          const seen = kinds(framed(frames, 1).flatMap((value) => responder.received(value, NOW).events));
          expect(seen.length).toBeGreaterThan(0);
          expect(seen.filter((kind) => ["open", "command", "answer"].includes(kind))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("the codecs of the messages", () => {
    const codecs: [string, (bytes: Uint8Array) => unknown][] = [
      ["first payload", decodeFirstPayload],
      ["hello", (bytes) => openHello(crypto, bytes)],
      ["accept", (bytes) => openAccept(crypto, bytes)],
      ["transport", (bytes) => encodeTransport(decodeTransport(bytes))],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 100 }), ([name, decode], bytes) => {
        try {
          expect(decode(bytes), name).toBeDefined();
        } catch (error) {
          expect(error, name).toBeInstanceOf(SegmentError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
