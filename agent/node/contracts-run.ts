/** What a running home does for its owner's contracts: hears offers, passes on signatures, opens, follows. */
import type { LedgerClient } from "../core/ledger-client.ts";
import { ContractFollower } from "../core/negotiation-follow.ts";
import type { FollowNews } from "../core/negotiation-follow.ts";
import { Negotiator } from "../core/negotiator.ts";
import type { News } from "../core/negotiator.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { LEDGER_SCHEMAS } from "../../protocols/ledger/messages.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { parseBody } from "../../protocols/messaging/schemas.ts";
import { currencyCode } from "../../protocols/money/currencies.ts";
import { openContracts } from "./contracts.ts";
import type { ContractStore } from "./contracts.ts";
import { IncomingPayments } from "./incoming.ts";
import type { Connection, Machine } from "./run-connection.ts";

export interface RunningContracts {
  negotiator: Negotiator;
  store: ContractStore;
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

export interface ContractsOptions {
  ledger: LedgerClient;
  /** Lines for people who watch. */
  say: (line: string) => void;
  /** Tried first; undefined where it leads to nobody of that id. */
  direct?: DirectLink;
  /** Gets each certified receipt that comes in. */
  certified?: (receipt: VerifiedReceipt, bytes: Uint8Array) => void;
}

/** What the home has, from its folder. Errors: store-failed. */
export function runContracts(
  machine: Machine,
  { home, network, bus, messenger, clock }: Connection,
  { ledger, say, direct = () => undefined, certified = () => undefined }: ContractsOptions,
): RunningContracts {
  const { crypto, linkClock, failed } = machine;
  const store = openContracts(home.folder, crypto);
  const { isOnline, send } = waysTo({ bus, messenger }, direct);
  const incoming = new IncomingPayments({ home, crypto, say });
  const shared = { crypto, linkClock, clock, send, failed };
  const negotiator = new Negotiator({
    ...shared,
    ...{ signer: home.keys.signer, self: home.id, account: home.card.root, network: network.network, store },
    news: (news, one) => say(`${nameOf(one)}: ${newsText(news)}`),
    open: (one) => follower.open(one),
  });
  const follower = new ContractFollower({
    ...shared,
    ...{ negotiator, self: home.id, notaries: network.notaries.map(({ id }) => id) },
    submit: (draft) => (isOnline() ? ledger.submit(draft) : Promise.reject(noNetwork())),
    keep: (termsId, progress, receipt) => store.keepProgress(termsId, progress, receipt),
    news: (news, one) => say(`${nameOf(one)}: ${followText(news)}`),
  });
  return {
    negotiator,
    store,
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
        const { receipt } = parseBody(LEDGER_SCHEMAS.receipt, body);
        try {
          const verified = verifyReceipt(crypto, receipt, network);
          follower.receipt(verified, receipt);
          certified(verified, receipt);
          incoming.receipt({ receipt: verified, bytes: receipt });
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
function waysTo({ bus, messenger }: Pick<Connection, "bus" | "messenger">, direct: DirectLink) {
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
    send: (to: string, kind: string, body: Uint8Array): Promise<void> =>
      direct(to, kind, body) ?? sendByBroker(to, kind, body),
  };
}

/** What waits for the notaries is tried again when they are there. */
function noNetwork(): SegmentError {
  return new SegmentError("quorum-missing", "there is no network now");
}

/** 'contract 1a2b3c4d "sale"'. */
function nameOf({ termsId, terms }: Negotiation): string {
  const [template = terms.template] = terms.template.split("/");
  return `contract ${toHex(termsId).slice(0, 8)} (${template})`;
}

function newsText({ what, by, detail }: News): string {
  const said = detail === "" ? "" : `: "${detail}"`;
  switch (what) {
    case "offered":
      return `${by} offers it${said}; read it with \`segment contract show\`, then sign or decline`;
    case "countered":
      return `${by} makes a counter-offer${said}; read it with \`segment contract show\``;
    case "signed":
      return `${by} has signed`;
    case "declined":
      return `${by} has declined${said}`;
    case "refused":
      return `the agent of ${by} does not take it [${detail}]`;
    case "agreed":
      return "all have signed";
    case "opened":
      return "the notaries have opened it";
    case "stated":
      return `${by} states "${detail}"; see \`segment contract status\``;
  }
}

function followText(news: FollowNews): string {
  switch (news.what) {
    case "moved":
      return `now in "${news.label}"`;
    case "ended":
      return "has ended";
    case "deposited":
      return `deposited ${news.minor} minor units of ${currencyCode(news.currency)}, as signed`;
    case "not-opened":
      return `not opened: ${news.message} [${news.code}]${news.isFinal ? "" : "; tries again"}`;
    case "not-deposited":
      return `deposit not made: ${news.message} [${news.code}]${news.isFinal ? "" : "; tries again"}`;
  }
}
