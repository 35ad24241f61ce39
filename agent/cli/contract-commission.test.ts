import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openContracts } from "../node/contracts.ts";
import { nodeCrypto as crypto } from "../node/crypto.ts";
import { openHome } from "../node/home.ts";
import type { Home } from "../node/home.ts";
import { blank } from "../../protocols/contract/negotiation-state.ts";
import { salePlan } from "../../protocols/contract/templates/sale.ts";
import { servicesSchema, withServices } from "../../protocols/contract/templates/services.ts";
import type { Commission } from "../../protocols/contract/templates/services.ts";
import { encodeTerms, signTerms, termsId } from "../../protocols/contract/terms.ts";
import { EUR, signerOf } from "../../protocols/contract/testing/delivery.ts";
import { toHex } from "../../protocols/encoding/bytes.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { parseNetwork } from "../../protocols/ledger/network.ts";
import { addContract } from "./contract.ts";
import { addInit } from "./init.ts";
import { call } from "./testing/call.ts";

const folder = mkdtempSync(join(tmpdir(), "segment-commission-"));
const [hub, phone] = [join(folder, "hub"), join(folder, "phone")];
const HOUR_MS = 60 * 60_000;
afterAll(() => rmSync(folder, { recursive: true }));

let home: Home;
let commission: Commission;

beforeAll(async () => {
  const found = ["init", "--home", hub, "--found", "village", "--commission", "2%", "--json"];
  expect((await call(addInit, found)).error).toBeUndefined();
  const network = join(hub, "network.json");
  // Nobody listens there: these commands need no network.
  const join_ = ["init", "--home", phone, "--network", network, "--broker", "mqtt://127.0.0.1:1", "--json"];
  expect((await call(addInit, join_)).error).toBeUndefined();
  home = await openHome(phone, crypto, undefined);
  const { commission: stated } = parseNetwork(readFileSync(network, "utf8"));
  if (stated === undefined) throw new Error("the genesis states no commission");
  commission = { account: publicKeyFromId(stated.account), ppm: stated.ppm };
});

/** A sale to this home with a certifier, as the seller has signed and offered it. */
function offered(nonce: number, given: Commission | undefined): { id: string; path: string } {
  const now = Date.now();
  const party = (seed: number) => {
    return { identity: signerOf(seed).publicKey, account: signerOf(seed + 100).publicKey };
  };
  const plan = salePlan({
    ...{ network: "village", nonce: new Uint8Array(16).fill(nonce), currency: EUR, goods: "a bicycle" },
    ...{ buyer: { identity: home.card.identity, account: home.card.root }, seller: party(2) },
    ...{ priceMinor: 14_900n, offeredAtMs: now, signByMs: now + HOUR_MS, shipByMs: now + 9 * HOUR_MS },
  });
  const services = servicesSchema.parse({ certifier: { ...party(3), feeMinor: 600n } });
  const terms = withServices(plan, services, given);
  const bytes = encodeTerms(terms);
  const id = termsId(crypto, bytes);
  const from = agentId(signerOf(2).publicKey);
  const origin = { from, replaces: null, note: "", params: "", heardMs: now };
  const signatures = new Map([[from, signTerms(signerOf(2), id)]]);
  openContracts(phone, crypto).save({ ...blank(id, bytes, terms, origin), signatures });
  const path = join(folder, `${nonce}.cbor`);
  writeFileSync(path, bytes);
  return { id: toHex(id), path };
}

describe("terms that leave out the network's commission", () => {
  it("are refused before this agent signs, and found by the check", async () => {
    const { id, path } = offered(1, undefined);
    const signed = await call(addContract, ["contract", "sign", id, "--home", phone, "--yes", "--json"]);
    expect(signed.error).toMatchObject({ code: "commission-missing" });
    expect(openContracts(phone, crypto).read(id)?.signatures.has(home.id)).toBe(false);
    for (const name of [id, path]) {
      const checked = await call(addContract, ["contract", "check", name, "--home", phone, "--json"]);
      expect(checked.error).toMatchObject({ code: "commission-missing" });
      expect(JSON.parse(checked.stdout)).toMatchObject({ safe: false, findings: [{ rule: "commission" }] });
    }
    // Whoever belongs to no network knows of no commission.
    const elsewhere = ["contract", "check", path, "--home", join(folder, "none")];
    expect((await call(addContract, elsewhere)).error).toBeUndefined();
  });

  it("are not those that give too little to somebody else", async () => {
    const other = offered(2, { ...commission, account: signerOf(7).publicKey });
    const signed = await call(addContract, [
      "contract",
      "sign",
      other.id,
      "--home",
      phone,
      "--yes",
      "--json",
    ]);
    expect(signed.error).toMatchObject({ code: "commission-missing" });
  });

  it("are not those with it: they are signed", async () => {
    const { id } = offered(3, commission);
    expect((await call(addContract, ["contract", "check", id, "--home", phone])).error).toBeUndefined();
    const signed = await call(addContract, ["contract", "sign", id, "--home", phone, "--yes", "--json"]);
    expect(signed.error).toBeUndefined();
    expect(JSON.parse(signed.stdout)).toMatchObject({ status: "waits-for-others" });
    expect(openContracts(phone, crypto).read(id)?.signatures.has(home.id)).toBe(true);
  });
});
