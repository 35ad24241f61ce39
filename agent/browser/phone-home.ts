/** Opens a phone's home in a browser: its agent with the keyring, IndexedDB, Bluetooth and the broker. */
import { keyring } from "../../devices/keyring/keyring.ts";
import { OWNER_LINK } from "../../devices/keyring/owners.ts";
import type { KeyringState } from "../../devices/keyring/state.ts";
import type { Device } from "../../devices/device.ts";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { toBase64Url } from "../../protocols/encoding/bytes.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Bus, Store } from "../../protocols/ports.ts";
import { Agent } from "../core/agent.ts";
import { steadyClock, systemClock } from "../platform/clocks.ts";
import { KeyringActs } from "../platform/keyring-acts.ts";
import { eraseIndexedStore, exclusively, openIndexedStore } from "./indexed-store.ts";
import { keepNetwork, keptNetwork } from "./phone-network.ts";
import type { PhoneNetwork } from "./phone-network.ts";
import type { Happening, LogPage, PhoneHome, PhoneMachine, PhoneRuntime } from "./phone-runtime.ts";
import { browserRandom } from "./platform.ts";
import { quietBus } from "./quiet-bus.ts";
import { KEYS_DATABASE } from "./records.ts";
import { webBluetooth, WebBluetoothCentral } from "./web-bluetooth.ts";

const HOME_STORE = "segment-home";
const KEYRING_STORE = "segment-keyring";
const CONTACT = "contact/";
const MOST_CONTACTS = 1_000;

export interface PhoneOptions {
  home: PhoneHome;
  /** Asked once the home's store is open, where none was kept. */
  findNetwork: () => Promise<PhoneNetwork | undefined>;
  failed: (error: unknown) => void;
}

/** Errors: home-locked (the app is open in another tab), store-failed, journal-corrupt. */
export function openPhone(options: PhoneOptions): Promise<PhoneRuntime> {
  return new Promise((resolve, reject) => {
    exclusively("segment-phone", async () => {
      const phone = await Phone.open(options);
      resolve(phone);
      await phone.closed;
    }).catch(reject);
  });
}

/**
 * Everything that the browser keeps under a name that begins with "segment-"; it is not to be had back.
 * Errors: store-failed.
 */
export async function erasePhone(): Promise<void> {
  const all = (await indexedDB.databases()).map(({ name = "" }) => name);
  const ours = all.filter((name) => name.startsWith("segment-"));
  for (const name of new Set([KEYS_DATABASE, KEYRING_STORE, HOME_STORE, ...ours]))
    await eraseIndexedStore(name);
}

interface Stores {
  home: Store;
  keyring: Store;
}

class Phone implements PhoneRuntime {
  readonly home: PhoneHome;
  readonly machine: PhoneMachine;
  readonly network: NetworkDescription | undefined;
  readonly bus: Bus;
  readonly agent: Agent<KeyringState>;
  readonly bluetooth: WebBluetoothCentral | undefined;
  readonly store: Store;
  readonly logs = new Map<string, LogPage>();
  readonly ownerLinks = new Map<string, string>();
  readonly heardMs = new Map<string, number>();
  readonly closed: Promise<void>;
  isConnected = false;
  readonly #acts: KeyringActs;
  readonly #stores: Stores;
  readonly #listeners = new Set<() => void>();
  readonly #happenings = new Set<(happening: Happening) => void>();
  readonly #closers: (() => void | Promise<void>)[] = [];
  #isClosing = false;
  #ended: () => void = () => undefined;

  static async open({ home, findNetwork, failed }: PhoneOptions): Promise<Phone> {
    const stores = {
      home: await openIndexedStore(HOME_STORE),
      keyring: await openIndexedStore(KEYRING_STORE),
    };
    const kept = keptNetwork(stores.home);
    const found = kept === "none" ? undefined : (kept ?? (await findNetwork().catch(() => undefined)));
    if (kept === undefined && found !== undefined) await keepNetwork(stores.home, found);
    const phone = new Phone(home, stores, found?.network, await busOf(home, found), failed);
    phone.#begin();
    await phone.agent.idle();
    return phone;
  }

