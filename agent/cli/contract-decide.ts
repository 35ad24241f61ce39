/** `segment contract list | sign | decline`: the offers that there are, and the person's word on them. */
import type { Home } from "../node/home.ts";
import type { Client } from "../node/run-client.ts";
import { runningProcess } from "../node/run-status.ts";
import type { Negotiator } from "../core/negotiator.ts";
import { requireCommission } from "../../protocols/contract/commission.ts";
import {
  haveSameParties,
  missingSigners,
  replacementOf,
} from "../../protocols/contract/negotiation-state.ts";
import type { Negotiation, Negotiations } from "../../protocols/contract/negotiation-state.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { draftOpen } from "../../protocols/ledger/drafts.ts";
import { agreeTo } from "./contract-consent.ts";
import type { DecisionFlags } from "./contract-consent.ts";
import {
  carrierText,
  commissionOf,
  currenciesOf,
  delivered,
  formatOf,
  negotiatorOf,
  pause,
  peopleOf,
  perhapsOnline,
  personText,
  pick,
  roleIn,
  shortId,
  standing,
  storeOf,
} from "./contract-home.ts";
import type { ContractFlags } from "./contract-home.ts";
import { paragraph, printable, table, terminalWidth, utc } from "./layout.ts";
import { languageOf, loadHome, networkOf } from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument, say } from "./output.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { STANDING_TEXT } from "../platform/standing-words.ts";
import { submitDraft } from "./visit.ts";

/** How long a running agent gets to do what it does by itself. */
const AGENT_PATIENCE_MS = 8_000;

// ---------------------------------------------------------------- list

export async function list(flags: HomeFlags): Promise<void> {
  const home = await loadHome(flags);
  const store = storeOf(home);
  const all = store.loadAll();
  const people = peopleOf(home);
  const rows = [...all.values()].map((one) => {
    const { terms, termsId, from, replaces, note } = one;
    const status = standing(store, all, one, home);
    const label = store.progress(termsId)?.label ?? null;
    const newer = replacementOf(all, one);
    return {
      id: toHex(termsId),
      status,
      label,
      template: terms.template,
      role: roleIn(one, home),
      from,
      note,
      parties: terms.parties.map(({ role, identity }) => ({ role, id: agentId(identity) })),
      missing: missingSigners(one),
      replaces: replaces === null ? null : toHex(replaces),
      replacedBy: newer === undefined ? null : toHex(newer.termsId),
      offerExpires: new Date(terms.offerExpires).toISOString(),
    };
  });
  if (flags.json === true) {
    printDocument({ contracts: rows });
    return;
  }
  if (rows.length === 0) print("No offers and no contracts.");
  const lines = rows.map(({ id, status, label, template, parties, offerExpires, note }) => {
    const others = parties.filter((party) => party.id !== home.id);
    const names = others.map((party) => printable(people.get(party.id)?.name ?? party.id.slice(0, 12)));
    const isFinal = status === "opened" || status === "closed" || status === "expired";
    const until = isFinal ? "" : ` until ${utc(Date.parse(offerExpires))}`;
    const where = status === "opened" && label !== null ? `open: ${label}` : STANDING_TEXT.en[status];
    return [id.slice(0, 8), template, names.join(", "), where + until + (note === "" ? "" : ` "${note}"`)];
  });
  for (const line of table(lines, [1, 1, 2, 4], terminalWidth())) print(line);
}

// ---------------------------------------------------------------- sign

export async function sign(idText: string, flags: DecisionFlags): Promise<void> {
  const language = languageOf(flags.lang);
  const home = await loadHome(flags);
  const store = storeOf(home);
  const one = pick(store.loadAll(), idText);
  if (store.isSettled(one.termsId)) throw new SegmentError("contract-closed", "the contract has ended");
  await perhapsOnline(flags, home, async (client) => {
    const negotiator = negotiatorOf(home, store, client);
    try {
      const status = negotiator.statusOf(negotiator.get(one.termsId));
      if (status === "waits-for-you") {
        requireCommission(one.terms, commissionOf(networkOf(home)));
        const format = formatOf(language, await currenciesOf(home, client, one));
        warnOfOlder(negotiator.all, one, home);
        const own = roleIn(one, home);
        const { terms } = one;
        const people = peopleOf(home);
        await agreeTo({ terms, replaced: undefined, own, home, flags, format, language, people });
      }
      negotiator.sign(one.termsId, flags.deposit);
      await conclude(home, flags, negotiator, client, negotiator.get(one.termsId));
    } finally {
      negotiator.close();
    }
  });
}

