/** `segment lock stay | walk-up | refuse-stay | let`: a house behind a lock, for its guests and its host. */
import type { Command } from "commander";
import { readContacts } from "../node/contacts.ts";
import { nodeCrypto } from "../node/crypto.ts";
import type { Home } from "../node/home.ts";
import { amountOf, pickCurrency } from "../platform/money-text.ts";
import { exponentIn } from "../node/tab-words.ts";
import { keptTab } from "../node/tabs.ts";
import { stayCommand } from "../platform/rented-stays.ts";
import { momentOf, zoneOf } from "../platform/wall-clock.ts";
import type { KeyringState, RentedStay } from "../../devices/keyring/state.ts";
import { stayStanding } from "../../protocols/access/log-words.ts";
import { readStay } from "../../protocols/access/stay.ts";
import { openStayOffer, WALKED_UP } from "../../protocols/access/walk-up.ts";
import { DAY_MS } from "../../protocols/calendar.ts";
import type { TextLanguage } from "../../protocols/contract/text-format.ts";
import { equalBytes, toHex } from "../../protocols/encoding/bytes.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { currencyCode } from "../../protocols/money/currencies.ts";
import type { TimeMs } from "../../protocols/ports.ts";
import { readTab } from "../../protocols/tab/tab.ts";
import { currenciesOf, perhapsOnline, pick, shortId, storeOf } from "./contract-home.ts";
import { tell } from "./key-shown.ts";
import { heard, lockNamed, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags } from "./keyring-visit.ts";
import { printable, utc } from "./layout.ts";
import { loadHome, networkOf, optionInvalid } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface WalkUpFlags extends KeyringFlags {
  until: string;
  bid: string;
  most?: string;
  zone?: string;
}

interface LetFlags extends KeyringFlags {
  price?: string;
  least?: string;
  currency?: string;
  off?: boolean;
}

/** How long phone and lock get to agree. */
const AT_THE_DOOR_MS = 30_000;
/** How long the notaries get to say how a rental stands. */
const CERTIFIED_MS = 8_000;
/** After the departure the lock remembers for so long whom it refuses: by then every deadline has passed. */
const REFUSED_MS = 120 * DAY_MS;

export function addRentals(lock: Command): void {
  withKeyringOptions(lock.command("stay"))
    .description("Take a rental that all have signed: its contract opens the lock from arrival to departure.")
    .argument("<contract>", "the first digits of its id, as `segment contract list` shows it")
    .addHelpText(
      "after",
      "\nA phone's home that runs (segment run) takes its rentals by itself.\n" +
        "\nExample:\n  segment lock stay 3f0c2a --home guest\n",
    )
    .action(stay);
  withKeyringOptions(lock.command("walk-up"))
    .description("Stay without having rented: agree with the lock at the door, and pay from a tab for it.")
    .argument("<tab>", "the first digits of the tab's id: a contract (template tab) that pays this lock")
    .requiredOption("--until <time>", 'the end of the stay, such as "2026-12-24 18:00"')
    .requiredOption("--bid <amount>", "what is offered for all of it, such as 35.00")
    .option("--most <amount>", "what is agreed to if the lock asks for more (default: the bid)")
    .option("--zone <zone>", "the zone whose clocks tell the time, such as Europe/Paris")
    .addHelpText(
      "after",
      "\nNo network is needed at the door. The tab is paid back what is left of it once the lock is online.\n" +
        '\nExample:\n  segment lock walk-up 3f0c2a --until "2026-12-24 18:00" --bid 35.00 --most 45.00 ' +
        "--home guest --radio air/guest\n",
    )
    .action(walkUp);
  withKeyringOptions(lock.command("refuse-stay"))
    .description("As the owner: the lock lets nobody in by a rental any more, and signs that it refuses.")
    .argument("<contract>", "the first digits of its id")
    .addHelpText("after", "\nExample:\n  segment lock refuse-stay 3f0c2a --home phone --radio air/phone\n")
    .action(refuseStay);
  withKeyringOptions(lock.command("let"))
    .description("As the owner: who walks up may stay by a tariff for each day that has begun; or not.")
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .option("--price <amount>", "what the lock asks for a day, such as 40.00")
    .option("--least <amount>", "the lock agrees to no less (default: the price)")
    .option("--currency <code>", "of both, such as EUR")
    .option("--off", "nobody may stay who has not rented")
    .addHelpText(
      "after",
      "\nExamples:\n  segment lock let --price 40.00 --least 35.00 --currency EUR --home phone\n" +
        "  segment lock let --off --home phone --radio air/phone\n",
    )
    .action(letHouse);
}

