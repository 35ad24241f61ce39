/** What people do in each scenario; what must come of it stands in scenarios.ts. */
import type { Crypto } from "../../../protocols/ports.ts";
import { HOUR_MS, MINUTE_MS } from "../../../protocols/contract/templates/params.ts";
import { formatKeyLink } from "../../../protocols/access/link.ts";
import { openCard } from "../../../protocols/identity/card.ts";
import { SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { ARRIVAL, book, CANCEL_BY, DEPARTURE } from "./booking.ts";
import type { Booking } from "./booking.ts";
import { START_MS } from "./people.ts";
import type { Scenario } from "./scenarios.ts";
import { walkUpOffline } from "./walk-up.ts";
import { wrongClock } from "./wrong-clock.ts";
import type { Street } from "./street.ts";

export interface Scene {
  street: Street;
  crypto: Crypto;
  /** The currency that the guest has chosen. */
  code: string;
  /** Something that must be so at this point of the story. */
  check: (name: string, is: boolean) => void;
}

type Story = (scene: Scene) => Promise<Booking>;

/** What the guest spends from a new phone, at the issuer's. */
const SPENT_MINOR = 10_000n;
const MAY_OPEN = CANCEL_BY + 10 * MINUTE_MS;

async function booked({ street, crypto, code }: Scene): Promise<Booking> {
  return book(street, crypto, code);
}

/** The guest comes at the arrival, and in. */
async function comesIn({ street, check }: Scene, booking: Booking): Promise<void> {
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("the door opens at the arrival", (await street.tap("guest")) === "done");
  await street.through();
  check("the first opening has paid the host", (await paid(street, booking)) && booking.label === "may-open");
}

async function paid(street: Street, booking: Booking): Promise<boolean> {
  return street.until(() => booking.pot.every(([, minor]) => minor === 10_000n), MINUTE_MS);
}

/** The guest leaves in time: the door is shut at the departure. */
async function leaves({ street, check }: Scene, booking: Booking): Promise<void> {
  await street.at(DEPARTURE - 20 * MINUTE_MS);
  await street.through();
  street.say("guest", "leaves, and shuts the door");
  await street.at(DEPARTURE + MINUTE_MS);
  check("the lock has stamped the departure", await booking.until("checkout", 1));
}

/** The host says nothing, and the deposit goes back. */
async function settles({ check }: Scene, booking: Booking): Promise<Booking> {
  check("the contract has ended", await booking.until("closed", 24 * 12));
  return booking;
}

const ok: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await comesIn(scene, booking);
  await street.at(ARRIVAL + 20 * HOUR_MS);
  check("the guest comes and goes", (await street.tap("guest")) === "done");
  await street.through();
  await leaves(scene, booking);
  await booking.choose("host", "release");
  return settles(scene, booking);
};

const early: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(ARRIVAL - HOUR_MS);
  check("the lock refuses before the arrival", (await street.tap("guest")) === "key-not-yet");
  const refusal = street.documents.find(({ name }) => name === "stay-refused");
  check("the guest holds the lock's signed refusal", refusal !== undefined);
  const filed = await booking.file(
    "guest",
    "shows the refusal",
    refusal === undefined ? [] : [refusal.bytes],
  );
  check("it opens no refund", filed === "contract-not-expected" || filed === "condition-not-met");
  await comesIn(scene, booking);
  await leaves(scene, booking);
  return settles(scene, booking);
};

const late: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await comesIn(scene, booking);
  await street.at(DEPARTURE - 5 * MINUTE_MS);
  await street.moveDoor(true);
  street.say("guest", "carries out the luggage; the door stays open");
  await street.at(DEPARTURE + 30 * MINUTE_MS);
  check("an open door is no departure", booking.label === "may-open");
  await street.moveDoor(false);
  check("the lock has stamped the departure", await booking.until("checkout", 1));
  check("and opens no more", (await street.tap("guest")) === "contract-closed");
  return settles(scene, booking);
};

const noShow: Story = async (scene) => settles(scene, await booked(scene));

const cancelled: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(12 * HOUR_MS);
  check("the notaries take it", (await booking.choose("guest", "cancel")) === "ok");
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("the phone has nothing to open with", (await street.tap("guest")) === "right-missing");
  return settles(scene, booking);
};

