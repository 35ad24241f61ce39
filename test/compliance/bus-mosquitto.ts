/**
 * mosquitto as an operator would run it beside agents, except for the login: checking
 * SEGMENT's tokens needs a plugin, so here the username is believed. Each client is held
 * to its own name by patterns.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";

/** `isOpen`: to whoever comes, as in a house where nobody has set it up further. */
export async function startMosquitto(
  network: string,
  { isOpen = false } = {},
): Promise<{ port: number; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "segment-mosquitto-"));
  const port = await freePort();
  const acl = join(folder, "acl");
  const config = join(folder, "mosquitto.conf");
  const root = `segment/1/${network}`;
  writeFileSync(
    acl,
    [`pattern write ${root}/%u/#`, `pattern read ${root}/+/to/%u`, `pattern read ${root}/+/cast/#`, ""].join(
      "\n",
    ),
  );
  writeFileSync(
    config,
    [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      ...(isOpen ? [] : [`acl_file ${acl}`]),
      // mosquitto started by root gives up its rights, and then could not read its files.
      `user ${userInfo().username}`,
      "max_queued_messages 10000",
      "set_tcp_nodelay true", // else 40 ms a message, see agent/platform/mqtt-bus.ts
      "persistence false",
      "",
    ].join("\n"),
  );
  // Debian keeps it in sbin, which an ordinary user's PATH leaves out.
  const path = [process.env["PATH"], "/usr/sbin"].join(delimiter);
  const child = spawn("mosquitto", ["-c", config], { stdio: "ignore", env: { ...process.env, PATH: path } });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  async function close(): Promise<void> {
    child.kill();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await answers(port)) return { port, close };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await close();
  throw new Error(`mosquitto does not answer on port ${port}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