/** Two versions that both sides have signed could both be opened. */
function warnOfOlder(all: Negotiations, one: Negotiation, home: Home): void {
  for (const older of all.values()) {
    if (older === one || !older.signatures.has(home.id) || older.isOpened) continue;
    if (!haveSameParties(older.terms, one.terms) || replacementOf(all, older) === undefined) continue;
    const until = utc(older.terms.offerExpires);
    const text =
      `You have signed ${shortId(older)} too, which was replaced. The others could still sign and open that ` +
      `one until ${until}; this agent deposits nothing into it by itself.`;
    for (const line of paragraph(text, terminalWidth(), "note: ")) say(line);
  }
}

/** Tells the others, opens what all have signed, and says how it stands. */
async function conclude(
  home: Home,
  flags: ContractFlags,
  negotiator: Negotiator,
  client: Client | undefined,
  one: Negotiation,
): Promise<void> {
  const people = peopleOf(home);
  const isAgreed = negotiator.statusOf(one) === "agreed";
  if (client !== undefined) negotiator.start();
  const telling = client === undefined ? missingOf(one, home) : delivered(negotiator, one, home);
  const opened = isAgreed && client !== undefined && (await open(home, negotiator, client, one));
  const missing = await telling;
  const now = negotiator.all.get(toHex(one.termsId)) ?? one;
  const status = opened ? "opened" : negotiator.statusOf(now);
  if (flags.json === true) {
    printDocument({
      termsId: toHex(one.termsId),
      status,
      missing: missingSigners(now),
      host: { notReached: missing },
    });
    return;
  }
  const width = terminalWidth();
  print(`Signed ${shortId(one)}: ${STANDING_TEXT.en[status]}.`);
  const waits = missingSigners(now).map((id) => `${personText(people, home, id)} has not signed yet`);
  const away = missing.map((id) => `${personText(people, home, id)} has not answered; ${carrierText(home)}`);
  for (const text of [...waits, ...away]) for (const line of paragraph(text, width, "  ")) print(line);
  if (status === "opened") print(`  next: segment contract status ${shortId(one)}`);
}

function missingOf(one: Negotiation, home: Home): string[] {
  return one.terms.parties.map(({ identity }) => agentId(identity)).filter((id) => id !== home.id);
}

/** By the running agent, or else by this command. Returns whether the ledger has it. */
async function open(home: Home, negotiator: Negotiator, client: Client, one: Negotiation): Promise<boolean> {
  const store = storeOf(home);
  if (runningProcess(home.folder) !== undefined) {
    const until = client.machine.linkClock.now() + AGENT_PATIENCE_MS;
    while (client.machine.linkClock.now() < until) {
      if (store.read(toHex(one.termsId))?.isOpened !== false) return true;
      await pause(100);
    }
  }
  try {
    const { termsId, termsBytes, signatures } = one;
    const { receipt, bytes } = await submitDraft(
      client,
      home,
      draftOpen(nodeCrypto, termsId, termsBytes, [...signatures.values()]),
    );
    const { result, timeMs } = receipt;
    if (result?.kind === "open") {
      const { seq, label, closed } = result;
      store.keepProgress(termsId, { seq, label, closed, timeMs }, bytes);
    }
  } catch (error) {
    // Another party was first; and what cannot be opened now, the others or the running agent will.
    const code = errorCode(error);
    if (code !== "contract-not-expected") {
      if (code !== "quorum-missing" && code !== "account-unknown") throw error;
      say(`not opened yet: ${(error as Error).message} [${code}]`);
      return false;
    }
  }
  negotiator.opened(one.termsId);
  return true;
}

// ---------------------------------------------------------------- decline

export async function decline(idText: string, flags: ContractFlags & { reason?: string }): Promise<void> {
  const home = await loadHome(flags);
  const store = storeOf(home);
  const one = pick(store.loadAll(), idText);
  if (store.isSettled(one.termsId)) throw new SegmentError("contract-closed", "the contract has ended");
  await perhapsOnline(flags, home, async (client) => {
    const negotiator = negotiatorOf(home, store, client);
    try {
      negotiator.decline(one.termsId, flags.reason ?? "");
      if (client !== undefined) negotiator.start();
      const missing = client === undefined ? missingOf(one, home) : await delivered(negotiator, one, home);
      const hadSigned = one.signatures.has(home.id);
      const until = new Date(one.terms.offerExpires).toISOString();
      if (flags.json === true) {
        printDocument({
          termsId: toHex(one.termsId),
          status: "declined",
          hadSigned,
          host: { notReached: missing },
        });
        return;
      }
      print(`Declined ${shortId(one)}.`);
      if (!hadSigned) return;
      const text =
        "You had signed it: a signature cannot be taken back, and if all the others sign before " +
        `${until}, it is a contract.`;
      for (const line of paragraph(text, terminalWidth(), "  ")) print(line);
    } finally {
      negotiator.close();
    }
  });
}
