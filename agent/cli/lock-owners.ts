/** `segment lock card|share|own|remove-owner`: a lock gets further owners, or another one. */
import type { Command } from "commander";
import { nodeCrypto } from "../node/crypto.ts";
import { formatCard, parseCard } from "../../protocols/access/owner-link.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { heard, lockNamed, withKeyring, withKeyringOptions } from "./keyring-visit.ts";
import type { KeyringFlags } from "./keyring-visit.ts";
import { loadHome } from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface ShareFlags extends KeyringFlags {
  handOver?: boolean;
}

export function addOwners(lock: Command): void {
  withKeyringOptions(lock.command("card"))
    .description("Show this phone's card, for the owner of a lock who wants to make it an owner.")
    .addHelpText("after", "\nExample:\n  segment lock card --home second\n")
    .action(showCard);
  withKeyringOptions(lock.command("share"))
    .description("Make another phone an owner of a lock, as good as this one; or the only one.")
    .argument("<card>", "segment:card:…, as the other phone shows it")
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .option("--hand-over", "it owns the lock alone: this phone and all guest keys lose it")
    .addHelpText("after", "\nExample:\n  segment lock share segment:card:… --home phone --radio air/phone\n")
    .action(share);
  withKeyringOptions(lock.command("own"))
    .description("Become an owner by the link that another owner has made; it is brought to the lock, too.")
    .argument("<link>", "segment:owner:…")
    .option("--name <name>", "what the lock is to be called", "lock")
    .addHelpText("after", "\nExample:\n  segment lock own segment:owner:… --home second\n")
    .action(own);
  withKeyringOptions(lock.command("remove-owner"))
    .description("A phone owns a lock no more, nor do the keys that it made open it: it was lost, or left.")
    .argument("<phone>", "its id, z6Mk…")
    .argument("[lock]", "its name, or the beginning of its id (default: the only one)")
    .addHelpText("after", "\nExample:\n  segment lock remove-owner z6Mk… --home phone --radio air/phone\n")
    .action(removeOwner);
}

async function showCard(flags: HomeFlags): Promise<void> {
  const { keys, id } = await loadHome(flags);
  const card = formatCard(keys.card);
  if (flags.json === true) return printDocument({ id, card });
  print(card);
}

async function share(text: string, name: string | undefined, flags: ShareFlags): Promise<void> {
  const card = parseCard(nodeCrypto, text);
  const { name: whose, identity } = openCard(nodeCrypto, card);
  await withKeyring(flags, async (keyring) => {
    const lock = lockNamed(keyring.state, name);
    await keyring.run(flags.handOver === true ? "hand-over" : "add-owner", { lock: lock.id, card });
    const isHeard = await heard(keyring, flags);
    const link = keyring.ownerLinks.at(-1)!;
    const owner = agentId(identity);
    if (flags.json === true) return printDocument({ lock: lock.id, owner, isHeard, host: { link } });
    const alone = flags.handOver === true ? " alone" : "";
    print(
      `"${whose}" (${owner}) owns "${lock.name}"${alone} once the lock has heard of it${state(isHeard)}.`,
    );
    print("For that phone, and for no other: segment lock own");
    print(link);
  });
}

async function own(link: string, flags: KeyringFlags & { name: string }): Promise<void> {
  await withKeyring(flags, async (keyring) => {
    await keyring.run("own", { link, name: flags.name });
    const isHeard = await heard(keyring, flags);
    const lock = keyring.state.locks.at(-1)!;
    if (flags.json === true) return printDocument({ lock: lock.id, name: lock.name, isHeard });
    print(`This phone owns "${lock.name}" (${lock.id})${state(isHeard)}.`);
  });
}

async function removeOwner(phone: string, name: string | undefined, flags: KeyringFlags): Promise<void> {
  const identity = publicKeyFromId(phone);
  await withKeyring(flags, async (keyring) => {
    const lock = lockNamed(keyring.state, name);
    await keyring.run("remove-owner", { lock: lock.id, identity });
    const isHeard = await heard(keyring, flags);
    if (flags.json === true) return printDocument({ lock: lock.id, removed: agentId(identity), isHeard });
    print(`${agentId(identity)} owns "${lock.name}" no more${state(isHeard)}.`);
  });
}

function state(isHeard: boolean): string {
  return isHeard ? ": it has" : "; it goes out with the next command";
}
