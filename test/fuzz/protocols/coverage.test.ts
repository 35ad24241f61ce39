/**
 * Every exported decoder of protocols/ is fuzzed, or is listed here with the reason why not.
 *
 * A decoder is what takes bytes, text or values from outside apart: a function whose name begins with
 * one of PREFIXES, one of ALSO or CLASSES, or a zod schema. It counts as fuzzed when a fuzz test names it
 * outside of texts and comments; the lint refuses an import that is not used.
 *
 * | room       | fuzz test                         |
 * |------------|-----------------------------------|
 * | encoding   | encoding.test.ts                  |
 * | crypto     | crypto.test.ts                    |
 * | identity   | identity.test.ts                  |
 * | money      | money.test.ts                     |
 * | session    | session.test.ts                   |
 * | contract   | contract, negotiation, written    |
 * | ledger     | ledger, committee, apply.test.ts  |
 * | telemetry  | records, telemetry.test.ts        |
 * | messaging  | messaging.test.ts, topics too     |
 * | delivery   | delivery.test.ts                  |
 * | tab        | tab.test.ts                       |
 * | documents  | written.test.ts                   |
 * | access     | access.test.ts                    |
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../../support/shared.ts";

const PREFIXES =
  /^(decode|open|read|parse|verify|check|from|unwrap|decompress|resolve|split|is|may)($|[A-Z0-9])/;
/** Decoders by another name. */
const ALSO = new Set([
  "publicKeyFromId",
  "seedFromWords",
  "rootFromPath",
  "applyEntry",
  "stepContract",
  "text",
]);
const CLASSES = new Set(["FieldReader", "Reassembler", "CipherState", "HandshakeState", "NotaryCore"]);
/** Classes that drive the above: the fuzz drives them through the testing kit. */
const DRIVEN = ["SessionInitiator", "SessionResponder"];

/** Name, and why no fuzz test names it. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["checkEvidence", "the machine calls it: stepContract with any facts, contract.test.ts"],
  ["openContract", "reads the ledger's own state: applyEntry, apply.test.ts"],
  ["readFacts", "applyFacts calls it with the attachment: applyEntry, apply.test.ts"],
  ["isCanonicalStrongKey", "requirePublicKey is nothing else, identity.test.ts"],
  ["isWorthVerifying", "both ed25519Verify begin with it, crypto.test.ts"],
  ["isShardOf", "openChunk and readStream call it with every shard, telemetry.test.ts"],
  ["isClientIdOf", "verifyToken calls it with every client id, messaging.test.ts"],
  ["isAboutTime", "looks at an error of our own"],
  ["isFinal", "looks at one field of a receipt that was verified"],
  ["checkValidity", "openCard calls it, identity.test.ts"],
  ["timeAnswerSchema", "LEDGER_SCHEMAS holds it, committee.test.ts"],
  ["readBeneficiary", "decodeTerms calls it, contract.test.ts has terms with a fund"],
  ["readMandate", "decodeTerms calls it, contract.test.ts has terms with mandates"],
  ["readVoucher", "openVoucher calls it with every fact, tab.test.ts"],
  ["isFunded", "looks at a receipt that was verified"],
  ["readFields", "termsFromParams calls it with every object, written.test.ts"],
  ["readCurrency", "termsFromParams calls it, written.test.ts"],
  ["readLegs", "readBody calls it, ledger.test.ts"],
  ["readLeg", "readBody and decodeLeaf call it, ledger.test.ts"],
  ["readJoint", "readBody and decodeLeaf call it, ledger.test.ts"],
  ["readPolicy", "readBody calls it, ledger.test.ts"],
  ["isMember", "compares keys"],
  ["openTerms", "reads the ledger's own state: applyEntry, apply.test.ts"],
  ["openMandates", "writes the ledger's own state: applyEntry, apply.test.ts"],
  ["readRights", "openGuestKey calls it with every key, access.test.ts"],
  ["readTimes", "openGuestKey calls it with every key, access.test.ts"],
  ["readLockName", "whatever is signed for a lock begins with it, access.test.ts"],
  ["openSigned", "all that open what is signed for a lock are nothing else, access.test.ts"],
  ["isNetworkName", "one regular expression; parseTopic has the same, messaging.test.ts"],
]);

interface Exported {
  name: string;
  file: string;
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "testing" ? [] : filesUnder(path);
    return path.endsWith(".ts") && !path.endsWith(".test.ts") ? [path] : [];
  });
}

function source(path: string): string {
  return readFileSync(join(repositoryRoot, path), "utf8");
}

/** All that protocols/ exports and that takes something from outside apart. */
function decoders(): Exported[] {
  return filesUnder("protocols").flatMap((file) => {
    const text = source(file);
    const names = [...text.matchAll(/^export (?:async )?function (\w+)/gm)].map(([, name]) => name!);
    const classes = [...text.matchAll(/^export class (\w+)/gm)].map(([, name]) => name!);
    const schemas = [...text.matchAll(/^export const (\w*(?:Schema|SCHEMAS))\b/gm)].map(([, name]) => name!);
    const functions = names.filter((name) => PREFIXES.test(name) || ALSO.has(name));
    // Where a file has a map of its schemas, the fuzz walks the map.
    const maps = schemas.filter((name) => name.endsWith("SCHEMAS"));
    return [
      ...functions,
      ...classes.filter((name) => CLASSES.has(name)),
      ...(maps.length > 0 ? maps : schemas),
    ].map((name) => ({
      name,
      file,
    }));
  });
}

function fuzzSources(): string {
  const folder = "test/fuzz/protocols";
  return readdirSync(join(repositoryRoot, folder))
    .filter((name) => name.endsWith(".test.ts") && name !== "coverage.test.ts")
    .map((name) => source(`${folder}/${name}`))
    .join("\n");
}

describe("the fuzz tests", () => {
  const found = decoders();
  const text = fuzzSources().replaceAll(/\/\*[^]*?\*\/|\/\/.*$|"[^"\n]*"/gm, "");
  const isNamed = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

  it("see the decoders", () => {
    // A pattern that finds nothing would cover everything.
    expect(found.length).toBeGreaterThan(90);
    for (const name of [
      "decodeCbor",
      "openCard",
      "FieldReader",
      "orderSchema",
      "LEDGER_SCHEMAS",
      "readStream",
    ]) {
      expect(found.map((one) => one.name)).toContain(name);
    }
  });

  it("cover every decoder, or say why not", () => {
    const missing = found.filter(({ name }) => !isNamed(name) && !EXCEPTIONS.has(name));
    expect(missing.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
  });

  it("drive both roles of a session", () => {
    for (const name of DRIVEN) expect(isNamed(name.replace("Session", "make")), name).toBe(true);
  });

  it("list no exception that is none", () => {
    const names = new Set(found.map(({ name }) => name));
    for (const name of EXCEPTIONS.keys()) expect(names.has(name) && !isNamed(name), name).toBe(true);
  });
});
