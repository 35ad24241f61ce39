/**
 * Every refusal in SEGMENT is one of these codes. The text beside a code is the
 * remedy: what the person who meets the error can do about it. A code without a
 * remedy cannot be written, so nobody meets a dead end.
 *
 * Nobody parses a message: programs look at `code`, people read `message` and `remedy`.
 */
export const REMEDIES = {
  // encoding
  "cbor-truncated": "The data ends too early: fetch it again, whole.",
  "cbor-invalid": "The data is not CBOR as RFC 8949 defines it: check that it is the right file or message.",
  "cbor-not-deterministic":
    "Signed data must use the deterministic encoding of RFC 8949 section 4.2.1: encode it with SEGMENT's own encoder.",
  "cbor-too-large": "The data exceeds the bound for its kind: split it, or check where it came from.",
  "cbor-wrong-shape": "The data is well-formed but not of the expected shape: check its version and kind.",
  "text-malformed": "The text is not the expected hexadecimal, base64url or UTF-8: copy it whole.",
  // identity
  "key-invalid": "Use a 32-byte key made by SEGMENT; weak and malformed keys are refused everywhere.",
  "did-invalid": "An identity reads did:key:z6Mk…: copy it whole.",
  "words-invalid": "Check the spelling and the order of the BIP 39 words; one wrong word is enough.",
  "signature-invalid": "The data was changed, or signed by another key: ask its sender for it again.",
  "signature-malformed": "This is not a COSE_Sign1 message of SEGMENT: check that it is the right file.",
  "card-invalid": "Ask the device for its current card.",
  "card-expired":
    "The card's validity has passed: its owner makes a new one with the words, `segment init --words-file FILE`.",
  "card-revoked": "The owner has revoked this device: it can no longer act.",
  "seal-broken": "The message was not sealed for this key, or was changed on its way: ask for it again.",
  // session
  "noise-failed":
    "The handshake did not authenticate: connect again; if it repeats, the peer holds another key.",
  "frame-invalid": "The BLE frame is malformed: disconnect and connect again.",
  "frame-too-large": "The BLE frame exceeds the bound of this device: send less at once.",
  "session-closed": "The session has ended: connect again.",
  "session-limit": "The session has carried its limit of messages: connect again to renew its keys.",
  "peer-refused": "This device does not accept that identity for the requested purpose.",
  "challenge-stale":
    "The first message answers an old challenge: read the info characteristic again and retry.",
  // money
  "amount-invalid":
    "Write an amount such as `24.90 EUR`: digits, at most the currency's decimals, not negative.",
  "amount-overflow": "The amount is beyond what the ledger counts (2^63 - 1 minor units).",
  "currency-unknown": "This network has no such currency: `segment currency list` shows those that it has.",
  "mint-capped": "This period's amount is minted: mint less, or wait for the next period.",
  "currency-mismatch": "Amounts of two currencies cannot be added: convert first.",
  // contract
  "terms-invalid":
    "The terms are malformed: make them from a template, or check them with `segment contract check`.",
  "terms-too-large": "The terms exceed the bounds of size or depth: simplify them.",
  "terms-unsafe": "The terms fail a static check: mend what the message names before anyone signs.",
  "terms-expired": "The offer has expired: ask for a new one.",
  "offer-foreign":
    "The offer is not one that this agent can sign: ask its maker for terms that name this agent and account.",
  "offer-replaced": "A newer version has taken its place: `segment contract list` shows it.",
  "offer-declined": "A party has declined this version: make a new offer, or a counter-offer.",
  "commission-missing":
    "The network keeps a part of services' fees: ask for terms that give it, as the templates make them.",
  "voucher-invalid": "The voucher is not one of this tab's payer: ask for one made for this tab.",
  "voucher-replayed":
    "A voucher counts once, and each must be for more in all than the one before: ask for a new one.",
  "voucher-beyond-hold": "The tab holds less than that: pay the rest another way, or open another tab.",
  "voucher-late": "The tab takes no more vouchers: open a new tab, or pay online.",
  "tab-unfunded":
    "The notaries have not certified that the tab holds its amount: deposit it first, with a network.",
  "tab-unknown": "There is no such tab here: open one with this payee while there is a network.",
  "contract-unknown": "The ledger has no such contract: check its id, or open it first.",
  "contract-closed": "The contract has ended: nothing more can be done by it.",
  "contract-not-expected": "The contract does not wait for this now: look at `segment contract status`.",
  "contract-too-early": "The deadline has not passed yet: wait for it.",
  "contract-too-late": "The deadline has passed: the contract goes on by its timeout.",
  "condition-not-met":
    "The facts do not satisfy the contract's condition: the message says which part fails.",
  "fact-invalid":
    "The fact is malformed, of another contract, or signed by a key that the terms do not name.",
  // access
  "pairing-invalid": "This is no pairing code of a lock: scan it again, or let the lock show it anew.",
  "pairing-expired": "The pairing code is used or too old: let the lock show a new one with `segment pair`.",
  "guest-key-invalid": "The guest key was changed or is incomplete: ask whoever gave it for it again.",
  "key-exceeds": "A key that is passed on may not allow more than its own: make it narrower.",
  "key-foreign": "The key is not of this lock as it is owned today: ask one of its owners for a new one.",
  "key-not-holder": "The key was made for another person: ask for one of your own.",
  "key-claimed": "Another phone has used this link first: ask the owner to revoke it and to make a new one.",
  "key-not-yet": "The key is not valid yet: come back at its time.",
  "key-expired": "The key's time has passed: ask for a new one.",
  "key-outside-hours": "The key is not valid at this hour: its text says on which days and when it is.",
  "key-used-up": "The key has been used as often as it may be: ask for a new one.",
  "key-revoked": "An owner has revoked this key: ask the owner.",
  "key-stale":
    "The key needs a fresh confirmation of an owner: connect the phone to the network for a moment, then try again.",
  "right-missing": "The key does not allow this: ask the owner for a key that does.",
  "owner-required": "Only an owner of the lock may do this.",
  "owner-last": "The lock needs an owner: add another first, or hand it over.",
  "request-stale": "The request was made for another moment or session: tap again.",
  "action-unknown": "The device has nothing of that name that could do this: look at its list.",
  "door-open": "The door is open: shut it first.",
  "time-unknown":
    "The lock does not know the time since it was without power: an owner can open; connect it to the network.",
  "too-many-attempts": "Too many attempts failed: wait for the time that the message says.",
  "lock-full": "The lock can remember no more of these: let an owner remove what is no longer needed.",
  // ledger
  "entry-invalid": "The entry is malformed: make it with this version of SEGMENT.",
  "entry-expired": "The entry's validity window has passed: submit a new one.",
  "entry-too-early": "The entry's validity window has not begun: check the device's clock.",
  "entry-duplicate": "The ledger has this entry already: its receipt answers for it.",
  "entry-unauthorized":
    "The signer has no right to this: use the device or root that the account belongs to.",
  "funds-short": "The wallet does not hold the amount: fund it, or order less.",
  "account-unknown": "Register the device's card on this network first.",
  "mandate-exceeded":
    "The mandate allows no more in this period, or in all: charge less, wait for the next period, or agree on a new one.",
  "mandate-ended": "The payer has ended this mandate: agree on a new one.",
  "approvals-missing":
    "Let more members approve exactly this payment, with devices whose cards hold, before their approvals end.",
  "approvals-used":
    "These approvals have paid once: propose the payment anew and let the members approve it again.",
  "receipt-invalid":
    "The receipt was changed or is incomplete: ask the other party or a notary for it again.",
  "receipt-foreign": "The receipt is not certified by the committee of this network: do not trust it.",
  "quorum-missing": "Fewer than 2f+1 notaries have signed: wait, or look at `segment doctor`.",
  "network-invalid": "The network file is malformed: ask the network's founder for it again.",
  "log-conflict": "The order log shows two histories: stop, keep both as evidence, and tell the notaries.",
  // telemetry
  "record-invalid": "The record is not SenML as RFC 8428 defines it.",
  "shard-invalid": "The shard fails its hash: another keeper's shard will do.",
  "shards-missing": "Too few keepers answered to rebuild the chunk: bring back one more keeper.",
  "manifest-invalid": "The manifest is malformed or not signed by the stream's device.",
  "manifest-gap": "The chain of manifests has a gap or a fork: ask other keepers for the missing ones.",
  "chunk-invalid":
    "The chunk does not open with this key: ask the stream's owner for a grant that covers it.",
  "keepers-short":
    "Fewer independent keepers are known than the stream needs: add keepers, or cut into fewer shards.",
  "keeper-full": "The keeper's quota for this stream, or in all, is used up: choose another keeper.",
  "keeper-holds-other":
    "The keeper holds another shard of this chunk: one keeper, one shard; send this one to another keeper.",
  "grant-invalid": "The grant is malformed or made for another reader.",
  // links and storage
  "topic-invalid": "Topics read segment/1/<network>/<sender>/…: check the network's name and the identities.",
  "message-invalid": "The message is malformed, too old, or not for this agent: it was dropped.",
  "message-replayed": "The message was seen before: it was dropped.",
  "broker-refused": "The broker refused the connection: check the identity's token and the clock.",
  "broker-unreachable":
    "No broker answers there: check the address, or start one with `segment run --roles broker`.",
  "port-in-use": "Another program listens there: choose another port with --port, or stop that program.",
  "queue-full": "The device's queue is full: it goes on once its peers acknowledge what is waiting.",
  "journal-corrupt": "The journal is damaged beyond its last record: restore the home folder from a backup.",
  "store-failed": "The folder cannot be written: check that it exists, is yours, and the disk has room.",
  "module-missing": "A native module is missing: run `npm ci` again without --omit=optional.",
  "radio-unavailable":
    "No Bluetooth adapter answers: plug one in, or set HCI_CHANNEL_USER=1 and stop bluetoothd.",
  "radio-failed": "The Bluetooth link failed: come closer and try again.",
  // devices, profiles, simulation, command line
  "reading-invalid":
    "The driver reports what this device does not understand: check the sensor and its profile.",
  "profile-invalid": "The hardware profile does not match its schema: the message says where.",
  "track-invalid":
    "Mend the row that the message names, or fly what is sound of the track with --tolerant, which says what it leaves out.",
  "home-missing": "There is no agent in that folder: make one with `segment init --home DIR`.",
  "home-exists": "The folder holds an agent already: choose another with --home, nothing was changed.",
  "home-locked": "Another process uses this home: stop it first, or choose another folder with --home.",
  "passphrase-missing": "Set SEGMENT_PASSPHRASE, or name a file that holds it with --passphrase-file.",
  "passphrase-wrong": "Try again: capitals and spaces count. Without it, a new home is made from the words.",
  "passkey-refused": "Unlock with the passphrase, or try the passkey again and confirm that it is you.",
  "passkey-unusable": "Use the passphrase: the passkey of this browser cannot keep a secret for the app.",
  "keystore-damaged":
    "The key file is damaged: restore the home folder from a backup, or make a new agent and sign it a card.",
  "backup-invalid": "This is no backup of SEGMENT, or it was cut short: use another copy of it.",
  "option-invalid": "See the command's --help for what the option takes.",
  "checks-failed": "Mend what the checks say, then run `segment doctor` again.",
  "scenario-failed":
    "The scenario did not end as prescribed: run it again with the same --seed and read its trace.",
  internal: "This is a fault in SEGMENT: please report it with the message and the command.",
} as const;

/** One of the codes above. */
export type ErrorCode = keyof typeof REMEDIES;

/**
 * The one error class. `where` names the place in the input (a field, a byte
 * offset, a file and row), never a secret.
 */
export class SegmentError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;

  constructor(code: ErrorCode, message: string, options: { where?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SegmentError";
    this.code = code;
    this.where = options.where;
  }

  /** What the person who meets the error can do about it. */
  get remedy(): string {
    return REMEDIES[this.code];
  }
}

/** The code of any thrown value; what is not ours is `internal`. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof SegmentError ? error.code : "internal";
}

/** Narrow an impossible branch: a switch that misses a case fails to compile. */
export function unreachable(value: never): never {
  throw new SegmentError("internal", `unreachable: ${String(value)}`);
}
