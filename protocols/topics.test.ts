import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableCrypto } from "./crypto/portable.ts";
import { errorCode } from "./errors.ts";
import { agentId, signerFromSeed } from "./identity/keys.ts";
import {
  CHANNELS,
  castFilter,
  castTopic,
  directTopic,
  inboxFilter,
  MAX_TOPIC_CHARS,
  mayPublish,
  maySubscribe,
  parseTopic,
  topicMatches,
} from "./topics.ts";

const idOf = (seed: number) =>
  agentId(signerFromSeed(portableCrypto, new Uint8Array(32).fill(seed)).publicKey);
const [alice, bob] = [idOf(1), idOf(2)];
const network = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const agents = fc.constantFrom(...[1, 2, 3, 4].map(idOf));

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return "none";
  } catch (error) {
    return errorCode(error);
  }
};

describe("topics", () => {
  it("are what the page says", () => {
    expect(directTopic("village", alice, bob)).toBe(`segment/1/village/${alice}/to/${bob}`);
    expect(castTopic("village", alice, "vote")).toBe(`segment/1/village/${alice}/cast/vote`);
    expect(inboxFilter("village", bob)).toBe(`segment/1/village/+/to/${bob}`);
    expect(castFilter("village", "vote")).toBe("segment/1/village/+/cast/vote");
    expect(castFilter("village", "vote", alice)).toBe(`segment/1/village/${alice}/cast/vote`);
  });

  it("read back as written, within the bound, and match their filters", () => {
    fc.assert(
      fc.property(
        network,
        agents,
        agents,
        fc.constantFrom(...CHANNELS),
        (net, sender, recipient, channel) => {
          const direct = directTopic(net, sender, recipient);
          expect(direct.length).toBeLessThanOrEqual(MAX_TOPIC_CHARS);
          expect(parseTopic(direct)).toEqual({ to: "agent", network: net, sender, recipient });
          expect(topicMatches(inboxFilter(net, recipient), direct)).toBe(true);
          const cast = castTopic(net, sender, channel);
          expect(parseTopic(cast)).toEqual({ to: "all", network: net, sender, channel });
          expect(topicMatches(castFilter(net, channel), cast)).toBe(true);
          expect(topicMatches(castFilter(net, channel), direct)).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("are read alike again, and after many others", () => {
    const topics = Array.from({ length: 2_000 }, (_, n) => [`net-${n}`, directTopic(`net-${n}`, alice, bob)]);
    for (const round of [1, 2, 3]) {
      for (const [name, topic] of round === 3 ? topics.toReversed() : topics) {
        expect(parseTopic(topic!)).toEqual({ to: "agent", network: name, sender: alice, recipient: bob });
      }
    }
    for (const round of [1, 2])
      expect([round, codeOf(() => parseTopic("segment/1"))]).toEqual([round, "topic-invalid"]);
  });

  it("of the longest network just fit the bound", () => {
    expect(directTopic("n".repeat(32), alice, bob)).toHaveLength(MAX_TOPIC_CHARS);
  });

  it.each([
    ["", "prefix"],
    ["segment/1", "levels"],
    [`segment/2/village/${alice}/to/${bob}`, "prefix"],
    [`segment/1/village/${alice}/to/${bob}/x`, "levels"],
    [`segment/1/Village/${alice}/to/${bob}`, "network"],
    [`segment/1//${alice}/to/${bob}`, "network"],
    [`segment/1/village/${alice}/for/${bob}`, "kind"],
    [`segment/1/village/${alice}/cast/gossip`, "channel"],
    [`segment/1/village/${alice}/cast/constructor`, "channel"],
    [`segment/1/village/+/to/${bob}`, "sender"],
    [`segment/1/village/${alice}/to/${bob.slice(0, -1)}`, "recipient"],
    [`segment/1/village/${alice}/to/${bob.slice(0, -1)}0`, "recipient"],
    [`segment/1/village/${alice}/to/${bob}\n`, "recipient"],
    [`segment/1/${"v".repeat(33)}/${alice}/to/${bob}`, "length"],
  ])("refuses %j, naming the %s", (topic, where) => {
    expect(() => parseTopic(topic)).toThrowError(expect.objectContaining({ code: "topic-invalid", where }));
  });

  it("are not built from malformed names", () => {
    expect(codeOf(() => directTopic("a b", alice, bob))).toBe("topic-invalid");
    expect(codeOf(() => directTopic("village", "#", bob))).toBe("topic-invalid");
    expect(codeOf(() => inboxFilter("village", "+"))).toBe("topic-invalid");
    expect(codeOf(() => castTopic("village", alice, "#" as "vote"))).toBe("topic-invalid");
  });

  it("never make the parser fail otherwise", () => {
    const mutated = fc
      .tuple(fc.constant(directTopic("village", alice, bob)), fc.nat(120), fc.string({ unit: "binary" }))
      .map(([topic, at, text]) => topic.slice(0, at) + text + topic.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), mutated), (topic) => {
        expect(["none", "topic-invalid"]).toContain(codeOf(() => parseTopic(topic)));
        expect(mayPublish("village", bob, topic)).toBe(false);
        expect(typeof maySubscribe("village", alice, topic)).toBe("boolean");
      }),
    );
  });
});

describe("access", () => {
  it("lets an agent publish under its own id, in its own network", () => {
    expect(mayPublish("village", alice, directTopic("village", alice, bob))).toBe(true);
    expect(mayPublish("village", alice, castTopic("village", alice, "card"))).toBe(true);
    expect(mayPublish("village", bob, directTopic("village", alice, bob))).toBe(false);
    expect(mayPublish("campus", alice, castTopic("village", alice, "card"))).toBe(false);
    expect(mayPublish("village", alice, "$SYS/broker")).toBe(false);
  });

  it.each([
    [inboxFilter("village", alice), true],
    [`segment/1/village/${bob}/to/${alice}`, true],
    ["segment/1/village/+/cast/vote", true],
    ["segment/1/village/+/cast/+", true],
    [`segment/1/village/${bob}/cast/+`, true],
    [inboxFilter("village", bob), false],
    ["segment/1/village/+/to/+", false],
    ["segment/1/village/+/+/+", false],
    [`segment/1/village/+/+/${alice}`, false],
    ["segment/1/village/+/cast/#", false],
    ["segment/1/+/+/cast/vote", false],
    ["segment/1/campus/+/cast/vote", false],
    ["+/1/village/+/cast/vote", false],
    ["$share/g/segment/1/village/+/cast/vote", false],
    ["#", false],
    ["", false],
  ])("to listen to %s: %s", (filter, allowed) => {
    expect(maySubscribe("village", alice, filter)).toBe(allowed);
  });
});

describe("filters (MQTT 3.1.1 section 4.7)", () => {
  it.each([
    ["a/b/c", "a/b/c", true],
    ["a/+/c", "a/b/c", true],
    ["a/+", "a/b/c", false],
    ["a/#", "a/b/c", true],
    ["a/#", "a", true],
    ["+", "a/b", false],
    ["a/b/c", "a/b", false],
    ["a/+/c", "a//c", true],
  ])("%s and %s: %s", (filter, topic, matches) => {
    expect(topicMatches(filter, topic)).toBe(matches);
  });
});
