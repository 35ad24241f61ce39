/** A currency's rules, as people give them on the command line and read them. */
import { nodeCrypto } from "../node/crypto.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import {
  MAX_DEMURRAGE_PPM,
  MAX_MINTERS,
  MAX_PERIOD_MS,
  MIN_PERIOD_MS,
} from "../../protocols/ledger/policy.ts";
import type { CurrencyPolicy, MoneyPolicy } from "../../protocols/ledger/policy.ts";
import { formatAmount, parseAmount } from "../../protocols/money/amounts.ts";
import { counted } from "./layout.ts";
import { idsOf, optionInvalid, readFileBounded } from "./options.ts";

export interface PolicyFlags {
  kind?: string;
  document?: string;
  minters?: string[];
  cap?: string;
  demurrage?: string;
  fund?: string;
  period?: string;
}

const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;
/** Shares are millionths: a percent has four decimals. */
const PERCENT_DECIMALS = 4;
const UNITS_MS = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const UNIT_NAMES = [
  ["w", "week"],
  ["d", "day"],
  ["h", "hour"],
  ["min", "minute"],
] as const;

/** "a deed" or "money", by --kind, or by what else is given. Errors: option-invalid. */
export function kindOf({ kind, document }: PolicyFlags): "money" | "deed" {
  if (kind !== undefined && kind !== "money" && kind !== "deed")
    throw optionInvalid("--kind", "money or deed", kind);
  const chosen = kind ?? (document === undefined ? "money" : "deed");
  if (chosen === "money" && document !== undefined)
    throw unfit("--document", "belongs to a deed: --kind deed");
  return chosen;
}

/** Reads the document. Errors: option-invalid. */
export function deedPolicy(flags: PolicyFlags): CurrencyPolicy {
  for (const name of ["minters", "cap", "demurrage", "fund", "period"] as const)
    if (flags[name] !== undefined) throw unfit(`--${name}`, "belongs to money, not to a deed");
  if (flags.document === undefined) throw unfit("--document", "is needed for a deed: a file");
  const bytes = readFileBounded(flags.document, MAX_DOCUMENT_BYTES);
  return { kind: "deed", documentHash: nodeCrypto.sha256(bytes) };
}

/**
 * Undefined where nothing is asked for but what is so anyway: the issuer mints, as much as it likes. `own`
 * is the issuer's account. Errors: option-invalid, did-invalid, amount-….
 */
export function moneyPolicy(flags: PolicyFlags, exponent: number, own: Uint8Array): MoneyPolicy | undefined {
  const { minters, cap, demurrage, fund, period } = flags;
  if (fund !== undefined && demurrage === undefined) throw unfit("--fund", "belongs to --demurrage");
  if (minters === undefined && cap === undefined && demurrage === undefined) {
    if (period !== undefined) throw unfit("--period", "belongs to --cap or --demurrage");
    return undefined;
  }
  const periodMs = cap === undefined && demurrage === undefined ? 0 : periodOf(period);
  if (periodMs === 0 && period !== undefined) throw unfit("--period", "belongs to --cap or --demurrage");
  return {
    kind: "money",
    minters: minters === undefined ? [own] : mintersOf(minters, own),
    cap: cap === undefined ? null : { minor: capOf(cap, exponent), periodMs },
    demurrage:
      demurrage === undefined
        ? null
        : { ppm: ppmOf("--demurrage", demurrage, MAX_DEMURRAGE_PPM), periodMs, fund: accountOf(fund, own) },
  };
}

function mintersOf(texts: readonly string[], own: Uint8Array): Uint8Array[] {
  const named = texts.flatMap((text) => text.split(/[\s,]+/)).map((id) => (id === "me" ? agentId(own) : id));
  const ids = idsOf("--minters", named);
  if (ids.length === 0 || ids.length > MAX_MINTERS)
    throw optionInvalid("--minters", `1 to ${MAX_MINTERS} accounts`, texts.join(" "));
  return ids.map(publicKeyFromId);
}

