import { expect, it } from "vitest";
import { sign1 } from "../../protocols/identity/cose.ts";
import { openCard, signCard } from "../../protocols/identity/card.ts";
import { castTopic } from "../../protocols/topics.ts";
import { memoryNetwork } from "../../simulators/network/memory-bus.ts";
import { seededRandom } from "../../simulators/random.ts";
import { VirtualClock } from "../../simulators/virtual-clock.ts";
import { NETWORK, somebody, START_MS } from "../../test/support/agents.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { Messenger } from "./messenger.ts";

it("a broker cannot announce a card of its own making for somebody's identity", async () => {
  const [alice, hub, mallory] = [somebody("alice"), somebody("hub"), somebody("mallory")];
  const clock = new VirtualClock(START_MS);
  const net = memoryNetwork({ network: NETWORK, clock, random: seededRandom(3) });
  const bus = net.join(hub.id);
  const parts = { clock, crypto, random: seededRandom(4), network: NETWORK };
  const messenger = new Messenger({ ...parts, bus, keys: hub.keys });
  const learned: Uint8Array[] = [];
  void messenger.welcome((card) => void learned.push(card));
  await clock.runFor(1_000);

  // Mallory's root binds Alice's identity to a key that Mallory holds; the bus carries it in Alice's name.
  const honest = openCard(crypto, alice.keys.card);
  const { sessionKey, root } = mallory;
  const forged = signCard({ ...honest, sessionKey, root: root.publicKey }, root);
  const inAlicesName = net.join(alice.id);
  const topic = castTopic(NETWORK, alice.id, "card");
  void inAlicesName.publish(topic, forged);
  void inAlicesName.publish(topic, sign1("announcement", forged, mallory.keys.signer));
  void inAlicesName.publish(topic, sign1("announcement", alice.keys.card, mallory.keys.signer));
  await clock.runFor(1_000);
  expect(learned).toEqual([]);
  expect(messenger.cardOf(alice.id)).toBeUndefined();
  expect(messenger.dropped.get("card-invalid")).toBe(3);

  void inAlicesName.publish(topic, sign1("announcement", alice.keys.card, alice.keys.signer));
  await clock.runFor(1_000);
  expect(learned).toEqual([alice.keys.card]);
  await net.close();
});
