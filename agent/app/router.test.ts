import { describe, expect, it } from "vitest";
import type { AppRoute } from "./app-context.ts";
import { findRoute } from "./router.ts";

const load = (): never => {
  throw new Error("no screen here");
};
const route = (path: string): AppRoute => ({ path, title: { en: path, fr: path }, load });
const ROUTES = ["/locks", "/locks/:id", "/locks/:id/log", "/keys/take"].map(route);

function found(hash: string): [string, object] | undefined {
  const one = findRoute(ROUTES, hash);
  return one && [one.route.path, one.at.params];
}

describe("addresses after the #", () => {
  it("lead to the screen of their shape", () => {
    expect(found("#/locks")).toEqual(["/locks", {}]);
    expect(found("#/locks/z6Mk")).toEqual(["/locks/:id", { id: "z6Mk" }]);
    expect(found("#/locks/a%2Fb/log")).toEqual(["/locks/:id/log", { id: "a/b" }]);
  });

  it("carry what is asked for behind the ?, whatever stands in it", () => {
    const at = findRoute(ROUTES, "#/keys/take?link=segment%3Akey%3AAb-_%3F")?.at;
    expect(at?.query.get("link")).toBe("segment:key:Ab-_?");
  });

  it.each(["", "#/", "#/locks/", "#/nowhere", "#/locks/%E0%A4%A", "#locks", "#/locks/a/b/c"])(
    "lead nowhere for %j",
    (hash) => {
      expect(found(hash)).toBeUndefined();
    },
  );
});
