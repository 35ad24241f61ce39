import { describe, expect, it } from "vitest";
import { portableCrypto as crypto } from "../crypto/portable.ts";
import { errorCode, SegmentError } from "../errors.ts";
import { sign1, verify1 } from "../identity/cose.ts";
import { openRequest, signRequest } from "./command.ts";
import type { LockRequest } from "./command.ts";
import { openOrder, openRefresh, signOrder, signRefresh } from "./orders.ts";
import type { Order, OrderAct } from "./orders.ts";
import { guest, HERE, lock, MONDAY_8H, owner } from "./testing/kit.ts";

function refusal(run: () => unknown): string {
  try {
    run();
    return "nothing";
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error;
    return errorCode(error);
  }
}

function everyByteChanged(bytes: Uint8Array, open: (changed: Uint8Array) => unknown): Set<string> {
  const codes = new Set<string>();
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [0x01, 0x80]) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ bit;
      codes.add(refusal(() => open(changed)));
    }
    codes.add(refusal(() => open(bytes.slice(0, at))));
  }
  return codes;
}

const request: LockRequest = {
  ...HERE,
  session: new Uint8Array(32).fill(3),
  nonce: new Uint8Array(16).fill(4),
  target: "door",
  action: "open",
  timeMs: MONDAY_8H,
  key: new Uint8Array(32).fill(5),
};

describe("a request", () => {
  it("is read as it was signed, and says who signed it", () => {
    for (const one of [request, { ...request, session: null, key: null, action: "off" as const }]) {
      const opened = openRequest(crypto, signRequest(one, guest));
      expect(opened).toEqual({ request: one, signer: guest.publicKey });
    }
  });

  it("is refused with any byte changed or cut", () => {
    const bytes = signRequest(request, guest);
    expect(everyByteChanged(bytes, (changed) => openRequest(crypto, changed))).toEqual(
      new Set(["message-invalid"]),
    );
  });

  it("is nobody's but the phone's: what was signed for another purpose is none", () => {
    const { payload } = verify1(crypto, "lockRequest", signRequest(request, guest));
    expect(refusal(() => openRequest(crypto, sign1("fact", payload, lock)))).toBe("message-invalid");
    expect(openRequest(crypto, sign1("lockRequest", payload, lock)).signer).toEqual(lock.publicKey);
  });

  it("cannot be signed for what no lock could read", () => {
    expect(refusal(() => signRequest({ ...request, target: "No!" }, guest))).toBe("message-invalid");
    expect(refusal(() => signRequest({ ...request, nonce: new Uint8Array(1) }, guest))).toBe(
      "message-invalid",
    );
    expect(refusal(() => signRequest({ ...request, timeMs: -1 }, guest))).toBe("message-invalid");
  });
});

describe("an order", () => {
  const id = new Uint8Array(32).fill(6);
  const acts: OrderAct[] = [
    { kind: "add-owner", card: new Uint8Array(200).fill(1) },
    { kind: "hand-over", card: new Uint8Array(200).fill(2) },
    { kind: "remove-owner", identity: guest.publicKey },
    {
      kind: "revoke",
      keys: [
        { id, untilMs: null },
        { id, untilMs: 5 },
      ],
    },
  ];
  const order = (act: OrderAct): Order => ({ ...HERE, number: 1, timeMs: MONDAY_8H, act });

  it.each(acts)("$kind is read as it was signed, and refused with any byte changed", (act) => {
    const bytes = signOrder(order(act), owner);
    expect(openOrder(crypto, bytes)).toEqual({ signer: owner.publicKey, order: order(act) });
    expect(everyByteChanged(bytes, (changed) => openOrder(crypto, changed))).toEqual(
      new Set(["message-invalid"]),
    );
  });

  it("has its bounds", () => {
    const keys = Array.from({ length: 65 }, () => ({ id, untilMs: null }));
    expect(refusal(() => signOrder(order({ kind: "revoke", keys }), owner))).toBe("message-invalid");
    expect(refusal(() => signOrder(order({ kind: "revoke", keys: [] }), owner))).toBe("message-invalid");
    const whole = signOrder(order({ kind: "revoke", keys: keys.slice(1) }), owner);
    expect(openOrder(crypto, whole).order.act).toMatchObject({ kind: "revoke" });
    const card = new Uint8Array(1_025);
    expect(refusal(() => signOrder(order({ kind: "add-owner", card }), owner))).toBe("message-invalid");
    expect(refusal(() => signOrder({ ...order(acts[0]!), number: 0 }, owner))).toBe("message-invalid");
  });
});

describe("a refresh", () => {
  it("is read as it was signed, and refused with any byte changed", () => {
    const refresh = { ...HERE, timeMs: MONDAY_8H, keys: [new Uint8Array(32), new Uint8Array(32).fill(1)] };
    const bytes = signRefresh(refresh, owner);
    expect(openRefresh(crypto, bytes)).toEqual({ signer: owner.publicKey, refresh });
    expect(everyByteChanged(bytes, (changed) => openRefresh(crypto, changed))).toEqual(
      new Set(["guest-key-invalid"]),
    );
    expect(refusal(() => signRefresh({ ...refresh, keys: [] }, owner))).toBe("guest-key-invalid");
  });
});
