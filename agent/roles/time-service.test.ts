import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { decodeMessage } from "../../protocols/encoding/messages.ts";
import { signTimeQuestion } from "../../protocols/messaging/time.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS } from "../../test/support/agents.ts";
import { skewedClock } from "../../test/support/clocks.ts";
import { TimeService } from "./time-service.ts";

const alice = somebody("alice");
const bob = somebody("bob");
const random = seededRandom(5);

function service() {
  const world = new VirtualClock(START_MS);
  const clock = skewedClock(world);
  const answers: { to: string; answer: unknown }[] = [];
  const met: { from: string; card: Uint8Array }[] = [];
  const made = new TimeService({
    ...{ crypto, clock, network: NETWORK },
    introduce: (from, card) => void met.push({ from, card }),
    answer: (to, body) => void answers.push({ to, answer: decodeMessage(body) }),
  });
  return { world, clock, answers, met, made };
}

const nonce = random.bytes(16);
const question = (who = alice, network = NETWORK): Uint8Array =>
  signTimeQuestion(who.keys.signer, network, { nonce, card: who.keys.card });

describe("a notary that is asked for the time", () => {
  it("tells it to the asker, whose card it takes in", async () => {
    const { made, answers, met, world } = service();
    await world.runFor(1_234);
    made.asked(alice.id, question());
    expect(answers).toEqual([{ to: alice.id, answer: { nonce, timeMs: START_MS + 1_234 } }]);
    expect(met).toEqual([{ from: alice.id, card: alice.keys.card }]);
  });

  it("tells nobody who did not ask: not in another's name, of another network, or unsigned", () => {
    const { made, answers, met } = service();
    const refused = (sender: string, bytes: Uint8Array, code: string): void =>
      expect(() => made.asked(sender, bytes)).toThrowError(expect.objectContaining({ code }));
    refused(bob.id, question(), "message-invalid");
    refused(alice.id, question(alice, "elsewhere"), "message-invalid");
    const forged = question();
    forged[forged.length - 1]! ^= 1;
    refused(alice.id, forged, "signature-invalid");
    refused(alice.id, new Uint8Array(3_000), "message-invalid");
    expect([answers, met]).toEqual([[], []]);
  });

  it("hears four questions of one sender in a second, and so many in all, and is not stopped by its clock", async () => {
    const { made, answers, clock, world } = service();
    const ask = (times: number): void => {
      for (let n = 0; n < times; n++) made.asked(alice.id, question());
    };
    ask(10);
    expect(answers).toHaveLength(4);
    made.asked(bob.id, question(bob));
    expect(answers).toHaveLength(5);
    await world.runFor(1_000);
    ask(10);
    expect(answers).toHaveLength(9);
    // Its clock is set back by an hour.
    clock.byMs = -3_600_000;
    ask(1);
    expect(answers).toHaveLength(10);
  });

  it("verifies no more than it may answer, whoever asks", async () => {
    let verified = 0;
    const counting = {
      ...crypto,
      ed25519Verify: (...all: Parameters<typeof crypto.ed25519Verify>) => {
        verified += 1;
        return crypto.ed25519Verify(...all);
      },
    };
    const world = new VirtualClock(START_MS);
    const flooded = new TimeService({
      ...{ crypto: counting, clock: world, network: NETWORK },
      introduce: () => undefined,
      answer: () => expect.fail("answered"),
    });
    const bytes = question();
    const codes = new Set<string>();
    const ask = (times: number): void => {
      for (let n = 0; n < times; n++) {
        try {
          flooded.asked(`sender ${n}`, bytes);
        } catch (error) {
          codes.add((error as { code: string }).code);
        }
      }
    };
    ask(1_000);
    expect([verified, ...codes]).toEqual([256, "message-invalid"]);
    await world.runFor(1_000);
    ask(1);
    expect(verified).toBe(257);
  });
});
