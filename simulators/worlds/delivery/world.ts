/** One delivery from order to receipt, on real parts: `segment simulate delivery`. */
import { join } from "node:path";
import { nodeCrypto, nodeRandom, systemClock } from "../../../agent/node/crypto.ts";
import { makeFolder, writeFileDurably } from "../../../agent/node/files.ts";
import { termsId } from "../../../protocols/contract/terms.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { formatNetwork } from "../../../protocols/ledger/network.ts";
import type { Sealing } from "../../../protocols/telemetry/seal.ts";
import type { FlightSample } from "../../flight/source.ts";
import type { Track } from "../../flight/track.ts";
import { describeTrack } from "../../flight/track.ts";
import { readTrackFile } from "../../flight/track-file.ts";
import { scaledClock, type ClockFrame } from "../../clock.ts";
import { Cleanup } from "../cleanup.ts";
import type { Surroundings } from "../society.ts";
import { deferred, withTimeout, type Stopped } from "./device-host.ts";
import type { FromDevice } from "./ipc.ts";
import { PRICE_MINOR, PRICES } from "./firm.ts";
import type { Kill } from "./kills.ts";
import { Lives } from "./lives.ts";
import { outcomeOf, reportOf, type Documents } from "./outcome.ts";
import { PhysicalWorld, standingDrone, type Bearer, type Person } from "./physical.ts";
import { localMetres, placesOf } from "./places.ts";
import { readFlightBack } from "./readback.ts";
import type { DeliveryReport } from "./report.ts";
import { castOf, SCENARIOS, type Cast, type Scenario } from "./scenarios.ts";
import { Setups } from "./setups.ts";
import { contractClosed, documentPath, RADIO, required, setStage, type Stage } from "./stage.ts";

export interface DeliveryOptions {
  scenario: Scenario;
  seed: number;
  /** World seconds per second; the radio's and the broker's time is never sped up. */
  speed: number;
  /** Everything that the world writes. */
  folder: string;
  track: string | null;
  /** Leave out faulty rows of the track instead of refusing it. */
  tolerant: boolean;
  port: number;
  sealing: Sealing;
  /** Processes that die on the way; in a story of two deliveries, in the second. */
  kills?: readonly Kill[];
}

/** What happens, as it happens: who, which step, and a sentence. */
export type Narrate = (line: {
  worldMs: number;
  by: string;
  step: string;
  text: string;
  /** Terms to be shown with it. */
  terms?: Uint8Array;
}) => void;

/** Real time that one delivery may take at most before the run is given up. */
const PATIENCE_MS = 240_000;
const NOTARY_TURN_MS = 300;
const SLOT_MS = 4 * 60 * 60_000;

/**
 * Errors: scenario-failed when it does not come to an end, track-invalid, port-in-use, store-failed,
 * module-missing.
 */
export async function runDelivery(options: DeliveryOptions, narrate: Narrate): Promise<DeliveryReport> {
  const startedMs = systemClock.now();
  const track =
    options.track === null
      ? undefined
      : readTrackFile(options.track, options.tolerant ? "tolerant" : "strict");
  const frame: ClockFrame = { baseMs: startedMs, worldMs: startedMs, speed: options.speed };
  const run = new Run(options, frame, track, narrate);
  try {
    return await run.play();
  } finally {
    await run.close();
  }
}

class Run {
  readonly #options: DeliveryOptions;
  readonly #frame: ClockFrame;
  readonly #track: Track | undefined;
  readonly #narrate: Narrate;
  readonly #world: Surroundings;
  readonly #failure = deferred<never>();
  #steps: { name: string; by: string }[] = [];
  #stage: Stage | undefined;
  #physical: PhysicalWorld | undefined;
  #lives: Lives | undefined;
  #documents: Documents = { receipt: undefined, invoice: undefined, terms: undefined };
  #telemetry = { records: 0, refused: 0, chunks: 0, shards: 0 };
  /** Every reading of all flights, as the physical world knows it. */
  readonly #flown: FlightSample[] = [];
  #home = deferred<void>();
  #hasReceipt = deferred<void>();
  #refused = deferred<{ reason: string }>();
  #reasons: string[] = [];
  #lastWords: { by: string; words: Stopped }[] = [];

