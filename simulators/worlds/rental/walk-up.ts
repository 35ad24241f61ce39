/** The guest has rented nothing, but has a tab for the lock: all that follows is agreed at the door. */
import { tabTerms } from "../../../protocols/contract/templates/tab.ts";
import { HOUR_MS, MINUTE_MS } from "../../../protocols/contract/templates/params.ts";
import { encodeTerms } from "../../../protocols/contract/terms.ts";
import { ARRIVAL, Booking } from "./booking.ts";
import { NETWORK } from "./committee.ts";
import { partyOf, START_MS } from "./people.ts";
import type { Scene } from "./stories.ts";
import type { Street } from "./street.ts";

const TAB_MINOR = 20_000n;
/** One night, of 90.00 to 110.00. */
const ASKED_MINOR = 11_000n;
const LEAST_MINOR = 9_000n;
const BID_MINOR = 8_000n;
const UNTIL = ARRIVAL + 18 * HOUR_MS;

/** At home, with a network: the tab is signed by both and holds its amount. */
async function openTab({ street, crypto, code }: Scene): Promise<{ booking: Booking; receipt: Uint8Array }> {
  const [guest, lock] = ["guest", "lock"].map((name) => partyOf(street.person(name)));
  const terms = encodeTerms(
    tabTerms({
      ...{ network: NETWORK, nonce: street.nonce(), currency: street.currency(code) },
      ...{ payer: guest!, payee: lock!, purpose: "nights at the lake house", amountMinor: TAB_MINOR },
      ...{
        offeredAtMs: street.clock.now(),
        signByMs: START_MS + HOUR_MS,
        untilMs: START_MS + 20 * 24 * HOUR_MS,
      },
    }),
  );
  const offer = { terms, replaces: null, note: "", params: "", mayDeposit: true };
  const { termsId } = street.phone("guest").dealer.negotiator.propose(offer);
  await street.clock.runFor(2_000);
  street.lockDealer.negotiator.sign(termsId, true);
  const booking = new Booking(street, crypto, termsId, terms);
  await booking.until("tab", 1);
  const receipt = street.notaries[0]?.core.latestReceipt(termsId)?.bytes ?? new Uint8Array();
  street.say("world", `200.00 ${code} of the guest's are set aside for this lock`);
  return { booking, receipt };
}

async function wantsToStay(
  street: Street,
  tab: { booking: Booking; receipt: Uint8Array },
  mostMinor: bigint,
) {
  const { agent } = street.phone("guest");
  agent.command("walk-up", {
    ...{ card: street.person("lock").keys.card, name: "Lake house", untilMs: START_MS + UNTIL },
    ...{ terms: tab.booking.terms, receipt: tab.receipt },
    ...{ bidMinor: BID_MINOR.toString(), mostMinor: mostMinor.toString() },
  });
  await street.clock.runFor(100);
  await street.until(() => agent.state.walkUp === null);
  const code = agent.state.outcome?.code ?? "done";
  street.say("guest", code === "done" ? "agreed, signed and paid by voucher" : `walks away (${code})`);
  return code;
}

export async function walkUpOffline(scene: Scene): Promise<Booking> {
  const { street, check, code } = scene;
  const tab = await openTab(scene);
  const host = street.phone("host");
  const lock = street.person("lock").id;
  const tariff = { askedMinor: ASKED_MINOR.toString(), leastMinor: LEAST_MINOR.toString() };
  // The session of the pairing is over by then: the order goes over the bus, once.
  await street.clock.runFor(MINUTE_MS);
  host.agent.command("let", { lock, tariff: { currency: street.currency(code), ...tariff } });
  await street.until(() => host.agent.state.orders.length === 0);
  await street.clock.runFor(5_000);
  street.say("host", "lets the lock agree with whoever walks up: 110.00 a night, no less than 90.00");
  await street.at(ARRIVAL);
  street.cut("lock", "guest", "host");
  street.say("world", "nobody has a network any more");
  check(
    "who offers too little is not let in",
    (await wantsToStay(street, tab, 10_999n)) === "offer-declined",
  );
  check("the guest takes the counter-offer", (await wantsToStay(street, tab, 12_000n)) === "done");
  check("the door opens", (await street.tap("guest")) === "done");
  await street.through();
  check("the ledger has heard nothing", tab.booking.label === "tab");
  await street.at(UNTIL + MINUTE_MS);
  check("afterwards it does not", (await street.tap("guest")) === "contract-closed");
  await street.at(UNTIL + 24 * HOUR_MS);
  street.restore("lock", "guest", "host");
  street.say("world", "a day later the network is back");
  check("the lock redeems the voucher", await tab.booking.until("closed", 1));
  return tab.booking;
}