  private constructor(
    home: PhoneHome,
    stores: Stores,
    network: NetworkDescription | undefined,
    bus: Bus,
    failed: (error: unknown) => void,
  ) {
    this.home = home;
    this.#stores = stores;
    this.store = stores.home;
    this.network = network;
    this.bus = bus;
    const clocks = { clock: systemClock, linkClock: steadyClock, steadyClock };
    this.machine = {
      ...{ crypto: portableCrypto, random: browserRandom, ...clocks },
      failed: (error) => (this.#isClosing ? undefined : failed(error)),
    };
    const bluetooth = webBluetooth();
    this.bluetooth = bluetooth && new WebBluetoothCentral(bluetooth, steadyClock);
    this.closed = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.agent = new Agent<KeyringState>({
      ...{ device: this.#watched(), keys: home.keys, network: network ?? alone(home), bus },
      ...{ store: stores.keyring, crypto: portableCrypto, random: browserRandom, ...clocks },
      ...(this.bluetooth === undefined ? {} : { central: this.bluetooth }),
      worksOffline: true,
      surroundings: {
        actuate: (name, value) => this.#shown(name, value),
        keep: () => undefined,
        progress: (step, detail) => {
          for (const happened of this.#happenings) happened({ step, detail });
        },
        failed: this.machine.failed,
      },
    });
    this.#acts = new KeyringActs({
      ...{ agent: this.agent, keys: home.keys, network: network?.network ?? "", ...clocks },
      ...{ crypto: portableCrypto, isConnected: () => this.isConnected },
    });
  }

  #begin(): void {
    const { agent, bus, machine } = this;
    for (const card of contacts(this.store)) agent.meet(card);
    void this.bluetooth?.remember();
    // Both resolve when the broker has answered, which may be never.
    agent.start().catch(machine.failed);
    agent.messenger.welcome((card) => this.#keepContact(card)).catch(machine.failed);
    bus.onConnected((isConnected) => {
      this.isConnected = isConnected;
      this.changed();
      if (isConnected) agent.messenger.announce().catch(() => undefined);
    });
  }

  /** What the keyring hands out, to be shown. */
  #shown(name: string, value: unknown): void {
    if (name === "log") this.logs.set((value as LogPage).lock, value as LogPage);
    if (name === OWNER_LINK) {
      const { lock, link } = value as { lock: string; link: string };
      this.ownerLinks.set(lock, link);
    }
    this.changed();
  }

  /** The same device; screens are drawn again when a step has become durable. */
  #watched(): Device<KeyringState> {
    return {
      ...keyring,
      step: (state, event, context) => {
        const result = keyring.step(state, event, context);
        if (event.kind === "session-message" || event.kind === "message")
          this.heardMs.set(event.kind === "message" ? event.from : event.peer, systemClock.now());
        if (result.state !== state) queueMicrotask(() => void this.agent.idle().then(() => this.changed()));
        return result;
      },
    };
  }

  run(...act: Parameters<KeyringActs["run"]>): ReturnType<KeyringActs["run"]> {
    return this.#acts.run(...act);
  }

  meet(card: Uint8Array): void {
    this.agent.meet(card);
    this.#keepContact(card);
  }

  isReachable(lock: string): boolean {
    return this.#acts.isReachable(lock);
  }

  ordersHeard(atMostMs: number): Promise<boolean> {
    return this.#acts.ordersHeard(atMostMs);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onHappening(listener: (happening: Happening) => void): () => void {
    this.#happenings.add(listener);
    return () => void this.#happenings.delete(listener);
  }

  onClose(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  changeNetwork(network: PhoneNetwork | undefined): Promise<void> {
    return keepNetwork(this.store, network);
  }

  async close(): Promise<void> {
    if (this.#isClosing) return this.closed;
    this.#isClosing = true;
    this.#listeners.clear();
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.agent.stop();
    await this.bus.close();
    await this.#stores.keyring.close();
    await this.#stores.home.close();
    this.#ended();
  }

  #keepContact(card: Uint8Array): void {
    const known = this.store.keys(CONTACT);
    const key = CONTACT + agentId(openCard(portableCrypto, card).identity);
    if (known.length >= MOST_CONTACTS && !known.includes(key)) return;
    this.store.commit(new Map([[key, card]])).then(() => this.changed(), this.machine.failed);
  }
}

async function busOf(home: PhoneHome, found: PhoneNetwork | undefined): Promise<Bus> {
  if (found === undefined) return quietBus;
  // Loaded only where there is a network: it is the largest of all libraries.
  const { mqttBus } = await import("../platform/mqtt-bus.ts");
  const { signer } = home.keys;
  const { network } = found.network;
  return mqttBus({ url: found.broker, network, signer, clock: systemClock, random: browserRandom });
}

/** The cards that were learned; their owners show them again if one is lost. */
export function contacts(store: Store): Uint8Array[] {
  return store.keys(CONTACT).map((key) => store.get(key)!);
}

/** Stands where an agent asks for a network and there is none: nothing is ever sent to it. */
function alone({ id, keys }: PhoneHome): NetworkDescription {
  const sealKey = toBase64Url(keys.signer.publicKey);
  return {
    ...{ version: 1, network: "alone", zone: "main", term: 1, sealKey },
    notaries: [{ id, termKey: id }],
  };
}