function accountOf(text: string | undefined, own: Uint8Array): Uint8Array {
  return text === undefined || text === "me" ? own : publicKeyFromId(text);
}

function capOf(text: string, exponent: number): bigint {
  const minor = parseAmount(text, exponent);
  if (minor > 0n) return minor;
  throw optionInvalid("--cap", "an amount above 0", text);
}

/** "0.5%" in millionths, above 0 and at most `maxPpm`. Errors: option-invalid. */
export function ppmOf(option: string, text: string, maxPpm: number): number {
  const parts = /^([0-9]{1,2}(?:\.[0-9]{1,4})?) ?%$/.exec(text);
  const ppm = parts === null ? 0n : parseAmount(parts[1] ?? "", PERCENT_DECIMALS);
  if (ppm > 0n && ppm <= BigInt(maxPpm)) return Number(ppm);
  throw optionInvalid(option, `a share such as 0.5%, above 0 and at most ${maxPpm / 10_000}%`, text);
}

function periodOf(text: string | undefined): number {
  if (text === undefined) throw unfit("--period", "is needed with --cap and --demurrage: 30d");
  const parts = /^([1-9][0-9]{0,5})(min|h|d|w)$/.exec(text);
  const periodMs = parts === null ? 0 : Number(parts[1]) * UNITS_MS[parts[2] as keyof typeof UNITS_MS];
  if (periodMs >= MIN_PERIOD_MS && periodMs <= MAX_PERIOD_MS) return periodMs;
  throw optionInvalid("--period", "a time from 1min to ten years, such as 12h, 30d or 4w", text);
}

function unfit(name: string, problem: string): SegmentError {
  return new SegmentError("option-invalid", `${name} ${problem}`, { where: name });
}

/** What holds for a currency, a sentence a line. */
export function policyLines(
  policy: CurrencyPolicy | undefined,
  { code, exponent, issuer }: { code: string; exponent: number; issuer: Uint8Array },
): string[] {
  if (policy === undefined) return [`its issuer ${agentId(issuer)} mints it, without limit`];
  if (policy.kind === "deed") {
    return [
      `a deed: there is one, made by ${agentId(issuer)}`,
      `it stands for the document with the SHA-256 ${toHex(policy.documentHash)}`,
    ];
  }
  const { minters, cap, demurrage } = policy;
  const lines = [`minted by ${minters.map(agentId).join(", ")}`];
  if (cap === null) lines.push("without limit");
  else lines.push(`at most ${formatAmount(cap.minor, exponent, code)} in each ${spanText(cap.periodMs)}`);
  if (demurrage !== null) {
    const share = formatAmount(BigInt(demurrage.ppm), PERCENT_DECIMALS, "%");
    lines.push(
      `accounts lose ${share} in each ${spanText(demurrage.periodMs)}, to ${agentId(demurrage.fund)}`,
    );
  }
  return lines;
}

/** "30 days", "1 week". */
function spanText(ms: number): string {
  const [unit, name] = UNIT_NAMES.find(([one]) => ms % UNITS_MS[one] === 0) ?? ["min", "minute"];
  return counted(Math.round(ms / UNITS_MS[unit]), name);
}

/** For programs: bytes as ids or hex, amounts as decimal strings of minor units. */
export function policyDocument(policy: CurrencyPolicy | undefined): object | null {
  if (policy === undefined) return null;
  if (policy.kind === "deed") return { kind: policy.kind, documentHash: toHex(policy.documentHash) };
  const { kind, minters, cap, demurrage } = policy;
  return {
    kind,
    minters: minters.map(agentId),
    cap: cap === null ? null : { minor: cap.minor.toString(), periodMs: cap.periodMs },
    demurrage: demurrage === null ? null : { ...demurrage, fund: agentId(demurrage.fund) },
  };
}
