/**
 * What one entry would change. Reads fall through to the ledger's state; nothing is
 * written before the entry has been accepted as a whole, and money that does not add
 * up to zero is refused here, whatever the rest of the code believed.
 */
import { equalBytes, toHex } from "../encoding/bytes.ts";
import { encodeCbor } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { SegmentError } from "../errors.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { decayed, periodAt } from "../money/demurrage.ts";
import type { TimeMs } from "../ports.ts";
import { remembered, rememberedLast, rememberedPairs } from "./key-names.ts";
import { policyFields, readPolicy } from "./policy.ts";
import type { CurrencyPolicy, Demurrage } from "./policy.ts";
import type { Loss } from "./result.ts";
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
  account: rememberedPairs((root, currency) => `account/${toHex(root)}/${currency}`),
  hold: rememberedPairs((termsId, currency) => `hold/${toHex(termsId)}/${currency}`),
  device: remembered((identity) => `device/${toHex(identity)}`),
  owner: remembered((root) => `owner/${toHex(root)}`),
  revoked: (identity: Uint8Array, root: Uint8Array) => `revoked/${toHex(identity)}/${toHex(root)}`,
  currency: rememberedLast((id) => `currency/${id}`),
  policy: rememberedLast((currency) => `policy/${currency}`),
  minted: (currency: string) => `minted/${currency}`,
  terms: (termsId: Uint8Array) => `terms/${toHex(termsId)}`,
  contract: (termsId: Uint8Array) => `contract/${toHex(termsId)}`,
};

/** Records that were decoded before: each entry begins with its signer's. Stored bytes never change. */
const devices = new WeakMap<Uint8Array, DeviceRecord>();

export class Draft implements StateReader {
  readonly #base: StateReader;
  readonly #timeMs: TimeMs;
  readonly writes: Writes = new Map();
  /** To demurrage. */
  readonly losses: Loss[] = [];
  /** Per currency: what accounts and holds gained, less what the supply did. */
  readonly #imbalance: { currency: string; sum: bigint }[] = [];
  /** The last one that was asked for: nearly all entries move one currency. */
  #policy: { currency: string; policy: CurrencyPolicy | undefined } | undefined;

  /** `timeMs`: as of when accounts with demurrage are read and written; the log time for an entry. */
  constructor(base: StateReader, timeMs: TimeMs) {
    this.#base = base;
    this.#timeMs = timeMs;
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

  /** What the account holds now, after demurrage. */
  balance(root: Uint8Array, currency: string): bigint {
    const bytes = this.get(keys.account(root, currency));
    const demurrage = this.#demurrageOn(root, currency);
    return demurrage === undefined ? readAmount(bytes) : amountLeft(bytes, demurrage, this.#timeMs);
  }

  credit(root: Uint8Array, currency: string, amount: bigint): void {
    this.#changeAccount(root, currency, amount);
  }

  /** Throws `funds-short`. */
  debit(root: Uint8Array, currency: string, amount: bigint): void {
    this.#changeAccount(root, currency, -amount);
  }

  /** With demurrage, the account first loses to the fund what the time since its last change has cost it. */
  #changeAccount(root: Uint8Array, currency: string, change: bigint): void {
    const key = keys.account(root, currency);
    const bytes = this.get(key);
    const before = readAmount(bytes);
    const demurrage = this.#demurrageOn(root, currency);
    if (demurrage === undefined) {
      this.#setMoney(key, currency, before, change);
      return;
    }
    const left = amountLeft(bytes, demurrage, this.#timeMs);
    if (left < before) this.#lose(root, currency, before - left, demurrage.fund);
    this.#setMoney(key, currency, before, left - before);
    this.#setMoney(key, currency, left, change, periodAt(this.#timeMs, demurrage.periodMs));
  }

  #lose(account: Uint8Array, currency: string, amount: bigint, fund: Uint8Array): void {
    this.#changeAccount(fund, currency, amount);
    this.losses.push({ account, fund, currency, amount });
  }

  /** The demurrage that this account is subject to. */
  #demurrageOn(root: Uint8Array, currency: string): Demurrage | undefined {
    const policy = this.policy(currency);
    if (policy?.kind !== "money" || policy.demurrage === null) return undefined;
    return equalBytes(root, policy.demurrage.fund) ? undefined : policy.demurrage;
  }

  /** Makes the hold of a contract what its pot says. */
  setHold(termsId: Uint8Array, currency: string, amount: bigint): void {
    const key = keys.hold(termsId, currency);
    const before = readAmount(this.get(key));
    this.#setMoney(key, currency, before, amount - before);
  }

