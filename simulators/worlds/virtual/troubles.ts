/** Puts the faults that a seed has drawn onto the world's clock. */
import type { Clock } from "../../../protocols/ports.ts";
import type { MemoryNetwork } from "../../network/memory-bus.ts";
import type { Crew } from "./crew.ts";
import type { Faults } from "./faults.ts";
import { START_MS } from "./village.ts";

export function schedule(
  { cuts, skews }: Faults,
  world: { clock: Clock; net: MemoryNetwork; crew: Crew; say: (who: string, what: string) => void },
): void {
  const { clock, net, crew, say } = world;
  for (const { who, partition, fromMs, untilMs } of cuts) {
    const ids = who.map((name) => crew.idOf(name));
    clock.at(START_MS + fromMs, () => {
      say("network", `${partition ? "falls apart" : "is lost"}: ${who.join(", ")}`);
      if (partition) net.partition([[], ids]);
      else for (const id of ids) net.cut(id);
    });
    clock.at(START_MS + untilMs, () => {
      say("network", `is whole again for ${who.join(", ")}`);
      if (partition) net.heal();
      else for (const id of ids) net.restore(id);
    });
  }
  for (const { who, fromMs, untilMs, byMs } of skews) {
    const member = crew.members.get(who);
    const set = (skewMs: number, when: number): void => {
      clock.at(START_MS + when, () => {
        say(who, `its clock is ${skewMs === 0 ? "right" : `wrong by ${skewMs} ms`}`);
        if (member !== undefined) member.skewMs = skewMs;
      });
    };
    set(byMs, fromMs);
    set(0, untilMs);
  }
}
