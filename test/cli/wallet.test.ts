/** The wallet that people hold, as they use it: real homes, a broker and a notary, processes of their own. */
import { existsSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeQR } from "qr/decode.js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { document, run, segment, temporaryFolder } from "./segment.ts";
import type { Running } from "./segment.ts";

// Dozens of processes, one after the other.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = temporaryFolder();
const hub = join(folder, "hub");
const phone = join(folder, "phone");
const PASSPHRASE = { SEGMENT_BACKUP_PASSPHRASE: "correct horse" };

interface Made {
  id: string;
  account: string;
  words: string;
}
interface Movement {
  kind: string;
  amount: string;
  others: string[];
  memo: string;
  entryId: string;
  receipt: string;
}
interface History {
  movements: Movement[];
  missing: number | null;
}

let hubMade: Made;
let phoneMade: Made;
let hubAgent: Running;
let broker = "";
let euro = "";

const amounts = ({ movements }: History): string[] => movements.map(({ amount }) => amount);

/** A further home of the network; with words, of the same owner. */
async function newHome(name: string, wordsOf?: Made): Promise<Made> {
  const words = join(folder, `${name}.words`);
  if (wordsOf !== undefined) writeFileSync(words, wordsOf.words);
  const made = await document<Made>([
    ...["init", "--home", join(folder, name), "--kind", "phone", "--network", join(hub, "network.json")],
    ...["--broker", broker, "--keepers", hubMade.id],
    ...(wordsOf === undefined ? [] : ["--words-file", words]),
  ]);
  return { ...made, words: made.words ?? wordsOf?.words ?? "" };
}

/** Registers a home: any command that submits an entry does so. */
async function register(name: string): Promise<void> {
  const { agent } = await run(join(folder, name), "--health-s", "0");
  await agent.stop();
}

beforeAll(async () => {
  hubMade = await document<Made>(["init", "--home", hub, "--found", "village", "--port", "0"]);
  ({ agent: hubAgent, broker } = await run(hub, "--health-s", "0"));
  phoneMade = await newHome("phone");
  await register("phone");
  ({ id: euro } = await document<{ id: string }>(["currency", "create", "EUR", "--home", hub]));
  await document(["currency", "mint", "1000.00", "EUR", "--home", hub]);
  await document(["wallet", "send", "100.00", "EUR", phoneMade.account, "--home", hub, "--memo", "=1+1"]);
  await document([
    "wallet",
    "send",
    "24.90",
    "EUR",
    hubMade.account,
    "--home",
    phone,
    "--memo",
    "bread & cake",
  ]);
});

