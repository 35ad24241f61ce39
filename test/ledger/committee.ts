/** A network of people and notaries for tests: keys from a counter, delays and losses from one seed. */
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { agentId, signerFromSeed } from "../../protocols/identity/keys.ts";
import { signCard } from "../../protocols/identity/card.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import type { EntryBody } from "../../protocols/ledger/entry.ts";
import { checkNetwork, formatSealKey } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { NotaryCore } from "../../protocols/ledger/notary.ts";
import type {
  NotaryChannel,
  NotaryConfig,
  NotaryEffect,
  NotaryEvent,
  Settled,
} from "../../protocols/ledger/notary.ts";
import type { Header } from "../../protocols/ledger/block.ts";
import { makeSubmission } from "../../protocols/ledger/submission.ts";
import type { Submission } from "../../protocols/ledger/submission.ts";
import type { Random, Signer } from "../../protocols/ports.ts";

export const START_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;

/** Integers from 0 up to, and without, `below`; the same for the same seed (mulberry32). */
export function seededDice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

export function seededRandom(seed: number): Random {
  const dice = seededDice(seed);
  return { bytes: (length) => Uint8Array.from({ length }, () => dice(256)) };
}

/** A key that is the same in every run: `name` is hashed into its seed. */
export function keyOf(name: string): Signer {
  return signerFromSeed(crypto, crypto.sha256(new TextEncoder().encode(name)));
}

export interface Person {
  name: string;
  root: Signer;
  device: Signer;
  card: Uint8Array;
}

export function personOf(name: string, notAfter?: number): Person {
  const root = keyOf(`${name} root`);
  const device = keyOf(`${name} device`);
  return { name, root, device, card: cardOf(root, device, START_MS - DAY_MS, notAfter) };
}

export function cardOf(
  root: Signer,
  device: Signer,
  notBefore: number,
  notAfter: number = START_MS + 365 * DAY_MS,
): Uint8Array {
  const sessionKey = crypto.x25519PublicKey(crypto.sha256(device.publicKey));
  const { publicKey: identity } = device;
  return signCard(
    { root: root.publicKey, identity, sessionKey, kind: "phone", name: "test", notBefore, notAfter },
    root,
  );
}

/** A genesis with `size` notaries, and what each of them holds. */
export function committeeOf(size: number): { network: NetworkDescription; configs: NotaryConfig[] } {
  const signers = Array.from({ length: size }, (_, index) => keyOf(`notary ${index} term 1`));
  const sealSecretKey = crypto.sha256(new TextEncoder().encode("seal"));
  const network = checkNetwork({
    version: 1,
    network: "village",
    zone: "main",
    term: 1,
    notaries: signers.map((signer, index) => ({
      id: agentId(keyOf(`notary ${index}`).publicKey),
      termKey: agentId(signer.publicKey),
    })),
    sealKey: formatSealKey(crypto.x25519PublicKey(sealSecretKey)),
  });
  const configs = signers.map((termSigner, index) => ({ crypto, network, index, termSigner, sealSecretKey }));
  return { network, configs };
}

export interface Chaos {
  seed: number;
  /** Longest delay of a message or of the log's delivery. */
  delayMs?: number;
  /** Of a hundred casts, so many are lost, and so many come twice. */
  lost?: number;
  twice?: number;
}

interface Pending {
  atMs: number;
  order: number;
  run: () => void;
}

/** Several notary cores on a simulated bus and log, in simulated time. */
export class World {
  readonly network: NetworkDescription;
  readonly configs: NotaryConfig[];
  readonly log: Uint8Array[] = [];
  readonly members: Member[];
  readonly #chaos: Chaos;
  readonly #dice: (below: number) => number;
  readonly #random: Random;
  readonly #queue: Pending[] = [];
  #order = 0;
  now = START_MS;
  /** Nothing enters the log while it is blocked. */
  logBlocked: (bytes: Uint8Array) => boolean = () => false;

  constructor(size: number, chaos: Chaos) {
    const { network, configs } = committeeOf(size);
    this.network = network;
    this.configs = configs;
    this.#chaos = chaos;
    this.#dice = seededDice(chaos.seed);
    this.#random = seededRandom(chaos.seed);
    this.members = configs.map((config) => new Member(this, config));
  }