  /** `period`: of accounts with demurrage, until when they are settled. */
  #setMoney(key: string, currency: string, before: bigint, change: bigint, period?: number): void {
    const after = before + change;
    if (after < 0n) {
      throw new SegmentError(
        "funds-short",
        `${-change} minor units of ${currency} are needed, ${before} are there`,
      );
    }
    if (after > MAX_AMOUNT)
      throw new SegmentError("amount-overflow", `${currency}: beyond 2^63 - 1 minor units`);
    this.#weigh(currency, change);
    if (after === 0n) this.remove(key);
    else this.put(key, encodeMoney(after, period));
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

  /** Throws `currency-unknown`. */
  requireCurrency(id: string): void {
    if (this.get(keys.currency(id)) === undefined) {
      throw new SegmentError("currency-unknown", `the network has no ${id}`);
    }
  }

  putCurrency(id: string, record: CurrencyRecord): void {
    const before = this.currency(id)?.supply ?? 0n;
    this.#weigh(id, before - record.supply);
    const { issuer, code, exponent, name, supply } = record;
    this.put(keys.currency(id), encodeCbor([issuer, code, exponent, name, supply]));
  }

  policy(currency: string): CurrencyPolicy | undefined {
    if (this.#policy?.currency === currency) return this.#policy.policy;
    const bytes = this.get(keys.policy(currency));
    const policy = bytes === undefined ? undefined : readPolicy(FieldReader.fromBytes(bytes, "policy"));
    this.#policy = { currency, policy };
    return policy;
  }

  putPolicy(currency: string, policy: CurrencyPolicy): void {
    this.#policy = undefined;
    this.put(keys.policy(currency), encodeCbor(policyFields(policy)));
  }

  /** What has been minted in the period `period`, under a policy that limits it. */
  mintedIn(currency: string, period: number): bigint {
    const bytes = this.get(keys.minted(currency));
    if (bytes === undefined) return 0n;
    const reader = FieldReader.fromBytes(bytes, "minted");
    return reader.int("period") === period ? reader.bigint("amount") : 0n;
  }

  putMinted(currency: string, period: number, amount: bigint): void {
    this.put(keys.minted(currency), encodeCbor([period, amount]));
  }

  device(identity: Uint8Array): DeviceRecord | undefined {
    const bytes = this.get(keys.device(identity));
    if (bytes === undefined) return undefined;
    const known = devices.get(bytes);
    if (known !== undefined) return known;
    const reader = FieldReader.fromBytes(bytes, "device");
    const device = {
      root: reader.bytes("root"),
      notBefore: reader.int("notBefore"),
      notAfter: reader.int("notAfter"),
      isRevoked: reader.bool("isRevoked"),
    };
    devices.set(bytes, device);
    return device;
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
    if (!isValidAt(device, timeMs)) {
      throw new SegmentError("card-expired", "the signer's card is not valid at this time");
    }
    return device.root;
  }

  /** The same; undefined for a device that may not act. */
  activeRoot(identity: Uint8Array, timeMs: TimeMs): Uint8Array | undefined {
    const device = this.device(identity);
    if (device === undefined || device.isRevoked || !isValidAt(device, timeMs)) return undefined;
    return device.root;
  }

  /** A list and no map: nearly all entries move one currency. */
  #weigh(currency: string, change: bigint): void {
    const known = this.#imbalance.find((one) => one.currency === currency);
    if (known === undefined) this.#imbalance.push({ currency, sum: change });
    else known.sum += change;
  }

  /** Throws `internal` if the entry would make or destroy money. */
  assertConserved(): void {
    for (const { currency, sum } of this.#imbalance) {
      if (sum !== 0n) throw new SegmentError("internal", `the entry changes the sum of ${currency}`);
    }
  }
}

function isValidAt({ notBefore, notAfter }: DeviceRecord, timeMs: TimeMs): boolean {
  return notBefore <= timeMs && timeMs < notAfter;
}

/** Amounts are read and written more often than all else: here they are put together. */
const money = new DataView(new ArrayBuffer(16));
const moneyBytes = new Uint8Array(money.buffer);

/** Eight bytes each, big-endian. */
function encodeMoney(amount: bigint, period: number | undefined): Uint8Array {
  money.setBigUint64(0, amount);
  if (period !== undefined) money.setBigUint64(8, BigInt(period));
  const bytes = new Uint8Array(period === undefined ? 8 : 16);
  for (let at = 0; at < bytes.length; at++) bytes[at] = moneyBytes[at]!;
  return bytes;
}

/** What demurrage has left of a stored amount. */
function amountLeft(bytes: Uint8Array | undefined, demurrage: Demurrage, timeMs: TimeMs): bigint {
  if (bytes === undefined) return 0n;
  const amount = readAmount(bytes);
  const periods = periodAt(timeMs, demurrage.periodMs) - Number(money.getBigUint64(8));
  return decayed(amount, demurrage.ppm, periods);
}

/** A stored amount, before demurrage; what is not there is zero. */
export function readAmount(bytes: Uint8Array | undefined): bigint {
  if (bytes === undefined) return 0n;
  moneyBytes.set(bytes);
  return money.getBigUint64(0);
}
