/** The radios of the BLE suite. Apart from suite.ts, so that measure.ts needs no vitest. */
export const DEVICE_ADDRESS = "c0:de:00:00:00:01";
export const PHONE_ADDRESS = "c0:de:00:00:00:02";
export const TABLET_ADDRESS = "c0:de:00:00:00:03";
export const DEVICE_NAME = "door 7";
