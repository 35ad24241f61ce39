/**
 * The device processes of one delivery, over all their lives. A process that is killed is
 * started again with the same home, so with the same identity and journal, and at the same
 * radio; what it knew and had not written is gone.
 */
import type { Clock } from "../../../protocols/ports.ts";
import { SegmentError } from "../../../protocols/errors.ts";
import { DeviceHost } from "./device-host.ts";
import type { FromDevice, Setup, ToDevice } from "./ipc.ts";
import { describeKill, type Kill } from "./kills.ts";

export interface LivesParts {
  /** The world's time. */
  clock: Clock;
  kills: readonly Kill[];
  heard: (name: string, message: FromDevice) => void;
  /** A life ends, or the next one is up. */
  fate: (name: string, what: "killed" | "back") => void;
  failed: (error: unknown) => void;
}

export class Lives {
  readonly #parts: LivesParts;
  readonly #hosts = new Map<string, DeviceHost>();
  readonly #setups = new Map<string, () => Setup>();
  /** Those whose moment has not come. */
  readonly #kills: Set<Kill>;
  /** Who is dead at present: until the process is back. */
  readonly #away = new Map<string, Promise<void>>();
  #over = false;

  constructor(parts: LivesParts) {
    this.#parts = parts;
    this.#kills = new Set(parts.kills);
  }

  /** `setup` is asked again for each life. */
  start(name: string, setup: () => Setup): DeviceHost {
    this.#setups.set(name, setup);
    return this.#live(name, setup());
  }

  tell(name: string, message: ToDevice): void {
    this.#hosts.get(name)?.tell(message);
  }

  /** Says it to a device that is up; the dead have no senses. */
  sense(name: string, reading: string, value: unknown): void {
    const host = this.#hosts.get(name);
    if (host?.isReady === true) host.tell({ kind: "sensor", name: reading, value });
  }

  /** A step was told, by whomever: for some this is the end. */
  stepTold(step: string): void {
    this.#strike((kill) => "step" in kill.at && kill.at.step === step);
  }

  /** Everybody is back. Errors: scenario-failed if somebody was to be killed at what never happened. */
  async settled(): Promise<void> {
    while (this.#away.size > 0) await Promise.all(this.#away.values());
    const [missed] = this.#kills;
    if (missed === undefined) return;
    const message = `the delivery ended without the moment ${describeKill(missed)}: nobody was killed then`;
    throw new SegmentError("scenario-failed", message);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    this.#hosts.clear();
  }

  /** Whatever has happened: nobody is left behind. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#hosts.values()].map((host) => host.kill()));
  }

  #live(name: string, setup: Setup): DeviceHost {
    const host = new DeviceHost(name, setup, (message) => this.#heard(name, message), this.#parts.failed);
    this.#hosts.set(name, host);
    return host;
  }

  #heard(name: string, message: FromDevice): void {
    if (message.kind === "actuate" || message.kind === "keep") {
      const comes = ({ who, at }: Kill): boolean =>
        who === name && "before" in at && at.before === message.name;
      // It is lost with its sender.
      if (this.#strike(comes)) return;
    }
    this.#parts.heard(name, message);
  }

  /** Returns whether somebody died at once. */
  #strike(matches: (kill: Kill) => boolean): boolean {
    const { clock } = this.#parts;
    let died = false;
    for (const kill of this.#kills) {
      if (!matches(kill)) continue;
      this.#kills.delete(kill);
      if (kill.afterMs > 0) clock.at(clock.now() + kill.afterMs, () => this.#kill(kill));
      else {
        died = true;
        this.#kill(kill);
      }
    }
    return died;
  }

  /** Who is away already stays away as long as it was to. */
  #kill(kill: Kill): void {
    const { who } = kill;
    if (this.#over || this.#away.has(who)) return;
    const away = this.#dieAndReturn(kill)
      .catch(this.#parts.failed)
      .finally(() => this.#away.delete(who));
    this.#away.set(who, away);
  }

  async #dieAndReturn({ who, downMs }: Kill): Promise<void> {
    const { clock, fate } = this.#parts;
    const host = this.#hosts.get(who);
    const setup = this.#setups.get(who);
    if (host === undefined || setup === undefined) return;
    const gone = host.kill();
    fate(who, "killed");
    await gone;
    await new Promise<void>((resolve) => clock.at(clock.now() + downMs, resolve));
    if (this.#over) return;
    await this.#live(who, setup()).ready();
    fate(who, "back");
  }
}
