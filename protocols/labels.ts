/**
 * Every domain label in one file: what a signature, a hash or a derived key is
 * for. A signature made for one purpose can never pass for another, because the
 * label is part of what is signed (COSE external_aad, RFC 9052 section 4.4).
 */
export const SIGNATURE_LABELS = {
  card: "segment/1/sign/card",
  revocation: "segment/1/sign/revocation",
  announcement: "segment/1/sign/announcement",
  message: "segment/1/sign/message",
  brokerToken: "segment/1/sign/broker-token",
  timeQuestion: "segment/1/sign/time-question",
  timeStatement: "segment/1/sign/time-statement",
  sessionHello: "segment/1/sign/session-hello",
  sessionAccept: "segment/1/sign/session-accept",
  fact: "segment/1/sign/fact",
  terms: "segment/1/sign/terms",
  entry: "segment/1/sign/entry",
  approval: "segment/1/sign/approval",
  stamp: "segment/1/sign/stamp",
  vote: "segment/1/sign/vote",
  noRelease: "segment/1/sign/no-release",
  manifest: "segment/1/sign/manifest",
  shardReceipt: "segment/1/sign/shard-receipt",
  grant: "segment/1/sign/grant",
  invoice: "segment/1/sign/invoice",
  guestKey: "segment/1/sign/guest-key",
  keyClaim: "segment/1/sign/key-claim",
  keyRefresh: "segment/1/sign/key-refresh",
  lockOrder: "segment/1/sign/lock-order",
  lockRequest: "segment/1/sign/lock-request",
} as const;

/** What a signature is for. */
export type SignatureLabel = keyof typeof SIGNATURE_LABELS;

export const HASH_LABELS = {
  entry: "segment/1/hash/entry",
  legs: "segment/1/hash/legs",
  jointAccount: "segment/1/hash/joint-account",
  terms: "segment/1/hash/terms",
  effect: "segment/1/hash/effect",
  header: "segment/1/hash/header",
  manifest: "segment/1/hash/manifest",
  shard: "segment/1/hash/shard",
  stream: "segment/1/hash/stream",
  merkleLeaf: "segment/1/hash/merkle-leaf",
  merkleNode: "segment/1/hash/merkle-node",
  stateEntry: "segment/1/hash/state-entry",
  stateBucket: "segment/1/hash/state-bucket",
  stateGroup: "segment/1/hash/state-group",
  seenEntries: "segment/1/hash/seen-entries",
  network: "segment/1/hash/network",
  placement: "segment/1/hash/placement",
  standingOrder: "segment/1/hash/standing-order",
  deed: "segment/1/hash/deed",
  guestKey: "segment/1/hash/guest-key",
  timeNonce: "segment/1/hash/time-nonce",
  tenure: "segment/1/hash/tenure",
} as const;

export type HashLabel = keyof typeof HASH_LABELS;

/** HKDF and HPKE `info` strings. */
export const KEY_LABELS = {
  sealedMessage: "segment/1/key/sealed-message",
  sealedAttachment: "segment/1/key/sealed-attachment",
  sealedGrant: "segment/1/key/sealed-grant",
  keystore: "segment/1/key/keystore",
  passkey: "segment/1/key/passkey",
  backup: "segment/1/key/backup",
  chunk: "segment/1/key/chunk",
  streamRoot: "segment/1/key/stream-root",
  keyTreeLeft: "segment/1/key/tree-left",
  keyTreeRight: "segment/1/key/tree-right",
  deviceIdentity: "segment/1/key/device-identity",
  deviceSession: "segment/1/key/device-session",
  pairing: "segment/1/key/pairing",
} as const;

export type KeyLabel = keyof typeof KEY_LABELS;

/** Prologue of every Noise handshake. */
export const NOISE_PROLOGUE = "segment/1/noise";
