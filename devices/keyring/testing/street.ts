/**
 * Phones before a lock's door: both devices' real steps, a radio between them, and a bus that can be away.
 */
import { nodeCrypto as crypto } from "../../../agent/node/crypto.ts";
import { formatKeyLink } from "../../../protocols/access/link.ts";
import { formatPairing } from "../../../protocols/access/pairing.ts";
import type { Action } from "../../../protocols/access/rights.ts";
import { person } from "../../../protocols/access/testing/kit.ts";
import { decodeMessage, encodeMessage } from "../../../protocols/encoding/messages.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { agentId } from "../../../protocols/identity/keys.ts";
import { PAIRING_DRIVER } from "../../lock/state.ts";
import { bolts, Door } from "../../lock/testing/door.ts";
import type { Person } from "../../lock/testing/door.ts";
import type { DeviceContext, DeviceEffect, DeviceEvent } from "../../device.ts";
import type { Command } from "../commands.ts";
import { keyring } from "../keyring.ts";
import type { KeyringState } from "../state.ts";

const lock = person(1, crypto);
export const LOCK_ID = agentId(lock.publicKey);
export const SESSION_KEY = new Uint8Array(32).fill(9);
export const PSK = new Uint8Array(32).fill(1);
const HOUR = 60 * 60_000;

type Dialled = DeviceEffect & { kind: "dial" };

export class Phone {
  readonly who: Person;
  readonly steps: string[] = [];
  readonly timers = new Map<string, number>();
  /** What the lock told of its log. */
  readonly logs: unknown[] = [];
  /** What the notaries and the phone's memory would get. */
  readonly others: DeviceEffect[] = [];
  state: KeyringState = keyring.initial();
  isNear = true;
  dialled: Dialled | undefined;
  session: { id: string; hash: Uint8Array } | undefined;
  readonly #street: Street;
  #nonces = 0;

  constructor(street: Street, who: Person) {
    this.#street = street;
    this.who = who;
    this.handle({ kind: "started" });
  }

