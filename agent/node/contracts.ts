/**
 * The contracts of a home, signed or offered, one folder each: contracts/<terms id>/
 *
 *     terms.cbor             the terms' signed bytes
 *     signature.<agent>      who has signed (COSE_Sign1)
 *     decline.<agent>        who has declined, and why
 *     <sha-256>.fact         what a party states about it, signed
 *     deposit                the owner lets its deposit follow by itself
 *     offer.cbor             who brought it, what it replaces, note, parameters; written last
 *     opened                 the ledger has it
 *     progress.json          how it stood last, as certified
 *     <seq>.receipt          what certified that
 *     settled                it has ended
 *
 * Files are only ever added and never change (but progress.json, which the ledger can tell anew), so that a
 * running home and commands beside it need no lock.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
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
import { fromHex, toHex } from "../../protocols/encoding/bytes.ts";
import { decodeMessage, encodeMessage } from "../../protocols/encoding/messages.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Crypto } from "../../protocols/ports.ts";
import { addSharedFile, writeSharedFile } from "./files.ts";

const FOLDER = "contracts";
const ID = /^[0-9a-f]{64}$/;

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

/** Opens the contracts of a home; makes nothing before there is something to keep. */
export function openContracts(home: string, crypto: Crypto): ContractStore {
  return new ContractStore(join(home, FOLDER), crypto);
}

export class ContractStore implements NegotiationStore {
  readonly #folder: string;
  readonly #crypto: Crypto;
  /** The names in each folder, when it was last read here. */
  readonly #names = new Map<string, string>();
  readonly #settled = new Set<string>();

  constructor(folder: string, crypto: Crypto) {
    this.#folder = folder;
    this.#crypto = crypto;
  }

  load(): Negotiations {
    const all = this.#ids().flatMap((termsId) => this.read(termsId) ?? []);
    all.sort((a, b) => a.heardMs - b.heardMs);
    return new Map(all.map((one) => [toHex(one.termsId), one]));
  }

  /** All, with those that have ended, the oldest first. */
  loadAll(): Negotiations {
    const all = this.#ids().flatMap((termsId) => this.#readWhole(termsId) ?? []);
    all.sort((a, b) => a.heardMs - b.heardMs);
    return new Map(all.map((one) => [toHex(one.termsId), one]));
  }

  read(termsId: string): Negotiation | undefined {
    if (this.isSettled(fromHex(termsId))) return undefined;
    return this.#readWhole(termsId);
  }

  save(one: Negotiation): void {
    const path = this.pathOf(one.termsId);
    addSharedFile(join(path, "terms.cbor"), one.termsBytes);
    for (const [by, signature] of one.signatures) addSharedFile(join(path, `signature.${by}`), signature);
    for (const [by, { code, text }] of one.declines)
      addSharedFile(join(path, `decline.${by}`), encodeMessage({ code, text }));
    for (const [key, fact] of one.facts) addSharedFile(join(path, `${key}.fact`), fact);
    if (one.mayDeposit) addSharedFile(join(path, "deposit"), new Uint8Array());
    if (one.isOpened) addSharedFile(join(path, "opened"), new Uint8Array());
    const { from, replaces, note, params, heardMs } = one;
    addSharedFile(join(path, "offer.cbor"), encodeMessage({ from, replaces, note, params, heardMs }));
    this.#names.set(toHex(one.termsId), namesIn(path).join());
  }

  forget(termsId: Uint8Array): void {
    const path = this.pathOf(termsId);
    // First what makes it one: whatever stops this half-way leaves nothing that is read.
    rmSync(join(path, "offer.cbor"), { force: true });
    rmSync(path, { recursive: true, force: true });
    this.#names.delete(toHex(termsId));
  }