// ---------------------------------------------------------------- the guest

async function stay(idText: string, flags: KeyringFlags): Promise<void> {
  await withKeyring(flags, async (keyring, home) => {
    const store = storeOf(home);
    const one = pick(store.loadAll(), idText);
    if (store.isSettled(one.termsId)) throw new SegmentError("contract-closed", "the contract has ended");
    await keyring.run(
      "stay",
      stayCommand(one, home.id, (id) => cardOf(home, id)),
    );
    const taken = (): RentedStay =>
      keyring.state.stays.find(({ termsId }) => equalBytes(termsId, one.termsId))!;
    await keyring.until(() => taken().receipt !== null, CERTIFIED_MS);
    const shown = stayShown(keyring.state, taken());
    if (flags.json === true) return printDocument(shown);
    print(`${shown.contract.slice(0, 8)} opens "${printable(shown.name)}" ${spanOf(shown.host)}.`);
    print(`It is ${stayStanding(shown.phase, "en")}.`);
  });
}

function cardOf(home: Home, id: string): Uint8Array | undefined {
  return readContacts(home.folder, nodeCrypto).find(
    (card) => agentId(openCard(nodeCrypto, card).identity) === id,
  );
}

async function walkUp(idText: string, flags: WalkUpFlags): Promise<void> {
  const untilMs = momentOf("--until", flags.until, zoneOf(flags.zone));
  if (flags.radio === undefined) throw optionInvalid("--radio", "how to reach the lock", "nothing");
  await withKeyring(flags, async (keyring, home) => {
    const { termsId } = pick(storeOf(home).loadAll(), idText);
    const { terms, receipt } = keptTab(home, nodeCrypto, networkOf(home), toHex(termsId));
    const tab = readTab(nodeCrypto, terms);
    const lock = agentId(tab.payee.identity);
    const card = cardOf(home, lock);
    if (card === undefined) throw new SegmentError("card-invalid", "the lock has never shown its card here");
    const { currency: id } = tab;
    const money = { id, code: currencyCode(id), exponent: exponentIn(home, tab) };
    const [bid, most] = [flags.bid, flags.most ?? flags.bid].map((text) => amountOf(text, money).toString());
    const { name } = openCard(nodeCrypto, card);
    const before = keyring.state.stays.length;
    await keyring.run("walk-up", { card, name, terms, receipt, untilMs, bidMinor: bid, mostMinor: most });
    await keyring.until(() => keyring.state.walkUp === null, AT_THE_DOOR_MS);
    requireAgreed(keyring.state, before);
    const shown = stayShown(keyring.state, keyring.state.stays.at(-1)!);
    if (flags.json === true) return printDocument(shown);
    print(`Agreed, signed and paid by a voucher: "${printable(shown.name)}" opens ${spanOf(shown.host)}.`);
  });
}

/** Errors: radio-failed, and whatever the lock has answered. */
function requireAgreed({ walkUp: pending, outcome, stays }: KeyringState, before: number): void {
  if (pending !== null) {
    const problem = "the lock was not reached; when this phone next speaks to it, what was asked for goes on";
    throw new SegmentError("radio-failed", problem);
  }
  const code = outcome?.code ?? null;
  if (code === null && stays.length > before) return;
  const asks = "the lock does not agree: it asks for more, is not let, or not free until then";
  throw new SegmentError((code ?? "peer-refused") as ErrorCode, asks);
}

