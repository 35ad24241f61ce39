import { describe, expect, it } from "vitest";
import { acceptedMoney, sharedParams, withAccepted } from "../platform/offers.ts";
import { zoneOf } from "../platform/wall-clock.ts";
import { acceptedOf, freshLet, letParams } from "./let-form.ts";

const NOW = Date.UTC(2026, 10, 22, 20, 0);
const LOCK = "z6MkLock";
const form = {
  ...freshLet(NOW, " Lake house "),
  ...{ guest: "z6MkAnna", address: "3 Mill Lane", currency: "EUR.1", price: " 240,50 " },
  ...{ arrival: "2026-11-29T16:00", departure: "2026-12-01T10:00", cancelBy: "2026-11-27T16:00" },
};
const paramsAt = (part: Partial<typeof form>, now = NOW) =>
  letParams({ ...form, ...part }, LOCK, zoneOf("Europe/Paris"), now);

describe("the form by which a place is let", () => {
  it("is read by the clock on the wall, with either decimal mark; what is empty is nothing", () => {
    expect(paramsAt({})).toMatchObject({
      ...{ host: "me", guest: "z6MkAnna", lock: LOCK, place: "Lake house", price: "240.50" },
      ...{ deposit: "0", cancelFee: "0", arrival: expect.stringContaining("2026-11-29T15:00") },
    });
  });

  it("gives the guest a day to sign, and less where it must be cancelled sooner", () => {
    expect(paramsAt({})["signBy"]).toContain("2026-11-23T20:00");
    expect(paramsAt({ cancelBy: "2026-11-22T22:00" })["signBy"]).toContain("2026-11-22T20:55");
  });

  it("names the field of a time that no clock shows", () => {
    expect(() => paramsAt({ arrival: "" })).toThrowError(expect.objectContaining({ where: "arrival" }));
  });

  it("accepts other currencies where a price is asked in them", () => {
    const others = {
      "CHF.1": { price: "230", deposit: "95", cancelFee: "" },
      "USD.1": { price: " ", deposit: "1", cancelFee: "" },
      "EUR.1": { price: "1", deposit: "", cancelFee: "" },
    };
    const accepted = [{ currency: "CHF.1", price: "230", deposit: "95", cancelFee: "0" }];
    expect(acceptedOf({ ...form, others })).toEqual(accepted);
    // They go beside the parameters, and are none of them.
    const params = withAccepted(JSON.stringify(paramsAt({})), acceptedOf({ ...form, others }));
    expect(acceptedMoney({ params })).toEqual(accepted);
    expect(sharedParams({ params })).toEqual(paramsAt({}));
  });

  it.each([
    ["no list", '{"accepts":"CHF"}'],
    ["a list of something else", '{"accepts":[{"currency":1}]}'],
    [
      "too many",
      JSON.stringify({ accepts: Array(9).fill({ currency: "C", price: "", deposit: "", cancelFee: "" }) }),
    ],
    ["nothing", ""],
  ])("takes no notice of %s that another says it accepts", (_, params) => {
    expect(acceptedMoney({ params })).toEqual([]);
  });
});
