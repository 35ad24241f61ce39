/** The bus of a phone that is in no network: nobody ever answers. */
import { SegmentError } from "../../protocols/errors.ts";
import type { Bus } from "../../protocols/ports.ts";

export const quietBus: Bus = {
  publish: () => Promise.reject(new SegmentError("broker-unreachable", "this phone is in no network")),
  subscribe: () => new Promise(() => undefined),
  onConnected: (changed) => changed(false),
  close: () => Promise.resolve(),
};