const twoGuests: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  const friend = street.phone("friend");
  await street.at(ARRIVAL - HOUR_MS);
  check("the guest comes too early", (await street.tap("guest")) === "key-not-yet");
  await givesKey(street);
  check("the friend waits for the guest", (await street.tap("friend")) === "key-not-yet");
  await comesIn(scene, booking);
  check("the friend opens by a key of their own", (await street.tap("friend")) === "done");
  await street.through();
  await leaves(scene, booking);
  check("both end together", (await street.tap("friend")) === "contract-closed");
  check("the friend has paid nothing", friend.agent.state.stays.length === 0);
  return settles(scene, booking);
};

/** From the guest's phone to the friend's. */
async function givesKey(street: Street): Promise<void> {
  const lock = street.person("lock");
  const { sessionKey } = openCard(street.crypto, lock.keys.card);
  const { agent } = street.phone("guest");
  const holder = street.person("friend").keys.signer.publicKey;
  agent.command("give", {
    ...{ lock: lock.id, nonce: street.nonce(), name: "Friend", holder, secret: null },
    rights: [{ target: "door", actions: ["open"] }],
    windows: [{ fromMs: START_MS, untilMs: START_MS + DEPARTURE + 24 * HOUR_MS }],
    ...{ week: [], offsets: [], uses: null, depth: 0, refreshMs: null },
  });
  await street.until(() => agent.state.given.length > 0);
  const key = agent.state.given.at(-1);
  if (key === undefined) return;
  const link = formatKeyLink({
    network: null,
    sessionKey,
    links: [{ key: key.bytes, claim: null }],
    secret: null,
  });
  const friend = street.phone("friend").agent;
  friend.command("take", { link, name: "Lake house" });
  await street.until(() => friend.state.held.length > 0);
}

const offlineLock: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(MAY_OPEN);
  street.cut("lock");
  street.say("world", "the lock loses its network");
  await street.at(ARRIVAL);
  street.cut("guest");
  street.say("world", "so does the guest's phone, at the door");
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("the door opens without any network", (await street.tap("guest")) === "done");
  await street.through();
  check(
    "nobody was paid yet",
    booking.pot.every(([, minor]) => minor === 34_000n),
  );
  await street.at(ARRIVAL + 3 * HOUR_MS);
  street.restore("guest");
  street.say("world", "the phone has a network again");
  check("the phone files the opening, and the host is paid", await paid(street, booking));
  await street.at(DEPARTURE + 30 * MINUTE_MS);
  check("the lock's word on the departure is still with the lock", booking.label === "may-open");
  street.restore("lock");
  street.say("world", "the lock has a network again");
  check("the departure reaches the notaries", await booking.until("checkout", 1));
  return settles(scene, booking);
};

const stolenRecording: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await comesIn(scene, booking);
  const recording = [...street.recording];
  check("something was recorded", recording.length > 2);
  await street.at(ARRIVAL + 6 * HOUR_MS);
  const pulses = street.bolts.length;
  for (let again = 0; again < 3; again++) await play(street, recording);
  check("nothing opens", street.bolts.length === pulses);
  await leaves(scene, booking);
  return settles(scene, booking);
};

/** A stranger at the door writes what the guest's phone has written. */
async function play(street: Street, recording: readonly Uint8Array[]): Promise<void> {
  const radio = street.air.central("c0:00:00:00:00:66");
  const found = new AbortController();
  let address = "";
  const scan = radio.scan(
    SERVICE_UUID,
    (sighting) => {
      ({ address } = sighting);
      found.abort();
    },
    found.signal,
  );
  await street.passing(scan, 1_000);
  const writing = async (): Promise<void> => {
    const deaf = { notified: () => undefined, disconnected: () => undefined };
    const connection = await radio.connect(address, deaf, 5_000);
    await connection.readInfo();
    for (const value of recording) await connection.write(value.slice(0, connection.writeSize));
    await connection.disconnect();
  };
  const how = writing().then(
    () => "to the end",
    (error: unknown) => `until the lock hangs up (${errorCode(error)})`,
  );
  street.say("stranger", `plays the recording ${await street.passing(how, 30_000)}`);
}

