/**
 * A contract's state as bytes, for the ledger's state: [1, path, seq, label, closed, pot, deadlines,
 * chosen].
 */
import { decodeCbor, encodeCbor } from "../encoding/cbor.ts";
import type { CborValue } from "../encoding/cbor.ts";
import { FieldReader } from "../encoding/reader.ts";
import { MAX_AMOUNT } from "../money/amounts.ts";
import { MAX_CASES, MAX_DEPTH, MAX_NODES, MAX_TIME_MS } from "./bounds.ts";
import type { Chosen, ContractState, Deadlines } from "./machine.ts";

const VERSION = 1;

export function encodeContractState(state: ContractState): Uint8Array {
  const { deadlines } = state;
  return encodeCbor([
    VERSION,
    state.path,
    state.seq,
    state.label,
    state.closed,
    state.pot.map(([currency, minor]) => [currency, minor]),
    deadlines === null ? null : [deadlines.actBy, deadlines.claimBy, deadlines.refundFrom],
    state.chosen.map(([by, name, value]) => [by, name, value]),
  ]);
}

/** Throws the codes of `decodeCbor`, and `cbor-wrong-shape`. */
export function decodeContractState(bytes: Uint8Array): ContractState {
  const what = "contract state";
  const reader = new FieldReader(decodeCbor(bytes, { maxBytes: 8_192, maxDepth: 4 }), what, 8);
  reader.int("version", { min: VERSION, max: VERSION });
  const path = reader.list("path", { max: MAX_DEPTH });
  const state = {
    path: readChildren(path, `${what}.path`),
    seq: reader.int("seq", { min: 0, max: MAX_NODES }),
    label: reader.text("label", { min: 1, max: 32 }),
    closed: reader.bool("closed"),
    pot: reader.list("pot", { max: MAX_NODES }).map((holding) => readHolding(holding, `${what}.pot`)),
    deadlines: reader.nullable("deadlines", (fields) => readDeadlines(fields.value("deadlines"), what)),
    chosen: reader.list("chosen", { max: MAX_DEPTH }).map((one) => readChosen(one, `${what}.chosen`)),
  };
  reader.end();
  return state;
}

function readChildren(path: CborValue[], where: string): number[] {
  const reader = new FieldReader(path, where);
  return path.map((_, index) => reader.int(`${index}`, { min: 0, max: MAX_CASES }));
}

function readHolding(value: CborValue, where: string): [string, bigint] {
  const reader = new FieldReader(value, where, 2);
  return [reader.text("currency", { max: 32 }), reader.bigint("minor", { min: 1n, max: MAX_AMOUNT })];
}

function readChosen(value: CborValue, where: string): Chosen {
  const reader = new FieldReader(value, where, 3);
  return [
    reader.text("by", { max: 32 }),
    reader.text("name", { max: 32 }),
    reader.bigint("value", { min: 0n, max: MAX_AMOUNT }),
  ];
}

function readDeadlines(value: CborValue, what: string): Deadlines {
  const reader = new FieldReader(value, `${what}.deadlines`, 3);
  return {
    actBy: reader.int("actBy", { min: 0, max: MAX_TIME_MS }),
    claimBy: reader.int("claimBy", { min: 0, max: MAX_TIME_MS }),
    refundFrom: reader.int("refundFrom", { min: 0, max: MAX_TIME_MS }),
  };
}
