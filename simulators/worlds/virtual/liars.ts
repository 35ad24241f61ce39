/**
 * Who lies in a virtual delivery: a broker that repeats and forges, one notary of four, a
 * stranger with a recording at the point, and one who submits what is not theirs. They do
 * what they can with what they have: all that is public, and their own keys.
 */
import { encodeCbor } from "../../../protocols/encoding/cbor.ts";
import { encodeMessage } from "../../../protocols/encoding/messages.ts";
import { encodeHeader, headerHash } from "../../../protocols/ledger/block.ts";
import { signVote } from "../../../protocols/ledger/certificate.ts";
import { signEntry, type EntryBody } from "../../../protocols/ledger/entry.ts";
import { buildTree, leafHash, treeRoot } from "../../../protocols/ledger/merkle.ts";
import { networkHash } from "../../../protocols/ledger/network.ts";
import { encodeReceipt } from "../../../protocols/ledger/receipt.ts";
import { encodeEntryRecord } from "../../../protocols/ledger/record.ts";
import { encodeLeaf } from "../../../protocols/ledger/result.ts";
import { signNoRelease, signStamp } from "../../../protocols/ledger/statements.ts";
import { encodeVote } from "../../../protocols/ledger/voting.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { signerFromSeed } from "../../../protocols/identity/keys.ts";
import { sealEnvelope } from "../../../protocols/messaging/envelope.ts";
import type { CentralRadio, Clock, Signer } from "../../../protocols/ports.ts";
import { SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { castTopic, directTopic, type Channel } from "../../../protocols/topics.ts";
import type { MemoryNetwork } from "../../network/memory-bus.ts";
import type { seededRandom } from "../../random.ts";
import type { Lie } from "./faults.ts";
import { villager, type Village } from "./village.ts";

/** Liars get tired: a world has to come to rest. */
const ENDS_MS = 4 * 60_000;
const LIAR_INDEX = 3;
const LIAR = "notary-4";
const KEPT = 400;
const STAMP_LIE_MS = 290_000;

export interface LiarsParts {
  village: Village;
  clock: Clock;
  random: ReturnType<typeof seededRandom>;
  net: MemoryNetwork;
  radio: CentralRadio;
  lies: readonly Lie[];
  /** What a notary can know: the contract's terms id once it is open, how far it is, and the next block. */
  contract: () => { termsId: Uint8Array; seq: number } | undefined;
  height: () => number;
  say: (what: string) => void;
}

export class Liars {
  readonly #parts: LiarsParts;
  readonly #overheard: { topic: string; payload: Uint8Array }[] = [];
  readonly #writes: Uint8Array[] = [];

  constructor(parts: LiarsParts) {
    this.#parts = parts;
  }

  /** The broker sees every message. */
  overhear(topic: string, payload: Uint8Array): void {
    if (this.#parts.lies.length === 0) return;
    this.#overheard.push({ topic, payload: payload.slice() });
    if (this.#overheard.length > KEPT) this.#overheard.shift();
  }

  /** The stranger's sniffer hears every write of the phone. */
  sniff(value: Uint8Array): void {
    if (this.#writes.length < KEPT) this.#writes.push(value);
  }

  begin(): void {
    const { lies } = this.#parts;
    if (lies.includes("broker-repeats")) this.#often(2_000, () => this.#repeat());
    if (lies.includes("broker-forges")) this.#often(4_000, () => this.#forge());
    if (lies.includes("notary-lies")) this.#often(4_000, () => this.#lie());
    if (lies.includes("entries-forged")) this.#often(5_000, () => this.#submit());
    if (lies.includes("stranger-replays")) this.#often(8_000, () => this.#replay());
  }

  // ---------------------------------------------------------------- the broker

  #repeat(): void {
    const { net, random } = this.#parts;
    const one = this.#overheard[Math.floor(random.next() * this.#overheard.length)];
    if (one === undefined) return;
    const payload = one.payload.slice();
    // Half of them with a changed byte.
    if (random.next() < 0.5) payload[Math.floor(random.next() * payload.length)]! ^= 1 << (random.next() * 8);
    net.inject(one.topic, payload);
  }

  /** Messages in others' names: well sealed, wrongly signed. */
  #forge(): void {
    const { village, net, random, clock } = this.#parts;
    const [from, to] = [this.#pick(["phone", "shop", "drone"]), this.#pick(["phone", "shop", "drone"])];
    if (from === to) return;
    const sender = this.#inTheNameOf(from);
    const { id, keys } = villager(village, to);
    const card = openCard(village.crypto, keys.card);
    const topic = directTopic(village.network.network, villager(village, from).id, id);
    const kind = this.#pick(["order", "refusal", "offer", "certified", "position", "ack"]);
    const payload = sealEnvelope({
      crypto: village.crypto,
      random,
      network: village.network.network,
      sender,
      recipient: keys.signer.publicKey,
      recipientSessionKey: card.sessionKey,
      topic,
      messageId: random.bytes(16),
      timeMs: clock.now(),
      kind,
      body: encodeMessage({ orderId: random.bytes(16), code: "forged", message: "forged" }),
    });
    net.inject(topic, payload);
  }

  /** Names one key, signs with another. */
  #inTheNameOf(name: string): Signer {
    const { village } = this.#parts;
    const stranger = villager(village, "stranger").keys.signer;
    return {
      publicKey: villager(village, name).keys.signer.publicKey,
      sign: (message) => stranger.sign(message),
    };
  }

  // ---------------------------------------------------------------- one notary of four

  #lie(): void {
    const { village, random, clock, height, contract } = this.#parts;
    const { crypto, network, secrets } = village;
    const signer = signerFromSeed(crypto, secrets[LIAR_INDEX]!.termSeed);
    const rules = { networkHash: networkHash(crypto, network), zone: network.zone, crypto, committee: [] };
    const hash = random.bytes(32);
    const next = height() + 1;
    const signature = signVote(signer, { height: next, hash });
    this.#cast("vote", encodeVote({ height: next, hash, notary: LIAR_INDEX, signature, wanted: false }));
    const byMs = random.next() < 0.5 ? STAMP_LIE_MS : -STAMP_LIE_MS;
    this.#cast("stamp", signStamp(rules, signer, { height: next, timeMs: clock.now() + byMs, seen: [] }));
    const about = contract();
    if (about === undefined) return;
    const statement = signNoRelease(rules, signer, { ...about, timeMs: clock.now() });
    this.#cast("statement", statement);
    this.#cast("entry", this.#entry(signer, { kind: "expire", ...about, statements: [statement] }));
    this.#hand("drone", this.#receipt(signer, about));
  }

  /** A certified permission to land that only the liar has signed. */
  #receipt(signer: Signer, { termsId, seq }: { termsId: Uint8Array; seq: number }): Uint8Array {
    const { village, random, clock, height } = this.#parts;
    const { crypto, network } = village;
    const attachmentHash = random.bytes(32);
    const facts = this.#signed(villager(village, LIAR).keys.signer, {
      kind: "facts",
      termsId,
      attachmentHash,
    });
    const transition = { termsId, seq: seq + 1, label: "may-land", closed: false, payments: [] };
    const leaf = encodeLeaf({
      index: 0,
      entryId: facts.id,
      outcome: "ok",
      result: { kind: "facts", ...transition },
    });
    const header = encodeHeader({
      networkHash: networkHash(crypto, network),
      zone: network.zone,
      term: network.term,
      height: height() + 1,
      previous: random.bytes(32),
      logIndex: 1_000,
      timeMs: clock.now(),
      leavesRoot: treeRoot(buildTree(crypto, [leafHash(crypto, leaf)])),
      stateRoot: random.bytes(32),
      leafCount: 1,
    });
    const vote = {
      notary: LIAR_INDEX,
      signature: signVote(signer, { height: height() + 1, hash: headerHash(crypto, header) }),
    };
    // Alone, or thrice.
    const certificate = random.next() < 0.5 ? [vote] : [vote, vote, vote];
    return encodeReceipt({ header, certificate, leaf, leafIndex: 0, path: [], entry: facts.bytes });
  }

  #hand(to: string, receipt: Uint8Array): void {
    const { village, net, random, clock } = this.#parts;
    const { crypto, network } = village;
    const { id, keys } = villager(village, to);
    const topic = directTopic(network.network, villager(village, LIAR).id, id);
    const payload = sealEnvelope({
      crypto,
      random,
      network: network.network,
      sender: villager(village, LIAR).keys.signer,
      recipient: keys.signer.publicKey,
      recipientSessionKey: openCard(crypto, keys.card).sessionKey,
      topic,
      messageId: random.bytes(16),
      timeMs: clock.now(),
      kind: "receipt",
      body: encodeMessage({ receipt }),
    });
    net.inject(topic, payload);
  }

  #cast(channel: Channel, bytes: Uint8Array): void {
    const { village, net } = this.#parts;
    net.inject(castTopic(village.network.network, villager(village, LIAR).id, channel), bytes);
  }

  // ---------------------------------------------------------------- entries that are not theirs

  #submit(): void {
    const { village, random, contract } = this.#parts;
    // Everybody can read the log: an entry of it once more, such as the one that minted the money.
    if (random.next() < 0.4) return this.#cast("entry", this.#pick(village.log));
    const stranger = villager(village, "stranger");
    // To one who has an account: a till is easily found.
    const to = villager(village, "shop").root;
    const transfer: EntryBody = {
      kind: "transfer",
      to,
      currency: village.currency,
      amount: 100n,
      memo: new Uint8Array(),
    };
    const about = contract();
    const bodies: EntryBody[] = [transfer, { kind: "mint", currency: village.currency, to, amount: 1_000n }];
    if (about !== undefined)
      bodies.push({ kind: "choice", termsId: about.termsId, name: "accept", value: 1n });
    const body = this.#pick(bodies);
    const signer =
      random.next() < 0.7 ? this.#inTheNameOf(this.#pick(["phone", "issuer"])) : stranger.keys.signer;
    this.#cast("entry", this.#entry(signer, body));
  }

  #entry(signer: Signer, body: EntryBody): Uint8Array {
    return encodeEntryRecord(this.#signed(signer, body).bytes, null);
  }

  #signed(signer: Signer, body: EntryBody): { id: Uint8Array; bytes: Uint8Array } {
    const { village, random, clock } = this.#parts;
    const { network, zone } = village.network;
    const now = clock.now();
    const frame = {
      network,
      zone,
      nonce: random.bytes(16),
      notBefore: now - 60_000,
      notAfter: now + 600_000,
    };
    return signEntry(village.crypto, signer, frame, body);
  }

  // ---------------------------------------------------------------- at the point

  /** Plays what was overheard to whoever advertises, and half of the time something of its own. */
  #replay(): void {
    this.#play().catch(() => undefined);
  }

  async #play(): Promise<void> {
    const { radio, clock, random } = this.#parts;
    const recording = [...this.#writes];
    if (recording.length === 0) return;
    const giveUp = new AbortController();
    let address: string | undefined;
    const timer = clock.at(clock.now() + 3_000, () => giveUp.abort());
    await radio.scan(
      SERVICE_UUID,
      (sighting) => {
        address = sighting.address;
        giveUp.abort();
      },
      giveUp.signal,
    );
    timer.cancel();
    if (address === undefined) return;
    this.#parts.say("plays a recording to the drone");
    const deaf = { notified: () => undefined, disconnected: () => undefined };
    const connection = await radio.connect(address, deaf, 5_000);
    await connection.readInfo();
    for (const value of recording) await connection.write(value.slice(0, connection.writeSize));
    await connection.write(encodeCbor([1, random.bytes(16)]));
    await connection.disconnect();
  }

  // ---------------------------------------------------------------- how

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#parts.random.next() * from.length)]!;
  }

  /** At random times, about so far apart. */
  #often(everyMs: number, act: () => void): void {
    const { clock, random } = this.#parts;
    const endsMs = clock.now() + ENDS_MS;
    const again = (): void => {
      clock.at(clock.now() + Math.ceil(everyMs * (0.5 + random.next())), () => {
        if (clock.now() > endsMs) return;
        act();
        again();
      });
    };
    again();
  }
}
