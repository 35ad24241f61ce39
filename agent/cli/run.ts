/** `segment run`: runs a home until it is told to end. */
import type { Command } from "commander";
import { DAY_MS } from "../../protocols/calendar.ts";
import { SegmentError } from "../../protocols/errors.ts";
import type { Home } from "../node/home.ts";
import type { RadioOpeners } from "../node/radio-run.ts";
import type { Machine } from "../node/run-connection.ts";
import type { ResidentKeyring } from "../node/keyring-run.ts";
import type { RunningLock } from "../node/lock-run.ts";
import type { RunningHome, RunOptions } from "../node/run-home.ts";
import {
  brokerOf,
  brokerUrl,
  gather,
  integerOf,
  loadHome,
  networkOf,
  numberOf,
  thisMachine,
  withHome,
} from "./options.ts";
import type { HomeFlags } from "./options.ts";
import { fail, printDocument, say } from "./output.ts";
import { radioOf } from "./radio.ts";

interface RunFlags extends HomeFlags {
  host: string;
  port?: string;
  broker?: string;
  healthS: string;
  radio?: string[];
  offlineDays: string;
  app?: string | true;
  appName?: string[];
}

/** Like 443, but for everybody to use. */
export const APP_PORT = 8443;

export function addRun(program: Command): void {
  withHome(program.command("run"))
    .description("Run the agent of a home, with its roles, until SIGINT or SIGTERM.")
    .option("--host <address>", "address of this machine at which its own broker listens", "127.0.0.1")
    .option("--port <n>", "port of its own broker instead of the home's, 0 for any")
    .option("--broker <url>", "the network's broker instead of the home's")
    .option("--health-s <seconds>", "between two samples of the machine's health; 0 for none", "60")
    .option(
      "--radio <radio>",
      "Bluetooth: hci for the machine's adapter, or a radio of `segment simulate air`; once for the part " +
        "that fits (a phone looks for others, the rest is found), twice to be found and to look",
      gather,
    )
    .option(
      "--app [port]",
      `serve the phone's app, over TLS to other machines (port ${APP_PORT} unless told)`,
    )
    .option("--app-name <name>", "what the app's server is called besides the machine's own names", gather)
    .option("--offline-days <n>", "how long it may be without a network while others pay it by vouchers", "7")
    .addHelpText(
      "after",
      "\nExamples:\n  segment run --home hub --host 0.0.0.0\n  segment run --home hub --app\n" +
        "  segment run --home phone --radio hci\n\n" +
        'Status goes to stderr; the line "ready" says that all is up, "ready offline" that there is no ' +
        "network yet.\n",
    )
    .action(run);
}

async function run(flags: RunFlags): Promise<void> {
  const healthS = numberOf("--health-s", flags.healthS, 0, 86_400);
  if (healthS > 0 && healthS < 1)
    throw new SegmentError("option-invalid", "--health-s takes 0, or 1 and more");
  const broker = flags.broker === undefined ? null : brokerUrl("--broker", flags.broker);
  const longestOfflineMs = Math.round(numberOf("--offline-days", flags.offlineDays, 0, 366) * DAY_MS);
  const home = await loadHome(flags);
  const port = flags.port === undefined ? home.config.port : integerOf("--port", flags.port, 0, 65_535);
  const appPort = flags.app === true ? APP_PORT : integerOf("--app", flags.app ?? "0", 0, 65_535);
  const radio = await radioOf(flags.radio ?? [], home.config.kind);
  const ended = endOfRun();
  try {
    const startedMs = Date.now();
    const machine = thisMachine(ended.failed);
    const isLock = home.config.kind === "lock";
    const running = await startHome(machine, home, {
      host: flags.host,
      port,
      broker: broker ?? home.config.broker,
      healthMs: Math.round(healthS * 1_000),
      longestOfflineMs,
      // A lock's radio belongs to the door.
      ...(radio === undefined || isLock ? {} : { radio }),
      ...(flags.app === undefined
        ? {}
        : { app: { host: flags.host, port: appPort, names: flags.appName ?? [] } }),
      say,
    });
    running.ready.catch((error: unknown) => ended.failed(error));
    const lock = isLock
      ? await startLock(machine, home, flags, running, radio).catch(async (error: unknown) => {
          await running.stop();
          throw error;
        })
      : undefined;
    const keyring =
      home.config.kind === "phone" && home.network !== undefined
        ? await startKeyring(machine, home, running).catch(async (error: unknown) => {
            await running.stop();
            throw error;
          })
        : undefined;
    const error = await ended.promise;
    say("ending");
    await keyring?.stop();
    await lock?.stop();
    await running.stop();
    if (error !== undefined) throw error;
    say("ended");
    if (flags.json === true) printDocument({ id: home.id, host: { durationMs: Date.now() - startedMs } });
  } finally {
    ended.forget();
  }
}

async function startHome(machine: Machine, home: Home, options: RunOptions): Promise<RunningHome> {
  // MQTT and lmdb are loaded for what needs them only.
  const { runHome } = await import("../node/run-home.ts");
  return runHome(machine, home, options);
}

/** Locks and keys of a phone: what it has signed goes out, and its keys stay fresh. */
async function startKeyring(machine: Machine, home: Home, running: RunningHome): Promise<ResidentKeyring> {
  const [{ runKeyring }, { openContracts }] = await Promise.all([
    import("../node/keyring-run.ts"),
    import("../node/contracts.ts"),
  ]);
  const { url: broker, negotiator } = running;
  const cardOf = (id: string): Uint8Array | undefined => running.cardOf(id);
  const contracts = openContracts(home.folder, machine.crypto);
  return runKeyring(machine, home, {
    ...{ network: networkOf(home), broker, negotiator, cardOf, say },
    receiptAfter: (termsId, seq) => contracts.receiptAfter(termsId, seq),
  });
}

/** No board is attached: bolt and door are simulated. */
async function startLock(
  machine: Machine,
  home: Home,
  flags: RunFlags,
  { negotiator }: RunningHome,
  radio: RadioOpeners | undefined,
): Promise<RunningLock> {
  const { runLock } = await import("../node/lock-run.ts");
  const { simulatedLock } = await import("../../simulators/worlds/lock-pins.ts");
  const pins = simulatedLock(machine.clock, say);
  const network = networkOf(home);
  const broker = brokerOf(flags, home);
  const running = await runLock(machine, home, { network, broker, radio, pins, negotiator, say });
  say("lock: bolt and door are simulated");
  if (radio === undefined) say("lock: no radio, so phones reach it over the network only (--radio)");
  say("lock: ready");
  return running;
}

/** Resolves when the run has to end: with the fault, or with undefined when a signal asks for it. */
export function endOfRun(): {
  promise: Promise<Error | undefined>;
  failed: (error: unknown) => void;
  forget: () => void;
} {
  let resolve: (error: Error | undefined) => void = () => undefined;
  const promise = new Promise<Error | undefined>((done) => {
    resolve = done;
  });
  let asked = false;
  const signalled = (): void => {
    if (asked) {
      fail(new SegmentError("internal", "ended at once by a second signal; the journal is safe"));
      process.exit();
    }
    asked = true;
    resolve(undefined);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, signalled);
  return {
    promise,
    failed: (error) => resolve(error instanceof Error ? error : new SegmentError("internal", String(error))),
    forget: () => {
      for (const signal of signals) process.removeListener(signal, signalled);
    },
  };
}
