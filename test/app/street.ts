/**
 * A street for the phone's app: a hub that serves app and broker, a lock, a virtual air, each in a process of
 * its own; and phones, each a Chromium of its own whose Bluetooth leads to that air.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { expect } from "vitest";
import { openCentral } from "../../agent/node/ble/central.ts";
import { systemClock } from "../../agent/node/crypto.ts";
import { publicKeyFromId } from "../../protocols/identity/keys.ts";
import { advertisedName } from "../../protocols/session/gatt.ts";
import { airTransport } from "../../simulators/worlds/air.ts";
import { bridgeBluetooth } from "../browser/bluetooth.ts";
import type { BluetoothBridge } from "../browser/bluetooth.ts";
import { launchChromium } from "../browser/chromium.ts";
import { document, Running, temporaryFolder } from "../cli/segment.ts";
import { picture } from "./pictures.ts";

/** The first radio of an air. */
const LOCK_ADDRESS = "c0:00:00:00:00:01";
const POLL = { timeout: 30_000 };
export const PASSPHRASE = "correct horse battery";

export interface Street {
  /** Where the app is served. */
  url: string;
  /** The lock's id. */
  lockId: string;
  /** What the lock says. */
  lock: Running;
  /** A fresh pairing code of the lock. */
  code(): Promise<string>;
  /** A phone whose radio is that of the air; without a name it has no Bluetooth. */
  phone(radio?: string): Promise<AppPhone>;
  close(): Promise<void>;
}

export interface StreetOptions {
  radios: readonly string[];
  /** Whether the lock finds the broker; the hub serves the app either way. */
  isLockOnline: boolean;
}

export async function openStreet({ radios, isLockOnline }: StreetOptions): Promise<Street> {
  const folder = temporaryFolder();
  const [hub, front, air] = ["hub", "front", "air"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const started: Running[] = [];
  const phones: AppPhone[] = [];
  const run = async (
    args: readonly string[],
    line: RegExp,
    command?: readonly string[],
  ): Promise<Running> => {
    const running = new Running(args, command);
    started.push(running);
    await running.line(line);
    return running;
  };
  await run(["--radios", ["front", ...radios].join(","), "--out", air], /the air is there/, [
    "simulate",
    "air",
  ]);
  await document(["init", "--home", hub, "--found", "village", "--name", "hub", "--port", "0"]);
  const house = await run(["--home", hub, "--app", "0"], /^app: http/);
  await house.line(/^ready$/);
  const broker = isLockOnline ? /mqtt:\/\/[\d.:]+/.exec(house.stderr)![0] : "mqtt://127.0.0.1:9";
  const network = ["--network", join(hub, "network.json"), "--broker", broker];
  const { id: lockId } = await document<{ id: string }>([
    ...["init", "--home", front, "--kind", "lock", "--name", "Front door", ...network],
  ]);
  const lock = await run(["--home", front, "--radio", join(air, "front")], /^lock: ready$/);
  const url = /http:\/\/\S+/.exec(await house.line(/^app: http/))![0];
  return {
    ...{ url, lockId, lock },
    code: async () => (await document<{ host: { code: string } }>(["pair", "--home", front])).host.code,
    phone: async (radio) => {
      const phone = await AppPhone.open(url, lockId, radio === undefined ? undefined : join(air, radio));
      phones.push(phone);
      return phone;
    },
    close: async () => {
      for (const phone of phones) await phone.close();
      for (const one of started.reverse()) await one.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface ChromiumOptions {
  /** Further flags. */
  more?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** Somebody with the app in his hand; what he sees and does. */
export class AppPhone {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly bridge: BluetoothBridge | undefined;
  /** What the page asked for besides its own server, and what its policy refused. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;
  readonly #closers: (() => Promise<void>)[];

  static async open(
    url: string,
    lockId: string,
    radio: string | undefined,
    { more = [], env = {} }: ChromiumOptions = {},
  ): Promise<AppPhone> {
    const flags = radio === undefined ? ["--disable-features=WebBluetooth"] : [];
    const browser = await launchChromium([...flags, ...more], env);
    const context = await browser.newContext({
      viewport: { width: 360, height: 740 },
      locale: "en-GB",
      timezoneId: "Europe/Paris",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const page = await context.newPage();
    const closers: (() => Promise<void>)[] = [];
    let bridge: BluetoothBridge | undefined;
    if (radio !== undefined) {
      const central = await openCentral({ clock: systemClock, transport: airTransport(radio) });
      closers.push(() => central.close());
      const name = advertisedName(publicKeyFromId(lockId));
      bridge = await bridgeBluetooth(browser, page, central, [{ address: LOCK_ADDRESS, name, rssiDbm: -50 }]);
      bridge.chooses(LOCK_ADDRESS);
    }
    const phone = new AppPhone(browser, page, bridge, closers);
    page.on("pageerror", (error) => phone.complaints.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|violates/.test(message.text())) phone.complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(url)) phone.complaints.push(`asked for ${request.url()}`);
    });
    try {
      await phone.visit(url);
    } catch (error) {
      await phone.close();
      throw error;
    }
    return phone;
  }

  private constructor(
    browser: Browser,
    page: Page,
    bridge: BluetoothBridge | undefined,
    closers: (() => Promise<void>)[],
  ) {
    this.#browser = browser;
    this.page = page;
    this.context = page.context();
    this.bridge = bridge;
    this.#closers = closers;
  }

  /** A link to the app is opened. */
  async visit(url: string): Promise<void> {
    await this.page.goto(url);
    await this.bridge?.settled();
  }

  /** The app is opened anew, and locked. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.bridge?.settled();
  }

  tap(name: string | RegExp): Promise<void> {
    return this.page.getByRole("button", { name }).first().click();
  }

  follow(name: string | RegExp): Promise<void> {
    return this.page.getByRole("link", { name }).first().click();
  }

  fill(label: string | RegExp, text: string): Promise<void> {
    return this.page.getByLabel(label).first().fill(text);
  }

  go(path: string): Promise<void> {
    return this.page.evaluate((to) => void (location.hash = to), path);
  }

  /** Waits until it stands on the page. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor({ timeout: POLL.timeout });
  }

  /** Waits until it is read out. */
  async hears(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.page.getByRole("status").innerText(), POLL).toMatch(text);
  }

  /** Words written down, two of them confirmed, a name, a passphrase. Resolves with the words. */
  async onboard(name: string): Promise<string[]> {
    await picture(this.page, "welcome");
    await this.tap("Begin with new words");
    const items = await this.page.locator("ol.words li").allInnerTexts();
    const words = items.map((item) => item.trim().split(/\s+/).at(-1)!);
    await picture(this.page, "words");
    await this.tap("I have written them down");
    await picture(this.page, "words-check");
    for (const label of await this.page.locator("label").allInnerTexts()) {
      const number = Number(/^Word (\d+)$/.exec(label)![1]);
      await this.page.getByLabel(label, { exact: true }).fill(words[number - 1]!);
    }
    await this.tap("Continue");
    await this.fill("Name of this phone", name);
    await this.fill(/^Passphrase/, PASSPHRASE);
    await this.fill("The passphrase again", PASSPHRASE);
    await picture(this.page, "this-phone");
    await this.tap("Make this phone’s keys");
    await this.sees("My devices");
    return words;
  }

  async close(): Promise<void> {
    await this.bridge?.close();
    await this.#browser.close();
    for (const close of this.#closers) await close();
  }
}