  draft(signer: Signer, draft: EntryDraft, validityMs?: number): Submission {
    const maker = { crypto, random: this.#random, network: this.network, signer };
    return makeSubmission(maker, this.now, draft, validityMs);
  }

  /** Signs, and casts to all notaries. */
  submit(signer: Signer, body: EntryBody, attachment?: Uint8Array): Submission {
    const submission = this.draft(signer, attachment === undefined ? { body } : { body, attachment });
    this.cast("entry", submission.record);
    return submission;
  }

  cast(channel: NotaryChannel, bytes: Uint8Array, from?: Member): void {
    for (const member of this.members) {
      if (member === from) continue;
      if (this.#dice(100) < (this.#chaos.lost ?? 0)) continue;
      const times = this.#dice(100) < (this.#chaos.twice ?? 0) ? 2 : 1;
      for (let i = 0; i < times; i++) {
        this.after(this.#delay(), () => member.handle({ kind: "cast", now: this.now, channel, bytes }));
      }
    }
  }

  append(bytes: Uint8Array): void {
    this.after(this.#delay(), () => {
      if (this.logBlocked(bytes)) return;
      this.log.push(bytes);
      for (const member of this.members) this.after(this.#delay(), () => member.readLog());
    });
  }

  #delay(): number {
    return this.#dice((this.#chaos.delayMs ?? 5) + 1);
  }

  after(delayMs: number, run: () => void): void {
    const pending = { atMs: this.now + delayMs, order: this.#order++, run };
    const queue = this.#queue;
    let at = queue.length;
    while (
      at > 0 &&
      (queue[at - 1]!.atMs < pending.atMs ||
        (queue[at - 1]!.atMs === pending.atMs && queue[at - 1]!.order < pending.order))
    )
      at--;
    queue.splice(at, 0, pending);
  }

  /** Runs until nothing is left to do before `durationMs` have passed. */
  run(durationMs: number): void {
    const until = this.now + durationMs;
    for (let next = this.#queue.at(-1); next !== undefined && next.atMs <= until; next = this.#queue.at(-1)) {
      this.#queue.pop();
      this.now = Math.max(this.now, next.atMs);
      next.run();
    }
    this.now = until;
  }
}

/** One notary: its core, its store, and what it has certified. */
export class Member {
  readonly #world: World;
  readonly config: NotaryConfig;
  core: NotaryCore;
  readonly store = new Map<string, Uint8Array>();
  readonly certified = new Map<number, Header>();
  readonly settled = new Map<string, Settled>();
  halted: Extract<NotaryEffect, { kind: "halted" }> | undefined;
  isDown = false;
  skewMs = 0;
  /** A liar rewrites what it sends. */
  rewrite: (effect: NotaryEffect) => NotaryEffect[] = (effect) => [effect];
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(world: World, config: NotaryConfig) {
    this.#world = world;
    this.config = config;
    this.core = new NotaryCore(config);
  }

  handle(event: NotaryEvent): void {
    if (this.isDown) return;
    for (const honest of this.core.handle({ ...event, now: event.now + this.skewMs })) {
      for (const effect of this.rewrite(honest)) this.#perform(effect);
    }
  }

  #perform(effect: NotaryEffect): void {
    const world = this.#world;
    if (effect.kind === "append") world.append(effect.bytes);
    else if (effect.kind === "cast") world.cast(effect.channel, effect.bytes, this);
    else if (effect.kind === "persist") this.store.set(effect.key, effect.bytes);
    else if (effect.kind === "certified") {
      this.certified.set(effect.header.height, effect.header);
      for (const one of effect.receipts) this.settled.set(String(one.entryId), one);
    } else if (effect.kind === "halted") this.halted = effect;
    else if (effect.kind === "wake") this.#wake(effect.atMs - this.skewMs);
  }

  #wake(atMs: number): void {
    this.#wakeAt = atMs;
    this.#world.after(Math.max(0, atMs - this.#world.now), () => {
      if (this.#wakeAt === atMs) this.handle({ kind: "tick", now: this.#world.now });
    });
  }

  readLog(): void {
    if (this.isDown) return;
    while (this.core.nextIndex < this.#world.log.length) {
      const index = this.core.nextIndex;
      const more = index + 1 < this.#world.log.length;
      this.handle({ kind: "record", now: this.#world.now, index, bytes: this.#world.log[index]!, more });
      if (this.halted !== undefined) return;
    }
  }

  /** The process dies; only what was persisted remains. */
  crash(): void {
    this.isDown = true;
  }

  restart(): void {
    this.isDown = false;
    this.core = new NotaryCore(this.config);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const saved = [...this.store].map(([key, bytes]) => ({ key, bytes }));
    this.handle({ kind: "restored", now: this.#world.now, saved });
    this.readLog();
  }
}
