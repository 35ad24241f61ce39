/**
 * A controller of the virtual air in the shape of a driver of
 * @stoprocent/bluetooth-hci-socket, so that the real noble and bleno run on it.
 */
import { EventEmitter } from "node:events";
import { createConnection } from "node:net";
import type { Air } from "./air.ts";
import { H4Parser } from "./h4.ts";

/** One powered controller, seen from its host. */
interface Attachment {
  send(packet: Uint8Array): void;
  detach(): void;
}

type Attach = (receive: (packet: Uint8Array) => void, lost: () => void) => Attachment;

const RESET_COMMAND = Uint8Array.of(0x01, 0x03, 0x0c, 0x00);

/** One instance is made for the controller, and by bleno one for each link: its management socket. */
export interface VirtualDriver extends EventEmitter {
  bindRaw(deviceId?: number): number;
  bindUser(deviceId?: number): number;
  bindControl(): number;
  start(): void;
  stop(): void;
  reset(): void;
  isDevUp(): boolean;
  setFilter(): void;
  write(packet: Uint8Array): void;
}

export type VirtualDriverClass = new () => VirtualDriver;

/** A driver for a controller in this process, on `air`, with that address. */
export function airDriver(air: Air, address: string): VirtualDriverClass {
  return driverClass((receive, lost) => {
    const inbox = new Inbox(receive);
    let attached = true;
    const off = (): void => {
      inbox.close();
      if (attached) lost();
    };
    const controller = air.powerOn(address, (packet) => inbox.add(packet), off);
    return {
      send: (packet) => controller.fromHost(packet),
      detach: () => {
        attached = false;
        air.powerOff(controller);
      },
    };
  });
}

/** A driver for a controller that another process serves at that unix socket (see server.ts). */
export function socketDriver(path: string): VirtualDriverClass {
  return driverClass((receive, lost) => {
    const socket = createConnection(path);
    const parser = new H4Parser();
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const packet of parser.push(bytes)) receive(packet);
      } catch {
        socket.destroy(); // not H4: the same as a lost controller
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", lost);
    return {
      send: (packet) => void socket.write(packet),
      detach: () => {
        socket.off("close", lost);
        socket.end();
        socket.unref();
      },
    };
  });
}

function driverClass(attach: Attach): VirtualDriverClass {
  return class extends EventEmitter implements VirtualDriver {
    #attachment: Attachment | undefined;
    #control = false;
    #up = false;

    bindRaw(deviceId = 0): number {
      return deviceId;
    }

    bindUser(deviceId = 0): number {
      return deviceId;
    }

    /** The kernel's management channel; there is no kernel here, so it swallows what it is told. */
    bindControl(): number {
      this.#control = true;
      return 0;
    }

    start(): void {
      if (this.#control || this.#up) return;
      this.#up = true;
      this.#attachment = attach(
        // The stacks read packets with Buffer's methods.
        (packet) => this.emit("data", Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength)),
        () => this.#lost(),
      );
    }

    stop(): void {
      this.#up = false;
      this.#attachment?.detach();
      this.#attachment = undefined;
    }

    reset(): void {
      this.write(RESET_COMMAND);
    }

    isDevUp(): boolean {
      return this.#up;
    }

    setFilter(): void {
      // The stacks ignore what they did not ask for.
    }

    write(packet: Uint8Array): void {
      this.#attachment?.send(new Uint8Array(packet));
    }

    #lost(): void {
      this.#up = false;
      this.#attachment = undefined;
      this.emit("state", false);
    }
  };
}

/**
 * Packets for the host, handed over in the next turn of the event loop: a host that
 * answers at once must not re-enter the air, nor starve the process's other work.
 */
class Inbox {
  readonly #receive: (packet: Uint8Array) => void;
  #packets: Uint8Array[] = [];
  #scheduled = false;
  #closed = false;

  constructor(receive: (packet: Uint8Array) => void) {
    this.#receive = receive;
  }

  add(packet: Uint8Array): void {
    this.#packets.push(packet);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  close(): void {
    this.#closed = true;
  }

  #flush(): void {
    this.#scheduled = false;
    const packets = this.#packets;
    this.#packets = [];
    for (const packet of packets) if (!this.#closed) this.#receive(packet);
  }
}
