/** Which network the phone belongs to: that of the server which serves the app, or one that was pasted. */
import { z } from "zod";
import { fromBase64Url, text, utf8 } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import { formatNetwork, parseNetwork } from "../../protocols/ledger/network.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import type { Store } from "../../protocols/ports.ts";

export interface PhoneNetwork {
  network: NetworkDescription;
  /** Where its broker is: ws:// or wss://. */
  broker: string;
}

const FILE = "segment.json";
const KEY = "network";
const NONE = "none";
const MOST_BYTES = 64 * 1024;

const fileSchema = z.strictObject({
  version: z.literal(1),
  network: z.string().max(MOST_BYTES),
  mqtt: z.string().max(200),
});
const keptSchema = z.strictObject({ network: z.string(), mqtt: z.string() });

/**
 * Asks the server that serves the page. undefined: it serves nothing but files, or is not there. Errors:
 * network-invalid.
 */
export async function servedNetwork(page: string): Promise<PhoneNetwork | undefined> {
  let response: Response;
  try {
    response = await fetch(new URL(FILE, page), { cache: "no-store" });
  } catch {
    return undefined; // offline
  }
  // A server of mere files may answer with its page instead.
  if (!response.ok || !(response.headers.get("content-type") ?? "").includes("json")) return undefined;
  const body = await response.text();
  if (body.length > MOST_BYTES) throw invalid("it is too large");
  const file = fileSchema.safeParse(jsonOf(body));
  if (!file.success) throw invalid("it has another shape");
  const network = parseNetwork(text(fromBase64Url(file.data.network)));
  return { network, broker: brokerUrl(file.data.mqtt, page) };
}

/** As a person pastes it: the text of network.json, and where the broker is. Errors: network-invalid. */
export function pastedNetwork(json: string, broker: string, page: string): PhoneNetwork {
  return { network: parseNetwork(json.slice(0, MOST_BYTES)), broker: brokerUrl(broker, page) };
}

/** "mqtt", beside the page, or an address of its own; secure where the page is. Errors: network-invalid. */
export function brokerUrl(where: string, page: string): string {
  let url: URL;
  try {
    url = new URL(where === "" ? "mqtt" : where, page);
  } catch (cause) {
    throw new SegmentError("network-invalid", "the broker's address cannot be read", {
      where: "mqtt",
      cause,
    });
  }
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol !== "wss:" && url.protocol !== "ws:")
    throw new SegmentError("network-invalid", "a browser reaches a broker at wss:// only", { where: "mqtt" });
  url.hash = "";
  return url.href;
}

/** What was kept; "none" if the person wants none, undefined if none is known. Errors: network-invalid. */
export function keptNetwork(store: Store): PhoneNetwork | "none" | undefined {
  const bytes = store.get(KEY);
  if (bytes === undefined) return undefined;
  if (text(bytes) === NONE) return "none";
  const kept = keptSchema.safeParse(jsonOf(text(bytes)));
  if (!kept.success) throw invalid("what was kept of it is damaged");
  return { network: parseNetwork(kept.data.network), broker: kept.data.mqtt };
}

export function keepNetwork(store: Store, one: PhoneNetwork | undefined): Promise<void> {
  const kept =
    one === undefined ? NONE : JSON.stringify({ network: formatNetwork(one.network), mqtt: one.broker });
  return store.commit(new Map([[KEY, utf8(kept)]]));
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new SegmentError("network-invalid", "it is not JSON", { where: FILE, cause });
  }
}

function invalid(problem: string): SegmentError {
  return new SegmentError("network-invalid", `the network of this app cannot be used: ${problem}`, {
    where: FILE,
  });
}
