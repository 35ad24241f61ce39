/** Whether a virtual delivery has come to rest, and how it ended. */
import type { Outcome } from "../delivery/scenarios.ts";
import { PRICE_MINOR } from "../delivery/firm.ts";
import { distanceM } from "../delivery/places.ts";
import type { DroneBody } from "./bodies.ts";
import type { Crew } from "./crew.ts";
import { ROOF } from "./grounds.ts";
import { villager, type Village } from "./village.ts";

const HOME_M = 50;

/** Who is not at rest yet, and why; undefined once all are. */
export function restless(crew: Crew, body: DroneBody): string | undefined {
  for (const { name, life, agent, service } of crew.members.values()) {
    if (life?.alive !== true || (agent ?? service) === undefined) return `${name} is dead`;
    if (agent !== undefined && agent.pending > 0) return `${name} has ${agent.pending} promises to keep`;
    if ((agent?.telemetry?.unsent ?? 0) > 0) return `${name} has records to store`;
  }
  const heights = [...crew.cores().values()].map((core) => core.height);
  if (new Set(heights).size > 1) return `notaries stand at ${heights.join(", ")}`;
  const phase = crew.phone?.state.phase;
  if (phase !== "done" && phase !== "refused") return `the phone is ${phase}`;
  if (crew.drone?.state.phase !== "idle") return `the drone is ${crew.drone?.state.phase}`;
  const sample = body.now();
  if (sample.airborne || distanceM(sample, ROOF) > HOME_M) return "the drone is not at home";
  const open = crew.shop?.state.orders.find(({ status }) => status !== "ended" && status !== "refused");
  return open === undefined ? undefined : `the shop's order is ${open.status}`;
}

/** How it ended, by the ledger of all notaries; undefined while a contract is open. */
export function outcomeOf(
  village: Village,
  crew: Crew,
  termsId: Uint8Array | undefined,
): Outcome | undefined {
  const cores = crew.cores();
  const views = [...cores.values()].map((core) => termsId && core.contractView(termsId)?.state);
  if (views.some((view) => view !== undefined && !view.closed)) return undefined;
  if (crew.phone?.state.phase === "refused" && views.every((view) => view === undefined)) return "refused";
  if (views.some((view) => view === undefined)) return undefined;
  const core = cores.get("notary-1");
  const earned = ["drone", "shop"].map(
    (name) => core?.accountBalances(villager(village, name).root).get(village.currency) ?? 0n,
  );
  return earned.reduce((sum, one) => sum + one, 0n) === PRICE_MINOR ? "delivered" : "refunded";
}
