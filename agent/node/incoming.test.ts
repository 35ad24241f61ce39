import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../protocols/encoding/bytes.ts";
import { openCard } from "../../protocols/identity/card.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { jointAccount } from "../../protocols/ledger/joint.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { World } from "../../test/ledger/committee.ts";
import type { Person } from "../../test/ledger/committee.ts";
import { alice, bank, euro, people, shop } from "../../test/ledger/village.ts";
import { keepContact } from "./contacts.ts";
import { nodeCrypto as crypto } from "./crypto.ts";
import { keptHistory } from "./history.ts";
import type { Home } from "./home.ts";
import { IncomingPayments } from "./incoming.ts";
import { jointAccounts } from "./joint-accounts.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-incoming-"));
afterAll(() => rmSync(folder, { recursive: true }));

let world: World;
const entries = new Map<string, Uint8Array>();
const members = [alice.root.publicKey, shop.root.publicKey];

beforeAll(() => {
  world = new World(4, { seed: 3 });
  const submit = (name: string, { device }: Person, body: Parameters<World["submit"]>[1]): void => {
    entries.set(name, world.submit(device, body).id);
    world.run(5_000);
  };
  for (const person of people) submit("card", person, { kind: "card", card: person.card });
  submit("currency", bank, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  submit("mint", bank, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  submit("self", bank, { kind: "mint", currency: euro, to: bank.root.publicKey, amount: 5n });
  const pay = (name: string, to: Uint8Array, amount: bigint, memo: string): void => {
    submit(name, alice, { kind: "transfer", to, currency: euro, amount, memo: utf8(memo) });
  };
  pay("paid", shop.root.publicKey, 2_490n, "bread\u202e, \nreceived 1000000.00 EUR");
  pay("refused", shop.root.publicKey, 20_000n, "too much");
  submit("joint", alice, { kind: "joint", k: 2, members });
  pay("shared", jointAccount(crypto, 2, members), 500n, "for wood");
});

/** A home of one of them, with what it says. */
function homeOf(
  { card, root }: Person,
  name: string,
): { home: Home; said: string[]; told: IncomingPayments } {
  const path = join(folder, name);
  const { network } = world;
  const home = { folder: path, card: openCard(crypto, card), id: name, network } as unknown as Home;
  expect(home.card.root).toEqual(root.publicKey);
  const said: string[] = [];
  return { home, said, told: new IncomingPayments({ home, crypto, say: (line) => said.push(line) }) };
}

function certified(name: string) {
  const { bytes } = world.members[0]!.core.receiptFor(entries.get(name)!)!;
  return { receipt: verifyReceipt(crypto, bytes, world.network), bytes };
}

/** Whom the notaries tell. */
function toldOf(name: string): string[] {
  return world.members[0]!.core.receiptFor(entries.get(name)!)!.parties;
}

const ids = (...persons: Person[]): string[] => persons.map(({ device }) => agentId(device.publicKey));

describe("a payee", () => {
  it("is told by the notaries, beside the payer", () => {
    expect(toldOf("paid").sort()).toEqual(ids(alice, shop).sort());
    expect(toldOf("refused")).toEqual(ids(alice));
    expect(toldOf("mint")).toEqual(ids(bank));
    // Of a joint account all members are.
    expect(toldOf("shared").sort()).toEqual(ids(alice, shop).sort());
  });

  it("files what it got, and says so once, in words that cannot pass for others", () => {
    const { home, said, told } = homeOf(shop, "shop");
    for (let times = 0; times < 3; times++) told.receipt(certified("paid"));
    const payer = agentId(alice.root.publicKey);
    expect(said).toEqual([`received 24.90 EUR from ${payer}, "bread?, ?received 1000000.00 EUR"`]);
    const { movements } = keptHistory(crypto, home);
    expect(movements).toMatchObject([{ change: 2_490n, others: [payer] }]);
    expect(readdirSync(join(home.folder, "documents"))).toHaveLength(1);
    keepContact(home.folder, crypto, alice.card);
    // After a restart it is known still.
    const again = new IncomingPayments({ home, crypto, say: (line) => said.push(line) });
    again.receipt(certified("paid"));
    expect(said).toHaveLength(1);
  });

  it("is not told of what it pays, what was refused, and what is others'", () => {
    const payer = homeOf(alice, "alice");
    payer.told.receipt(certified("paid"));
    const { said, told } = homeOf(shop, "other");
    for (const name of ["refused", "mint", "shared"]) told.receipt(certified(name));
    expect([payer.said, said]).toEqual([[], []]);
  });

  it("hears of money that was newly made for it, and names whom it knows", () => {
    const { home, said, told } = homeOf(alice, "known");
    told.receipt(certified("mint"));
    expect(said).toEqual(["received 100.00 EUR, newly issued"]);
    const other = homeOf(shop, "knows-alice");
    keepContact(other.home.folder, crypto, alice.card);
    other.told.receipt(certified("paid"));
    expect(other.said[0]).toContain(`from "${openCard(crypto, alice.card).name}" (`);
    expect(keptHistory(crypto, home).movements).toHaveLength(1);
  });

  it("leaves what it has signed itself to who asked for it", () => {
    const issuer = homeOf(bank, "issuer");
    issuer.told.receipt(certified("self"));
    expect(issuer.said).toEqual([]);
    expect(keptHistory(crypto, issuer.home).movements).toEqual([]);
  });

  it("learns of a joint account that it is a member of, once", () => {
    const { home, said, told } = homeOf(shop, "member");
    told.receipt(certified("joint"));
    told.receipt(certified("joint"));
    const account = agentId(jointAccount(crypto, 2, members));
    expect(said).toEqual([expect.stringContaining(`joint account ${account}: 2 of its 2 members`)]);
    expect([...jointAccounts(crypto, home).keys()]).toEqual([account]);
    const stranger = homeOf(bank, "stranger");
    stranger.told.receipt(certified("joint"));
    expect(stranger.said).toEqual([]);
  });
});
