/** The village's four notaries on one ordered log, and its issuer: the same roles as in any home. */
import { Messenger } from "../../../agent/core/messenger.ts";
import { serve } from "../../../agent/core/service.ts";
import { foundNetwork } from "../../../agent/node/committee.ts";
import { NotaryRole } from "../../../agent/roles/notary.ts";
import { errorCode } from "../../../protocols/errors.ts";
import { signerFromSeed } from "../../../protocols/identity/keys.ts";
import type { NetworkDescription } from "../../../protocols/ledger/network.ts";
import type { Clock, Crypto } from "../../../protocols/ports.ts";
import type { MemoryNetwork } from "../../network/memory-bus.ts";
import { MemoryLog } from "../../network/memory-log.ts";
import { MemoryStore } from "../../network/memory-store.ts";
import { seededRandom } from "../../random.ts";
import { NOTARIES, somebody } from "./people.ts";

export const NETWORK = "village";
const FOUNDING_SEED = 5;

export interface Committee {
  network: NetworkDescription;
  start(net: MemoryNetwork, cards: readonly Uint8Array[]): Promise<NotaryRole[]>;
}

export function foundCommittee(crypto: Crypto, clock: Clock, failed: (error: unknown) => void): Committee {
  const people = NOTARIES.map((name) => somebody(crypto, name, "notary"));
  const random = seededRandom(FOUNDING_SEED, "network");
  const ids = people.map(({ id }) => id);
  const { network, secrets } = foundNetwork(crypto, random, NETWORK, ids);
  const start = async (net: MemoryNetwork, cards: readonly Uint8Array[]): Promise<NotaryRole[]> => {
    const log = new MemoryLog();
    const roles = people.map((person, index) => {
      const { id, keys } = person;
      const bus = net.join(id);
      const messenger = new Messenger({ bus, clock, crypto, random, network: NETWORK, keys });
      for (const card of cards) messenger.meet(card);
      const { termSeed, sealSecret } = secrets[index]!;
      const role = new NotaryRole({
        config: {
          ...{ crypto, network, index, sealSecretKey: sealSecret },
          termSigner: signerFromSeed(crypto, termSeed),
        },
        ...{ bus, log, clock, failed, store: new MemoryStore({ clock }) },
        introduce: (from, card) => messenger.introduce(from, card),
        deliver: (to, kind, body) => {
          messenger.send(to, kind, body).catch((error: unknown) => messenger.countDrop(errorCode(error)));
        },
      });
      return { role, messenger };
    });
    for (const { role, messenger } of roles) {
      await Promise.all([
        role.start(),
        serve(messenger, (from, kind, body) => role.request(from, kind, body)),
      ]);
    }
    return roles.map(({ role }) => role);
  };
  return { network, start };
}
