import { createConnection } from "node:net";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { errorCode } from "../../protocols/errors.ts";
import { Air } from "./air.ts";
import { socketDriver } from "./driver.ts";
import { type ServedRadio, serveRadio } from "./server.ts";

const clock = { now: () => 0, at: () => ({ cancel: () => {} }) };
const air = new Air({ clock, random: { bytes: (length) => new Uint8Array(length) } });
const RESET = Uint8Array.of(0x01, 0x03, 0x0c, 0x00);
const RESET_DONE = Buffer.of(0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00);

describe("a served radio", () => {
  let radio: ServedRadio;
  afterEach(() => radio.close());

  it("speaks H4 to the process that connects, and forgets its socket when it closes", async () => {
    radio = await serveRadio(air, "c0:00:00:00:00:01");
    const driver = new (socketDriver(radio.path))();
    driver.start();
    expect(driver.isDevUp()).toBe(true);
    driver.write(RESET);
    expect((await once(driver, "data"))[0]).toEqual(RESET_DONE);
    driver.stop();
    await radio.close();
    expect(existsSync(dirname(radio.path))).toBe(false);
  });

  it("hangs up on what is not H4", async () => {
    radio = await serveRadio(air, "c0:00:00:00:00:01");
    const socket = createConnection(radio.path);
    socket.write(Uint8Array.of(0x77, 0x77));
    await once(socket.resume(), "close");
  });

  it("is lost to its host when the world goes", async () => {
    radio = await serveRadio(air, "c0:00:00:00:00:01");
    const driver = new (socketDriver(radio.path))();
    driver.start();
    driver.write(RESET);
    await once(driver, "data");
    const lost = once(driver, "state");
    await radio.close();
    await lost;
    expect(driver.isDevUp()).toBe(false);
    driver.write(RESET); // nobody there: no error
  });

  it("serves one process at a time", async () => {
    radio = await serveRadio(air, "c0:00:00:00:00:01");
    const first = createConnection(radio.path);
    first.write(RESET);
    await once(first, "data");
    const second = createConnection(radio.path);
    await once(second.resume(), "close");
    first.write(RESET);
    await once(first, "data");
    first.destroy();
  });

  it("refuses a path that is too long for a socket", async () => {
    radio = { path: "", close: async () => {} };
    const top = mkdtempSync(join(tmpdir(), "long-"));
    const parent = join(top, "x".repeat(100));
    mkdirSync(parent);
    expect(await serveRadio(air, "c0:00:00:00:00:01", parent).then(() => "", errorCode)).toBe("store-failed");
    expect(readdirSync(parent)).toEqual([]);
    expect(await serveRadio(air, "c0:00:00:00:00:01", join(top, "absent")).then(() => "", errorCode)).toBe(
      "store-failed",
    );
    rmSync(top, { recursive: true });
  });
});
