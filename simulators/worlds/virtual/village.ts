/**
 * The village in which all virtual deliveries play: who lives there, its network, and the
 * ledger's first blocks (cards, the currency, the buyer's money). It is founded once in a
 * process, by the same notaries in virtual time; every run begins from a copy.
 */
import { LedgerClient } from "../../../agent/core/ledger-client.ts";
import { Messenger, type AgentKeys } from "../../../agent/core/messenger.ts";
import { foundNetwork, type CommitteeSecrets } from "../../../agent/node/committee.ts";
import { startNotary } from "../../../agent/roles/notary.ts";
import { VerifiedCards, type KnownCard } from "../../../agent/core/verified-cards.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { signCard } from "../../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../../protocols/identity/keys.ts";
import type { EntryDraft } from "../../../protocols/ledger/drafts.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import { currencyId } from "../../../protocols/money/currencies.ts";
import type { Crypto } from "../../../protocols/ports.ts";
import { memoryNetwork } from "../../network/memory-bus.ts";
import { MemoryLog } from "../../network/memory-log.ts";
import { MemoryStore } from "../../network/memory-store.ts";
import { seededRandom } from "../../random.ts";
import { VirtualClock } from "../../virtual-clock.ts";

/** Monday, 5 January 2026, 08:00 UTC: every run begins here. */
export const START_MS = 1_767_600_000_000;
const FOUNDED_MS = START_MS - 60 * 60_000;
const FIRST_ENTRIES_MS = 12 * 60 * 60_000;
const YEAR_MS = 365 * 24 * 60 * 60_000;
const NETWORK_NAME = "village";
const SOCIETY_SEED = 1;

export const NOTARIES = ["notary-1", "notary-2", "notary-3", "notary-4"] as const;
export const KEEPERS = ["keeper-1", "keeper-2", "keeper-3"] as const;
/** 2 of the 3 rebuild a chunk. */
export const SHARDS_NEEDED = 2;
export const BUYER_HAS_MINOR = 10_000n;
export const BUYER_LACKS_MINOR = 1_200n;

export interface Villager {
  name: string;
  id: string;
  keys: AgentKeys;
  root: Uint8Array;
  identitySeed: Uint8Array;
}

export interface Village {
  crypto: Crypto;
  network: NetworkDescription;
  secrets: readonly CommitteeSecrets[];
  people: ReadonlyMap<string, Villager>;
  cards: readonly KnownCard[];
  /** By whomever in this process. */
  verifiedCards: VerifiedCards;
  currency: string;
  /** What the issuer has minted in all. */
  mintedMinor: bigint;
  /** The order log as it stands when a run begins. */
  log: readonly Uint8Array[];
  /** What each notary had made durable by then. */
  stores: readonly ReadonlyMap<string, Uint8Array>[];
}

export function villager(village: Village, name: string): Villager {
  const person = village.people.get(name);
  if (person === undefined) throw new Error(`nobody is called ${name}`);
  return person;
}

const OTHERS: readonly [name: string, kind: string][] = [
  ["issuer", "issuer"],
  ["shop", "shop"],
  ["drone", "drone"],
  ["phone", "phone"],
  ["stranger", "phone"],
];

/** Two villages differ only in what the buyer has. */
export async function foundVillage(crypto: Crypto, funded: boolean): Promise<Village> {
  const people = new Map<string, Villager>();
  for (const name of NOTARIES) people.set(name, newcomer(crypto, name, "notary"));
  for (const name of KEEPERS) people.set(name, newcomer(crypto, name, "keeper"));
  for (const [name, kind] of OTHERS) people.set(name, newcomer(crypto, name, kind));
  const ids = NOTARIES.map((name) => people.get(name)?.id ?? "");
  const { network, secrets } = foundNetwork(crypto, seededRandom(SOCIETY_SEED, "network"), NETWORK_NAME, ids);
  const minted = funded ? BUYER_HAS_MINOR : BUYER_LACKS_MINOR;
  const verifiedCards = new VerifiedCards(crypto);
  const cards = [...people.values()].map(({ keys }) => verifiedCards.open(keys.card));
  const empty = { crypto, network, secrets, people, cards, verifiedCards, mintedMinor: minted };
  return begin({ ...empty, currency: "", log: [], stores: [] });
}

