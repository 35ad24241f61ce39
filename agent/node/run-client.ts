/**
 * A command's short visit to its network: it connects, asks the notaries or submits an entry, and leaves.
 * It may use the identity of a home that runs at the same time; the broker tells the two apart.
 */
import { Asker } from "../core/asking.ts";
import type { LedgerClient } from "../core/ledger-client.ts";
import type { Received } from "../core/messenger.ts";
import { errorCode } from "../../protocols/errors.ts";
import type { NetworkDescription } from "../../protocols/ledger/network.ts";
import { readContacts } from "./contacts.ts";
import type { NotaryLine } from "../platform/notary-questions.ts";
import type { Home } from "./home.ts";
import { connect } from "./run-connection.ts";
import type { Connection, Machine } from "./run-connection.ts";
import { openLedgerClient } from "./run-roles.ts";

export { askAccount, askContract, askCurrencies, askDevices, meet } from "../platform/notary-questions.ts";
export type { CurrencyInfo, DeviceInfo } from "../platform/notary-questions.ts";

export interface Client extends NotaryLine {
  machine: Machine;
  connection: Connection;
  ledger: LedgerClient;
  /** Hears what answers no question. Set it to take part in more than questions and entries. */
  heard: Received;
  close(): Promise<void>;
}

const TIME_PATIENCE_MS = 1_000;

/** Errors: broker-unreachable, broker-refused. */
export async function openClient(
  machine: Machine,
  url: string,
  network: NetworkDescription,
  home: Home,
): Promise<Client> {
  const connection = connect(machine, url, network, home);
  try {
    const { bus, messenger } = connection;
    await bus.ready();
    for (const card of readContacts(home.folder, machine.crypto)) messenger.meet(card);
    const ledger = openLedgerClient(machine, connection);
    const asker = new Asker(messenger, machine.linkClock, (message) => {
      try {
        if (!ledger.received(message)) client.heard(message);
      } catch (error) {
        messenger.countDrop(errorCode(error));
      }
    });
    const client: Client = {
      ...{ machine, connection, network, messenger, asker, ledger, linkClock: machine.linkClock },
      heard: () => undefined,
      close: () => connection.close(),
    };
    await asker.listen();
    await messenger.announce();
    // A wrong clock is found out in a moment; where nobody answers, the machine's has to do.
    await connection.time?.known(TIME_PATIENCE_MS);
    return client;
  } catch (error) {
    await connection.close();
    throw error;
  }
}
