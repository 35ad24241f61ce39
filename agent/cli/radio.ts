/** `--radio`: which radio an agent uses, and for which part. */
import { systemClock } from "../node/crypto.ts";
import type { BleTransport } from "../node/ble/stacks.ts";
import type { RadioOpeners } from "../node/radio-run.ts";
import { optionInvalid } from "./options.ts";

/** The machine's own adapter. */
const ADAPTER = "hci";

/**
 * One radio plays the part that fits: a phone looks for others, anything else is found. Of two, the first is
 * found and the second looks. Errors: option-invalid, radio-unavailable.
 */
export async function radioOf(names: readonly string[], kind: string): Promise<RadioOpeners | undefined> {
  const [first, second, ...others] = names;
  if (first === undefined) return undefined;
  if (others.length > 0) throw optionInvalid("--radio", "one radio, or two", names.join(" "));
  const found = second === undefined && kind === "phone" ? undefined : first;
  const looks = second ?? (kind === "phone" ? first : undefined);
  return {
    ...(found === undefined ? {} : { peripheral: await peripheral(found) }),
    ...(looks === undefined ? {} : { central: await central(looks) }),
  };
}

async function peripheral(name: string): Promise<NonNullable<RadioOpeners["peripheral"]>> {
  const { openPeripheral } = await import("../node/ble/peripheral.ts");
  const transport = await transportOf(name);
  return (lost) => openPeripheral({ clock: systemClock, transport, lost });
}

async function central(name: string): Promise<NonNullable<RadioOpeners["central"]>> {
  const { openCentral } = await import("../node/ble/central.ts");
  const transport = await transportOf(name);
  return (lost) => openCentral({ clock: systemClock, transport, lost });
}

async function transportOf(name: string): Promise<BleTransport> {
  if (name === ADAPTER) return "system";
  const { airTransport } = await import("../../simulators/worlds/air.ts");
  return airTransport(name);
}
