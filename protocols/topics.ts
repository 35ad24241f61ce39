/**
 * The grammar of MQTT topics, and who may use which.
 *
 *     segment/1/<network>/<sender id>/to/<recipient id>     a sealed message to one agent
 *     segment/1/<network>/<sender id>/cast/<channel>        a public, signed statement
 *
 * The sender stands in the topic so that a broker can hold each client to its
 * own name with a plain pattern (`segment/1/<network>/%u/#`), and so that a
 * receiver can compare it with the signature inside.
 */
import { SegmentError } from "./errors.ts";

/** What agents say in public. */
export const CHANNELS = ["card", "entry", "stamp", "vote", "statement", "block", "presence"] as const;

export type Channel = (typeof CHANNELS)[number];

export type Topic =
  | { readonly to: "agent"; readonly network: string; readonly sender: string; readonly recipient: string }
  | { readonly to: "all"; readonly network: string; readonly sender: string; readonly channel: Channel };

/** No valid topic is longer: 10 + 32 + 1 + 48 + 4 + 48 characters. */
export const MAX_TOPIC_CHARS = 143;

const NETWORK = /^[a-z0-9-]{1,32}$/;
// Multibase base58btc of an Ed25519 multicodec key: always z6Mk and 44 more characters.
const AGENT_ID = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/;

/** True for a well-formed network name: 1 to 32 of a-z, 0-9 and hyphen. */
export function isNetworkName(text: string): boolean {
  return NETWORK.test(text);
}

/** Where `sender` writes to `recipient` alone. Throws `topic-invalid`. */
export function directTopic(network: string, sender: string, recipient: string): string {
  return `${prefix(network)}/${agent(sender, "sender")}/to/${agent(recipient, "recipient")}`;
}

/** What `me` subscribes to in order to receive its own messages, from whomever. Throws `topic-invalid`. */
export function inboxFilter(network: string, me: string): string {
  return `${prefix(network)}/+/to/${agent(me, "recipient")}`;
}

/** Where `sender` speaks to all. Throws `topic-invalid`. */
export function castTopic(network: string, sender: string, channel: Channel): string {
  return `${prefix(network)}/${agent(sender, "sender")}/cast/${known(channel)}`;
}

/**
 * What one subscribes to in order to hear a channel: of everyone, or of one sender. Throws
 * `topic-invalid`.
 */
export function castFilter(network: string, channel: Channel, sender?: string): string {
  const from = sender === undefined ? "+" : agent(sender, "sender");
  return `${prefix(network)}/${from}/cast/${known(channel)}`;
}

/** Topics as taken apart: the same few come again and again. */
const parsedTopics = new Map<string, Topic>();
const MAX_PARSED = 1_024;

/** Takes a received topic apart. Throws `topic-invalid`, whatever the input. */
export function parseTopic(topic: string): Topic {
  const known = parsedTopics.get(topic);
  if (known !== undefined) return known;
  const parsed = takeApart(topic);
  if (parsedTopics.size >= MAX_PARSED) parsedTopics.clear();
  parsedTopics.set(topic, parsed);
  return parsed;
}

function takeApart(topic: string): Topic {
  const [network, sender, kind, last] = levels(topic);
  prefix(network);
  agent(sender, "sender");
  if (kind === "to") return { to: "agent", network, sender, recipient: agent(last, "recipient") };
  if (kind === "cast") return { to: "all", network, sender, channel: known(last) };
  throw new SegmentError("topic-invalid", "the topic's fifth level is neither `to` nor `cast`", {
    where: "kind",
  });
}

/** One rule for every broker: an agent publishes under its own id only. */
export function mayPublish(network: string, me: string, topic: string): boolean {
  const parsed = attempt(() => parseTopic(topic));
  return parsed !== undefined && parsed.network === network && parsed.sender === me;
}

/**
 * One rule for every broker: an agent hears its own inbox and what is public.
 * `#` is refused throughout, because it would span the inboxes of others.
 */
export function maySubscribe(network: string, me: string, filter: string): boolean {
  const parts = attempt(() => levels(filter));
  if (parts === undefined) return false;
  const [filterNetwork, sender, kind, last] = parts;
  if (filterNetwork !== network || !isNetworkName(network)) return false;
  if (sender !== "+" && !AGENT_ID.test(sender)) return false;
  if (kind === "to") return last === me && AGENT_ID.test(me);
  return kind === "cast" && (last === "+" || isChannel(last));
}

/** Whether an MQTT filter matches a topic (MQTT 3.1.1, section 4.7). Both are taken as well-formed. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= given.length || (level !== "+" && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

function levels(topic: string): [network: string, sender: string, kind: string, last: string] {
  if (topic.length > MAX_TOPIC_CHARS) {
    throw new SegmentError("topic-invalid", `the topic is longer than ${MAX_TOPIC_CHARS} characters`, {
      where: "length",
    });
  }
  const [root, version, network, sender, kind, last, ...rest] = topic.split("/");
  if (root !== "segment" || version !== "1") {
    throw new SegmentError("topic-invalid", "the topic does not begin with segment/1/", { where: "prefix" });
  }
  if (
    network === undefined ||
    sender === undefined ||
    kind === undefined ||
    last === undefined ||
    rest.length > 0
  ) {
    throw new SegmentError("topic-invalid", "the topic does not have six levels", { where: "levels" });
  }
  return [network, sender, kind, last];
}

function prefix(network: string): string {
  if (NETWORK.test(network)) return `segment/1/${network}`;
  throw new SegmentError("topic-invalid", "a network's name is 1 to 32 of a-z, 0-9 and hyphen", {
    where: "network",
  });
}

function agent(id: string, where: string): string {
  if (AGENT_ID.test(id)) return id;
  throw new SegmentError("topic-invalid", `the ${where} is not an agent's id (z6Mk…)`, { where });
}

function known(channel: string): Channel {
  if (isChannel(channel)) return channel;
  throw new SegmentError("topic-invalid", `there is no such channel; there are ${CHANNELS.join(", ")}`, {
    where: "channel",
  });
}

function isChannel(text: string): text is Channel {
  return (CHANNELS as readonly string[]).includes(text);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
