/** Who takes part in a virtual delivery, and what each is made of: the same agents and roles as anywhere. */
import { Agent } from "../../../agent/core/agent.ts";
import { Messenger } from "../../../agent/core/messenger.ts";
import { serve, type Answer } from "../../../agent/core/service.ts";
import { openKeeper } from "../../../agent/roles/keeper.ts";
import { NotaryRole } from "../../../agent/roles/notary.ts";
import type { Device } from "../../../devices/device.ts";
import { createDrone } from "../../../devices/drone/drone.ts";
import type { DroneState } from "../../../devices/drone/state.ts";
import type { PhoneState } from "../../../devices/phone/state.ts";
import { createShop } from "../../../devices/shop/shop.ts";
import type { ShopState } from "../../../devices/shop/state.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { Header } from "../../../protocols/ledger/block.ts";
import { signerFromSeed } from "../../../protocols/identity/keys.ts";
import type { Bus, OrderLog, Store } from "../../../protocols/ports.ts";
import { streamRootKey } from "../../../protocols/telemetry/keytree.ts";
import { streamId } from "../../../protocols/telemetry/stream.ts";
import type { MemoryBlobs } from "../../network/memory-blobs.ts";
import type { MemoryAir } from "../../radio/memory.ts";
import { seededRandom } from "../../random.ts";
import { overheardCentral } from "../../radio/sniffer.ts";
import { bakery, courier, PRICES } from "../delivery/firm.ts";
import { droneUnder } from "./dishonest.ts";
import type { Lie } from "./faults.ts";
import { MAX_AGE_MS } from "./grounds.ts";
import { livingBlobs, livingCentral, livingLog, livingPeripheral, type Life } from "./life.ts";
import { KEEPERS, SHARDS_NEEDED, villager, type Village, type Villager } from "./village.ts";

export const RADIO = {
  drone: "c0:00:00:00:00:01",
  phone: "c0:00:00:00:00:02",
  stranger: "c0:00:00:00:00:03",
};
const FLIGHT_STREAM = "flight";
/** Fewer messages than over a town. */
const PUSH_EVERY_MS = 10_000;
const BLOB_WRITE_MS = 3;

/** What an agent does to its body, and tells those who watch. */
export interface Hands {
  actuate(name: string, value: unknown): void;
  keep(name: string, bytes: Uint8Array): void;
  progress(step: string, detail: string): void;
  failed(error: unknown): void;
  /** A notary holds a block's certificate. */
  certified(header: Header): void;
}

/** One life's share of the world. */
export interface Birth {
  village: Village;
  person: Villager;
  life: Life;
  bus: Bus;
  store: Store;
  seed: number;
  hands: Hands;
  /** Puts an ear on a device. */
  overheard: <State>(device: Device<State>) => Device<State>;
  /** What a sniffer beside the phone hears of its writes. */
  sniffs: (value: Uint8Array) => void;
}

type Common = Omit<ConstructorParameters<typeof Agent>[0], "device">;

function common({ village, person, life, bus, store, seed, hands }: Birth): Common {
  const { crypto, network, verifiedCards } = village;
  const { clock, steadyClock } = life;
  const random = seededRandom(seed, person.name);
  const { keys } = person;
  return {
    keys,
    verifiedCards,
    network,
    bus,
    store,
    clock,
    steadyClock,
    linkClock: steadyClock,
    crypto,
    random,
    surroundings: hands,
  };
}

export function bearDrone(birth: Birth, air: MemoryAir, lies: readonly Lie[]): Agent<DroneState> {
  const { village, life, overheard } = birth;
  const config = { ...courier(villager(village, "shop").id), pushEveryMs: PUSH_EVERY_MS };
  const agent = new Agent({
    ...common(birth),
    device: overheard(droneUnder(lies, createDrone(config))),
    peripheral: livingPeripheral(life, air.peripheral(RADIO.drone)),
    telemetry: {
      ...flightStream(village),
      k: SHARDS_NEEDED,
      limits: { records: 192, bytes: 48 * 1024, waitMs: 30_000 },
      keepers: KEEPERS.map((name) => villager(village, name).id),
    },
  });
  // Whom it is set up with; the others show it their cards themselves.
  for (const name of ["shop", ...KEEPERS]) agent.meet(villager(village, name).keys.card);
  return agent;
}

/** The stream that the drone writes, and its key. */
export function flightStream(village: Village): { streamId: Uint8Array; rootKey: Uint8Array } {
  const { crypto } = village;
  const { keys, identitySeed } = villager(village, "drone");
  const id = streamId(crypto, keys.signer.publicKey, FLIGHT_STREAM);
  return { streamId: id, rootKey: streamRootKey(crypto, identitySeed, id, 0) };
}

export function bearPhone(birth: Birth, air: MemoryAir, device: Device<PhoneState>): Agent<PhoneState> {
  return new Agent({
    ...common(birth),
    device: birth.overheard(device),
    central: livingCentral(birth.life, overheardCentral(air.central(RADIO.phone), birth.sniffs)),
  });
}

export function bearShop(birth: Birth, flightMs: number, goodsMinor: bigint): Agent<ShopState> {
  const { village } = birth;
  const drone = villager(village, "drone");
  const { currency } = village;
  const config = bakery({ drone: drone.id, droneCard: drone.keys.card, currency, flightMs });
  const catalogue = { [PRICES.article]: goodsMinor };
  return new Agent({
    ...common(birth),
    device: birth.overheard(createShop({ ...config, catalogue, maxAgeMs: MAX_AGE_MS })),
  });
}

/** An always-on agent: its messages, and what answers them. */
export interface Service {
  messenger: Messenger;
  role?: NotaryRole;
  start(): Promise<void>;
}

function messengerOf({ village, person, life, bus, seed }: Birth): Messenger {
  const { crypto, network, verifiedCards } = village;
  const random = seededRandom(seed, person.name);
  const parts = { bus, clock: life.clock, crypto, random, network: network.network, keys: person.keys };
  const messenger = new Messenger({ ...parts, verifiedCards });
  for (const card of village.cards) messenger.learn(card);
  return messenger;
}

export function bearNotary(birth: Birth, index: number, log: OrderLog, appendMs: number): Service {
  const { village, life, bus, store, hands } = birth;
  const { crypto, network } = village;
  const messenger = messengerOf(birth);
  const { termSeed, sealSecret } = village.secrets[index]!;
  const role = new NotaryRole({
    config: {
      crypto,
      network,
      index,
      termSigner: signerFromSeed(crypto, termSeed),
      sealSecretKey: sealSecret,
    },
    bus,
    log: livingLog(life, log, appendMs),
    store,
    clock: life.clock,
    deliver: (to, kind, body) => {
      messenger.send(to, kind, body).catch((error: unknown) => messenger.countDrop(errorCode(error)));
    },
    failed: (error) => hands.failed(error),
    certified: (header) => hands.certified(header),
  });
  const answer: Answer = (from, kind, body) => role.request(from, kind, body);
  const start = async (): Promise<void> => {
    await Promise.all([role.start(), serve(messenger, answer)]);
  };
  return { messenger, role, start };
}

export function bearKeeper(birth: Birth, blobs: MemoryBlobs): Service {
  const { village, person, life } = birth;
  const messenger = messengerOf(birth);
  const start = async (): Promise<void> => {
    const keeper = await openKeeper({
      crypto: village.crypto,
      clock: life.clock,
      signer: person.keys.signer,
      blobs: livingBlobs(life, blobs, BLOB_WRITE_MS),
    });
    await serve(messenger, (from, kind, body) => keeper.handle(from, kind, body));
  };
  return { messenger, start };
}