const clockBack: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(MAY_OPEN);
  street.cut("lock");
  await street.at(ARRIVAL - 2 * MINUTE_MS);
  street.say(
    "world",
    "the power fails; the lock's clock says that it is two years ago, and it has no network",
  );
  await street.powerLoss(wrongClock(street.clock, -2 * 365 * 24 * HOUR_MS));
  check("owners open", (await street.tap("host")) === "done");
  await street.through();
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("guests do not", (await street.tap("guest")) === "time-unknown");
  await street.until(() => street.lock.state.isTimeTold);
  check("the phone brings the notaries' word on the lock's nonce", street.lock.state.isTimeTold);
  check("the door opens", (await street.tap("guest")) === "done");
  await street.through();
  check("the first opening has paid the host", await paid(street, booking));
  street.restore("lock");
  await leaves(scene, booking);
  return settles(scene, booking);
};

const stolenPhone: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(MAY_OPEN + HOUR_MS);
  street.say("guest", "the phone is stolen; the guest calls the host");
  lockOut(street, booking);
  await street.clock.runFor(5_000);
  const guest = street.person("guest");
  const fresh = await street.bearPhone("guest-new-phone");
  const revoked = fresh.dealer.submitAsRoot({ kind: "revoke", identity: guest.keys.signer.publicKey });
  const done = revoked.then(() => "ok", errorCode);
  check("the root revokes the stolen phone", (await street.passing(done, 20_000)) === "ok");
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("the lock refuses the thief", (await street.tap("guest")) === "key-revoked");
  const amount = SPENT_MINOR;
  const to = street.person("issuer").root.publicKey;
  const currency = street.currency(scene.code);
  const transfer = { body: { kind: "transfer", to, currency, amount, memo: new Uint8Array() } } as const;
  const stolen = street
    .phone("guest")
    .dealer.submit(transfer)
    .then(() => "ok", errorCode);
  check("the thief spends nothing", (await street.passing(stolen, 20_000)) === "card-revoked");
  await booking.choose("host", "cancel");
  await settles(scene, booking);
  const saved = fresh.dealer.submit(transfer);
  const spent = saved.then(() => "ok", errorCode);
  check("the new phone spends from the root's account", (await street.passing(spent, 20_000)) === "ok");
  return booking;
};

function lockOut(street: Street, { termsId }: Booking): void {
  const lock = street.person("lock").id;
  const untilMs = START_MS + DEPARTURE + 24 * HOUR_MS;
  street.phone("host").agent.command("revoke-stay", { lock, stay: termsId, untilMs });
}

const lockedOut: Story = async (scene) => {
  const { street, check } = scene;
  const booking = await booked(scene);
  await street.at(ARRIVAL - HOUR_MS);
  lockOut(street, booking);
  street.say("host", "lets somebody else in, and locks the guest out");
  await street.at(ARRIVAL + 5 * MINUTE_MS);
  check("the lock refuses", (await street.tap("guest")) === "key-revoked");
  const refusal = street.documents.find(({ who, name }) => who === "guest" && name === "stay-refused");
  check("the guest holds the lock's signed refusal", refusal !== undefined);
  check("the guest objects", (await booking.choose("guest", "object")) === "ok");
  check("the host does not answer", await booking.until("unsettled", 100));
  await booking.file("guest", "shows the refusal", refusal === undefined ? [] : [refusal.bytes]);
  return settles(scene, booking);
};

const damage: Story = async (scene) => {
  const { street, crypto, code, check } = scene;
  const booking = await book(street, crypto, code, true);
  await comesIn(scene, booking);
  await leaves(scene, booking);
  const beyond = await booking.choose("host", "claim", 10_001n);
  check("no more than the deposit can be claimed", beyond === "condition-not-met");
  check("the host claims", (await booking.choose("host", "claim", 6_000n)) === "ok");
  check("the guest objects", (await booking.choose("guest", "object")) === "ok");
  check("the arbiter awards", (await booking.choose("friend", "award", 4_000n)) === "ok");
  return settles(scene, booking);
};

export const STORIES: Readonly<Record<Scenario, Story>> = {
  ok,
  early,
  late,
  "no-show": noShow,
  cancelled,
  "two-guests": twoGuests,
  "offline-lock": offlineLock,
  "stolen-recording": stolenRecording,
  "walk-up-offline": walkUpOffline,
  "clock-back": clockBack,
  "stolen-phone": stolenPhone,
  "locked-out": lockedOut,
  damage,
};
