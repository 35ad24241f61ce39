/**
 * The app over TLS, as a computer opens it that was told to trust the home's own authority: Chromium on Linux
 * reads it from the NSS database of the person's home folder. No flag speaks of certificates.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../cli/segment.ts";
import { findCertutil, findChromium } from "../support/chromium.ts";
import { openHouse } from "./house.ts";
import type { House } from "./house.ts";
import { AppPhone } from "./street.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const certutil = findCertutil();
const isPossible = certutil !== undefined && findChromium() !== undefined;

/** A person's home folder, whose browser trusts this authority; without one it trusts none of ours. */
function homeFolder(authority: string | undefined): string {
  const folder = temporaryFolder();
  const database = join(folder, ".pki", "nssdb");
  mkdirSync(database, { recursive: true });
  execFileSync(certutil!, ["-d", `sql:${database}`, "-N", "--empty-password"]);
  const add = ["-A", "-n", "SEGMENT", "-t", "C,,", "-i"];
  if (authority !== undefined) execFileSync(certutil!, ["-d", `sql:${database}`, ...add, authority]);
  return folder;
}

describe.skipIf(!isPossible)("the app over TLS", () => {
  const folders: string[] = [];
  const phones: AppPhone[] = [];
  let house: House;
  /** The machine's own name, as `segment run` says it. */
  let name: string;
  let port: string;

  beforeAll(async () => {
    house = await openHouse(["--host", "0.0.0.0"]);
    ({ hostname: name, port } = new URL(house.url));
  });

  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  afterAll(() => house?.close());

  /** Whoever asks for the machine by its name finds it here: the test has no mDNS. */
  async function visitor(host: string, authority: string | undefined): Promise<AppPhone> {
    const home = homeFolder(authority);
    folders.push(home);
    const found = { more: [`--host-resolver-rules=MAP ${name} 127.0.0.1`], env: { HOME: home } };
    const phone = await AppPhone.open(`https://${host}:${port}/`, "", undefined, found);
    phones.push(phone);
    return phone;
  }

  it("is refused by a browser that was told nothing", async () => {
    await expect(visitor("localhost", undefined)).rejects.toThrow("ERR_CERT_AUTHORITY_INVALID");
  });

  it.each(["localhost", "the machine’s name"])("is trusted at %s with the authority", async (where) => {
    const host = where === "localhost" ? where : name;
    const phone = await visitor(host, join(house.home, "app", "authority.crt"));
    const { page } = phone;
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    await phone.onboard("Olga’s phone");
    await phone.sees("Online");
    expect(sockets).toEqual([expect.stringMatching(`^wss://${host.replaceAll(".", "\\.")}:${port}/`)]);
    const worker = await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.scriptURL);
    expect(worker).toBe(`https://${host}:${port}/service-worker.js`);
    expect(phone.complaints).toEqual([]);
  });

  it("is refused with the authority of another home", async () => {
    const other = await openHouse(["--host", "0.0.0.0"]);
    try {
      const authority = join(other.home, "app", "authority.crt");
      await expect(visitor("localhost", authority)).rejects.toThrow(/ERR_CERT_/);
    } finally {
      await other.close();
    }
  });
});
