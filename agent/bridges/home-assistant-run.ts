/** Runs the bridge: a lock on one side, Home Assistant's broker on the other. */
import mqtt from "mqtt";
import type { IPublishPacket, MqttClient } from "mqtt";
import type { Outcome } from "../../devices/keyring/state.ts";
import type { AccessBody } from "../../protocols/access/messages.ts";
import type { Action } from "../../protocols/access/rights.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Clock, Timer } from "../../protocols/ports.ts";
import { birthTopic, commandOf, discovery, OFFLINE, ONLINE, stateOf, topicsOf } from "./home-assistant.ts";
import type { LockTopics, ShownLock, ShownState } from "./home-assistant.ts";

/** The lock, as far as the bridge's key reaches. */
export interface WatchedLock extends ShownLock {
  /** Asks how it stands; from then on the listener is told for two minutes whenever that changes. */
  watch(): Promise<Outcome | null>;
  act(action: Action): Promise<Outcome | null>;
}

export interface HomeAssistantOptions {
  /** mqtt:// or mqtts:// of Home Assistant's broker. */
  url: string;
  username?: string;
  password?: string;
  prefix: string;
  /** What an owner is called there. */
  owner: string;
  clock: Clock;
  say: (line: string) => void;
  /** The key is worth nothing any more, or the broker refuses the login: the bridge has to end. */
  failed: (error: unknown) => void;
}

/** A lock tells for longer; but whoever is gone, or was shut out, shall be seen to be so. */
const WATCH_AGAIN_MS = 20_000;
/** After a silence. */
const TRY_AGAIN_MS = 15_000;
const CONNECT_MS = 10_000;
/** CONNACK of MQTT 3.1.1, section 3.2.2.3: bad user name or password, and not authorized. */
const REFUSED: ReadonlySet<number> = new Set([4, 5]);
/** What a lock says of a key that will never show anything again. */
const WORTHLESS: ReadonlySet<string> = new Set([
  "key-revoked",
  "key-expired",
  "key-foreign",
  "key-not-holder",
]);

export class HomeAssistantBridge {
  readonly #lock: WatchedLock;
  readonly #options: HomeAssistantOptions;
  readonly #topics: LockTopics;
  readonly #client: MqttClient;
  #shown: ShownState | undefined;
  #isReachable = false;
  #isActing = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(lock: WatchedLock, options: HomeAssistantOptions) {
    const { url, username, password, prefix } = options;
    this.#lock = lock;
    this.#options = options;
    this.#topics = topicsOf(prefix, lock.id);
    this.#client = mqtt.connect(url, {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      clientId: `segment-${lock.id}`,
      // What was asked for while the bridge was away must open nothing later.
      clean: true,
      connectTimeout: CONNECT_MS,
      will: { topic: this.#topics.availability, payload: Buffer.from(OFFLINE), qos: 1, retain: true },
    });
    this.#client.on("connect", () => this.#connected());
    this.#client.on("message", (topic, payload, packet) => this.#heard(topic, payload, packet));
    this.#client.on("close", () => options.say("home assistant: not connected; goes on trying"));
    this.#client.on("error", (error: Error & { code?: unknown }) => {
      if (typeof error.code === "number" && REFUSED.has(error.code)) {
        options.failed(
          new SegmentError("broker-refused", `Home Assistant's broker refuses: ${error.message}`),
        );
      }
    });
    this.#watchAgain();
  }

  /** What the lock has told. */
  watched(body: AccessBody<"lock-watched">): void {
    const shown = stateOf(body, this.#options.owner);
    const isNews = JSON.stringify(shown) !== JSON.stringify(this.#shown);
    this.#shown = shown;
    if (isNews) this.#say(this.#topics.state, JSON.stringify(shown));
    this.#reached(true);
  }

  /** Leaves it behind as "offline". */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    if (this.#client.connected) await this.#client.publishAsync(this.#topics.availability, OFFLINE, RETAINED);
    await this.#client.endAsync();
  }

  #connected(): void {
    const { prefix, say } = this.#options;
    say("home assistant: connected");
    this.#client.subscribe(birthTopic(prefix), { qos: 1 });
    // Without the right there is nothing to listen to.
    if (this.#lock.actions.length > 0) this.#client.subscribe(this.#topics.command, { qos: 0 });
    this.#introduce();
  }

  #introduce(): void {
    const { config, state, availability } = this.#topics;
    this.#say(config, JSON.stringify(discovery(this.#lock, this.#topics)));
    if (this.#shown !== undefined) this.#say(state, JSON.stringify(this.#shown));
    this.#say(availability, this.#isReachable ? ONLINE : OFFLINE);
  }

  #say(topic: string, payload: string): void {
    // Queued until the broker is there; a failure is told by "close".
    this.#client.publish(topic, payload, RETAINED, () => undefined);
  }

  #heard(topic: string, payload: Buffer, { retain }: IPublishPacket): void {
    const text = payload.length <= MAX_COMMAND_BYTES ? payload.toString("utf8") : "";
    if (topic === birthTopic(this.#options.prefix)) {
      if (text === ONLINE) this.#introduce();
      return;
    }
    if (topic !== this.#topics.command) return;
    const action = commandOf(text, this.#lock);
    // A retained one was said at another time, perhaps to another bridge.
    if (action === undefined || retain || this.#isActing) {
      this.#options.say("home assistant: a command was not taken");
      return;
    }
    this.#act(action).catch(this.#options.failed);
  }

  async #act(action: Action): Promise<void> {
    const { say } = this.#options;
    this.#isActing = true;
    try {
      const outcome = await this.#lock.act(action);
      if (outcome?.code === null) say(`home assistant: ${action}, done`);
      else say(`home assistant: ${action}, refused: ${outcome?.message ?? "no answer"}`);
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      say(`home assistant: ${action}, refused: ${error.message}`);
    } finally {
      this.#isActing = false;
    }
    // As it stands, also after a refusal: Home Assistant shows "unlocking" until it is told.
    if (this.#shown !== undefined) this.#say(this.#topics.state, JSON.stringify(this.#shown));
  }

  #watchAgain(): void {
    this.#watch()
      .then((isReached) => {
        const { clock } = this.#options;
        if (this.#isClosed) return;
        this.#reached(isReached);
        const afterMs = isReached ? WATCH_AGAIN_MS : TRY_AGAIN_MS;
        this.#timer = clock.at(clock.now() + afterMs, () => this.#watchAgain());
      })
      .catch(this.#options.failed);
  }

  /** Errors: those of a key that is worth nothing any more. */
  async #watch(): Promise<boolean> {
    const outcome = await this.#lock.watch();
    const code = outcome?.code;
    if (code === null) return true;
    if (outcome !== null && code !== undefined && WORTHLESS.has(code)) {
      this.#reached(false);
      throw new SegmentError(code as "key-revoked", outcome.message);
    }
    return false;
  }

  #reached(isReachable: boolean): void {
    if (isReachable === this.#isReachable) return;
    this.#isReachable = isReachable;
    this.#options.say(isReachable ? "lock: reached" : "lock: not reached; goes on trying");
    this.#say(this.#topics.availability, isReachable ? ONLINE : OFFLINE);
  }
}

const RETAINED = { qos: 1, retain: true } as const;
const MAX_COMMAND_BYTES = 64;