  get context(): DeviceContext {
    const { signer, id, card } = this.who;
    return {
      ...{ now: this.#street.now, self: id, signer, crypto, card, network: "village", readings: new Map() },
      verifyReceipt: (bytes) => this.#street.door.verifyReceipt(bytes),
    };
  }

  handle(event: DeviceEvent): void {
    const { state, effects } = keyring.step(this.state, event, this.context);
    this.state = decodeMessage(encodeMessage(state)) as KeyringState;
    for (const effect of effects) this.#perform(effect);
    this.#street.settle();
  }

  /** A new nonce for each command. */
  nonce(): Uint8Array {
    this.#nonces += 1;
    const nonce = new Uint8Array(16).fill(this.who.signer.publicKey[0]!);
    nonce[0] = this.#nonces;
    return nonce;
  }

  command(name: string, value: unknown): void {
    this.handle({ kind: "command", name, value });
  }

  pair(code = this.#street.code(), name = "Front door", isNear = true): void {
    this.command("pair", { code, name, nonce: this.nonce(), isNear });
  }

  tap(action: Action = "open", target = "door", isNear = true): string {
    this.command("ask", { lock: LOCK_ID, nonce: this.nonce(), target, action, isNear });
    return this.verdict;
  }

  look(): string {
    this.command("look", { lock: LOCK_ID, nonce: this.nonce(), isNear: true });
    return this.verdict;
  }

  get verdict(): string {
    const { outcome, wish } = this.state;
    return wish !== null ? "waiting" : outcome === null ? "nothing" : (outcome.code ?? "done");
  }

  /** Makes a key of the door; as a link unless a holder is named. */
  give(changes: Partial<Command<"give">> = {}): Uint8Array {
    const content = {
      ...{ nonce: this.nonce(), name: "Ana", holder: null },
      secret: changes.holder === undefined ? new Uint8Array(32).fill(this.#nonces) : null,
      rights: [{ target: "door", actions: ["open"] as Action[] }],
      windows: [{ fromMs: this.#street.now, untilMs: this.#street.now + 48 * HOUR }],
      ...{ week: [], offsets: [], uses: null, depth: 0, refreshMs: null },
    };
    this.command("give", { lock: LOCK_ID, ...content, ...changes });
    return this.state.given.at(-1)!.id;
  }

  /** What is sent to the guest: the last key made, after those of which it is a part. */
  link(links = this.state.held.at(-1)?.links ?? []): string {
    const { bytes, secret } = this.state.given.at(-1)!;
    const chain = [...links, { key: bytes, claim: null }];
    return formatKeyLink({ network: null, sessionKey: SESSION_KEY, links: chain, secret });
  }

  take(link: string): void {
    this.command("take", { link, name: "Olga's door" });
  }

  /** The app is closed and opened again, with what it had written. */
  restart(): void {
    this.#street.part(this);
    this.timers.clear();
    this.dialled = undefined;
    this.handle({ kind: "started" });
  }

  #perform(effect: DeviceEffect): void {
    switch (effect.kind) {
      case "timer":
        if (effect.atMs === null) this.timers.delete(effect.name);
        else this.timers.set(effect.name, effect.atMs);
        return;
      case "progress":
        this.steps.push(`${effect.step} ${effect.detail}`.trim());
        return;
      case "dial":
        this.dialled = effect;
        return;
      case "hang-up":
        this.dialled = undefined;
        return;
      case "say":
        if (this.session?.id === effect.session) this.#street.toLock(this, effect.type, effect.body);
        return;
      case "send":
        this.#street.post(this.who.id, effect);
        return;
      case "actuate":
        this.logs.push(effect.value);
        return;
      case "meet":
      case "keep":
      case "inquire":
      case "submit":
        this.others.push(effect);
        return;
      default:
        throw new Error(`an effect that phones do not have: ${effect.kind}`);
    }
  }
}

type Sent = DeviceEffect & { kind: "send" };

export class Street {
  readonly door = new Door();
  readonly phones: Phone[] = [];
  isOnline = true;
  /** What the bolt did. */
  readonly bolts: string[] = [];
  #mail: { from: string; sent: Sent }[] = [];
  readonly #sentIds = new Set<string>();
  #heard = 0;
  #isSettling = false;

  constructor() {
    this.door.sense("clock-known", true);
    this.door.sense("door-open", false);
    this.door.sense("bolt-locked", true);
  }

  get now(): number {
    return this.door.now;
  }

  phone(who: Person): Phone {
    const phone = new Phone(this, who);
    this.phones.push(phone);
    return phone;
  }

  /** The lock shows a code. */
  code(psk = PSK): string {
    this.door.post({ kind: "command", name: "pair", value: { psk } });
    this.settle();
    const untilMs = this.now + 5 * 60_000;
    const keys = { identity: lock.publicKey, sessionKey: SESSION_KEY };
    return formatPairing({ network: null, ...keys, psk, untilMs });
  }

  wait(ms: number): void {
    // A long time goes by in larger steps.
    const stepMs = ms > 10 * 60_000 ? 30_000 : 1_000;
    for (let left = ms; left > 0; left -= stepMs) {
      this.door.wait(Math.min(left, stepMs));
      for (const phone of this.phones) {
        for (const [name, atMs] of [...phone.timers]) {
          if (atMs > this.now) continue;
          phone.timers.delete(name);
          phone.handle({ kind: "timer", name });
        }
      }
      this.settle();
    }
  }

  post(from: string, sent: Sent): void {
    // The same id is one message, as in the agent's outbox.
    if (sent.durable && this.#sentIds.has(`${from} ${sent.id}`)) return;
    if (sent.durable) this.#sentIds.add(`${from} ${sent.id}`);
    if (sent.durable || this.isOnline) this.#mail.push({ from, sent });
  }

  toLock(phone: Phone, type: string, body: unknown): void {
    const { id } = phone.session!;
    this.door.post({
      ...{ kind: "session-message", session: id, peer: phone.who.id, type },
      body: encodeMessage(body),
    });
  }

  part(phone: Phone): void {
    if (phone.session === undefined) return;
    const { id } = phone.session;
    phone.session = undefined;
    this.door.post({ kind: "session-closed", session: id, peer: phone.who.id });
    phone.handle({ kind: "session-closed", session: id, peer: LOCK_ID });
  }

  /** Radio and bus carry what there is until nothing more happens. */
  settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      while (this.#meet() || this.#answer() || this.#deliver());
    } finally {
      this.#isSettling = false;
    }
  }

  #meet(): boolean {
    for (const phone of this.phones) {
      if (phone.session !== undefined && (!phone.isNear || phone.dialled === undefined)) {
        this.part(phone);
        return true;
      }
      const { dialled } = phone;
      if (phone.session !== undefined || dialled === undefined || !phone.isNear) continue;
      const psk = dialled.keys?.psk ?? null;
      if (psk !== null && !this.#expects(psk)) {
        phone.dialled = undefined;
        phone.handle({ kind: "session-refused", code: "noise-failed" });
        return true;
      }
      const { id, hash } = this.door.open(phone.who, psk !== null);
      phone.session = { id, hash };
      phone.handle({
        ...{
          kind: "session-opened",
          session: id,
          peer: LOCK_ID,
          sessionHash: hash,
          purpose: dialled.purpose,
        },
      });
      return true;
    }
    return false;
  }

  #expects(psk: Uint8Array): boolean {
    const all = this.door.effects.filter((one) => one.kind === "actuate" && one.name === PAIRING_DRIVER);
    const last = all.at(-1);
    const value = last?.kind === "actuate" ? (last.value as { psk: Uint8Array } | null) : null;
    return value !== null && value.psk.join() === psk.join();
  }

  #answer(): boolean {
    const effect = this.door.effects[this.#heard];
    if (effect === undefined) return false;
    this.#heard += 1;
    this.bolts.push(...bolts([effect]));
    if (effect.kind === "send") this.post(LOCK_ID, effect);
    if (effect.kind === "say") {
      const phone = this.phones.find(({ session }) => session?.id === effect.session);
      const { session, type, body } = effect;
      phone?.handle({ kind: "session-message", session, peer: LOCK_ID, type, body: encodeMessage(body) });
    }
    return true;
  }

  #deliver(): boolean {
    const next = this.isOnline ? this.#mail.shift() : undefined;
    if (next === undefined) return false;
    const { from, sent } = next;
    const message = { kind: "message" as const, from, type: sent.type, body: encodeMessage(sent.body) };
    if (sent.to === LOCK_ID) this.door.post(message);
    else this.phones.find(({ who }) => who.id === sent.to)?.handle(message);
    return true;
  }
}

/** The code with which a command is refused. */
export function refusal(run: () => void): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof SegmentError) return error.code;
    throw error;
  }
}