  constructor(options: DeliveryOptions, frame: ClockFrame, track: Track | undefined, narrate: Narrate) {
    this.#options = options;
    this.#frame = frame;
    this.#track = track;
    this.#narrate = narrate;
    this.#failure.promise.catch(() => undefined);
    this.#world = {
      crypto: nodeCrypto,
      random: nodeRandom,
      clock: scaledClock(systemClock, frame),
      linkClock: systemClock,
      folder: options.folder,
      cleanup: new Cleanup(),
      // Turns are the machines' time, which is not sped up.
      turnMs: NOTARY_TURN_MS * options.speed,
      failed: (error) => this.#failure.reject(error),
    };
  }

  async play(): Promise<DeliveryReport> {
    const { scenario, folder, seed, port } = this.#options;
    const cast = castOf(scenario);
    makeFolder(folder);
    const places = placesOf(this.#track);
    this.#say("world", "scenario", `${scenario}: ${SCENARIOS[scenario].tells}`);
    if (this.#track !== undefined) this.#say("world", "track", `flying ${describeTrack(this.#track)}`);
    const stage = await setStage(this.#world, {
      seed,
      funded: cast.funded,
      port,
      places,
      progress: (by, step, detail) => this.#progress(by, step, detail),
    });
    this.#stage = stage;
    writeFileDurably(join(folder, "network.json"), formatNetwork(stage.network), 0o644);
    const earlier = cast.impostor === "replays" ? await this.#recordEarlierDelivery(stage) : null;
    const before = stage.balances();
    await this.#deliver(stage, cast, earlier);
    const contract = this.#documents.terms === undefined ? null : termsId(nodeCrypto, this.#documents.terms);
    const end = outcomeOf(stage.network, required(stage.homes.get("buyer"), "buyer"), {
      contract,
      receipt: this.#documents.receipt,
      reason: this.#reasons.at(0) ?? "",
    });
    const telemetry = await readFlightBack(
      stage,
      { ...this.#telemetry, flown: this.#flown },
      (step, detail) => this.#progress("owner", step, detail),
    );
    const after = stage.balances();
    await this.#stopDevices();
    return reportOf({
      options: this.#options,
      startedMs: this.#frame.baseMs,
      end,
      contract,
      steps: this.#steps,
      balances: { before, after },
      telemetry,
      mqtt: stage.broker.counters,
      lastWords: this.#lastWords,
      documents: this.#documents,
    });
  }

  async close(): Promise<void> {
    this.#physical?.close();
    await this.#lives?.end();
    await this.#world.cleanup.run();
  }

  // ---------------------------------------------------------------- the story

  /** An honest delivery whose BLE writes somebody overhears. */
  async #recordEarlierDelivery(stage: Stage): Promise<Uint8Array[]> {
    this.#say("world", "first-delivery", "first an honest delivery, whose BLE session is overheard");
    await this.#deliver(stage, castOf("ok"), null, true);
    await this.#stopDevices();
    const writes = this.#lastWords.flatMap(({ words }) => words.writes);
    if (writes.length === 0)
      throw new SegmentError("scenario-failed", "the recording of the first delivery is empty");
    this.#say("world", "second-delivery", `${writes.length} writes were recorded; the second order begins`);
    this.#documents = { receipt: undefined, invoice: undefined, terms: undefined };
    this.#steps = [];
    this.#reasons = [];
    this.#lastWords = [];
    return writes;
  }

  async #deliver(stage: Stage, cast: Cast, recording: Uint8Array[] | null, overheard = false): Promise<void> {
    this.#home = deferred();
    this.#hasReceipt = deferred();
    this.#refused = deferred();
    const lives = await this.#startDevices(stage, cast, overheard);
    if (cast.impostor !== "none") this.#sendImpostorOnArrival(stage, lives, recording);
    this.#order(stage, lives);
    const ended = this.#refused.promise.then(() => "refused" as const);
    const flown = this.#home.promise.then(() => "flown" as const);
    const first = await withTimeout(
      Promise.race([ended, flown, this.#failure.promise]),
      PATIENCE_MS,
      "the delivery did not come to an end",
    );
    if (first === "flown") await this.#contractEnd(stage);
    await Promise.race([lives.settled(), this.#failure.promise]);
  }

  async #startDevices(stage: Stage, cast: Cast, overheard: boolean): Promise<Lives> {
    const setups = new Setups(stage, this.#options, this.#frame);
    const physical = this.#openPhysical(stage, setups.person(cast));
    const lives = new Lives({
      clock: this.#world.clock,
      kills: overheard ? [] : (this.#options.kills ?? []),
      heard: (name, message) => this.#heard(name, message),
      fate: (name, what) => this.#fate(name, what),
      failed: (error) => this.#failure.reject(error),
    });
    this.#physical = physical;
    this.#lives = lives;
    const drone = lives.start("drone", () => setups.drone(physical.hasFlown));
    const phone = lives.start("phone", () => setups.phone(cast, overheard));
    await Promise.race([Promise.all([drone.ready(), phone.ready()]), this.#failure.promise]);
    this.#say("world", "devices", "drone and phone run in processes of their own");
    return lives;
  }

  /** A drone at its base and a person somewhere, from now on and whatever becomes of their agents. */
  #openPhysical(stage: Stage, person: Person): PhysicalWorld {
    const { clock } = this.#world;
    return new PhysicalWorld({
      clock,
      flight: standingDrone(clock, this.#track, stage.places.base, this.#options.seed),
      person,
      sensed: (who, [name, value]) => this.#lives?.sense(who, name, value),
      flown: (sample) => this.#flown.push(sample),
      moved: (who, spot) => stage.air.place(RADIO[who], localMetres(stage.places.point, spot)),
    });
  }

  #order(stage: Stage, lives: Lives): void {
    const shop = required(stage.homes.get("shop"), "shop");
    const { point } = stage.places;
    const now = this.#world.clock.now();
    lives.tell("phone", {
      kind: "command",
      name: "order",
      value: {
        orderId: nodeRandom.bytes(16),
        shop: shop.id,
        shopCard: shop.keys.card,
        article: PRICES.article,
        address: "Garden of 3 Mill Lane",
        point,
        slotFrom: now,
        slotUntil: now + SLOT_MS,
        currency: stage.currency,
        maxPriceMinor: PRICE_MINOR.toString(),
      },
    });
  }

  #sendImpostorOnArrival(stage: Stage, lives: Lives, recording: Uint8Array[] | null): void {
    this.#onArrival = () => {
      const terms = this.#documents.terms;
      if (terms === undefined) return;
      const setups = new Setups(stage, this.#options, this.#frame);
      lives.start("impostor", () => setups.impostor(termsId(nodeCrypto, terms), recording));
    };
  }

  #onArrival: () => void = () => undefined;

  /** The drone is home; the contract may still wait for a deadline, and the phone for its receipt. */
  async #contractEnd(stage: Stage): Promise<void> {
    const id = termsId(nodeCrypto, required(this.#documents.terms, "terms"));
    const over = Promise.all([contractClosed(stage, id), this.#hasReceipt.promise]);
    await withTimeout(Promise.race([over, this.#failure.promise]), PATIENCE_MS, "the contract did not end");
  }

  // ---------------------------------------------------------------- what the devices tell

  #heard(name: string, message: FromDevice): void {
    const stage = this.#stage;
    if (stage === undefined) return;
    switch (message.kind) {
      case "progress":
        this.#progress(name, message.step, message.detail);
        return;
      case "ready":
        if (name === "drone" || name === "phone") this.#wakeSenses(name);
        return;
      case "actuate":
        if (name === "drone" || name === "phone") this.#physical?.obey(name, message.name, message.value);
        return;
      case "keep":
        this.#keep(name, message.name, message.bytes);
        this.#lives?.tell(name, { kind: "kept", id: message.id });
        return;
      case "telemetry":
        this.#telemetry = message;
        return;
      case "home":
        this.#home.resolve();
        return;
      case "stopped":
        this.#lastWords.push({ by: name, words: message });
        return;
      case "failed":
        return;
    }
  }

  #wakeSenses(who: Bearer): void {
    for (const [name, value] of this.#physical?.readings(who) ?? []) this.#lives?.sense(who, name, value);
  }

  #fate(who: string, what: "killed" | "back"): void {
    const words = what === "killed" ? "is killed" : "is back";
    this.#progress("world", `${who}-${what}`, `the ${who}'s process ${words}`);
  }

  #keep(by: string, name: string, bytes: Uint8Array): void {
    // The phone's papers are the buyer's; the drone keeps its own copy in its home.
    if (by !== "phone" || (name !== "receipt" && name !== "invoice" && name !== "terms")) return;
    this.#documents[name] = bytes;
    if (name === "receipt") this.#hasReceipt.resolve();
    writeFileDurably(documentPath(this.#options.folder, name), bytes, 0o644);
    if (name === "terms")
      this.#line("phone", "shown", "the terms, as the person who signs reads them:", bytes);
  }

  #progress(by: string, step: string, detail: string): void {
    this.#steps.push({ name: step, by });
    this.#line(by, step, detail);
    if (by === "drone" && step === "arrived") this.#onArrival();
    if (step === "refused" || step === "returning" || step === "order-refused") this.#reasons.push(detail);
    if (by === "phone" && step === "refused") this.#refused.resolve({ reason: detail });
    this.#lives?.stepTold(step);
  }

  #say(by: string, step: string, text: string): void {
    this.#line(by, step, text);
  }

  #line(by: string, step: string, text: string, terms?: Uint8Array): void {
    const worldMs = this.#world.clock.now() - this.#frame.worldMs;
    this.#narrate({ worldMs, by, step, text, ...(terms === undefined ? {} : { terms }) });
  }

  async #stopDevices(): Promise<void> {
    await this.#lives?.stop();
    this.#physical?.close();
    this.#lives = undefined;
    this.#physical = undefined;
    this.#onArrival = () => undefined;
  }
}
