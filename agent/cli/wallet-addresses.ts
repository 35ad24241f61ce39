/** `segment wallet addresses`: Bitcoin and Ethereum addresses of the owner's words. */
import type { Command } from "commander";
import { nodeCrypto } from "../node/crypto.ts";
import { seedFromWords } from "../../protocols/identity/root.ts";
import { paragraph, terminalWidth } from "./layout.ts";
import { integerOf, smallText, withJson } from "./options.ts";
import type { JsonFlags } from "./options.ts";
import { print, printDocument } from "./output.ts";

interface AddressFlags extends JsonFlags {
  wordsFile: string;
  count: string;
}

const MAX_COUNT = 100;
const CLAIM_TEXT =
  "BTC or ETH on a SEGMENT ledger is a claim on whoever issued it there, worth what that issuer is good for; only " +
  "what stands at these addresses on the chain itself is coin, and only an issuer turns one into the other.";

export function addAddresses(wallet: Command): void {
  withJson(wallet.command("addresses"))
    .description("Show the BTC (BIP 84) and ETH (BIP 44, EIP-55) addresses that the owner's words give.")
    .requiredOption("--words-file <file>", "the owner's BIP 39 words")
    .option("--count <n>", `how many of each, 1 to ${MAX_COUNT}`, "1")
    .addHelpText("after", "\nExample:\n  segment wallet addresses --words-file words.txt --count 3\n")
    .action(addresses);
}

async function addresses(flags: AddressFlags): Promise<void> {
  const count = integerOf("--count", flags.count, 1, MAX_COUNT);
  const seed = seedFromWords(smallText(flags.wordsFile));
  const { bitcoinAddresses, ethereumAddresses } = await import("../../protocols/money/addresses.ts");
  const btc = bitcoinAddresses(nodeCrypto, seed, count);
  const eth = ethereumAddresses(seed, count);
  if (flags.json === true) {
    printDocument({ btc, eth, note: CLAIM_TEXT });
    return;
  }
  for (const { path, address } of btc) print(`BTC  ${address}  ${path}`);
  for (const { path, address } of eth) print(`ETH  ${address}  ${path}`);
  for (const line of paragraph(CLAIM_TEXT, terminalWidth())) print(line);
}
