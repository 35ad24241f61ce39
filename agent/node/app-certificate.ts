/** A home's own certificates for the app: made at init or at the first run that serves it, and renewed. */
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { SegmentError } from "../../protocols/errors.ts";
import type { Random, TimeMs } from "../../protocols/ports.ts";
import { isLocal, makeAuthority, makeServerCertificate } from "./certificates.ts";
import type { Certified } from "./certificates.ts";
import { makeFolder, writeFileDurably } from "./files.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
const AUTHORITY_MS = 10 * 365 * DAY_MS;
/** Browsers take no server's certificate that is valid for longer than 398 days. */
const SERVER_MS = 397 * DAY_MS;
const RENEW_MS = 30 * DAY_MS;
/** A phone's clock may be behind. */
const EARLIER_MS = DAY_MS;

export interface AppCertificate extends Certified {
  /** PEM of the authority, which phones are told to trust. */
  authority: string;
  /** Of the authority: SHA-256, as phones show it. */
  fingerprint: string;
  hosts: string[];
  notAfter: TimeMs;
}

export interface AppCertificateOptions {
  random: Random;
  now: TimeMs;
  /** What the server will be called, besides the machine's own names and addresses. */
  hosts?: string[];
}

/** The machine's name, as others on the network call it, without the domain of mDNS. */
function ownName(): string {
  return hostname()
    .toLowerCase()
    .replace(/\.local$/, "");
}

/**
 * Names and addresses by which this machine can be reached on its local network. A public address is none:
 * an authority that could vouch for it could for others' too.
 */
export function ownHosts(): string[] {
  const name = ownName();
  const isName = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const hosts = [
    ...(isName ? [`${name}.local`, name] : []),
    ...["localhost", "127.0.0.1", "::1"],
    // A link-local address of IPv6 means nothing without the interface.
    ...addresses
      .filter(({ scopeid }) => scopeid === undefined || scopeid === 0)
      .map(({ address }) => address),
  ];
  return [...new Set(hosts)].filter((host) => isLocal(host, name));
}

/**
 * Reads the home's certificates; makes or renews what is missing, ends soon or lacks a name. Errors:
 * option-invalid (a host of the Internet), store-failed.
 */
export function ensureAppCertificate(home: string, options: AppCertificateOptions): AppCertificate {
  const folder = join(home, "app");
  makeFolder(folder);
  const { random, now } = options;
  const strange = options.hosts?.find((host) => !isLocal(host, ownName()));
  if (strange !== undefined) {
    const problem = `the home's own authority may not vouch for ${strange}: local names and addresses only`;
    throw new SegmentError("option-invalid", problem, { where: strange });
  }
  const hosts = [...new Set([...(options.hosts ?? []), ...ownHosts()])];
  const authority = readPair(folder, "authority") ?? newAuthority(folder, random, now);
  const issuer = new X509Certificate(authority.certificate);
  const name = issuer.subject.replace(/^CN=/, "");
  let server = readPair(folder, "server");
  if (server === undefined || !isGood(server.certificate, issuer, hosts, now)) {
    server = makeServerCertificate({ ...authority, name }, hosts, {
      random,
      notBefore: now - EARLIER_MS,
      notAfter: now + SERVER_MS,
    });
    writePair(folder, "server", server);
  }
  return {
    ...server,
    authority: authority.certificate,
    fingerprint: issuer.fingerprint256,
    hosts,
    notAfter: Date.parse(new X509Certificate(server.certificate).validTo),
  };
}

/** What is there, without making anything; undefined if there is none. Errors: store-failed. */
export function readAppCertificate(
  home: string,
): { fingerprint: string; notAfter: TimeMs; lacks: string[] } | undefined {
  const folder = join(home, "app");
  const authority = readPair(folder, "authority");
  const server = readPair(folder, "server");
  if (authority === undefined || server === undefined) return undefined;
  const certificate = new X509Certificate(server.certificate);
  return {
    fingerprint: new X509Certificate(authority.certificate).fingerprint256,
    notAfter: Date.parse(certificate.validTo),
    lacks: ownHosts().filter((host) => !covers(certificate, host)),
  };
}

function newAuthority(folder: string, random: Random, now: TimeMs): Certified {
  const host = ownName();
  const validity = { random, notBefore: now - EARLIER_MS, notAfter: now + AUTHORITY_MS };
  const authority = makeAuthority(`SEGMENT on ${host}`.slice(0, 64), host, validity);
  writePair(folder, "authority", authority);
  return authority;
}

function isGood(pem: string, issuer: X509Certificate, hosts: string[], now: TimeMs): boolean {
  const certificate = new X509Certificate(pem);
  const ends = Date.parse(certificate.validTo);
  return (
    certificate.verify(issuer.publicKey) &&
    Date.parse(certificate.validFrom) <= now &&
    now < ends - RENEW_MS &&
    hosts.every((host) => covers(certificate, host))
  );
}

function covers(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

function readPair(folder: string, name: string): Certified | undefined {
  const paths = [join(folder, `${name}.crt`), join(folder, `${name}.key`)] as const;
  if (!paths.every((path) => existsSync(path))) return undefined;
  try {
    return { certificate: readFileSync(paths[0], "utf8"), key: readFileSync(paths[1], "utf8") };
  } catch (cause) {
    const problem = `cannot read the app's certificate: ${(cause as Error).message}`;
    throw new SegmentError("store-failed", problem, { where: folder, cause });
  }
}

/** The key first: a certificate stands there only with its key. */
function writePair(folder: string, name: string, { certificate, key }: Certified): void {
  writeFileDurably(join(folder, `${name}.key`), key, 0o600);
  writeFileDurably(join(folder, `${name}.crt`), certificate, 0o644);
}
