/** A house to let: its terms, signed over the bus by guest, host and lock, and paid into the contract. */
import { rentalTerms } from "../../../protocols/contract/templates/rental.ts";
import { encodeTerms } from "../../../protocols/contract/terms.ts";
import { HOUR_MS } from "../../../protocols/contract/templates/params.ts";
import { draftFacts } from "../../../protocols/ledger/drafts.ts";
import { errorCode } from "../../../protocols/errors.ts";
import type { Crypto } from "../../../protocols/ports.ts";
import { NETWORK } from "./committee.ts";
import { partyOf, START_MS } from "./people.ts";
import type { Street } from "./street.ts";

/** In ms since the beginning: cancel for the fee for a day; Wednesday, 16:00, to Friday, 10:00. */
export const CANCEL_BY = 24 * HOUR_MS;
export const ARRIVAL = 56 * HOUR_MS;
export const DEPARTURE = 98 * HOUR_MS;
export const PRICE_MINOR = 24_000n;
export const DEPOSIT_MINOR = 10_000n;
export const FEE_MINOR = 2_000n;

/** One rental in progress, and what people do about it. */
export class Booking {
  readonly termsId: Uint8Array;
  readonly terms: Uint8Array;
  /** What the notaries have refused: who, what, code. */
  readonly refused: string[] = [];
  readonly #street: Street;
  readonly #crypto: Crypto;

  constructor(street: Street, crypto: Crypto, termsId: Uint8Array, terms: Uint8Array) {
    this.#street = street;
    this.#crypto = crypto;
    this.termsId = termsId;
    this.terms = terms;
  }

  /** Where the contract stands by the first notary. */
  get label(): string {
    return this.#street.notaries[0]?.core.contractView(this.termsId)?.state.label ?? "none";
  }

  /** What it holds. */
  get pot(): readonly [currency: string, minor: bigint][] {
    return this.#street.notaries[0]?.core.contractView(this.termsId)?.state.pot ?? [];
  }

  /** Somebody's choice goes to the notaries. */
  async choose(who: string, name: string, value = 1n): Promise<string> {
    const { termsId } = this;
    return this.#submit(who, name, { body: { kind: "choice", termsId, name, value } });
  }

  /** Facts that somebody holds go to the notaries. */
  async file(who: string, what: string, facts: Uint8Array[]): Promise<string> {
    return this.#submit(who, what, draftFacts(this.#crypto, this.termsId, facts));
  }

  async #submit(who: string, what: string, draft: ReturnType<typeof draftFacts>): Promise<string> {
    const street = this.#street;
    const sent = street.phone(who).dealer.submit(draft);
    const code = await street.passing(
      sent.then(
        () => "ok",
        (error: unknown) => errorCode(error),
      ),
      20_000,
    );
    if (code !== "ok") this.refused.push(`${who} ${what} ${code}`);
    street.say(who, code === "ok" ? `${what}: the notaries take it` : `${what}: refused (${code})`);
    return code;
  }

  /** Runs the world until the contract stands so, for at most so many hours. */
  async until(label: string, hours = 12): Promise<boolean> {
    if (hours > 1) return this.#street.quietly(() => this.label === label, hours);
    return this.#street.until(() => this.label === label, hours * HOUR_MS, 1_000);
  }
}

/** The guest offers, host and lock sign, the guest's home deposits. */
export async function book(
  street: Street,
  crypto: Crypto,
  code: string,
  withArbiter = false,
): Promise<Booking> {
  const [guest, host, lock] = ["guest", "host", "lock"].map((name) => partyOf(street.person(name)));
  const terms = encodeTerms(
    rentalTerms({
      ...{ network: NETWORK, nonce: street.nonce(), currency: street.currency(code) },
      ...{ guest: guest!, host: host!, lock: lock! },
      ...(withArbiter ? { arbiter: partyOf(street.person("friend")) } : {}),
      ...{ place: "Lake house", address: "3 Mill Lane", offeredAtMs: street.clock.now() },
      ...{ signByMs: START_MS + HOUR_MS, cancelByMs: START_MS + CANCEL_BY },
      ...{ arrivalMs: START_MS + ARRIVAL, departureMs: START_MS + DEPARTURE },
      ...{ priceMinor: PRICE_MINOR, depositMinor: DEPOSIT_MINOR, cancelFeeMinor: FEE_MINOR },
    }),
  );
  const offer = { terms, replaces: null, note: "", params: "", mayDeposit: true };
  const { termsId } = street.phone("guest").dealer.negotiator.propose(offer);
  await street.clock.runFor(2_000);
  const signers = [street.phone("host").dealer, street.lockDealer];
  if (withArbiter) signers.push(street.phone("friend").dealer);
  for (const { negotiator } of signers) {
    negotiator.sign(termsId, true);
    await street.clock.runFor(1_000);
  }
  const booking = new Booking(street, crypto, termsId, terms);
  await booking.until("booked", 1);
  street.say("world", `signed by all; 340.00 ${code} of the guest's are held`);
  const card = street.person("lock").keys.card;
  street.phone("guest").agent.command("stay", { terms, card, name: "Lake house" });
  await street.clock.runFor(5_000);
  return booking;
}