export interface ShownStay {
  contract: string;
  lock: string;
  name: string;
  phase: string;
  /** Whether its guest has been let in by it. */
  opened: boolean;
  host: { fromMs: TimeMs | null; untilMs: TimeMs };
}

/** A rental of this phone's, or a stay that was agreed at the door. */
export function stayShown(
  state: KeyringState,
  { termsId, lock, phase, terms, opening }: RentedStay,
): ShownStay {
  const name = state.locks.find(({ id }) => id === lock)?.name ?? lock;
  const about = { contract: toHex(termsId), lock, name, phase };
  if (phase === WALKED_UP) {
    const { untilMs } = openStayOffer(nodeCrypto, terms, publicKeyFromId(lock));
    return { ...about, opened: true, host: { fromMs: null, untilMs } };
  }
  const { arrivalMs, departureMs } = readStay(nodeCrypto, terms);
  return { ...about, opened: opening !== null, host: { fromMs: arrivalMs, untilMs: departureMs } };
}

export function stayText({ contract, phase, host }: ShownStay, language: TextLanguage): string {
  return `${contract.slice(0, 8)}  ${spanOf(host)}: ${stayStanding(phase, language)}`;
}

function spanOf({ fromMs, untilMs }: ShownStay["host"]): string {
  return fromMs === null ? `until ${utc(untilMs)}` : `from ${utc(fromMs)} until ${utc(untilMs)}`;
}

// ---------------------------------------------------------------- the owner

async function refuseStay(idText: string, flags: KeyringFlags): Promise<void> {
  await withKeyring(flags, async (keyring, home) => {
    const one = pick(storeOf(home).loadAll(), idText);
    const rental = readStay(nodeCrypto, one.termsBytes);
    const lock = agentId(rental.lock.identity);
    const untilMs = rental.departureMs + REFUSED_MS;
    await keyring.run("revoke-stay", { lock, stay: one.termsId, untilMs });
    const isHeard = await heard(keyring, flags);
    if (flags.json === true) return printDocument({ contract: toHex(one.termsId), lock, isHeard });
    tell(
      isHeard
        ? `The lock lets nobody in by ${shortId(one)} any more.`
        : `The lock lets nobody in by ${shortId(one)} once it has heard of it: that goes out with the next command.`,
    );
    tell(
      "It signs what it refuses between arrival and departure; with that word the guest has the price back.",
    );
  });
}

async function letHouse(name: string | undefined, flags: LetFlags): Promise<void> {
  const tariff = flags.off === true ? null : await tariffOf(flags);
  await withKeyring(flags, async (keyring) => {
    const lock = lockNamed(keyring.state, name);
    await keyring.run("let", { lock: lock.id, tariff });
    const isHeard = await heard(keyring, flags);
    if (flags.json === true) return printDocument({ lock: lock.id, tariff, isHeard });
    const once = isHeard ? "" : ", once it has heard of it: that goes out with the next command";
    if (tariff === null) return tell(`"${lock.name}" is not let to who walks up any more${once}.`);
    const { price, least = price, currency } = flags;
    tell(
      `"${lock.name}" is let to who walks up for ${price} ${currency} a day, no less than ${least}${once}.`,
    );
  });
}

/** In minor units, as text. Errors: option-invalid, currency-unknown, amount-… */
async function tariffOf(flags: LetFlags) {
  const { price, least = price, currency: code } = flags;
  if (price === undefined || least === undefined || code === undefined)
    throw optionInvalid("--price and --currency", "the tariff, or --off", "nothing");
  const home = await loadHome(flags);
  const currencies = await perhapsOnline(flags, home, (client) => currenciesOf(home, client));
  const currency = pickCurrency(currencies, code);
  const asked = amountOf(price, currency);
  const lowest = amountOf(least, currency);
  if (lowest > asked) throw optionInvalid("--least", `at most ${price}`, least);
  return { currency: currency.id, askedMinor: asked.toString(), leastMinor: lowest.toString() };
}
