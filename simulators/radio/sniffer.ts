/** What somebody beside a phone hears of it on the air: the values that it writes. */
import type { CentralRadio } from "../../protocols/ports.ts";

/** The same radio; `heard` gets a copy of each written value. */
export function overheardCentral(radio: CentralRadio, heard: (value: Uint8Array) => void): CentralRadio {
  return {
    scan: (uuid, sighted, signal) => radio.scan(uuid, sighted, signal),
    close: () => radio.close(),
    connect: async (address, on, timeoutMs) => {
      const connection = await radio.connect(address, on, timeoutMs);
      return {
        get writeSize() {
          return connection.writeSize;
        },
        readInfo: () => connection.readInfo(),
        disconnect: () => connection.disconnect(),
        write: (value) => {
          heard(Uint8Array.from(value));
          return connection.write(value);
        },
      };
    },
  };
}
