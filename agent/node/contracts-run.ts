/** The contracts of a running home: kept in its folder, and told of in lines for people. */
import type { LedgerClient } from "../core/ledger-client.ts";
import type { FollowNews } from "../core/negotiation-follow.ts";
import type { News } from "../core/negotiator.ts";
import { dealInContracts } from "../platform/contracts-run.ts";
import type { DirectLink, RunningContracts } from "../platform/contracts-run.ts";
import type { Negotiation } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import type { VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { currencyCode } from "../../protocols/money/currencies.ts";
import { openContracts } from "./contracts.ts";
import { IncomingPayments } from "./incoming.ts";
import type { Connection, Machine } from "./run-connection.ts";

export type { RunningContracts } from "../platform/contracts-run.ts";

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
  { crypto, linkClock, failed }: Machine,
  { home, network, bus, messenger, clock }: Connection,
  { ledger, say, direct, certified = () => undefined }: ContractsOptions,
): RunningContracts {
  const incoming = new IncomingPayments({ home, crypto, say });
  return dealInContracts({
    ...{ crypto, linkClock, clock, network, bus, messenger, ledger, failed },
    ...{ signer: home.keys.signer, self: home.id, account: home.card.root },
    ...(direct === undefined ? {} : { direct }),
    store: openContracts(home.folder, crypto),
    news: (news, one) => say(`${contractName(one)}: ${newsText(news)}`),
    followed: (news, one) => say(`${contractName(one)}: ${followText(news)}`),
    certified: ({ receipt, bytes }) => {
      certified(receipt, bytes);
      incoming.receipt({ receipt, bytes });
    },
  });
}

/** 'contract 1a2b3c4d "sale"'. */
export function contractName({ termsId, terms }: Pick<Negotiation, "termsId" | "terms">): string {
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
