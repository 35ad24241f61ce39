/**
 * A payment request: one line that a payee hands over, as text or as a QR code.
 *
 *     segment:pay?network=village&to=z6Mk…&amount=24.90&currency=EUR.1f0c…&until=2026-11-30T12:00:00Z&memo=rent
 *
 * It is not signed: it names the account that is paid, and whoever pays has to know whose that is anyhow.
 * `until` and `memo` may be absent; values are percent-encoded (RFC 3986). What is unknown, double or
 * malformed is refused, because money depends on it.
 */
import { isoTime, parseIsoTime } from "../calendar.ts";
import { utf8 } from "../encoding/bytes.ts";
import { SegmentError } from "../errors.ts";
import { agentId, publicKeyFromId } from "../identity/keys.ts";
import { isCurrencyId } from "../money/currencies.ts";
import type { TimeMs } from "../ports.ts";
import { isNetworkName } from "../topics.ts";

export interface PaymentRequest {
  network: string;
  /** Root public key, or a joint account. */
  to: Uint8Array;
  currency: string;
  /** As people write it; the currency says how many decimals it may have. */
  amount: string;
  /** At most 64 bytes of UTF-8; "" for none. */
  memo: string;
  /** Not to be paid from here on; null for no end. */
  untilMs: TimeMs | null;
}

const PREFIX = "segment:pay?";
export const MAX_REQUEST_CHARS = 512;
export const MAX_MEMO_BYTES = 64;
const NAMES: ReadonlySet<string> = new Set(["network", "to", "amount", "currency", "until", "memo"]);

export function formatRequest(request: PaymentRequest): string {
  const { network, to, currency, amount, memo, untilMs } = request;
  const fields: [string, string][] = [
    ["network", network],
    ["to", agentId(to)],
    ["amount", amount],
    ["currency", currency],
    ...(untilMs === null ? [] : [["until", isoTime(untilMs)] satisfies [string, string]]),
    ...(memo === "" ? [] : [["memo", memo] satisfies [string, string]]),
  ];
  // Colons may stand in a query (RFC 3986, section 3.4): times stay readable.
  const encode = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");
  return PREFIX + fields.map(([name, value]) => `${name}=${encode(value)}`).join("&");
}

/** Throws `option-invalid`, `did-invalid` or `key-invalid`. */
export function parseRequest(line: string): PaymentRequest {
  const text = line.trim();
  if (text.length > MAX_REQUEST_CHARS) throw invalid(`it has more than ${MAX_REQUEST_CHARS} characters`);
  if (!text.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`);
  // RFC 3986: all else stands percent-encoded. Half a character could not even be written again.
  if (!/^[\x21-\x7e]*$/.test(text)) throw invalid("it holds characters that would be percent-encoded in it");
  const fields = new Map<string, string>();
  for (const field of text.slice(PREFIX.length).split("&")) {
    const at = field.indexOf("=");
    const name = at < 0 ? field : field.slice(0, at);
    if (!NAMES.has(name)) throw invalid(`it holds ${JSON.stringify(name.slice(0, 20))}, which is unknown`);
    if (fields.has(name)) throw invalid(`it says ${name} twice`);
    fields.set(name, decoded(field.slice(at + 1)));
  }
  const required = (name: string): string => fields.get(name) ?? fail(`it lacks ${name}`);
  const network = required("network");
  const amount = required("amount");
  const currency = required("currency");
  const memo = fields.get("memo") ?? "";
  const until = fields.get("until");
  if (!isNetworkName(network)) throw invalid("its network has no such name");
  if (!/^[0-9]{1,19}(\.[0-9]{1,9})?$/.test(amount)) throw invalid("its amount is none");
  if (!isCurrencyId(currency)) throw invalid("its currency is no id such as EUR.1f0c9a8b7c6d5e4f");
  if (utf8(memo).length > MAX_MEMO_BYTES) throw invalid(`its memo has more than ${MAX_MEMO_BYTES} bytes`);
  const to = publicKeyFromId(required("to"));
  return { network, to, currency, amount, memo, untilMs: until === undefined ? null : parseIsoTime(until) };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw invalid("a % in it stands before no two digits");
  }
}

function fail(problem: string): never {
  throw invalid(problem);
}

function invalid(problem: string): SegmentError {
  return new SegmentError("option-invalid", `this is no payment request: ${problem}`);
}