afterAll(async () => {
  await hubAgent?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("wallet history", () => {
  it("shows each movement once, fetches what was missed, and proves it by receipts", async () => {
    // The phone did not run when the hub paid it.
    const history = await document<History>(["wallet", "history", "--home", phone]);
    expect(amounts(history)).toEqual(["100.00 EUR", "-24.90 EUR"]);
    expect(history.missing).toBe(0);
    expect(history.movements).toMatchObject([
      { kind: "transfer", others: [hubMade.account], memo: "=1+1" },
      { kind: "transfer", others: [hubMade.account], memo: "bread & cake" },
    ]);
    for (const { receipt } of history.movements) {
      expect((await segment(["verify", receipt, "--home", phone])).code).toBe(0);
    }
    expect(amounts(await document<History>(["wallet", "history", "--home", hub]))).toEqual([
      ...["1000.00 EUR", "-100.00 EUR", "24.90 EUR"],
    ]);
    const { stdout } = await segment(["wallet", "history", "--home", phone, "--currency", "EUR"]);
    expect(stdout).toMatch(
      / \+100\.00 EUR {2}Payment from .*z6Mk.* "=1\+1"\n.* -24\.90 EUR {2}Payment to .*z6Mk/,
    );
  });

  it("knows periods and currencies, and says what it cannot know", async () => {
    const none = ["wallet", "history", "--home", phone, "--until", "2020-01-01"];
    expect((await document<History>(none)).movements).toEqual([]);
    const wrong = await segment(["wallet", "history", "--home", phone, "--since", "2026-02-30"]);
    expect(wrong.stderr).toContain("[option-invalid]");
    const unknown = await segment(["wallet", "history", "--home", phone, "--currency", "USD"]);
    expect(unknown.stderr).toContain("[currency-unknown]");
    const offline = await document<History>([
      ...["wallet", "history", "--home", phone, "--broker", "mqtt://127.0.0.1:9"],
    ]);
    expect(offline.missing).toBeNull();
    expect(amounts(offline)).toHaveLength(2);
  });

  it("fetches a receipt that was deleted, and takes in no damaged one", async () => {
    const { movements } = await document<History>(["wallet", "history", "--home", phone]);
    const bytes = readFileSync(movements[0]!.receipt);
    unlinkSync(movements[0]!.receipt);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(movements[1]!.receipt, bytes);
    const again = await document<History>(["wallet", "history", "--home", phone]);
    expect(amounts(again)).toEqual(["100.00 EUR", "-24.90 EUR"]);
    expect(again.missing).toBe(0);
  });
});

describe("statements, invoices, receipts", () => {
  it("balances: what was there, what moved, what is left", async () => {
    const file = join(folder, "statement.html");
    const args = ["wallet", "export", "--home", phone, "--lang", "fr", "--out", file];
    const written = await document<{ parts: object[] }>(args);
    expect(written.parts).toEqual([{ currency: euro, opening: "0", closing: "7510", movements: 2 }]);
    const page = readFileSync(file, "utf8");
    expect(page).toContain("Relevé de compte");
    expect(page).toContain("75,10");
    expect(page).toContain("bread &amp; cake");
    expect(page).not.toMatch(/<script|https?:|<img|<link/);
    const { stdout } = await segment(["wallet", "export", "--home", phone, "--format", "csv"]);
    expect(stdout).toContain(",'=1+1,");
    expect(stdout.split("\r\n")).toHaveLength(6);
  });

  it("are made of the verified receipt alone", async () => {
    const { movements } = await document<History>(["wallet", "history", "--home", hub]);
    const { receipt } = movements.at(-1)!;
    const invoice = [
      ...["wallet", "invoice", receipt, "--home", hub, "--seller-name", "Hub & Co", "--buyer-name", "Ann"],
      ...["--line", "Bread=3.20", "--line", "Cake=21.70", "--vat", "7.7"],
    ];
    const made = await document<object>(invoice);
    expect(made).toMatchObject({ net: "23.12 EUR", vat: "1.78 EUR", total: "24.90 EUR" });
    const { stdout } = await segment([...invoice, "--format", "text", "--lang", "fr"]);
    expect(stdout).toContain("TVA 7,7 %");
    expect(stdout).toContain("24,90 EUR");
    const wrong = await segment(invoice.map((arg) => (arg === "Bread=3.20" ? "Bread=3.21" : arg)));
    expect(wrong.stderr).toContain("[amount-invalid]");
    const forged = join(folder, "forged.receipt");
    const bytes = readFileSync(receipt);
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    writeFileSync(forged, bytes);
    expect((await segment(["wallet", "receipt", forged, "--home", hub])).stderr).toContain(
      "[receipt-invalid]",
    );
    const slip = await segment(["wallet", "receipt", receipt, "--home", hub, "--format", "text"]);
    expect(slip.stdout).toContain(phoneMade.account);
    expect(slip.stdout).toContain("bread & cake");
  });
});

describe("payment requests", () => {
  it("are paid as they say, once they are read back from the QR code", async () => {
    const args = ["wallet", "request", "1.50", "EUR", "--memo", "café & co", "--days", "1", "--home", hub];
    const { stdout } = await segment(args);
    const request = stdout.trim().split("\n").at(-1) ?? "";
    expect(request).toMatch(/^segment:pay\?network=village&to=z6Mk/);
    const rows = stdout.split("\n").filter((line) => /^[█▀▄ ]{20,}$/.test(line));
    expect(readQr(rows)).toBe(request);
    const paid = await document<object>(["wallet", "send", "--request", request, "--home", phone]);
    expect(paid).toMatchObject({ paid: { currency: euro, minor: "150" }, to: hubMade.account });
    const { movements } = await document<History>(["wallet", "history", "--home", hub]);
    expect(movements.at(-1)).toMatchObject({ memo: "café & co", amount: "1.50 EUR" });
    const foreign = request.replace("network=village", "network=town");
    const refused = await segment(["wallet", "send", "--request", foreign, "--home", phone]);
    expect(refused.stderr).toContain('for the network "town"');
    const over = request.replace(/until=\d{4}/, "until=2020");
    expect((await segment(["wallet", "send", "--request", over, "--home", phone])).stderr).toContain(
      "has expired",
    );
  });
});

describe("backup", () => {
  it("restores a home that goes on where the first one stopped; nothing else opens it", async () => {
    const file = join(folder, "phone.backup");
    expect((await segment(["wallet", "backup", file, "--home", phone])).stderr).toContain("[option-invalid]");
    const saved = await segment(["wallet", "backup", file, "--home", phone, "--json"], PASSPHRASE);
    expect(saved.code, saved.stderr).toBe(0);
    const restored = join(folder, "restored");
    const restore = ["wallet", "restore", file, "--home", restored];
    const wrong = await segment(restore, { SEGMENT_BACKUP_PASSPHRASE: "wrong" });
    expect(wrong.stderr).toContain("[passphrase-wrong]");
    expect(existsSync(restored)).toBe(false);
    const done = await segment([...restore, "--json"], PASSPHRASE);
    expect(JSON.parse(done.stdout)).toMatchObject({ id: phoneMade.id, account: phoneMade.account });
    const names = (home: string): string[] => readdirSync(join(home, "documents")).sort();
    expect(names(restored)).toEqual(names(phone));
    await document(["wallet", "send", "0.10", "EUR", hubMade.account, "--home", restored]);
    expect((await segment(restore, PASSPHRASE)).stderr).toContain("[home-exists]");
  });
});

describe("a stolen device", () => {
  it("is revoked with the words by any home; a new device of the same words spends the money", async () => {
    const before = await document<{ devices: object[] }>(["key", "list", "--home", phone]);
    expect(before.devices).toMatchObject([{ id: phoneMade.id, revoked: false }]);
    const words = join(folder, "phone.words");
    writeFileSync(words, hubMade.words);
    const revoke = ["key", "revoke", phoneMade.id, "--words-file", words, "--home", hub];
    const notIts = await segment(revoke);
    expect(notIts.stderr).toContain("[entry-unauthorized]");
    writeFileSync(words, phoneMade.words);
    const done = await document<object>(revoke);
    expect(done).toMatchObject({ revoked: phoneMade.id, account: phoneMade.account });
    const thief = await segment(["wallet", "send", "1", "EUR", hubMade.account, "--home", phone]);
    expect(thief.code).toBe(1);
    expect(thief.stderr).toContain("[card-revoked]");
    const fresh = await newHome("fresh", phoneMade);
    expect(fresh.account).toBe(phoneMade.account);
    await document(["wallet", "send", "3.50", "EUR", hubMade.account, "--home", join(folder, "fresh")]);
    const history = await document<History>(["wallet", "history", "--home", join(folder, "fresh")]);
    expect(amounts(history)).toEqual(["100.00 EUR", "-24.90 EUR", "-1.50 EUR", "-0.10 EUR", "-3.50 EUR"]);
    const after = await document<{ devices: object[] }>(["key", "list", "--home", join(folder, "fresh")]);
    expect(after.devices).toMatchObject([
      { id: phoneMade.id, revoked: true },
      { id: fresh.id, revoked: false },
    ]);
  });
});

describe("standing orders", () => {
  it("are made by the running home, once, and listed with what happened", async () => {
    const payer = await newHome("payer");
    await register("payer");
    const home = join(folder, "payer");
    await document(["wallet", "send", "300.00", "EUR", payer.account, "--home", hub]);
    const add = ["wallet", "standing", "add", "--home", home, "--to", hubMade.account];
    const { id } = await document<{ id: string }>([
      ...[...add, "--amount", "50.00 EUR", "--every", "month", "--memo", "rent"],
    ]);
    await document([...add, "--when-above", "200.00 EUR"]);
    for (let runs = 0; runs < 2; runs++) {
      const { agent } = await run(home, "--health-s", "0");
      if (runs === 0) await agent.line(/^standing order .*: paid 50\.00 EUR/);
      await agent.stop();
    }
    const history = await document<History>(["wallet", "history", "--home", home]);
    expect(amounts(history)).toEqual(["300.00 EUR", "-50.00 EUR", "-50.00 EUR"]);
    const listed = await document<{ orders: { id: string; settledPeriods: number }[] }>([
      ...["wallet", "standing", "list", "--home", home],
    ]);
    expect(listed.orders).toHaveLength(2);
    expect(listed.orders.find((order) => order.id === id)?.settledPeriods).toBe(1);
    await document(["wallet", "standing", "remove", id.slice(0, 8), "--home", home]);
    expect((await segment(["wallet", "standing", "list", "--home", home])).stdout).not.toContain(
      "every month",
    );
  });
});

interface Shown {
  pending: { amount: string; memo: string; approvedBy: string[] }[];
}

describe("joint accounts", () => {
  it("pay when enough members approve, and not before", async () => {
    const ann = await newHome("ann");
    const ben = await newHome("ben");
    await register("ann");
    await register("ben");
    const [annHome, benHome] = [join(folder, "ann"), join(folder, "ben")];
    const members = ["--members", ann.account, ben.account];
    const { account } = await document<{ account: string }>([
      ...["wallet", "joint", "create", "--k", "2", ...members, "--home", annHome],
    ]);
    await document(["wallet", "send", "40.00", "EUR", account, "--home", hub]);
    const pay = ["wallet", "joint", "propose", account, "15.00", "EUR", hubMade.account, "--memo", "wood"];
    const { payment } = await document<{ payment: string }>([...pay, "--home", annHome]);
    const tooFew = await segment(["wallet", "joint", "send", payment, "--home", annHome]);
    expect(tooFew.stderr).toContain("[approvals-missing]");
    const looked = await document<{ approval: string | null }>([
      ...["wallet", "joint", "approve", payment, "--home", benHome],
    ]);
    expect(looked).toMatchObject({ approval: null, minor: "1500", to: hubMade.account, memo: "wood" });
    const { approval } = await document<{ approval: string }>([
      ...["wallet", "joint", "approve", payment, "--yes", "--home", benHome],
    ]);
    // A stranger's approval counts for nothing.
    const stranger = await document<{ approval: string }>([
      ...["wallet", "joint", "approve", payment, "--yes", "--home", hub],
    ]);
    // Ben has met the account by the payment that he was asked to approve.
    const seen = await document<Shown>(["wallet", "joint", "show", account, "--home", benHome]);
    expect(seen.pending).toMatchObject([{ amount: "15.00 EUR", memo: "wood", approvedBy: [ben.account] }]);
    const listed = await document<{ accounts: object[] }>(["wallet", "joint", "list", "--home", annHome]);
    expect(listed.accounts).toEqual([{ account, k: 2, members: [ann.account, ben.account], pending: 1 }]);
    const send = ["wallet", "joint", "send", payment, "--home", annHome, "--approval"];
    expect((await segment([...send, stranger.approval])).stderr).toContain("[approvals-missing]");
    await document([...send, approval]);
    expect((await segment([...send, approval])).stderr).toContain("[approvals-used]");
    const shown = await document<Shown>(["wallet", "joint", "show", account, "--home", benHome]);
    expect(shown).toMatchObject({
      pending: [],
      k: 2,
      balances: [{ currency: euro, minor: "2500", amount: "25.00 EUR" }],
    });
    const past = ["wallet", "history", "--account", account, "--home"];
    const { movements, missing } = await document<{ movements: object[]; missing: number }>([
      ...past,
      benHome,
    ]);
    expect(missing).toBe(0);
    expect(movements).toMatchObject([
      { amount: "40.00 EUR", others: [hubMade.account] },
      { amount: "-15.00 EUR", others: [hubMade.account], memo: "wood" },
    ]);
    expect((await segment([...past, hub])).stderr).toContain("[account-unknown]");
    const outside = await segment(["wallet", "joint", "show", account, "--home", hub]);
    expect(outside.stderr).toContain("[account-unknown]");
  });
});

describe("wallet addresses", () => {
  it("are those of BIP 84 and EIP-55, and say what a claim is", async () => {
    const words = join(folder, "abandon.words");
    writeFileSync(words, `${"abandon ".repeat(11)}about\n`);
    const { btc, eth } = await document<{ btc: { address: string }[]; eth: { address: string }[] }>([
      ...["wallet", "addresses", "--words-file", words],
    ]);
    expect(btc[0]?.address).toBe("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
    expect(eth[0]?.address).toBe("0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
    expect((await segment(["wallet", "addresses", "--words-file", words])).stdout).toContain("is a claim on");
  });
});

/** Half-block rows as a picture of four pixels a module; a dark module is a blank, as on a dark terminal. */
function readQr(rows: readonly string[]): string {
  const scale = 4;
  const modules = rows.flatMap((row) => [
    [...row].map((mark) => mark === "█" || mark === "▀"),
    [...row].map((mark) => mark === "█" || mark === "▄"),
  ]);
  const width = (modules[0]?.length ?? 0) * scale;
  const height = modules.length * scale;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = modules[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      data.fill(light ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
      data[(y * width + x) * 4 + 3] = 255;
    }
  }
  return decodeQR({ width, height, data });
}
