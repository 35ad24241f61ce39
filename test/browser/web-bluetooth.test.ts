/** Web Bluetooth in Chromium against a device on real bleno: the browser's side of BLE. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page } from "playwright";
import { SessionHost } from "../../agent/core/ble-sessions.ts";
import { openCentral } from "../../agent/node/ble/central.ts";
import { openPeripheral } from "../../agent/node/ble/peripheral.ts";
import { nodeCrypto as crypto, nodeRandom, systemClock } from "../../agent/node/crypto.ts";
import { text, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { advertisedName } from "../../protocols/session/gatt.ts";
import { Air } from "../../simulators/radio/air.ts";
import { airDriver } from "../../simulators/radio/driver.ts";
import { seededRandom } from "../../simulators/random.ts";
import { somebody } from "../support/agents.ts";
import { findChromium } from "../support/chromium.ts";
import { bridgeBluetooth } from "./bluetooth.ts";
import type { BluetoothBridge } from "./bluetooth.ts";
import { openBrowser } from "./chromium.ts";
import type { BrowserStage } from "./chromium.ts";
import type { SessionPage } from "./pages/session.ts";

const DEVICE_ADDRESS = "c0:00:00:00:00:01";
const device = somebody("device");
const seed = seededRandom(5).bytes(32);
const phone = somebody("phone").keys;

describe.skipIf(findChromium() === undefined)("Web Bluetooth in Chromium", () => {
  let stage: BrowserStage;
  let page: Page;
  let bridge: BluetoothBridge;
  const heard: string[] = [];
  const closers: (() => Promise<void> | void)[] = [];

  const events = (): Promise<string[]> => page.evaluate(() => sessionPage().events);
  const until = (event: string, times = 1): Promise<void> =>
    expect
      .poll(async () => (await events()).filter((one) => one === event).length, { timeout: 20_000 })
      .toBe(times);

  beforeAll(async () => {
    const air = new Air({ clock: systemClock, random: seededRandom(1), connectionIntervalMs: 22.5 });
    const radioOf = (address: string) => ({
      clock: systemClock,
      transport: { hciDriver: airDriver(air, address) },
    });
    const peripheral = await openPeripheral(radioOf(DEVICE_ADDRESS));
    const { signer, sessionSecret, card } = device.keys;
    const clocks = { clock: systemClock, linkClock: systemClock };
    const host = new SessionHost(
      peripheral,
      { crypto, random: nodeRandom, signer, sessionSecret, card, ...clocks },
      {
        opened: () => heard.push("opened"),
        message: (session, _peer, bytes) => {
          heard.push(text(bytes));
          host.send(session, utf8(`echo ${text(bytes)}`));
        },
        closed: () => heard.push("closed"),
        refused: (code) => heard.push(code),
      },
    );
    host.expect([agentId(signerFromSeed(crypto, seed).publicKey)]);
    const central = await openCentral(radioOf("c0:00:00:00:00:02"));
    stage = await openBrowser();
    page = await stage.open("session");
    const name = advertisedName(signer.publicKey);
    bridge = await bridgeBluetooth(stage.browser, page, central, [
      { address: DEVICE_ADDRESS, name, rssiDbm: -50 },
    ]);
    bridge.chooses(DEVICE_ADDRESS);
    await page.reload();
    await bridge.settled();
    closers.push(
      () => bridge.close(),
      () => stage.close(),
      () => central.close(),
      () => host.close(),
      () => air.close(),
    );
  });

  afterAll(async () => {
    for (const close of closers) await close();
  });

  it("opens a session with the device that the person chose, and both hear each other", async () => {
    const { identity, sessionKey, cardHash } = device.known;
    const keys = {
      seed: toHex(seed),
      sessionSecret: toHex(phone.sessionSecret),
      card: toHex(phone.card),
    };
    const peer = { identity: toHex(identity), sessionKey: toHex(sessionKey), cardHash: toHex(cardHash) };
    await page.evaluate(([one, other]) => sessionPage().dial(one, other), [keys, peer] as const);
    await page.click("#choose");
    await until("opened");
    await page.evaluate(() => sessionPage().say("good morning"));
    await until("heard echo good morning");
    const long = "x".repeat(3_000);
    await page.evaluate((words) => sessionPage().say(words), long);
    await until(`heard ${`echo ${long}`.slice(0, 40)}`);
    expect(heard).toEqual(["opened", "good morning", long]);
  });

  it("takes up the talk again after the link was lost, without another choice", async () => {
    await bridge.cut(DEVICE_ADDRESS);
    await until("closed");
    await until("opened", 2);
    await page.evaluate(() => sessionPage().say("once more"));
    await until("heard echo once more");
  });

  it("says goodbye when it hangs up", async () => {
    await page.evaluate(() => sessionPage().hangUp());
    await until("closed", 2);
    await expect.poll(() => heard.filter((one) => one === "closed").length).toBe(2);
  });
});

/** In the page. */
declare function sessionPage(): SessionPage;
