/**
 * What a board is, as data: how to recognise it, which pins, buses and radios it has,
 * which drivers use them, how to flash it. One JSON file a board, beside this file.
 *
 * Every output names the state that is safe without the agent (`safeState`), the longest
 * time that it may be on (`maxOnMs`) and the outputs that must be off meanwhile
 * (`interlock`): a lock's coil burns and a gate crushes when software forgets.
 */
import { z } from "zod";

const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "lower-case letters, digits and hyphens, at most 40");
const path = z.string().regex(/^\/dev\/[A-Za-z0-9/_.-]{1,60}$/, "a device below /dev");
const positive = z.int().min(1);

const inputPin = z.strictObject({
  name,
  mode: z.enum(["input", "input-pullup", "input-pulldown", "analog"]),
  /** The GPIO chip and line, as `gpioinfo` shows them. */
  chip: name,
  line: z.int().min(0).max(511),
  lineName: z.string().min(1).max(40),
  /** A low level means on. */
  inverted: z.boolean(),
});

const outputPin = z.strictObject({
  name,
  mode: z.enum(["output", "output-open-drain", "pwm"]),
  chip: name,
  line: z.int().min(0).max(511),
  lineName: z.string().min(1).max(40),
  inverted: z.boolean(),
  /** What the pin becomes when the agent starts. `last` is for what is harmless, such as a lamp. */
  restore: z.enum(["off", "on", "last"]),
  /** What the pin becomes when the agent stops or dies; a pin stays energised after release. */
  safeState: z.enum(["off", "on", "high-impedance"]),
  /** The driver switches it off after this, whatever it was told; 0 only where on is safe for ever. */
  maxOnMs: z.int().min(0).max(86_400_000),
  /** Outputs that must be off before this one goes on. */
  interlock: z.array(name).max(16),
});

const bus = z.discriminatedUnion("type", [
  z.strictObject({ name, type: z.literal("i2c"), device: path, speedHz: positive.max(5_000_000) }),
  z.strictObject({ name, type: z.literal("spi"), device: path, speedHz: positive.max(125_000_000) }),
  z.strictObject({ name, type: z.literal("uart"), device: path, speedBaud: positive.max(4_000_000) }),
  z.strictObject({ name, type: z.literal("simulated") }),
]);

const radio = z.discriminatedUnion("type", [
  /** `stack` is the adapter below noble and bleno: the kernel's HCI socket, or the simulator's air. */
  z.strictObject({
    name,
    type: z.literal("ble"),
    stack: z.enum(["hci-socket", "simulated"]),
    roles: z
      .array(z.enum(["central", "peripheral"]))
      .min(1)
      .max(2),
    /** Largest ATT MTU that the controller and its stack negotiate. */
    maxMtu: z.int().min(23).max(517),
  }),
  z.strictObject({ name, type: z.literal("wifi"), stack: z.enum(["linux", "simulated"]) }),
  z.strictObject({ name, type: z.literal("ethernet"), stack: z.enum(["linux", "simulated"]) }),
]);

/** A driver makes named readings or commands of a device out of pins and buses. */
const driver = z.strictObject({
  name,
  driver: name,
  pins: z.record(name, name),
  bus: name.optional(),
  options: z.record(name, z.union([z.string().max(200), z.number(), z.boolean()])),
});

const flash = z.discriminatedUnion("method", [
  /** A simulated board is the program itself. */
  z.strictObject({ method: z.literal("none") }),
  /** Written whole to a card or disk: two slots, one on trial, and the data of the agent apart. */
  z.strictObject({
    method: z.literal("image"),
    format: z.enum(["raw", "raw-xz"]),
    minMediumBytes: positive,
    partitions: z
      .array(
        z.strictObject({
          name,
          role: z.enum(["boot", "slot-a", "slot-b", "data"]),
          fileSystem: z.enum(["vfat", "ext4", "squashfs"]),
          /** 0: what is left of the medium. */
          sizeBytes: z.int().min(0),
        }),
      )
      .min(1)
      .max(8),
    /** Boots on trial before the old slot comes back. */
    trialBoots: z.int().min(1).max(10),
    verify: z.literal("sha256"),
  }),
  z.strictObject({
    method: z.literal("serial"),
    protocol: z.enum(["stk500v1", "esptool"]),
    speedBaud: positive.max(4_000_000),
    maxImageBytes: positive,
    eraseFirst: z.boolean(),
    verify: z.enum(["read-back", "md5"]),
  }),
  z.strictObject({
    method: z.literal("uf2"),
    familyId: z.string().regex(/^0x[0-9a-f]{8}$/),
    maxImageBytes: positive,
  }),
]);

export const profileSchema = z.strictObject({
  schema: z.literal(1),
  id: name,
  title: z.string().min(1).max(80),
  /** What the agent on it can be. */
  kinds: z.array(name).min(1).max(16),
  simulated: z.boolean(),
  /** Empty for a simulated board. */
  board: z.strictObject({
    mcu: z.string().min(1).max(40),
    architecture: z.enum(["simulated", "arm64", "armv7", "armv6m", "avr", "xtensa", "riscv32", "x64"]),
    ramBytes: z.int().min(0),
    /** USB vendor and product ids under which it shows up, for `segment flash` to find its port. */
    hwids: z.array(z.tuple([hexId(), hexId()])).max(16),
    /** Strings of the device tree's `compatible`, for an agent to find out where it runs. */
    compatible: z.array(z.string().min(1).max(60)).max(8),
  }),
  pins: z.array(z.union([inputPin, outputPin])).max(64),
  buses: z.array(bus).max(16),
  radios: z.array(radio).max(8),
  drivers: z.array(driver).max(32),
  flash,
});

function hexId() {
  return z.string().regex(/^0x[0-9a-f]{4}$/, "a USB id such as 0x2e8a");
}

export type Profile = z.infer<typeof profileSchema>;
export type ProfilePin = Profile["pins"][number];
export type OutputPin = z.infer<typeof outputPin>;

export function isOutput(pin: ProfilePin): pin is OutputPin {
  return "safeState" in pin;
}
