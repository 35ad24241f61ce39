import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { openStreet, PASSPHRASE } from "./street.ts";
import type { AppPhone, Street } from "./street.ts";
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });
let street: Street;
let olga: AppPhone;
beforeAll(async () => {
  street = await openStreet({ radios: ["olga", "ana"], isLockOnline: false });
  olga = await street.phone("olga");
});
afterAll(async () => {
  await street?.close();
});
it("x", async () => {
  await olga.onboard("O");
  await olga.follow("Add a lock");
  await olga.fill("Or paste its line", await street.code());
  await olga.fill("What you call the lock", "Front door");
  await olga.tap("Pair");
  await olga.hears("This phone owns “Front door” now.");
  await olga.page.reload();
  await olga.fill("Passphrase of this phone", PASSPHRASE);
  await olga.tap("Unlock");
  await olga.follow("Devices");
  olga.page.on("console", (m) => console.log("CONSOLE", m.text()));
  console.log(
    "devices",
    await olga.page
      .evaluate(async () => {
        const b = (navigator as any).bluetooth;
        return [typeof b.getDevices, await b.getDevices?.().then((d: any[]) => d.map((x) => x.name))];
      })
      .catch(String),
  );
  console.log(
    "raw",
    await olga.page.evaluate(() => {
      const b = (navigator as any).bluetooth;
      const o = b.requestDevice.bind(b);
      Object.defineProperty(b, "requestDevice", {
        value: (x: any) =>
          o(x).then(
            (d: any) => {
              console.log("chose " + d.name);
              return d;
            },
            (e: any) => {
              console.log("failed " + e.name + " " + e.message);
              throw e;
            },
          ),
      });
      return 1;
    }),
  );
  await olga.tap("Open: Front door");
  await new Promise((r) => setTimeout(r, 20000));
  console.log("status", await olga.page.getByRole("status").innerText());
  expect(1).toBe(1);
});
