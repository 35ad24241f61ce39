/** Stays as the app shows them: how each stands, in a few words; nothing asked. */
import { stayAt } from "../../../devices/keyring/find.ts";
import type { KeyringState, RentedStay } from "../../../devices/keyring/state.ts";
import { MAY_OPEN, readStay } from "../../../protocols/access/stay.ts";
import { openStayOffer, WALKED_UP } from "../../../protocols/access/walk-up.ts";
import { openFact } from "../../../protocols/contract/facts.ts";
import { decodeTerms } from "../../../protocols/contract/terms.ts";
import type { Terms } from "../../../protocols/contract/terms.ts";
import { portableCrypto } from "../../../protocols/crypto/portable.ts";
import { plainText } from "../../../protocols/documents/html.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { publicKeyFromId } from "../../../protocols/identity/keys.ts";
import type { Language } from "../language.ts";
import { shortTime } from "../times.ts";
import type { Standing } from "./key-shown.ts";
import { STAY_WORDS } from "./stay-words.ts";

/** What was rented, and when it begins and ends. */
export interface StayFacts {
  /** "Lake house, 3 Mill Lane"; empty for a stay that was agreed at the door. */
  place: string;
  arrivalMs: number;
  departureMs: number;
}

export function stayFacts(stay: RentedStay): StayFacts {
  if (stay.phase === WALKED_UP) {
    const { untilMs } = openStayOffer(portableCrypto, stay.terms, publicKeyFromId(stay.lock));
    return { place: "", arrivalMs: openFact(portableCrypto, stay.terms).timeMs, departureMs: untilMs };
  }
  const { arrivalMs, departureMs } = readStay(portableCrypto, stay.terms);
  return { place: placeOf(decodeTerms(stay.terms)), arrivalMs, departureMs };
}

/** As the terms name it. */
export function placeOf({ details }: Pick<Terms, "details">): string {
  const named = ["place", "address"].map((wanted) => details.find(([name]) => name === wanted)?.[1]);
  return named.flatMap((text) => (typeof text === "string" ? [plainText(text)] : [])).join(", ");
}

/** The newest rental of that lock, also one that is over. */
export function stayHere(state: KeyringState, lock: string): RentedStay | undefined {
  return stayAt(state, lock) ?? state.stays.findLast((one) => one.lock === lock);
}

/** The newest rental of that lock which may still open it. */
export function livingStay(state: KeyringState, lock: string, now: number): RentedStay | undefined {
  const stay = stayAt(state, lock);
  return stay !== undefined && !isOver(stay, now) ? stay : undefined;
}

const OPENING: ReadonlySet<string> = new Set(["", "awaiting-deposit", "booked", MAY_OPEN, "stay", WALKED_UP]);

function isOver(stay: RentedStay, now: number): boolean {
  if (!OPENING.has(stay.phase)) return true;
  // Whoever is in may come back until the door was shut: the lock decides.
  return stay.opening === null && now >= stayFacts(stay).departureMs;
}

/** For the guest, in a few words. */
export function stayStanding(stay: RentedStay, now: number, language: Language): Standing {
  const words = STAY_WORDS[language];
  const { arrivalMs, departureMs } = stayFacts(stay);
  const from = words.from(shortTime(arrivalMs, language));
  const until = words.until(shortTime(departureMs, language));
  switch (stay.phase) {
    case "":
      return { tone: "", text: words.asking };
    case "awaiting-deposit":
      return { tone: "warn", text: words.notHeld };
    case "booked":
      return { tone: "", text: from };
    case MAY_OPEN:
    case "stay":
    case WALKED_UP:
      if (now < arrivalMs) return { tone: "", text: from };
      if (now < departureMs) return { tone: "good", text: until };
      return { tone: "warn", text: stay.opening === null ? words.missed : words.shutDoor };
    case "checkout":
      return { tone: "", text: words.overDeposit };
    case "claimed":
    case "arbitration":
      return { tone: "warn", text: words.overClaimed };
    case "disputed":
    case "unsettled":
      return { tone: "warn", text: words.disputed };
    default:
      return { tone: "", text: words.over };
  }
}

/** Why the lock did not let the guest of a stay in; undefined where that has nothing to do with stays. */
export function stayRefusal(stay: RentedStay, error: unknown, language: Language): string | undefined {
  const arrival = shortTime(stayFacts(stay).arrivalMs, language);
  return STAY_WORDS[language].refusals(errorCode(error), arrival);
}
