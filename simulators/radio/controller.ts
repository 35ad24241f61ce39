/**
 * One virtual Bluetooth controller: HCI commands in, HCI events out. It keeps what
 * a chip keeps (is it advertising, scanning, initiating, which links has it) and
 * asks the air for the rest. No time and no I/O in here.
 */
import * as hci from "./hci.ts";
import { H4_ACL, H4_COMMAND } from "./h4.ts";

const { OPCODES, STATUS } = hci;

/** What a controller asks of the air around it. */
export interface Surroundings {
  /** Advertising was switched on or off, or its interval changed. */
  advertisingChanged(controller: Controller): void;
  /** One ACL packet for the other end of a link. False when the link's buffers are full. */
  carry(controller: Controller, handle: number, continuation: boolean, data: Uint8Array): boolean;
  disconnect(controller: Controller, handle: number, reason: number): void;
  encrypt(controller: Controller, handle: number): void;
  updateLink(controller: Controller, handle: number, parameters: hci.LinkParameters): void;
  rssiDbm(controller: Controller, handle: number): number;
}

export interface Advertising {
  enabled: boolean;
  connectable: boolean;
  intervalMs: number;
  data: Uint8Array;
  scanResponse: Uint8Array;
}

interface Scanning {
  enabled: boolean;
  active: boolean;
  filterDuplicates: boolean;
  /** Addresses reported since scanning began, when duplicates are filtered. */
  reported: Set<string>;
}

interface Command {
  /** Bytes that the parameters must have at least. */
  bytes: number;
  run: (parameters: Uint8Array) => void;
}

const MAX_LINKS = 8;
/** The first connection handle. Never 0, which bleno takes for "all connections". */
const FIRST_HANDLE = 0x0040;
const LE_EVENT_MASK_DEFAULT = 0x1f;

export class Controller {
  readonly address: string;
  readonly #toHost: (packet: Uint8Array) => void;
  readonly #air: Surroundings;
  readonly #commands: ReadonlyMap<number, Command>;
  readonly #links = new Set<number>();
  #leEventMask = LE_EVENT_MASK_DEFAULT;
  #scanning: Scanning = idleScanning();
  #nextHandle = FIRST_HANDLE;
  advertising: Advertising = idleAdvertising();
  /** The address that this controller tries to connect to, with the parameters it asks for. */
  initiating: { peer: string; parameters: hci.LinkParameters } | undefined;

  constructor(address: string, toHost: (packet: Uint8Array) => void, air: Surroundings) {
    this.address = address;
    this.#toHost = toHost;
    this.#air = air;
    this.#commands = this.#commandTable();
  }

  get hasRoom(): boolean {
    return this.#links.size < MAX_LINKS;
  }

  /** One H4 packet from the host. What is not understood is answered or dropped, never thrown. */
  fromHost(packet: Uint8Array): void {
    if (packet[0] === H4_ACL) this.#dataFromHost(packet);
    if (packet[0] !== H4_COMMAND || packet.length < 4) return;
    const opcode = hci.readU16(packet, 1);
    const parameters = packet.subarray(4);
    const command = this.#commands.get(opcode);
    if (command === undefined) return this.#complete(opcode, STATUS.unknownCommand);
    if (parameters.length < command.bytes) return this.#complete(opcode, STATUS.invalidParameters);
    command.run(parameters);
  }

