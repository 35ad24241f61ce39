/** A lock and phones, each a whole agent: Noise over the memory radio, journals, a bus that may be away. */
import { afterEach, describe, expect, it } from "vitest";
import { formatPairing } from "../../protocols/access/pairing.ts";
import { NETWORK, somebody, START_MS } from "../../test/support/agents.ts";
import { ana, front, HOUR, invited, olga, paired, PSK, street } from "../../test/support/lock-street.ts";
import type { Street } from "../../test/support/lock-street.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function opened(): Promise<Street> {
  const world = await street();
  closers.push(() => world.close());
  return world;
}

describe("a lock over the air", () => {
  it("takes the first phone with the code as its owner, and opens for it", async () => {
    const world = await opened();
    const phone = await paired(world);
    expect(world.lock.state.owners.map(({ id }) => id)).toEqual([olga.id]);
    phone.tap();
    const connectedMs = await world.until(() => world.bolts.length > 0);
    expect(world.bolts).toEqual(["unlocked"]);
    // The session is open: one write, at the next connection event.
    expect(connectedMs).toBeLessThan(2 * 22.5);
    await world.until(() => phone.verdict() === "done");
  });

  it("lets nobody in who has not the secret, and is not deaf to the owner afterwards", async () => {
    const world = await opened();
    world.lock.command("pair", { psk: PSK });
    await world.clock.runFor(100);
    const { identity, sessionKey } = front.known;
    const wrong = { network: NETWORK, identity, sessionKey, untilMs: START_MS + HOUR };
    const thief = await world.phone(ana, 9);
    const code = formatPairing({ ...wrong, psk: new Uint8Array(32).fill(8) });
    thief.agent.command("pair", { code, name: "", nonce: thief.nonce() });
    await world.until(() => thief.verdict() === "radio-failed");
    expect(world.lock.state.owners).toEqual([]);
    await paired(world);
  });

  it("works without the bus, for owner and guest at once", async () => {
    const world = await opened();
    const owner = await paired(world);
    await world.cutBus();
    const guest = await invited(world, owner, ana);
    guest.tap();
    owner.tap();
    const ms = await world.until(() => guest.verdict() === "done" && owner.verdict() === "done");
    expect(ms).toBeLessThan(3_000);
    const requests = world.lock.state.audit.filter(({ what, code }) => what === "request" && code === null);
    expect(new Set(requests.map(({ who }) => who))).toEqual(new Set([ana.id, olga.id]));
  });

  it("opens for ten phones that tap at once, all within three seconds", async () => {
    const world = await opened();
    const owner = await paired(world);
    const phones = [owner];
    for (let place = 10; place < 19; place++)
      phones.push(await invited(world, owner, somebody(`guest ${place}`), place));
    for (const phone of phones) phone.tap();
    await world.clock.runFor(2);
    const ms = await world.until(() => phones.every((phone) => phone.verdict() === "done"));
    expect(ms).toBeLessThan(3_000);
    const entries = world.lock.state.audit.filter(({ what, code }) => what === "request" && code === null);
    expect(new Set(entries.map(({ who }) => who)).size).toBe(10);
    // Whoever has been served makes room, and does not come again for nothing.
    await world.clock.runFor(5_000);
    expect(world.lock.state.sessions.length).toBeLessThanOrEqual(6);
  });
});
