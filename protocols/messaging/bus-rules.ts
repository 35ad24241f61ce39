/** What every Bus refuses before it sends anything: the same in each adapter. */
import { SegmentError } from "../errors.ts";
import { mayPublish, maySubscribe } from "../topics.ts";
import { MAX_PAYLOAD_BYTES } from "./envelope.ts";

/** Throws `topic-invalid` or `message-invalid`. */
export function checkPublish(network: string, me: string, topic: string, payload: Uint8Array): void {
  if (!mayPublish(network, me, topic)) {
    throw new SegmentError("topic-invalid", `${me} may not publish to ${topic}`, { where: "topic" });
  }
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new SegmentError("message-invalid", `the payload exceeds ${MAX_PAYLOAD_BYTES} bytes`, {
      where: "payload",
    });
  }
}

/** Throws `topic-invalid`. */
export function checkSubscribe(network: string, me: string, filter: string): void {
  if (maySubscribe(network, me, filter)) return;
  throw new SegmentError("topic-invalid", `${me} may not subscribe to ${filter}`, { where: "filter" });
}

export function queueFull(pending: number): SegmentError {
  return new SegmentError("queue-full", `${pending} messages wait for the broker already`, {
    where: "queue",
  });
}

export function busClosed(): SegmentError {
  return new SegmentError("broker-unreachable", "the bus is closed", { where: "bus" });
}
