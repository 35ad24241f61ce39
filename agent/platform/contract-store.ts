/**
 * The contracts of an agent's owner, signed or offered. Of each is kept, under these names:
 *
 *     terms.cbor             the terms' signed bytes
 *     deposit                the owner lets its deposit follow by itself; before its signature
 *     signature.<agent>      who has signed (COSE_Sign1)
 *     decline.<agent>        who has declined, and why
 *     <sha-256>.fact         what a party states about it, signed
 *     offer.cbor             who brought it, what it replaces, note, parameters; written last
 *     opened                 the ledger has it
 *     progress.json          how it stood last, as certified
 *     <seq>.receipt          what certified that
 *     settled                it has ended
 *
 * What is kept is only ever added to and never changes (but progress.json, which the ledger can tell anew,
 * and a deposit's leave that no signature has followed), so that several users of one shelf need no lock.
 */
import { z } from "zod";
import type { NegotiationStore } from "../core/negotiator.ts";
import { readFactOf } from "../../protocols/contract/negotiation-facts.ts";
import { signerOf } from "../../protocols/contract/negotiation-rules.ts";
import { blank } from "../../protocols/contract/negotiation-state.ts";
import type {
  AgentId,
  Decline,
  Negotiation,
  Negotiations,
} from "../../protocols/contract/negotiation-state.ts";
import { decodeTerms, termsId as idOf } from "../../protocols/contract/terms.ts";
import { fromHex, text, toHex, utf8 } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Crypto } from "../../protocols/ports.ts";

/** Where contracts lie: by terms id in hex, and by name. Errors of each: store-failed. */
export interface ContractShelf {
  /** Of which something is there, in any order. */
  ids(): string[];
  /** Of one contract, sorted; without what is still being written. */
  names(termsId: string): string[];
  /** Undefined where there is nothing of that name. */
  read(termsId: string, name: string): Uint8Array | undefined;
  /** Of what never changes once it is there. */
  add(termsId: string, name: string, bytes: Uint8Array): void;
  replace(termsId: string, name: string, bytes: Uint8Array): void;
  remove(termsId: string, name: string): void;
  /** With all that is left of it. */
  drop(termsId: string): void;
}

const offerSchema = z.strictObject({
  from: z.string().max(64),
  replaces: z.custom<Uint8Array>((value) => value instanceof Uint8Array).nullable(),
  note: z.string(),
  params: z.string(),
  heardMs: z.number(),
});
const declineSchema = z.strictObject({ code: z.string(), text: z.string() });

const progressSchema = z.strictObject({
  seq: z.number().int().min(0),
  label: z.string(),
  closed: z.boolean(),
  timeMs: z.number().int().min(0),
});
/** How a contract stood when the ledger last told. */
export type ContractProgress = z.infer<typeof progressSchema>;

const RECEIPT = /^[0-9]{4,}\.receipt$/;

export class ContractStore implements NegotiationStore {
  readonly #shelf: ContractShelf;
  readonly #crypto: Crypto;
  /** The names of each that were read or written here. */
  readonly #names = new Map<string, ReadonlySet<string>>();
  readonly #settled = new Set<string>();

  constructor(shelf: ContractShelf, crypto: Crypto) {
    this.#shelf = shelf;
    this.#crypto = crypto;
  }

  load(): Negotiations {
    const all = this.#shelf.ids().flatMap((termsId) => this.read(termsId) ?? []);
    all.sort((a, b) => a.heardMs - b.heardMs);
    return new Map(all.map((one) => [toHex(one.termsId), one]));
  }

  /** All, with those that have ended, the oldest first. */
  loadAll(): Negotiations {
    const all = this.#shelf.ids().flatMap((termsId) => this.#readWhole(termsId) ?? []);
    all.sort((a, b) => a.heardMs - b.heardMs);
    return new Map(all.map((one) => [toHex(one.termsId), one]));
  }

  read(termsId: string): Negotiation | undefined {
    if (this.isSettled(fromHex(termsId))) return undefined;
    return this.#readWhole(termsId);
  }

