/**
 * A lock as Home Assistant knows it: MQTT discovery of a device (Home Assistant, "MQTT", device discovery
 * payload), its state as one JSON text, and the commands that come back. Pure: the driver is beside it.
 */
import type { AccessBody } from "../../protocols/access/messages.ts";
import type { Action } from "../../protocols/access/rights.ts";

export interface ShownLock {
  /** z6Mk…: names its topics, and its entities for good. */
  id: string;
  /** What people call it. */
  name: string;
  /** What the bridge's key lets it do besides looking on: nothing, unless the owner wants that. */
  actions: readonly Action[];
}

export interface LockTopics {
  /** Home Assistant learns of the device here; retained. */
  config: string;
  /** How it stands; retained. */
  state: string;
  /** "online" or "offline"; retained, and left behind as "offline" when the bridge is gone. */
  availability: string;
  /** What Home Assistant wants. */
  command: string;
}

/** `prefix`: Home Assistant's own, "homeassistant" unless it was changed there. */
export function topicsOf(prefix: string, id: string): LockTopics {
  const own = `segment/${id}`;
  return {
    config: `${prefix}/device/segment-${id}/config`,
    state: `${own}/state`,
    availability: `${own}/availability`,
    command: `${own}/command`,
  };
}

/** Where Home Assistant says that it has started. */
export function birthTopic(prefix: string): string {
  return `${prefix}/status`;
}

export const ONLINE = "online";
export const OFFLINE = "offline";

const BY_PAYLOAD: Readonly<Record<string, Action>> = { LOCK: "lock", UNLOCK: "unlock", OPEN: "open" };

/** A lock to turn where the key allows it; else only what shows how it stands. */
export function discovery(lock: ShownLock, topics: LockTopics): object {
  const mayTurn = lock.actions.includes("lock") && lock.actions.includes("unlock");
  const entity = (name: string, rest: object): object => ({
    unique_id: `segment-${lock.id}-${name}`,
    ...rest,
  });
  const components = {
    bolt: mayTurn
      ? entity("lock", {
          ...{
            platform: "lock",
            name: null,
            command_topic: topics.command,
            optimistic: false,
            retain: false,
          },
          ...{ value_template: "{{ value_json.lock }}", state_locked: "LOCKED", state_unlocked: "UNLOCKED" },
          ...{ payload_lock: "LOCK", payload_unlock: "UNLOCK" },
          ...(lock.actions.includes("open") ? { payload_open: "OPEN" } : {}),
        })
      : entity("bolt", {
          ...{ platform: "binary_sensor", name: "Bolt", device_class: "lock" },
          value_template:
            "{{ 'ON' if value_json.lock == 'UNLOCKED' else 'OFF' if value_json.lock else None }}",
        }),
    contact: entity("contact", {
      ...{ platform: "binary_sensor", name: "Door", device_class: "door" },
      value_template: "{{ value_json.contact }}",
    }),
    battery: entity("battery", {
      ...{ platform: "sensor", name: "Battery", device_class: "battery", unit_of_measurement: "%" },
      ...{ state_class: "measurement", entity_category: "diagnostic" },
      value_template: "{{ value_json.battery }}",
    }),
    user: entity("user", {
      ...{ platform: "sensor", name: "Last user", icon: "mdi:account-key" },
      value_template: "{{ value_json.last_user }}",
    }),
    used: entity("used", {
      ...{ platform: "sensor", name: "Last used", device_class: "timestamp" },
      value_template: "{{ value_json.last_used }}",
    }),
  };
  return {
    device: { identifiers: [`segment-${lock.id}`], name: lock.name, manufacturer: "SEGMENT", model: "Lock" },
    origin: { name: "SEGMENT" },
    ...{ state_topic: topics.state, availability_topic: topics.availability, qos: 1 },
    components,
  };
}

/** null stands for what the lock does not know: Home Assistant then shows "unknown". */
export interface ShownState {
  lock: "LOCKED" | "UNLOCKED" | null;
  contact: "ON" | "OFF" | null;
  /** Percent. */
  battery: number | null;
  last_user: string | null;
  /** ISO 8601. */
  last_used: string | null;
}

/** `owner`: what an owner is called, whom no key names. */
export function stateOf(watched: AccessBody<"lock-watched">, owner: string): ShownState {
  const { state, last } = watched;
  const { batteryPermille } = state;
  const { isLocked, isOpen } = state;
  return {
    lock: isLocked === null ? null : isLocked ? "LOCKED" : "UNLOCKED",
    contact: isOpen === null ? null : isOpen ? "ON" : "OFF",
    battery: batteryPermille === null ? null : Math.round(batteryPermille / 10),
    last_user: last === null ? null : last.name === "" ? owner : last.name,
    last_used: last === null || !state.isTimeKnown ? null : new Date(last.timeMs).toISOString(),
  };
}

/** What a message to the command's topic asks for; undefined for what is none, or beyond the key. */
export function commandOf(payload: string, { actions }: ShownLock): Action | undefined {
  const action = Object.hasOwn(BY_PAYLOAD, payload) ? BY_PAYLOAD[payload] : undefined;
  return action !== undefined && actions.includes(action) ? action : undefined;
}