function newcomer(crypto: Crypto, name: string, kind: string): Villager {
  const random = seededRandom(SOCIETY_SEED, name);
  const root = signerFromSeed(crypto, random.bytes(32));
  const identitySeed = random.bytes(32);
  const signer = signerFromSeed(crypto, identitySeed);
  const sessionSecret = random.bytes(32);
  const card = signCard(
    {
      root: root.publicKey,
      identity: signer.publicKey,
      sessionKey: crypto.x25519PublicKey(sessionSecret),
      kind,
      name,
      notBefore: START_MS - YEAR_MS,
      notAfter: START_MS + YEAR_MS,
    },
    root,
  );
  const keys = { signer, sessionSecret, card };
  return { name, id: agentId(signer.publicKey), keys, root: root.publicKey, identitySeed };
}

/** The first blocks, made as all others are. */
async function begin(village: Village): Promise<Village> {
  const { crypto, network, people, mintedMinor: amount } = village;
  const clock = new VirtualClock(FOUNDED_MS);
  const random = seededRandom(SOCIETY_SEED, "founding");
  const net = memoryNetwork({ network: network.network, clock, random: random.child("bus") });
  const log = new MemoryLog();
  const stores = NOTARIES.map(() => new MemoryStore({ clock }));
  const messengers = new Map<string, Messenger>();
  for (const [index, name] of NOTARIES.entries()) {
    const { id, keys } = villager(village, name);
    const bus = net.join(id);
    const messenger = new Messenger({ bus, clock, crypto, random, network: network.network, keys });
    for (const card of village.cards) messenger.learn(card);
    messengers.set(name, messenger);
    const { termSeed, sealSecret } = village.secrets[index]!;
    const config = {
      crypto,
      network,
      index,
      termSigner: signerFromSeed(crypto, termSeed),
      sealSecretKey: sealSecret,
    };
    const role = startNotary({
      config,
      bus,
      log,
      store: stores[index]!,
      clock,
      deliver: (to, kind, body) => {
        messenger.send(to, kind, body).catch((error: unknown) => messenger.countDrop(errorCode(error)));
      },
      failed: (error) => {
        throw error;
      },
    });
    await Promise.all([role, clock.runFor(1_000)]);
  }
  const issuer = villager(village, "issuer");
  const messenger = new Messenger({
    bus: net.join(issuer.id),
    clock,
    crypto,
    random,
    network: network.network,
    keys: issuer.keys,
  });
  const parts = { messenger, network, crypto, random, signer: issuer.keys.signer, clock, linkClock: clock };
  const ledger = new LedgerClient(parts);
  const settle = async (drafts: EntryDraft[]): Promise<void> => {
    // Valid for long: only that it was executed already keeps whoever repeats it from minting once more.
    const done = Promise.all(drafts.map((draft) => ledger.submit(draft, { validityMs: FIRST_ENTRIES_MS })));
    await Promise.all([done, clock.runFor(10_000)]);
  };
  await Promise.all([messenger.listen((message) => void ledger.received(message)), clock.runFor(1_000)]);
  const registered = ["issuer", "phone", "drone", "shop"].map((name) => villager(village, name).keys.card);
  await settle(registered.map((card) => ({ body: { kind: "card", card } })));
  await settle([{ body: { kind: "currency", code: "EUR", exponent: 2, name: "Euro" } }]);
  const currency = currencyId(crypto, "EUR", issuer.root);
  const to = people.get("phone")?.root ?? new Uint8Array();
  await settle([{ body: { kind: "mint", currency, to, amount } }]);
  const records = await log.read(0, 1_000);
  return {
    ...village,
    currency,
    log: records.map(({ record }) => record),
    stores: stores.map((store) => store.contents()),
  };
}
