/** Guest keys for the lock's fuzz, and what each of them says in the words of that test. */
import { nodeCrypto } from "../../../agent/node/crypto.ts";
import { ana, bo, CONFIG, olga, otto, ownedDoor, sam } from "../../../devices/lock/testing/door.ts";
import type { Person } from "../../../devices/lock/testing/door.ts";
import type { Link } from "../../../protocols/access/chain.ts";
import { guestKeyId, signClaim } from "../../../protocols/access/key.ts";
import type { GuestKey } from "../../../protocols/access/key.ts";
import { signRefresh } from "../../../protocols/access/orders.ts";
import { DAY, HOUR, link, lock, MONDAY_8H as START } from "../../../protocols/access/testing/kit.ts";
import { toHex } from "../../../protocols/encoding/bytes.ts";
import { rememberingCrypto } from "../../../simulators/remembering-crypto.ts";
import { rememberingSigner } from "../support/signed.ts";

export const crypto = rememberingCrypto(nodeCrypto);
export const PEOPLE: readonly Person[] = [olga, ana, bo, sam, otto].map((one) => {
  return { ...one, signer: rememberingSigner(one.signer) };
});
export const [OLGA, ANA, BO, SAM, OTTO] = PEOPLE as [Person, Person, Person, Person, Person];

/** What one key says, in the words of this test. */
export interface Said {
  id: string;
  issuer: string;
  holder: string;
  isLink: boolean;
  rights: readonly string[];
  fromMs: number;
  untilMs: number;
  /** By UTC, every day; [0, 24] for all. */
  hours: readonly [number, number];
  uses: number;
  /** Until then nobody needs to confirm it. */
  freshUntilMs: number;
}

export interface Chain {
  links: Link[];
  refreshes: Uint8Array[];
  said: Said[];
  /** It does not hold together. */
  isBroken: boolean;
}

const template = ownedDoor(CONFIG, crypto);
export const TENURE = toHex(template.state.tenure!);

interface Made {
  changes?: Partial<GuestKey>;
  issuer?: Person;
  to?: Person;
  byLink?: boolean;
  parent?: Link;
  says?: Partial<Said>;
}

let made = 0;
function one({
  changes = {},
  issuer = OLGA,
  to = ANA,
  byLink = false,
  parent,
  says = {},
}: Made): [Link, Said] {
  const holder = byLink
    ? ({ kind: "link", linkKey: link.publicKey } as const)
    : ({ kind: "identity", identity: to.signer.publicKey } as const);
  const nonce = new Uint8Array(16).fill((made += 1));
  const within = parent === undefined ? {} : { parent: guestKeyId(crypto, parent.key) };
  const windows = [{ fromMs: START, untilMs: START + DAY }];
  const { key } = template.key({ nonce, holder, windows, ...within, ...changes }, issuer.signer);
  return [claimedBy(key, byLink ? to : undefined), { ...plain(key, issuer, to, byLink), ...says }];
}

function claimedBy(key: Uint8Array, by: Person | undefined): Link {
  if (by === undefined) return { key, claim: null };
  const claim = { key: guestKeyId(crypto, key), identity: by.signer.publicKey };
  return { key, claim: signClaim(claim, link) };
}

function plain(key: Uint8Array, issuer: Person, to: Person, isLink: boolean): Said {
  const ids = { id: toHex(guestKeyId(crypto, key)), issuer: issuer.id, holder: to.id, isLink };
  const times = { fromMs: START, untilMs: START + DAY, hours: [0, 24] as const, freshUntilMs: Infinity };
  return { ...ids, ...times, rights: ["door open"], uses: Infinity };
}

function chain(parts: [Link, Said][], refreshes: Uint8Array[] = [], isBroken = false): Chain {
  return { links: parts.map(([of]) => of), said: parts.map(([, said]) => said), refreshes, isBroken };
}

function chains(): Chain[] {
  const whole = one({ changes: { depth: 1, uses: 2 }, says: { uses: 2 } });
  const part = { issuer: ANA, to: BO, parent: whole[0] };
  const forAll = one({ byLink: true });
  const short = one({ changes: { refreshMs: HOUR }, says: { freshUntilMs: START + HOUR } });
  const id = guestKeyId(crypto, short[0].key);
  const here = { lock: lock.publicKey, tenure: template.state.tenure! };
  const refresh = (signer: Person): Uint8Array =>
    signRefresh({ ...here, timeMs: START + 2 * HOUR, keys: [id] }, signer.signer);
  const confirmed: [Link, Said] = [short[0], { ...short[1], freshUntilMs: START + 3 * HOUR }];
  const hours = {
    week: [{ days: 127, fromMinute: 480, toMinute: 600 }],
    offsets: [{ fromMs: 0, minutes: 0 }],
  };
  const rights = [
    { target: "door", actions: ["lock", "unlock"] as const },
    { target: "light", actions: ["on"] as const },
  ];
  const toBo: [Link, Said] = [claimedBy(forAll[0].key, BO), { ...forAll[1], holder: BO.id }];
  return [
    chain([one({})]),
    chain([one({ changes: { uses: 1 }, says: { uses: 1 } })]),
    chain([whole]),
    chain([whole, one({ ...part, changes: { uses: 1 }, says: { uses: 1 } })]),
    chain([whole, one({ ...part, changes: { uses: 4 }, says: { uses: 4 } })], [], true),
    chain([whole, one({ ...part, issuer: SAM, changes: { uses: 1 } })], [], true),
    chain([forAll]),
    chain([toBo]),
    chain([short]),
    chain([short], [refresh(SAM)]),
    chain([confirmed], [refresh(OLGA)]),
    chain([one({ changes: hours, says: { hours: [8, 10] } })]),
    chain([one({ issuer: OTTO })]),
    chain([one({ issuer: SAM, to: SAM })]),
    chain([one({ changes: { rights }, says: { rights: ["door lock", "door unlock", "light on"] } })]),
    chain([one({ changes: { windows: [] }, says: { fromMs: 0, untilMs: Infinity } })]),
    chain([one({ changes: { tenure: new Uint8Array(16) }, says: { issuer: "a former owner" } })]),
  ];
}

export const CHAINS = chains();