  save(one: Negotiation): void {
    const termsId = toHex(one.termsId);
    const names = new Set(this.#names.get(termsId));
    const add = (name: string, bytes: Uint8Array): void => {
      this.#shelf.add(termsId, name, bytes);
      names.add(name);
    };
    add("terms.cbor", one.termsBytes);
    // Whoever sees the signature knows what it allows.
    if (one.mayDeposit) add("deposit", new Uint8Array());
    for (const [by, signature] of one.signatures) add(`signature.${by}`, signature);
    for (const [by, { code, text: why }] of one.declines)
      add(`decline.${by}`, encodeMessage({ code, text: why }));
    for (const [key, fact] of one.facts) add(`${key}.fact`, fact);
    if (one.isOpened) add("opened", new Uint8Array());
    const { from, replaces, note, params, heardMs } = one;
    add("offer.cbor", encodeMessage({ from, replaces, note, params, heardMs }));
    // What others have added meanwhile is still to be read.
    this.#names.set(termsId, names);
  }

  withdrawDeposit(termsId: Uint8Array): void {
    this.#shelf.remove(toHex(termsId), "deposit");
  }

  forget(termsId: Uint8Array): void {
    const id = toHex(termsId);
    // First what makes it one: whatever stops this half-way leaves nothing that is read.
    this.#shelf.remove(id, "offer.cbor");
    this.#shelf.drop(id);
    this.#names.delete(id);
  }

  /** With the versions that it has replaced: what it was agreed instead of can never be signed again. */
  settle(termsId: Uint8Array): void {
    const replaced = this.#readWhole(toHex(termsId))?.replaces ?? null;
    this.#shelf.add(toHex(termsId), "settled", new Uint8Array());
    this.#settled.add(toHex(termsId));
    const before = replaced === null ? undefined : this.read(toHex(replaced));
    if (before !== undefined && !before.isOpened) this.settle(before.termsId);
  }

  isSettled(termsId: Uint8Array): boolean {
    const id = toHex(termsId);
    if (!this.#settled.has(id) && this.#shelf.read(id, "settled") !== undefined) this.#settled.add(id);
    return this.#settled.has(id);
  }

  changed(): string[] {
    const present = this.#shelf.ids();
    const gone = [...this.#names.keys()].filter((termsId) => !present.includes(termsId));
    for (const termsId of gone) this.#names.delete(termsId);
    const ids = present.filter((termsId) => !this.#settled.has(termsId));
    const differ = ids.filter((id) => !haveSame(this.#names.get(id), this.#shelf.names(id)));
    return [...differ, ...gone];
  }

  /** Keeps a certified receipt, and how the contract stands by it. Errors: store-failed. */
  keepProgress(termsId: Uint8Array, progress: ContractProgress, receipt: Uint8Array): void {
    const id = toHex(termsId);
    this.#shelf.add(id, `${progress.seq.toString().padStart(4, "0")}.receipt`, receipt);
    const known = this.progress(termsId);
    if (known !== undefined && known.seq >= progress.seq) return;
    this.#shelf.replace(id, "progress.json", utf8(`${JSON.stringify(progress, undefined, 2)}\n`));
  }

  /** What certified how it stood last. */
  lastReceipt(termsId: Uint8Array): Uint8Array | undefined {
    return this.receiptAfter(termsId, -1)?.receipt;
  }

  /** The same, if that was after the contract's step of this number. */
  receiptAfter(termsId: Uint8Array, seq: number): { seq: number; receipt: Uint8Array } | undefined {
    const id = toHex(termsId);
    const name = this.#shelf.names(id).findLast((one) => RECEIPT.test(one));
    if (name === undefined || Number.parseInt(name, 10) <= seq) return undefined;
    const receipt = this.#shelf.read(id, name);
    return receipt && { seq: Number.parseInt(name, 10), receipt };
  }

  /** How it stood last; undefined before the ledger has told. */
  progress(termsId: Uint8Array): ContractProgress | undefined {
    const bytes = this.#shelf.read(toHex(termsId), "progress.json");
    if (bytes === undefined) return undefined;
    try {
      return progressSchema.safeParse(JSON.parse(text(bytes))).data;
    } catch {
      // Cut short by a power loss: the ledger tells it anew.
      return undefined;
    }
  }

  #readWhole(termsId: string): Negotiation | undefined {
    const names = this.#shelf.names(termsId);
    this.#names.set(termsId, new Set(names));
    if (!names.includes("offer.cbor")) return undefined;
    try {
      return readNegotiation(this.#crypto, this.#shelf, names, termsId);
    } catch (error) {
      // Damaged, or removed meanwhile: as if it were not there.
      if (error instanceof SegmentError) return undefined;
      throw error;
    }
  }
}

function haveSame(known: ReadonlySet<string> | undefined, names: readonly string[]): boolean {
  return known?.size === names.length && names.every((name) => known.has(name));
}

function readNegotiation(
  crypto: Crypto,
  shelf: ContractShelf,
  names: readonly string[],
  termsId: string,
): Negotiation {
  const bytesOf = (name: string): Uint8Array => {
    const bytes = shelf.read(termsId, name);
    if (bytes === undefined) throw new SegmentError("terms-invalid", `${name} is gone`);
    return bytes;
  };
  const termsBytes = bytesOf("terms.cbor");
  const id = idOf(crypto, termsBytes);
  if (toHex(id) !== termsId) throw new SegmentError("terms-invalid", "the terms are not of this id");
  const terms = decodeTerms(termsBytes);
  const origin = offerSchema.safeParse(decodeMessage(bytesOf("offer.cbor")));
  if (!origin.success) throw new SegmentError("terms-invalid", "the offer is damaged");
  const signatures = new Map<AgentId, Uint8Array>();
  const declines = new Map<AgentId, Decline>();
  const facts = new Map<string, Uint8Array>();
  for (const name of names) {
    const [kind, by = ""] = name.split(".");
    if (kind === "signature") {
      const signature = bytesOf(name);
      if (isBy(crypto, terms, id, signature, by)) signatures.set(by, signature);
    } else if (kind === "decline") {
      const decline = declineSchema.safeParse(decodeMessage(bytesOf(name))).data;
      if (decline !== undefined) declines.set(by, decline);
    } else if (by === "fact") {
      const fact = bytesOf(name);
      if (isFactOf(crypto, { terms, termsId: id }, fact)) facts.set(kind ?? "", fact);
    }
  }
  return {
    ...blank(id, termsBytes, terms, origin.data),
    ...{
      signatures,
      declines,
      facts,
      mayDeposit: names.includes("deposit"),
      isOpened: names.includes("opened"),
    },
  };
}

function isBy(
  crypto: Crypto,
  terms: Negotiation["terms"],
  id: Uint8Array,
  signature: Uint8Array,
  by: AgentId,
): boolean {
  try {
    return signerOf(crypto, terms, id, signature) === by;
  } catch (error) {
    if (error instanceof SegmentError) return false;
    throw error;
  }
}

/** Its name is its hash, which is not looked at again: what is damaged is no fact. */
function isFactOf(crypto: Crypto, one: Pick<Negotiation, "terms" | "termsId">, bytes: Uint8Array): boolean {
  try {
    readFactOf(crypto, one, bytes);
    return true;
  } catch (error) {
    if (error instanceof SegmentError) return false;
    throw error;
  }
}
