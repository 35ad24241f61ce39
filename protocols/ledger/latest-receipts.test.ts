import { describe, expect, it } from "vitest";
import { decodeCbor } from "../encoding/cbor.ts";
import { LatestReceipts, type Moved } from "./latest-receipts.ts";

const party = new Uint8Array(32).fill(2);

function moved(height: number): Moved {
  const parts = {
    header: Uint8Array.of(height),
    certificate: [],
    leaf: new Uint8Array(),
    leafIndex: 0,
    path: [],
    entry: new Uint8Array(),
  };
  return { height, parties: [party], parts };
}

/** The height in its receipt. */
function heightOf(latest: LatestReceipts, terms: string): number | undefined {
  const found = latest.find(terms);
  const fields = found === undefined ? [] : (decodeCbor(found.bytes) as Uint8Array[]);
  return fields[1]?.[0];
}

describe("the newest receipt of each contract", () => {
  it("is that of the highest block, in whatever order they are certified", () => {
    const latest = new LatestReceipts();
    for (const height of [3, 9, 5]) latest.note("a", moved(height));
    latest.note("b", moved(4));
    expect([heightOf(latest, "a"), heightOf(latest, "b"), heightOf(latest, "c")]).toEqual([9, 4, undefined]);
  });

  it("is the later of two in one block", () => {
    const latest = new LatestReceipts();
    latest.note("a", moved(3));
    latest.note("a", { ...moved(3), parties: [] });
    expect(latest.find("a")?.parties).toEqual([]);
  });

  it("is forgotten once ten thousand others have moved since", () => {
    const latest = new LatestReceipts();
    for (let contract = 0; contract < 10_000; contract++) latest.note(`${contract}`, moved(1));
    latest.note("0", moved(2));
    latest.note("new", moved(3));
    expect([heightOf(latest, "0"), heightOf(latest, "1"), heightOf(latest, "2")]).toEqual([2, undefined, 1]);
    expect(heightOf(latest, "new")).toBe(3);
  });
});
