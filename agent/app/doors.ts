/** How the phone gets to a lock, and what came of it. */
import type { CommandName } from "../../devices/keyring/commands.ts";
import { stayAt } from "../../devices/keyring/find.ts";
import type { KnownLock } from "../../devices/keyring/state.ts";
import { parsePairing } from "../../protocols/access/pairing.ts";
import type { Action } from "../../protocols/access/rights.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import type { ErrorCode } from "../../protocols/errors.ts";
import { agentId, publicKeyFromId } from "../../protocols/identity/keys.ts";
import { advertisedName } from "../../protocols/session/gatt.ts";
import { browserRandom } from "../browser/platform.ts";
import type { PhoneRuntime } from "../browser/phone-runtime.ts";

/** Over Bluetooth, or over the network. */
export type Way = "near" | "far";

const NONCE_BYTES = 16;

/** Which ways there are now, the better first: Bluetooth if the lock was chosen for this page already. */
export function waysTo(runtime: PhoneRuntime, lock: KnownLock): Way[] {
  const { bluetooth, agent } = runtime;
  const isTalking = agent.state.session?.lock === lock.id;
  // The first opening of a stay needs what both sign in one session.
  const isToBegin = !lock.isOwned && stayAt(agent.state, lock.id)?.opening === null;
  const isChosen = isToBegin || isTalking || bluetooth?.knows(nameOf(lock.id)) === true;
  const near: Way[] = bluetooth === undefined ? [] : ["near"];
  const far: Way[] = runtime.isReachable(lock.id) ? ["far"] : [];
  return isChosen ? [...near, ...far] : [...far, ...near];
}

/**
 * From a tap: the browser may ask the person to choose the lock from its list. Resolves with false if they
 * chose none. Errors: radio-unavailable, radio-failed.
 */
export async function approach({ bluetooth }: PhoneRuntime, lock: string): Promise<boolean> {
  if (bluetooth === undefined) throw new SegmentError("radio-unavailable", "this browser has no Bluetooth");
  const name = nameOf(lock);
  return bluetooth.knows(name) || bluetooth.choose(name);
}

/** One tap. False: the person chose no device. Throws why the lock did not. */
export function ask(
  runtime: PhoneRuntime,
  lock: string,
  way: Way,
  { target, action }: { target: string; action: Action },
): Promise<boolean> {
  return acted(runtime, "ask", way, { lock, target, action });
}

/** How the lock stands; what waits for it is brought, and links' keys are claimed. */
export function look(runtime: PhoneRuntime, lock: string, way: Way): Promise<boolean> {
  return acted(runtime, "look", way, { lock });
}

/** A page of its log, from a number on; see `runtime.logs`. */
export function readLog(runtime: PhoneRuntime, lock: string, way: Way, from: number): Promise<boolean> {
  return acted(runtime, "read-log", way, { lock, from });
}

async function acted<What extends { lock: string }>(
  runtime: PhoneRuntime,
  name: CommandName,
  way: Way,
  what: What,
): Promise<boolean> {
  if (way === "near" && !(await approach(runtime, what.lock))) return false;
  try {
    await done(runtime, name, { ...what, nonce: browserRandom.bytes(NONCE_BYTES), isNear: way === "near" });
    return true;
  } catch (error) {
    if (way === "near" && errorCode(error) === "radio-failed") runtime.bluetooth?.forget(nameOf(what.lock));
    throw error;
  }
}

/** Becomes the owner of the lock that shows the code. Errors: pairing-*, radio-*, peer-refused. */
export async function pair(
  runtime: PhoneRuntime,
  code: string,
  name: string,
  way: Way,
): Promise<string | undefined> {
  const { identity } = parsePairing(code, runtime.machine.clock.now());
  const lock = agentId(identity);
  if (way === "near" && !(await approach(runtime, lock))) return undefined;
  const nonce = browserRandom.bytes(NONCE_BYTES);
  await done(runtime, "pair", { code, name, nonce, isNear: way === "near" });
  return lock;
}

async function done(runtime: PhoneRuntime, name: CommandName, value: unknown): Promise<void> {
  const outcome = await runtime.run(name, value);
  if (outcome === null) throw new SegmentError("request-stale", "something else was asked meanwhile");
  if (outcome.code !== null) throw new SegmentError(outcome.code as ErrorCode, outcome.message);
}

function nameOf(lock: string): string {
  return advertisedName(publicKeyFromId(lock));
}
