import { describe, expect, it } from "vitest";
import { nodeCrypto as crypto } from "../../agent/node/crypto.ts";
import { currencyId } from "../../protocols/money/currencies.ts";
import { verifyReceipt } from "../../protocols/ledger/receipt.ts";
import { personOf, World } from "./committee.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const bank = personOf("bank");
const euro = currencyId(crypto, "EUR", bank.root.publicKey);

function register(world: World): void {
  for (const { card, device } of [alice, bob, bank]) world.submit(device, { kind: "card", card });
  world.run(5_000);
  world.submit(bank.device, { kind: "currency", code: "EUR", exponent: 2, name: "Euro" });
  world.run(5_000);
  world.submit(bank.device, { kind: "mint", currency: euro, to: alice.root.publicKey, amount: 10_000n });
  world.run(5_000);
}

describe("four notaries settle a transfer", () => {
  it("and each can prove it with a receipt", () => {
    const world = new World(4, { seed: 1 });
    register(world);
    const memo = new Uint8Array();
    const transfer = world.submit(alice.device, { kind: "transfer", to: bob.root.publicKey, currency: euro, amount: 2_490n, memo });
    world.run(5_000);
    for (const member of world.members) {
      const settled = member.core.receiptFor(transfer.id)!;
      const receipt = verifyReceipt(crypto, settled.bytes, world.network);
      expect(receipt.outcome).toBe("ok");
      expect(receipt.result).toEqual({
        kind: "transfer",
        from: alice.root.publicKey,
        to: bob.root.publicKey,
        currency: euro,
        amount: 2_490n,
      });
      expect(member.core.accountBalances(alice.root.publicKey)).toEqual(new Map([[euro, 7_510n]]));
      expect(member.core.accountBalances(bob.root.publicKey)).toEqual(new Map([[euro, 2_490n]]));
      console.log(settled.bytes.length, member.core.height, world.log.length);
    }
    const hashes = world.members.map(({ certified }) => [...certified.values()].map((header) => String(header.stateRoot)));
    expect(new Set(hashes.map(String)).size).toBe(1);
  });
});
