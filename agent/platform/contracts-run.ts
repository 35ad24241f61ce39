/** What an agent does for its owner's contracts: hears offers, passes on signatures, opens, follows. */
import type { Certified, LedgerClient } from "../core/ledger-client.ts";
import type { Messenger } from "../core/messenger.ts";
import { ContractFollower } from "../core/negotiation-follow.ts";
import type { FollowNews } from "../core/negotiation-follow.ts";
import { Negotiator } from "../core/negotiator.ts";
import type { News } from "../core/negotiator.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import type { Bus, Clock, Crypto, Signer } from "../../protocols/ports.ts";
import type { ContractStore } from "./contract-store.ts";

export interface RunningContracts {
  negotiator: Negotiator;
  /** From here on it speaks by itself, and follows; before, it only hears. */
  begin(): void;
  /** Takes in a message; returns whether it was for this part alone. Errors: message-invalid, offer-*, … */
  received(from: string, kind: string, body: Uint8Array): boolean;
  /** The network is there (again). */
  reachable(): void;
  close(): void;
}

/** Another way to a peer than the network's broker; rejects if it is not there now. */
export type DirectLink = (to: string, kind: string, body: Uint8Array) => Promise<void> | undefined;

export interface ContractsParts {
  crypto: Crypto;
  signer: Signer;
  /** The agent's id. */
  self: string;
  /** The owner's root. */
  account: Uint8Array;
  network: NetworkDescription;
  bus: Bus;
  messenger: Messenger;
  ledger: LedgerClient;
  store: ContractStore;
  /** The network's time. */
  clock: Clock;
  /** The links' time. */
  linkClock: Clock;
  /** Tried first; undefined where it leads to nobody of that id. */
  direct?: DirectLink;
  /** Resolves once the store holds for good what it was given: nothing is said before. Absent: at once. */
  durable?: () => Promise<void>;
  /** What the owner would want to know: of the others' word, and of the ledger's. */
  news: (news: News, one: Negotiation) => void;
  followed: (news: FollowNews, one: Negotiation) => void;
  /** Gets each certified receipt that comes in. */
  certified: (certified: Certified) => void;
  /** The store refuses. */
  failed: (error: unknown) => void;
}

/** What is in the store. Errors: store-failed. */
export function dealInContracts(parts: ContractsParts): RunningContracts {
  const { crypto, signer, self, account, network, messenger, ledger, store, news, failed } = parts;
  const { clock, linkClock, durable = () => Promise.resolve() } = parts;
  const { isOnline, send } = waysTo(parts, durable);
  const shared = { crypto, linkClock, clock, send, failed };
  const negotiator = new Negotiator({
    ...{ ...shared, signer, self, account, network: network.network, store, news },
    open: (one) => follower.open(one),
  });
  const follower = new ContractFollower({
    ...{ ...shared, negotiator, self, notaries: network.notaries.map(({ id }) => id) },
    submit: async (draft) => {
      if (!isOnline()) throw noNetwork();
      await durable();
      return ledger.submit(draft);
    },
    keep: (termsId, progress, receipt) => store.keepProgress(termsId, progress, receipt),
    news: parts.followed,
  });
  return {
    negotiator,
    begin: () => {
      negotiator.start();
      follower.start();
      // Who announces itself was away: what is owed to it is said at once.
      messenger
        .onCast("card", (peer) => negotiator.reachable(peer))
        .catch((error: unknown) => messenger.countDrop(errorCode(error)));
    },
    received: (from, kind, body) => {
      if (kind === "receipt") {
        const { receipt: bytes } = parseBody(LEDGER_SCHEMAS.receipt, body);
        try {
          const receipt = verifyReceipt(crypto, bytes, network);
          follower.receipt(receipt, bytes);
          parts.certified({ receipt, bytes });
        } catch (error) {
          messenger.countDrop(errorCode(error));
        }
        // It may be another's too.
        return false;
      }
      if (follower.answered(from, kind, body)) return true;
      if (!negotiator.handles(kind)) return false;
      negotiator.received(from, kind, body);
      return true;
    },
    reachable: () => {
      negotiator.reachable();
      follower.reachable();
    },
    close: () => {
      negotiator.close();
      follower.close();
    },
  };
}

/** A direct way where there is one, else the broker; rejects if neither leads there now. */
function waysTo({ bus, messenger, direct }: ContractsParts, durable: () => Promise<void>) {
  let isOnline = false;
  bus.onConnected((connected) => {
    isOnline = connected;
  });
  const sendByBroker = async (to: string, kind: string, body: Uint8Array): Promise<void> => {
    // All is said anew once there is a network; until then nothing piles up.
    if (!isOnline) throw noNetwork();
    // Who is not known yet shows its card when it hears of us: what is owed to it is said again.
    if (messenger.cardOf(to) === undefined) await messenger.announce();
    await messenger.send(to, kind, body);
  };
  return {
    isOnline: () => isOnline,
    send: async (to: string, kind: string, body: Uint8Array): Promise<void> => {
      await durable();
      await (direct?.(to, kind, body) ?? sendByBroker(to, kind, body));
    },
  };
}

/** What waits for the notaries is tried again when they are there. */
function noNetwork(): SegmentError {
  return new SegmentError("quorum-missing", "there is no network now");
}
