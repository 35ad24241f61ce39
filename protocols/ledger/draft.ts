/**
 * What one entry would change. Reads fall through to the ledger's state; nothing is
 * written before the entry has been accepted as a whole, and money that does not add
 * up to zero is refused here, whatever the rest of the code believed.
 */
import { toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import type { TimeMs } from "../ports.ts";
import type { StateReader, Writes } from "./state.ts";

/** A device as the ledger knows it. */
export interface DeviceRecord {
  root: Uint8Array;
  /** Of the card: it holds from notBefore up to, and without, notAfter. */
  notBefore: TimeMs;
  notAfter: TimeMs;
  /** By this root, and for good. */
  isRevoked: boolean;
}

export interface CurrencyRecord {
  issuer: Uint8Array;
  code: string;
  exponent: number;
  name: string;
  /** Minor units in circulation. */
  supply: bigint;
}

export const keys = {
  account: (root: Uint8Array, currency: string) => `account/${toHex(root)}/${currency}`,
  hold: (termsId: Uint8Array, currency: string) => `hold/${toHex(termsId)}/${currency}`,
  device: (identity: Uint8Array) => `device/${toHex(identity)}`,
  owner: (root: Uint8Array) => `owner/${toHex(root)}`,
  revoked: (identity: Uint8Array, root: Uint8Array) => `revoked/${toHex(identity)}/${toHex(root)}`,
  currency: (id: string) => `currency/${id}`,
  terms: (termsId: Uint8Array) => `terms/${toHex(termsId)}`,
  contract: (termsId: Uint8Array) => `contract/${toHex(termsId)}`,
};

export class Draft implements StateReader {
  readonly #base: StateReader;
  readonly writes: Writes = new Map();
  /** Per currency: what accounts and holds gained, less what the supply did. */
  readonly #imbalance = new Map<string, bigint>();

  constructor(base: StateReader) {
    this.#base = base;
  }

  get(key: string): Uint8Array | undefined {
    const written = this.writes.get(key);
    return written === undefined ? this.#base.get(key) : (written ?? undefined);
  }

  put(key: string, bytes: Uint8Array): void {
    this.writes.set(key, bytes);
  }

  remove(key: string): void {
    this.writes.set(key, null);
  }

  balance(root: Uint8Array, currency: string): bigint {
    return readAmount(this.get(keys.account(root, currency)));
  }

  credit(root: Uint8Array, currency: string, amount: bigint): void {
    const key = keys.account(root, currency);
    this.#setMoney(key, currency, readAmount(this.get(key)), amount);
  }

  /** Throws `funds-short`. */
  debit(root: Uint8Array, currency: string, amount: bigint): void {
    const key = keys.account(root, currency);
    this.#setMoney(key, currency, readAmount(this.get(key)), -amount);
  }

  /** Makes the hold of a contract what its pot says. */
  setHold(termsId: Uint8Array, currency: string, amount: bigint): void {
    const key = keys.hold(termsId, currency);
    const before = readAmount(this.get(key));
    this.#setMoney(key, currency, before, amount - before);
  }

  #setMoney(key: string, currency: string, before: bigint, change: bigint): void {
    const after = before + change;
    if (after < 0n) {
      throw new SegmentError(
        "funds-short",
        `${-change} minor units of ${currency} are needed, ${before} are there`,
      );
    }
    if (after > MAX_AMOUNT)
      throw new SegmentError("amount-overflow", `${currency}: beyond 2^63 - 1 minor units`);
    this.#imbalance.set(currency, (this.#imbalance.get(currency) ?? 0n) + change);
    if (after === 0n) this.remove(key);
    else this.put(key, amountBytes(after));
  }

  currency(id: string): CurrencyRecord | undefined {
    const bytes = this.get(keys.currency(id));
    if (bytes === undefined) return undefined;
    const reader = FieldReader.fromBytes(bytes, "currency");
    return {
      issuer: reader.bytes("issuer"),
      code: reader.text("code"),
      exponent: reader.int("exponent"),
      name: reader.text("name"),
      supply: reader.bigint("supply"),
    };
  }

  putCurrency(id: string, record: CurrencyRecord): void {
    const before = this.currency(id)?.supply ?? 0n;
    this.#imbalance.set(id, (this.#imbalance.get(id) ?? 0n) - (record.supply - before));
    const { issuer, code, exponent, name, supply } = record;
    this.put(keys.currency(id), encodeCbor([issuer, code, exponent, name, supply]));
  }

  device(identity: Uint8Array): DeviceRecord | undefined {
    const bytes = this.get(keys.device(identity));
    if (bytes === undefined) return undefined;
    const reader = FieldReader.fromBytes(bytes, "device");
    return {
      root: reader.bytes("root"),
      notBefore: reader.int("notBefore"),
      notAfter: reader.int("notAfter"),
      isRevoked: reader.bool("isRevoked"),
    };
  }

  putDevice(identity: Uint8Array, { root, notBefore, notAfter, isRevoked }: DeviceRecord): void {
    this.put(keys.device(identity), encodeCbor([root, notBefore, notAfter, isRevoked]));
    if (this.get(keys.owner(root)) === undefined) this.put(keys.owner(root), encodeCbor(1));
  }

  /** Remembered apart from the device, which may have moved to another root meanwhile. */
  revoke(identity: Uint8Array, device: DeviceRecord): void {
    this.put(keys.revoked(identity, device.root), encodeCbor(1));
    this.putDevice(identity, { ...device, isRevoked: true });
  }

  wasRevoked(identity: Uint8Array, root: Uint8Array): boolean {
    return this.get(keys.revoked(identity, root)) !== undefined;
  }

  /** Whether an account may be paid: the owner has had a device registered. */
  ownerExists(root: Uint8Array): boolean {
    return this.get(keys.owner(root)) !== undefined;
  }

  /**
   * The root for which a device may act at `timeMs`.
   * Throws `account-unknown`, `card-revoked` or `card-expired`.
   */
  rootOf(identity: Uint8Array, timeMs: TimeMs): Uint8Array {
    const device = this.device(identity);
    if (device === undefined)
      throw new SegmentError("account-unknown", "the signer's card is not registered");
    if (device.isRevoked) throw new SegmentError("card-revoked", "the signer's card is revoked");
    if (timeMs < device.notBefore || timeMs >= device.notAfter) {
      throw new SegmentError("card-expired", "the signer's card is not valid at this time");
    }
    return device.root;
  }

  /** Throws `internal` if the entry would make or destroy money. */
  assertConserved(): void {
    for (const [currency, difference] of this.#imbalance) {
      if (difference !== 0n) throw new SegmentError("internal", `the entry changes the sum of ${currency}`);
    }
  }
}

/** Eight bytes, big-endian: amounts are written more often than all else. */
function amountBytes(amount: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, amount);
  return bytes;
}

/** A stored amount; what is not there is zero. */
export function readAmount(bytes: Uint8Array | undefined): bigint {
  return bytes === undefined ? 0n : new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}
