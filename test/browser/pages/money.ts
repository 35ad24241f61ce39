/** A phone's home at work in a page, with its wallet and its contracts: for the tests of these. */
import { openPhone } from "../../../agent/browser/phone-home.ts";
import { servedNetwork } from "../../../agent/browser/phone-network.ts";
import type { PhoneRuntime } from "../../../agent/browser/phone-runtime.ts";
import type { PhoneMoney } from "../../../agent/app/money/phone-money.ts";
import { moneyOf } from "../../../agent/app/money/service.ts";
import { portableCrypto as crypto } from "../../../protocols/crypto/portable.ts";
import { fromHex } from "../../../protocols/encoding/bytes.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { openCard, signCard } from "../../../protocols/identity/card.ts";
import { agentId, signerFromSeed } from "../../../protocols/identity/keys.ts";

export interface MoneyPage {
  /** Opens the home of these keys, on the network that the page's address names. */
  open(rootSeed: string, seed: string, network: string): Promise<{ id: string; account: string }>;
  close(): Promise<void>;
  readonly money: PhoneMoney;
  /** The code by which it is refused, and what is said; "" if it is not. */
  refusal(work: () => unknown): Promise<string>;
}

const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

let runtime: PhoneRuntime | undefined;
let money: PhoneMoney | undefined;

const page: MoneyPage = {
  open: async (rootSeed, seed, served) => {
    const root = signerFromSeed(crypto, fromHex(rootSeed));
    const signer = signerFromSeed(crypto, fromHex(seed));
    const sessionSecret = crypto.sha256(fromHex(seed));
    const now = Date.now();
    const bytes = signCard(
      {
        ...{ root: root.publicKey, identity: signer.publicKey, kind: "phone", name: "Ann" },
        ...{ sessionKey: crypto.x25519PublicKey(sessionSecret) },
        ...{ notBefore: now - YEAR_MS, notAfter: now + YEAR_MS },
      },
      root,
    );
    const id = agentId(signer.publicKey);
    const keys = { signer, sessionSecret, card: bytes };
    runtime = await openPhone({
      home: { id, name: "Ann", keys, card: openCard(crypto, bytes) },
      findNetwork: () => servedNetwork(served),
      failed: (error) => {
        throw error;
      },
    });
    money = moneyOf(runtime);
    return { id, account: agentId(root.publicKey) };
  },
  close: async () => runtime?.close(),
  get money() {
    if (money === undefined) throw new Error("the phone is in no network");
    return money;
  },
  refusal: async (work) => {
    try {
      await work();
      return "";
    } catch (error) {
      return `${errorCode(error)}: ${(error as Error).message}`;
    }
  },
};

Object.assign(globalThis, { moneyPage: () => page });