  /** An advertisement reached this controller. */
  hear(from: Controller, rssiDbm: number): void {
    const scanning = this.#scanning;
    if (!scanning.enabled || !this.#wants(hci.LE_EVENTS.advertisingReport)) return;
    if (scanning.filterDuplicates && scanning.reported.has(from.address)) return;
    scanning.reported.add(from.address);
    const { connectable, data, scanResponse } = from.advertising;
    const kind = connectable ? 0x00 : 0x02;
    this.#toHost(hci.advertisingReport(kind, from.address, data, rssiDbm));
    if (scanning.active) this.#toHost(hci.advertisingReport(0x04, from.address, scanResponse, rssiDbm));
  }

  /** A link begins; returns this side's handle. A peripheral stops advertising (vol 6 part B, 4.4.2). */
  linked(role: hci.Role, peer: string, parameters: hci.LinkParameters): number {
    const handle = this.#freeHandle();
    this.#links.add(handle);
    if (role === "central") this.initiating = undefined;
    else this.#setAdvertising(false);
    this.#toHost(hci.connectionComplete(this.#enhanced, { handle, role, peer, ...parameters }));
    return handle;
  }

  unlinked(handle: number, reason: number): void {
    if (this.#links.delete(handle)) this.#toHost(hci.disconnectionComplete(handle, reason));
  }

  deliver(handle: number, continuation: boolean, data: Uint8Array): void {
    this.#toHost(hci.aclToHost(handle, continuation, data));
  }

  /** `count` packets have left this controller's buffers. */
  completed(handle: number, count: number): void {
    if (this.#links.has(handle)) this.#toHost(hci.completedPackets(handle, count));
  }

  encrypted(handle: number): void {
    this.#toHost(hci.encryptionChange(handle));
  }

  linkUpdated(handle: number, parameters: hci.LinkParameters): void {
    if (this.#wants(hci.LE_EVENTS.connectionUpdated)) this.#toHost(hci.connectionUpdated(handle, parameters));
  }

  /** Back to the state after power-up; links end without a word to the own host (7.3.2). */
  reset(): void {
    const links = [...this.#links];
    this.#links.clear();
    for (const handle of links) this.#air.disconnect(this, handle, STATUS.remoteEnded);
    this.#leEventMask = LE_EVENT_MASK_DEFAULT;
    this.#scanning = idleScanning();
    this.initiating = undefined;
    this.advertising = idleAdvertising();
    this.#air.advertisingChanged(this);
  }

  get #enhanced(): boolean {
    return this.#wants(hci.LE_EVENTS.enhancedConnectionComplete);
  }

  #wants(bit: number): boolean {
    return (this.#leEventMask & (1 << bit)) !== 0;
  }

  #freeHandle(): number {
    while (this.#links.has(this.#nextHandle)) this.#nextHandle = following(this.#nextHandle);
    const handle = this.#nextHandle;
    this.#nextHandle = following(handle);
    return handle;
  }

  #complete(opcode: number, status: number = STATUS.ok, result: ArrayLike<number> = []): void {
    this.#toHost(hci.commandComplete(opcode, status, result));
  }

  #dataFromHost(packet: Uint8Array): void {
    if (packet.length < 5) return;
    const word = hci.readU16(packet, 1);
    const handle = word & 0x0fff;
    if (!this.#links.has(handle)) return;
    const continuation = ((word >> 12) & 0b11) === 0b01;
    if (!this.#air.carry(this, handle, continuation, packet.slice(5))) this.#toHost(hci.bufferOverflow());
  }

  #setAdvertising(enabled: boolean): void {
    if (this.advertising.enabled === enabled) return;
    this.advertising.enabled = enabled;
    this.#air.advertisingChanged(this);
  }

  #commandTable(): Map<number, Command> {
    const table = new Map<number, Command>();
    const add = (opcode: number, bytes: number, run: (parameters: Uint8Array) => void): void => {
      table.set(opcode, { bytes, run });
    };
    const constant = (opcode: number, result: ArrayLike<number>): void => {
      add(opcode, 0, () => this.#complete(opcode, STATUS.ok, result));
    };
    const { u16 } = hci;
    const version = [hci.HCI_VERSION, ...u16(0), hci.HCI_VERSION, ...u16(hci.MANUFACTURER), ...u16(0)];
    const dataLength = [...u16(hci.MAX_DATA_LENGTH.octets), ...u16(hci.MAX_DATA_LENGTH.timeUs)];
    constant(OPCODES.setEventMask, []);
    constant(OPCODES.readLeHostSupport, [1, 0]);
    constant(OPCODES.writeLeHostSupport, []);
    constant(OPCODES.readLocalVersion, version);
    constant(OPCODES.readLocalCommands, new Uint8Array(64));
    // LE supported, BR/EDR not supported (vol 2 part C, 3.3).
    constant(OPCODES.readLocalFeatures, [0, 0, 0, 0, 0x60, 0, 0, 0]);
    constant(OPCODES.readBufferSize, [...u16(hci.ACL_MAX_BYTES), 0, ...u16(hci.ACL_BUFFERS), ...u16(0)]);
    constant(OPCODES.readAddress, hci.addressBytes(this.address));
    constant(OPCODES.leReadBufferSize, [...u16(hci.ACL_MAX_BYTES), hci.ACL_BUFFERS]);
    constant(OPCODES.leReadFeatures, hci.LE_FEATURES);
    constant(OPCODES.leSetRandomAddress, []);
    constant(OPCODES.leReadAdvertisingTxPower, [0]);
    constant(OPCODES.leReadStates, [0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0]);
    constant(OPCODES.leReadMaxDataLength, [...dataLength, ...dataLength]);
    this.#addSetup(add);
    this.#addConnecting(add);
    this.#addLinkCommands(add);
    return table;
  }

  #addSetup(add: (opcode: number, bytes: number, run: (parameters: Uint8Array) => void) => void): void {
    add(OPCODES.reset, 0, () => {
      this.reset();
      this.#complete(OPCODES.reset);
    });
    add(OPCODES.leSetEventMask, 8, (p) => {
      this.#leEventMask = hci.readU16(p, 0);
      this.#complete(OPCODES.leSetEventMask);
    });
    add(OPCODES.leSetAdvertisingParameters, 15, (p) => {
      if (this.advertising.enabled)
        return this.#complete(OPCODES.leSetAdvertisingParameters, STATUS.disallowed);
      this.advertising.intervalMs = Math.max(20, hci.readU16(p, 2) * 0.625);
      this.advertising.connectable = p[4] === 0x00;
      this.#complete(OPCODES.leSetAdvertisingParameters);
    });
    add(OPCODES.leSetAdvertisingData, 1, (p) => {
      this.advertising.data = p.slice(1, 1 + Math.min(p[0] ?? 0, 31));
      this.#complete(OPCODES.leSetAdvertisingData);
    });
    add(OPCODES.leSetScanResponseData, 1, (p) => {
      this.advertising.scanResponse = p.slice(1, 1 + Math.min(p[0] ?? 0, 31));
      this.#complete(OPCODES.leSetScanResponseData);
    });
    add(OPCODES.leSetAdvertisingEnable, 1, (p) => {
      this.#setAdvertising(p[0] === 1);
      this.#complete(OPCODES.leSetAdvertisingEnable);
    });
    add(OPCODES.leSetScanParameters, 7, (p) => {
      if (this.#scanning.enabled) return this.#complete(OPCODES.leSetScanParameters, STATUS.disallowed);
      this.#scanning.active = p[0] === 1;
      this.#complete(OPCODES.leSetScanParameters);
    });
    add(OPCODES.leSetScanEnable, 2, (p) => {
      const filterDuplicates = p[1] === 1;
      this.#scanning = { ...this.#scanning, enabled: p[0] === 1, filterDuplicates, reported: new Set() };
      this.#complete(OPCODES.leSetScanEnable);
    });
  }

  #addConnecting(add: (opcode: number, bytes: number, run: (parameters: Uint8Array) => void) => void): void {
    const { leCreateConnection, leCancelConnection } = OPCODES;
    const status = (opcode: number, code: number): void => this.#toHost(hci.commandStatus(opcode, code));
    add(leCreateConnection, 25, (p) => {
      if (this.initiating !== undefined) return status(leCreateConnection, STATUS.disallowed);
      if (!this.hasRoom) return status(leCreateConnection, STATUS.connectionLimit);
      const parameters = {
        interval: hci.readU16(p, 15),
        latency: hci.readU16(p, 17),
        supervisionTimeout: hci.readU16(p, 19),
      };
      this.initiating = { peer: hci.addressText(p.subarray(6, 12)), parameters };
      status(leCreateConnection, STATUS.ok);
    });
    add(leCancelConnection, 0, () => {
      if (this.initiating === undefined) return this.#complete(leCancelConnection, STATUS.disallowed);
      this.initiating = undefined;
      this.#complete(leCancelConnection);
      this.#toHost(hci.connectionFailed(this.#enhanced, STATUS.unknownConnection));
    });
  }

  /** Commands about one link: their first two bytes are its handle. */
  #addLinkCommands(
    add: (opcode: number, bytes: number, run: (parameters: Uint8Array) => void) => void,
  ): void {
    const onLink = (opcode: number, bytes: number, run: (handle: number, p: Uint8Array) => void): void => {
      add(opcode, bytes, (p) => {
        const handle = hci.readU16(p, 0) & 0x0fff;
        if (this.#links.has(handle)) return run(handle, p);
        this.#toHost(hci.commandStatus(opcode, STATUS.unknownConnection));
      });
    };
    const started = (opcode: number): void => this.#toHost(hci.commandStatus(opcode, STATUS.ok));
    onLink(OPCODES.disconnect, 3, (handle, p) => {
      started(OPCODES.disconnect);
      this.#air.disconnect(this, handle, p[2] ?? STATUS.remoteEnded);
    });
    onLink(OPCODES.readRemoteVersion, 2, (handle) => {
      started(OPCODES.readRemoteVersion);
      this.#toHost(hci.remoteVersion(handle));
    });
    onLink(OPCODES.readRssi, 2, (handle) => {
      this.#complete(OPCODES.readRssi, STATUS.ok, [
        ...hci.u16(handle),
        this.#air.rssiDbm(this, handle) & 0xff,
      ]);
    });
    onLink(OPCODES.leUpdateConnection, 14, (handle, p) => {
      started(OPCODES.leUpdateConnection);
      const supervisionTimeout = hci.readU16(p, 8);
      this.#air.updateLink(this, handle, {
        interval: hci.readU16(p, 4),
        latency: hci.readU16(p, 6),
        supervisionTimeout,
      });
    });
    onLink(OPCODES.leReadRemoteFeatures, 2, (handle) => {
      started(OPCODES.leReadRemoteFeatures);
      if (this.#wants(hci.LE_EVENTS.remoteFeatures)) this.#toHost(hci.remoteFeatures(handle));
    });
    onLink(OPCODES.leStartEncryption, 28, (handle) => {
      started(OPCODES.leStartEncryption);
      this.#air.encrypt(this, handle);
    });
    onLink(OPCODES.leSetDataLength, 6, (handle) => {
      this.#complete(OPCODES.leSetDataLength, STATUS.ok, hci.u16(handle));
      if (this.#wants(hci.LE_EVENTS.dataLength)) this.#toHost(hci.dataLengthChange(handle));
    });
  }
}

/** Handles are 12 bits, up to 0x0eff. */
function following(handle: number): number {
  return handle >= 0x0eff ? FIRST_HANDLE : handle + 1;
}

function idleScanning(): Scanning {
  return { enabled: false, active: false, filterDuplicates: true, reported: new Set() };
}

function idleAdvertising(): Advertising {
  const none = new Uint8Array(0);
  return { enabled: false, connectable: true, intervalMs: 1280, data: none, scanResponse: none };
}
