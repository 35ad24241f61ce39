/**
 * The rules that keep a delivery safe, each with a change of the built code that switches it
 * off, the world in which that shows, and what is then broken. A rule whose absence nothing
 * notices has no test yet.
 */
import type { Invariant } from "../../simulators/worlds/virtual/invariants.ts";

export interface Rule {
  rule: string;
  /** Built file, below dist/. */
  file: string;
  find: string;
  replace: string;
  /** Options of `segment simulate delivery --virtual`. */
  world: string;
  /** At least one of them must be broken. */
  breaks: readonly Invariant[];
}

const ALWAYS = "{ ...crypto, ed25519Verify: () => true }";

export const RULES: readonly Rule[] = [
  {
    rule: "the journal comes before the effect",
    file: "agent/core/loop.js",
    find: "await store.commit(changes);",
    replace: "for (const effect of effects.splice(0)) act(effect); await store.commit(changes);",
    world: "--runs 3",
    breaks: ["written-first"],
  },
  {
    rule: "a message is acknowledged when its step is durable",
    file: "agent/core/agent.js",
    find: "const afterCommit = () => {",
    replace: "acknowledge(); const afterCommit = () => {",
    world: "--each-crash shop,phone",
    breaks: ["acknowledged-kept"],
  },
  {
    rule: "a message that was seen is not taken again",
    file: "agent/core/agent.js",
    find: 'if (known !== "new")',
    replace: 'if (known === "under way")',
    world: "--runs 40 --loss 0.2",
    breaks: ["message-once"],
  },
  {
    rule: "what was promised leaves again after a restart",
    file: "agent/core/outbox.js",
    find: ".keys(PREFIX)",
    replace: ".keys(PREFIX).slice(0, 0)",
    world: "--runs 100 --loss 0.05 --faults crash",
    breaks: ["contracts-end", "acknowledged-kept"],
  },
  {
    rule: "what a phase asks of the world is asked again after a restart",
    file: "devices/drone/drone.js",
    find: "effects: [...standing(config, state, context.now), ...inquiries",
    replace: "effects: [...inquiries",
    world: "--runs 100 --faults crash",
    breaks: ["contracts-end"],
  },
  {
    rule: "an agent keeps its state over a restart",
    file: "agent/core/loop.js",
    find: "saved === undefined ?",
    replace: "saved !== null ?",
    world: "--runs 100 --faults crash",
    breaks: ["contracts-end", "message-once", "written-first", "records-kept"],
  },
  {
    rule: "messages are signed by their sender",
    file: "protocols/messaging/contexts.js",
    find: 'verify1(crypto, "message", pledge)',
    replace: `verify1(${ALWAYS}, "message", pledge)`,
    world: "--runs 20 --lies broker-forges",
    breaks: ["heard-was-said"],
  },
  {
    rule: "entries are signed by whose money they move",
    file: "protocols/ledger/entry.js",
    find: 'verify1(crypto, "entry", bytes)',
    replace: `verify1(${ALWAYS}, "entry", bytes)`,
    world: "--runs 20 --lies entries-forged",
    breaks: ["money-conserved", "buyer-pays-no-more", "paid-once"],
  },
  {
    rule: "facts are signed by the device that states them",
    file: "protocols/contract/facts.js",
    find: 'verify1(crypto, "fact", bytes)',
    replace: `verify1(${ALWAYS}, "fact", bytes)`,
    world: "--runs 20 --lies buyer-forges",
    breaks: ["met-at-the-point"],
  },
  {
    rule: "positions lie within the terms' radius",
    file: "protocols/contract/observe.js",
    find: "if (apartMm <= seen.radiusMm)",
    replace: "if (apartMm <= 1e9)",
    world: "--runs 20 --lies buyer-far",
    breaks: ["met-at-the-point"],
  },
  {
    rule: "facts are fresh",
    file: "protocols/contract/observe.js",
    find: "if (ageMs > maxAgeMs)",
    replace: "if (ageMs > 1e12)",
    world: "--runs 20 --lies buyer-leaves",
    breaks: ["met-at-the-point"],
  },
  {
    rule: "the drone lands only under the certified label",
    file: "devices/drone/meeting.js",
    find: 'timer("ask-again", null),',
    replace: 'timer("ask-again", null), { kind: "actuate", name: "land", value: true },',
    world: "--runs 3",
    breaks: ["lands-only-permitted"],
  },
  {
    rule: "a certificate takes a quorum",
    file: "protocols/ledger/certificate.js",
    find: "if (certificate.length < needed)",
    replace: "if (certificate.length < 1)",
    world: "--runs 20 --lies notary-lies",
    breaks: ["lands-only-permitted"],
  },
  {
    rule: "a certificate counts each notary once",
    file: "protocols/ledger/certificate.js",
    find: "min: previous + 1,",
    replace: "min: 0,",
    world: "--runs 20 --lies notary-lies",
    breaks: ["lands-only-permitted"],
  },
  {
    rule: "a vote holds for one height",
    file: "protocols/ledger/certificate.js",
    find: "return concat(VOTE_PREFIX, bytes, hash);",
    replace: "return concat(VOTE_PREFIX, hash);",
    world: "--runs 60 --lies notary-lies,broker-repeats --loss 0.05",
    breaks: ["agents-go-on", "contracts-end"],
  },
  {
    rule: "log time is the median of the notaries' stamps",
    file: "protocols/ledger/statements.js",
    find: "return sorted[(sorted.length - 1) >> 1];",
    replace: "return sorted[sorted.length - 1];",
    world: "--runs 20 --lies notary-lies",
    breaks: ["log-time-right"],
  },
  {
    rule: "an entry is executed once",
    file: "protocols/ledger/ledger.js",
    find: "hasSeen(entry, idHex) {",
    replace: "hasSeen(entry, idHex) { return false;",
    world: "--runs 20 --lies entries-forged",
    breaks: ["money-conserved"],
  },
  {
    rule: "what a contract pays leaves its hold",
    file: "protocols/ledger/draft.js",
    find: "const key = keys.hold(termsId, currency);",
    replace: "const key = keys.hold(termsId, currency); if (amount === 0n) return;",
    world: "--runs 1",
    // The ledger counts for itself, and refuses what does not add up.
    breaks: ["money-conserved", "contracts-end"],
  },
  {
    rule: "each connection has a challenge of its own",
    file: "protocols/session/responder.js",
    find: "const challenge = this.#options.random.bytes(CHALLENGE_LENGTH);",
    replace: "const challenge = new Uint8Array(CHALLENGE_LENGTH);",
    world: "--runs 20 --lies stranger-replays",
    breaks: ["session-is-there"],
  },
  {
    rule: "the phone pays no more than its person allowed",
    file: "protocols/delivery/plan.js",
    find: "if (BigInt(plan.priceMinor) > BigInt(expected.maxPriceMinor))",
    replace: "if (false)",
    world: "--runs 5 --lies shop-greedy",
    breaks: ["buyer-pays-no-more"],
  },
  {
    rule: "the drone's word alone pays only after the dispute window",
    file: "protocols/contract/observe.js",
    find: "if (agreed >= seen.k)",
    replace: "if (agreed >= 1)",
    world: "--runs 20 --lies drone-claims",
    breaks: ["paid-for-parcel"],
  },
  {
    rule: "a chunk stays in the journal until every keeper has its shard",
    file: "agent/core/telemetry.js",
    find: "if (chunk.missing.size > 0)",
    replace: "if (false)",
    world: "--each-crash keeper-1,keeper-2",
    breaks: ["records-kept"],
  },
  {
    rule: "a keeper acknowledges what is durable",
    file: "agent/roles/keeper.js",
    find: "const held = this.#reserve(put, manifest);",
    replace: "const held = { ...this.#reserve(put, manifest), durable: undefined };",
    world: "--each-crash keeper-1,keeper-2",
    breaks: ["records-kept"],
  },
  {
    rule: "records are in the journal with the step that took them",
    file: "agent/core/telemetry.js",
    find: "changes.set(key, encodeSenml(fresh));",
    replace: "",
    world: "--each-crash drone",
    breaks: ["records-kept"],
  },
];
