/**
 * What a phone does with a device's three characteristics, on noble.
 *
 * Where noble is the host itself (Linux, and every driver that is handed in) all is addressed by
 * handles, and the handles of a device that was met before are remembered: a known device costs one
 * read before the first write. Two parts of that only noble's inside reaches: it does not tell handles,
 * and it holds commands back behind a request, where ATT does not (vol 3 part F, 3.3.2).
 */
import { CHARACTERISTIC_UUIDS, SERVICE_UUID } from "../../../protocols/session/gatt.ts";
import { bareUuid } from "./uuids.ts";
import { radioFailed } from "./wait.ts";

export interface NoblePeripheral {
  readonly id: string;
  readonly address: string;
  readonly rssi: number;
  /** Null until the peers have agreed on one. */
  readonly mtu: number | null;
  readonly state: string;
  readonly advertisement: { localName?: string; serviceUuids: string[] };
  once(event: "disconnect", listener: () => void): unknown;
  on(event: "handleNotify", listener: (handle: number, data: Uint8Array) => void): unknown;
  removeAllListeners(event: "handleNotify"): unknown;
  disconnect(): void;
  discoverSomeServicesAndCharacteristicsAsync(
    services: string[],
    characteristics: string[],
  ): Promise<{ characteristics: NobleCharacteristic[] }>;
  readHandleAsync(handle: number): Promise<Uint8Array>;
}

interface NobleCharacteristic {
  readonly uuid: string;
  on(event: "data", listener: (data: Uint8Array, isNotification: boolean) => void): unknown;
  readAsync(): Promise<Uint8Array>;
  write(data: Uint8Array, withoutResponse: boolean, done: (error?: Error) => void): void;
  subscribeAsync(): Promise<unknown>;
  discoverDescriptorsAsync(): Promise<unknown>;
}

/** The part of noble's own ATT client that is used here; a connection's, absent on macOS. */
export interface NobleAtt {
  readonly _characteristics: Record<string, Record<string, { valueHandle: number }>>;
  readonly _descriptors: Record<string, Record<string, Record<string, { handle: number }>>>;
  _queueCommand(request: Uint8Array, answered: (answer: Uint8Array) => void): void;
  writeRequest(handle: number, data: Uint8Array, withoutResponse: boolean): Uint8Array;
  findInfoRequest(start: number, end: number): Uint8Array;
  writeAtt(data: Uint8Array): void;
}

/** Where a device keeps what is used of it: handles of its values, and of the switch for notifications. */
export interface HandleTable {
  info: number;
  input: number;
  output: number;
  notifying: number;
}

/** A device whose service is known. One request at a time; a write without response may go besides. */
export interface Gatt {
  /** From here on notifications come. */
  subscribe(notified: (value: Uint8Array) => void): Promise<void>;
  readInfo(): Promise<Uint8Array>;
  write(value: Uint8Array, withoutResponse: boolean): Promise<void>;
  /** Resolves when the device has taken all that was written before. */
  confirm(): Promise<void>;
}

const WRITE_RESPONSE = 0x13;
const CONFIGURATION_UUID = "2902";
const NOTIFICATIONS_ON = Uint8Array.of(0x01, 0x00);

/** Throws `radio-failed` where a characteristic is missing. */
export async function discover(
  peripheral: NoblePeripheral,
  att: NobleAtt | undefined,
): Promise<{ gatt: Gatt; table: HandleTable | undefined }> {
  const service = bareUuid(SERVICE_UUID);
  const uuids = Object.values(CHARACTERISTIC_UUIDS).map(bareUuid);
  const found = await peripheral.discoverSomeServicesAndCharacteristicsAsync([service], uuids);
  const parts = characteristics(found.characteristics);
  if (att === undefined) return { gatt: byCharacteristics(parts), table: undefined };
  await parts.output.discoverDescriptorsAsync();
  const { info, in: input, out: output } = CHARACTERISTIC_UUIDS;
  const handleOf = (uuid: string): number | undefined =>
    att._characteristics[service]?.[bareUuid(uuid)]?.valueHandle;
  const notifying = att._descriptors[service]?.[bareUuid(output)]?.[CONFIGURATION_UUID]?.handle;
  const handles = [handleOf(info), handleOf(input), handleOf(output), notifying];
  if (handles.includes(undefined)) throw radioFailed("the device cannot notify");
  const [first, second, third, fourth] = handles as [number, number, number, number];
  const table = { info: first, input: second, output: third, notifying: fourth };
  return { gatt: byHandles(peripheral, att, table), table };
}

interface Characteristics {
  info: NobleCharacteristic;
  input: NobleCharacteristic;
  output: NobleCharacteristic;
}

function characteristics(found: NobleCharacteristic[]): Characteristics {
  const one = (name: keyof typeof CHARACTERISTIC_UUIDS): NobleCharacteristic => {
    const match = found.find((each) => each.uuid === bareUuid(CHARACTERISTIC_UUIDS[name]));
    if (match === undefined) throw radioFailed(`the device has no characteristic "${name}"`);
    return match;
  };
  return { info: one("info"), input: one("in"), output: one("out") };
}

function byCharacteristics({ info, input, output }: Characteristics): Gatt {
  return {
    subscribe: async (notified) => {
      output.on("data", (data, isNotification) => {
        if (isNotification) notified(new Uint8Array(data));
      });
      await output.subscribeAsync();
    },
    readInfo: async () => new Uint8Array(await info.readAsync()),
    write: (value, withoutResponse) =>
      new Promise((resolve, reject) => {
        input.write(Buffer.from(value), withoutResponse, (error) => (error ? reject(error) : resolve()));
      }),
    confirm: async () => void (await output.discoverDescriptorsAsync()),
  };
}

/** A device whose handles are known. */
export function byHandles(peripheral: NoblePeripheral, att: NobleAtt, table: HandleTable): Gatt {
  const request = (bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve) => att._queueCommand(bytes, resolve));
  const written = async (handle: number, value: Uint8Array): Promise<void> => {
    const [opcode] = await request(att.writeRequest(handle, Buffer.from(value), false));
    if (opcode !== WRITE_RESPONSE) throw radioFailed("the device refused to be written to");
  };
  return {
    subscribe: (notified) => {
      // noble keeps the object of a device from one connection to the next.
      peripheral.removeAllListeners("handleNotify");
      peripheral.on("handleNotify", (handle, data) => {
        if (handle === table.output) notified(new Uint8Array(data));
      });
      return written(table.notifying, NOTIFICATIONS_ON);
    },
    readInfo: async () => new Uint8Array(await peripheral.readHandleAsync(table.info)),
    write: async (value, withoutResponse) => {
      if (!withoutResponse) return written(table.input, value);
      att.writeAtt(att.writeRequest(table.input, Buffer.from(value), true));
    },
    confirm: async () => void (await request(att.findInfoRequest(table.notifying, table.notifying))),
  };
}
