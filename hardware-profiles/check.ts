/** What a schema of single fields cannot say: names that must exist, and what would be dangerous. */
import { isOutput } from "./schema.ts";
import type { OutputPin, Profile } from "./schema.ts";

/** Sentences on what is wrong, each beginning with where; none for a sound profile. */
export function faultsOf(profile: Profile): string[] {
  return [
    ...duplicates(
      "pins",
      profile.pins.map((pin) => pin.name),
    ),
    ...duplicates(
      "pins",
      profile.pins.map((pin) => `${pin.chip} line ${pin.line}`),
    ),
    ...duplicates(
      "buses",
      profile.buses.map((bus) => bus.name),
    ),
    ...duplicates(
      "radios",
      profile.radios.map((radio) => radio.name),
    ),
    ...duplicates(
      "drivers",
      profile.drivers.map((driver) => driver.name),
    ),
    ...profile.pins.filter(isOutput).flatMap((pin) => outputFaults(profile, pin)),
    ...driverFaults(profile),
    ...boardFaults(profile),
    ...flashFaults(profile),
  ];
}

function duplicates(where: string, names: string[]): string[] {
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return [...twice].map((name) => `${where}: "${name}" occurs twice`);
}

function outputFaults(profile: Profile, pin: OutputPin): string[] {
  const where = `pins "${pin.name}"`;
  const faults: string[] = [];
  if (pin.maxOnMs > 0 && pin.restore !== "off")
    faults.push(`${where}: restore must be "off", because maxOnMs limits how long it may be on`);
  if (pin.maxOnMs > 0 && pin.safeState === "on")
    faults.push(`${where}: safeState must not be "on", because maxOnMs limits how long it may be on`);
  for (const other of pin.interlock) {
    const partner = profile.pins.filter(isOutput).find((candidate) => candidate.name === other);
    if (other === pin.name) faults.push(`${where}: interlock names the pin itself`);
    else if (partner === undefined) faults.push(`${where}: interlock names "${other}", which is no output`);
    else if (!partner.interlock.includes(pin.name))
      faults.push(`${where}: interlock with "${other}" must stand on both sides`);
  }
  return faults;
}

function driverFaults(profile: Profile): string[] {
  const pins = new Set(profile.pins.map((pin) => pin.name));
  const buses = new Set(profile.buses.map((bus) => bus.name));
  const users = profile.drivers.flatMap((driver) => Object.values(driver.pins));
  const faults = duplicates("drivers: pin", users);
  for (const driver of profile.drivers) {
    const where = `drivers "${driver.name}"`;
    for (const pin of Object.values(driver.pins))
      if (!pins.has(pin)) faults.push(`${where}: there is no pin "${pin}"`);
    if (driver.bus !== undefined && !buses.has(driver.bus))
      faults.push(`${where}: there is no bus "${driver.bus}"`);
  }
  return faults;
}

/** A simulated board must not reach for hardware, nor a real one pretend. */
function boardFaults(profile: Profile): string[] {
  const faults: string[] = [];
  if (profile.simulated !== (profile.board.architecture === "simulated"))
    faults.push(
      `board.architecture: "${profile.board.architecture}" contradicts simulated: ${profile.simulated}`,
    );
  for (const radio of profile.radios)
    if ((radio.stack === "simulated") !== profile.simulated)
      faults.push(
        `radios "${radio.name}": stack "${radio.stack}" contradicts simulated: ${profile.simulated}`,
      );
  for (const bus of profile.buses)
    if ((bus.type === "simulated") !== profile.simulated)
      faults.push(`buses "${bus.name}": type "${bus.type}" contradicts simulated: ${profile.simulated}`);
  return faults;
}

function flashFaults(profile: Profile): string[] {
  const { flash } = profile;
  if ((flash.method === "none") !== profile.simulated)
    return [`flash.method: "${flash.method}" contradicts simulated: ${profile.simulated}`];
  if (flash.method !== "image") return [];
  const roles = flash.partitions.map((partition) => partition.role);
  const faults = duplicates("flash.partitions", roles);
  for (const role of ["slot-a", "slot-b", "data"] as const)
    if (!roles.includes(role)) faults.push(`flash.partitions: there is no ${role}`);
  const openEnded = flash.partitions.findIndex((partition) => partition.sizeBytes === 0);
  if (openEnded !== -1 && openEnded !== flash.partitions.length - 1)
    faults.push(`flash.partitions.${openEnded}: only the last may take what is left`);
  const fixed = flash.partitions.reduce((sum, partition) => sum + partition.sizeBytes, 0);
  if (fixed > flash.minMediumBytes) faults.push(`flash.minMediumBytes: the partitions need ${fixed} bytes`);
  return faults;
}
