/**
 * A network may keep a part of what services earn (its genesis says how much). The ledger executes whatever
 * parties sign, so whoever is asked to sign looks: at each ending the network's account must have its part of
 * what is left to services. A service under another name than the templates' is not seen here.
 */
import { equalBytes } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { endings } from "./check.ts";
import type { Ending, Payout } from "./check.ts";
import { NETWORK_ROLE, SERVICE_ROLES } from "./templates/services.ts";
import type { Commission } from "./templates/services.ts";
import type { Terms } from "./terms.ts";

const MILLION = 1_000_000n;

/** Throws `commission-missing` unless the network has its part of each fee, at each ending. */
export function requireCommission(terms: Terms, commission: Commission | undefined): void {
  if (commission === undefined) return;
  if (!terms.parties.some(({ role }) => SERVICE_ROLES.includes(role))) return;
  const fund = terms.beneficiaries.find(({ role }) => role === NETWORK_ROLE);
  const isRight = fund !== undefined && equalBytes(fund.account, commission.account);
  for (const ending of endings(terms)) {
    for (const currency of new Set(ending.payouts.map((payout) => payout.currency))) {
      const due = dueMinor(ending, currency, commission.ppm);
      const paid = isRight ? payout(ending.payouts, NETWORK_ROLE, currency) : 0n;
      if (paid >= due) continue;
      const problem =
        `where services are paid, ${due} minor units are the network's (${commission.ppm / 10_000} % of ` +
        `their fees), and the terms give it ${paid}`;
      throw new SegmentError("commission-missing", problem, { where: "terms.beneficiaries" });
    }
  }
}

function dueMinor(ending: Ending, currency: string, ppm: number): bigint {
  return SERVICE_ROLES.reduce((sum, role) => {
    const got = payout(ending.payouts, role, currency);
    const put = payout(ending.deposits, role, currency);
    // What an insurer has back of its cover is no fee.
    return sum + partOf(got >= put ? got - put : got, BigInt(ppm));
  }, 0n);
}

/** The least that can have been taken from a fee of which so much is left. */
function partOf(netMinor: bigint, ppm: bigint): bigint {
  if (netMinor === 0n || ppm >= MILLION) return 0n;
  // fee - floor(fee * ppm / 10^6) = ceil(fee * (10^6 - ppm) / 10^6) >= net: the least such fee.
  const feeMinor = ((netMinor - 1n) * MILLION) / (MILLION - ppm) + 1n;
  return feeMinor - netMinor;
}

function payout(list: readonly Payout[], role: string, currency: string): bigint {
  return list.find((one) => one.role === role && one.currency === currency)?.min ?? 0n;
}
