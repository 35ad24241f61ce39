/** What README promises: a laptop without any hardware, one command, and a browser. */
import { describe, expect, it } from "vitest";
import { Running } from "../cli/segment.ts";
import { findChromium } from "../support/chromium.ts";
import { picture } from "./pictures.ts";
import { AppPhone } from "./street.ts";

describe.skipIf(findChromium() === undefined)("segment simulate lock", () => {
  it("serves the app with a link that pairs it, over the network; the door opens with one tap", async () => {
    const world = new Running(["--port", "0"], ["simulate", "lock"]);
    let phone: AppPhone | undefined;
    try {
      await world.line(/^pairing/);
      await expect.poll(() => world.stdout).toMatch(/#\/locks\/pair\?code=segment:pair:/);
      const link = /http:\S+#\/locks\/pair\S+/.exec(world.stdout)![0];
      phone = await AppPhone.open(link.split("#")[0]!, "", undefined);
      await phone.onboard("Olga’s phone");
      await phone.visit(link);
      await phone.sees("Add a lock");
      await expect.poll(() => phone!.page.url()).not.toContain("segment:pair");
      await picture(phone.page, "pair-far");
      await phone.tap("Pair");
      await phone.hears("This phone owns “Front door” now.");
      const from = world.mark;
      await phone.tap("Open: Front door");
      await world.line(/^bolt: unlocked/, from);
      await phone.hears(/^Done: the door is open for you/);
      await world.line(/^bolt: locked/, from);
      expect(phone.complaints).toEqual([]);
    } finally {
      await phone?.close();
      expect(await world.stop()).toBe(0);
    }
  }, 120_000);
});