  /** With the versions that it has replaced: what it was agreed instead of can never be signed again. */
  settle(termsId: Uint8Array): void {
    const replaced = this.#readWhole(toHex(termsId))?.replaces ?? null;
    addSharedFile(join(this.pathOf(termsId), "settled"), new Uint8Array());
    this.#settled.add(toHex(termsId));
    const before = replaced === null ? undefined : this.read(toHex(replaced));
    if (before !== undefined && !before.isOpened) this.settle(before.termsId);
  }

  isSettled(termsId: Uint8Array): boolean {
    const id = toHex(termsId);
    if (!this.#settled.has(id) && existsSync(join(this.pathOf(termsId), "settled"))) this.#settled.add(id);
    return this.#settled.has(id);
  }

  changed(): string[] {
    const present = this.#ids();
    const gone = [...this.#names.keys()].filter((termsId) => !present.includes(termsId));
    for (const termsId of gone) this.#names.delete(termsId);
    const ids = present.filter((termsId) => !this.#settled.has(termsId));
    const differ = ids.filter((termsId) => {
      return this.#names.get(termsId) !== namesIn(join(this.#folder, termsId)).join();
    });
    return [...differ, ...gone];
  }

  /** The folder of one contract. */
  pathOf(termsId: Uint8Array): string {
    return join(this.#folder, toHex(termsId));
  }

  /** Keeps a certified receipt, and how the contract stands by it. Errors: store-failed. */
  keepProgress(termsId: Uint8Array, progress: ContractProgress, receipt: Uint8Array): void {
    const path = this.pathOf(termsId);
    const name = `${progress.seq.toString().padStart(4, "0")}.receipt`;
    addSharedFile(join(path, name), receipt);
    const known = this.progress(termsId);
    if (known !== undefined && known.seq >= progress.seq) return;
    writeSharedFile(join(path, "progress.json"), `${JSON.stringify(progress, undefined, 2)}\n`);
  }

  /** What certified how it stood last. */
  lastReceipt(termsId: Uint8Array): Uint8Array | undefined {
    const name = namesIn(this.pathOf(termsId)).findLast((one) => /^[0-9]{4,}\.receipt$/.test(one));
    if (name === undefined) return undefined;
    return new Uint8Array(readFileSync(join(this.pathOf(termsId), name)));
  }

  /** How it stood last; undefined before the ledger has told. */
  progress(termsId: Uint8Array): ContractProgress | undefined {
    const path = join(this.pathOf(termsId), "progress.json");
    if (!existsSync(path)) return undefined;
    try {
      return progressSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
    } catch {
      // Cut short by a power loss: the ledger tells it anew.
      return undefined;
    }
  }

  #ids(): string[] {
    return existsSync(this.#folder) ? readdirSync(this.#folder).filter((name) => ID.test(name)) : [];
  }

  #readWhole(termsId: string): Negotiation | undefined {
    const path = join(this.#folder, termsId);
    const names = namesIn(path);
    this.#names.set(termsId, names.join());
    if (!names.includes("offer.cbor")) return undefined;
    try {
      return readNegotiation(this.#crypto, path, names, termsId);
    } catch (error) {
      // Damaged, or removed meanwhile: as if it were not there.
      if (error instanceof SegmentError || (error as NodeJS.ErrnoException).code === "ENOENT")
        return undefined;
      throw error;
    }
  }
}

function readNegotiation(
  crypto: Crypto,
  path: string,
  names: readonly string[],
  termsId: string,
): Negotiation {
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(path, name)));
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

/** Its name is its hash, which is not looked at again: a damaged file is no fact. */
function isFactOf(crypto: Crypto, one: Pick<Negotiation, "terms" | "termsId">, bytes: Uint8Array): boolean {
  try {
    readFactOf(crypto, one, bytes);
    return true;
  } catch (error) {
    if (error instanceof SegmentError) return false;
    throw error;
  }
}

function namesIn(path: string): string[] {
  try {
    // What is still being written does not count.
    return readdirSync(path)
      .filter((name) => !name.endsWith(".new"))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
