import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureAppCertificate, ownHosts, readAppCertificate } from "./app-certificate.ts";
import type { AppCertificate } from "./app-certificate.ts";
import { makeServerCertificate } from "./certificates.ts";
import { nodeRandom as random } from "./crypto.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** What Node calls OpenSSL's "permitted subtree violation". */
const CONSTRAINT_BROKEN = "UNSPECIFIED";
let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "segment-app-"));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

/** What a client that trusts the home's authority gets from a server with this certificate. */
async function fetched(
  served: { certificate: string; key: string },
  ca: string,
  host: string,
): Promise<string> {
  const server = createServer({ cert: served.certificate, key: served.key }, (_request, response) =>
    response.end("hello"),
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise<string>((resolve) => {
      const options = { host: "127.0.0.1", port, ca, servername: host };
      const request = get({ ...options, agent: false }, (response) => {
        response.setEncoding("utf8");
        response.on("data", resolve);
      });
      request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    server.close();
  }
}

describe("a home's certificate for the app", () => {
  it("is taken by a client that trusts the home's authority, and by no other", async () => {
    const made = ensureAppCertificate(home, { random, now: Date.now() });
    expect(await fetched(made, made.authority, "localhost")).toBe("hello");
    const other = ensureAppCertificate(join(home, "other"), { random, now: Date.now() });
    expect(await fetched(made, other.authority, "localhost")).toMatch(/SELF_SIGNED|UNABLE_TO|SIGNATURE/);
  });

  it("names the machine, its addresses and what else it is called", () => {
    const made = ensureAppCertificate(home, {
      random,
      now: Date.now(),
      hosts: ["door.home.arpa", "10.1.2.3"],
    });
    const certificate = new X509Certificate(made.certificate);
    for (const host of ["localhost", "door.home.arpa"]) expect(certificate.checkHost(host)).toBe(host);
    for (const address of ["127.0.0.1", "::1", "10.1.2.3"])
      expect(certificate.checkIP(address)).toBe(address);
    expect(ownHosts()).toContain("localhost");
    expect(certificate.checkHost("example.com")).toBeUndefined();
  });

  it("keeps the authority that phones trust, and renews its own in time or for a new name", () => {
    const begun = Date.UTC(2026, 0, 1);
    const made = ensureAppCertificate(home, { random, now: begun });
    const same = ensureAppCertificate(home, { random, now: begun + 300 * DAY_MS });
    expect(same.certificate).toBe(made.certificate);
    const renewed = ensureAppCertificate(home, { random, now: begun + 380 * DAY_MS });
    expect(renewed.certificate).not.toBe(made.certificate);
    expect(renewed.fingerprint).toBe(made.fingerprint);
    const named = ensureAppCertificate(home, { random, now: begun + 380 * DAY_MS, hosts: ["hub.lan"] });
    expect(named.certificate).not.toBe(renewed.certificate);
    expect(new X509Certificate(named.certificate).verify(new X509Certificate(made.authority).publicKey)).toBe(
      true,
    );
  });

  it("is refused for a name of the Internet, whatever the authority has signed", async () => {
    const made = ensureAppCertificate(home, { random, now: Date.now() });
    const authority = {
      certificate: made.authority,
      key: readFileSync(join(home, "app", "authority.key"), "utf8"),
      name: new X509Certificate(made.authority).subject.replace(/^CN=/, ""),
    };
    const validity = { random, notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
    for (const [host, answer] of [
      ["example.com", CONSTRAINT_BROKEN],
      ["8.8.8.8", CONSTRAINT_BROKEN],
      ["door.local", "hello"],
      ["192.168.7.7", "hello"],
    ] as const) {
      const served = makeServerCertificate(authority, [host, "localhost", "127.0.0.1"], validity);
      expect(await fetched(served, made.authority, "localhost"), host).toBe(answer);
    }
  });

  it("holds with serial numbers and dates as certificates have them", () => {
    const made = ensureAppCertificate(home, { random, now: Date.UTC(2049, 11, 1) });
    const authority = new X509Certificate(made.authority);
    expect(authority.ca).toBe(true);
    expect(Date.parse(authority.validTo)).toBeGreaterThan(Date.UTC(2059, 0, 1));
    expect(authority.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(new X509Certificate(made.certificate).ca).toBe(false);
  });

  it("can be read without making one, and its keys are its owner's", () => {
    expect(readAppCertificate(home)).toBeUndefined();
    const made: AppCertificate = ensureAppCertificate(home, { random, now: Date.now() });
    expect(readAppCertificate(home)).toEqual({
      fingerprint: made.fingerprint,
      notAfter: made.notAfter,
      lacks: [],
    });
    for (const name of ["authority.key", "server.key"])
      expect(statSync(join(home, "app", name)).mode & 0o077).toBe(0);
  });
});
