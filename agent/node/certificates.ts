/**
 * The certificates with which a home serves the phone's app over TLS (RFC 5280): an authority of the home's
 * own, which people tell their phones to trust once, and the server's certificate, which it renews.
 *
 * Whoever trusts the authority gives away as little as can be: it may vouch for names of the local network
 * and for private addresses only, so that a stolen key opens nothing on the Internet.
 */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { concat, utf8 } from "../../protocols/encoding/bytes.ts";
import type { Random, TimeMs } from "../../protocols/ports.ts";
import {
  bitString,
  integer,
  objectId,
  octets,
  sequence,
  setOf,
  tagged,
  taggedBytes,
  time,
  utf8String,
  yes,
} from "./der.ts";

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
};
/** Bits of RFC 5280 section 4.2.1.3, with how many of the byte do not count. */
const KEY_CERT_SIGN = { bits: 0x04, unused: 2 };
const DIGITAL_SIGNATURE = { bits: 0x80, unused: 7 };
const DNS_NAME = 2;
const IP_ADDRESS = 7;
const SIGNED_WITH = sequence(objectId(OID.ecdsaWithSha256));

/**
 * What is served on a local network: mDNS names, names without a dot's end in the world, private addresses.
 */
const LOCAL_DOMAINS = ["local", "localhost", "home.arpa", "internal", "lan"];
const PRIVATE_NETWORKS: [address: string, prefix: number][] = [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
];

const privateAddresses = new BlockList();
for (const [address, prefix] of PRIVATE_NETWORKS)
  privateAddresses.addSubnet(address, prefix, family(address));

/** Whether an authority of the machine `own` may vouch for a name or address. */
export function isLocal(host: string, own: string): boolean {
  if (isIP(host) !== 0) return privateAddresses.check(host, family(host));
  return [...LOCAL_DOMAINS, own].some((domain) => host === domain || host.endsWith(`.${domain}`));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}

export interface Certified {
  /** PEM. */
  certificate: string;
  /** PEM, PKCS #8: a secret. */
  key: string;
}

export interface CertificateOptions {
  random: Random;
  notBefore: TimeMs;
  notAfter: TimeMs;
}

/** An authority that may vouch for local names, private addresses and the machine's own name `host`. */
export function makeAuthority(name: string, host: string, options: CertificateOptions): Certified {
  const { publicKey, privateKey } = newKeys();
  const names = [...LOCAL_DOMAINS, host].map((domain) => sequence(dnsName(domain)));
  const networks = PRIVATE_NETWORKS.map(([address, prefix]) => sequence(network(address, prefix)));
  const extensions = [
    critical(OID.basicConstraints, sequence(yes, integer(Uint8Array.of(0)))),
    critical(OID.keyUsage, bitString(Uint8Array.of(KEY_CERT_SIGN.bits), KEY_CERT_SIGN.unused)),
    critical(OID.nameConstraints, sequence(tagged(0, ...names, ...networks))),
    extension(OID.subjectKeyId, octets(keyId(publicKey))),
  ];
  return signed({ subject: name, issuer: name, publicKey, extensions }, privateKey, privateKey, options);
}

/** The server's: `hosts` are names and addresses that the authority may vouch for. */
export function makeServerCertificate(
  authority: Certified & { name: string },
  hosts: string[],
  options: CertificateOptions,
): Certified {
  const { publicKey, privateKey } = newKeys();
  const authorityKey = createPrivateKey(authority.key);
  const extensions = [
    critical(OID.keyUsage, bitString(Uint8Array.of(DIGITAL_SIGNATURE.bits), DIGITAL_SIGNATURE.unused)),
    extension(OID.extendedKeyUsage, sequence(objectId(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...hosts.map(hostName))),
    extension(OID.authorityKeyId, sequence(taggedBytes(0, keyId(publicOf(authorityKey))))),
  ];
  const content = { subject: "SEGMENT app", issuer: authority.name, publicKey, extensions };
  return signed(content, privateKey, authorityKey, options);
}

interface Content {
  subject: string;
  issuer: string;
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Uint8Array;
  extensions: Uint8Array[];
}

function signed(
  content: Content,
  ownKey: KeyObject,
  signingKey: KeyObject,
  options: CertificateOptions,
): Certified {
  const { random, notBefore, notAfter } = options;
  // RFC 5280 section 4.1.2.2: positive, and at most 20 bytes.
  const serial = random.bytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = sequence(
    tagged(0, integer(Uint8Array.of(2))),
    integer(serial),
    SIGNED_WITH,
    commonName(content.issuer),
    sequence(time(notBefore), time(notAfter)),
    commonName(content.subject),
    content.publicKey,
    tagged(3, sequence(...content.extensions)),
  );
  const signature = new Uint8Array(sign("sha256", toBeSigned, signingKey));
  const certificate = sequence(toBeSigned, SIGNED_WITH, bitString(signature));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: ownKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function newKeys(): { publicKey: Uint8Array; privateKey: KeyObject } {
  // P-256: what every phone's TLS takes.
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return { publicKey: publicOf(privateKey), privateKey };
}

function publicOf(privateKey: KeyObject): Uint8Array {
  const jwk = privateKey.export({ format: "jwk" });
  const point = concat(Uint8Array.of(4), coordinate(jwk.x), coordinate(jwk.y));
  return sequence(sequence(objectId("1.2.840.10045.2.1"), objectId("1.2.840.10045.3.1.7")), bitString(point));
}

function coordinate(text = ""): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64url"));
}

/** RFC 7093 section 2: a name for a key, from its hash. */
function keyId(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(publicKey).digest().subarray(0, 20));
}

function commonName(name: string): Uint8Array {
  return sequence(setOf(sequence(objectId(OID.commonName), utf8String(name))));
}

function extension(id: string, value: Uint8Array): Uint8Array {
  return sequence(objectId(id), octets(value));
}

function critical(id: string, value: Uint8Array): Uint8Array {
  return sequence(objectId(id), yes, octets(value));
}

function dnsName(name: string): Uint8Array {
  return taggedBytes(DNS_NAME, utf8(name));
}

function hostName(host: string): Uint8Array {
  return isIP(host) === 0 ? dnsName(host) : taggedBytes(IP_ADDRESS, addressBytes(host));
}

function network(address: string, prefix: number): Uint8Array {
  const bytes = addressBytes(address);
  const mask = bytes.map((_, at) => (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * at))) & 255);
  return taggedBytes(IP_ADDRESS, concat(bytes, mask));
}

/** 4 or 16 bytes. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  const [head, tail] = address.split("%")[0]!.split("::") as [string, string?];
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const words = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255]));
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
