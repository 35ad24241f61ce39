/** The stage's notaries: a real ledger that executes each entry in a block of its own, and certifies it. */
import { toHex } from "../../protocols/encoding/bytes.ts";
import { agentId } from "../../protocols/identity/keys.ts";
import { signVote } from "../../protocols/ledger/certificate.ts";
import type { EntryDraft } from "../../protocols/ledger/drafts.ts";
import { merklePath } from "../../protocols/ledger/merkle.ts";
import { encodeReceipt, verifyReceipt, type VerifiedReceipt } from "../../protocols/ledger/receipt.ts";
import { contractReceipt } from "../../protocols/ledger/receipt-view.ts";
import { signNoRelease } from "../../protocols/ledger/statements.ts";
import type { Signer } from "../../protocols/ports.ts";
import { DirectLedger } from "../../test/ledger/village.ts";
import { crypto } from "./cast.ts";

export interface Certified {
  bytes: Uint8Array;
  receipt: VerifiedReceipt;
  /** By their ids. */
  parties: string[];
}

export class Notaries {
  readonly ledger = new DirectLedger().begin();
  /** The newest change of each contract. */
  readonly #latest = new Map<string, Certified & { seq: number }>();

  certify(signer: Signer, draft: EntryDraft): Certified {
    const { block } = this.ledger.execute([this.ledger.record(signer, draft)]);
    const line = block.lines[0]!;
    const bytes = encodeReceipt({
      header: block.headerBytes,
      certificate: this.#quorum.map(({ termSigner, index }) => ({
        notary: index,
        signature: signVote(termSigner, { height: block.header.height, hash: block.hash }),
      })),
      leaf: line.leaf,
      leafIndex: 0,
      path: merklePath(block.tree, 0),
      entry: line.entry,
    });
    const receipt = verifyReceipt(crypto, bytes, this.ledger.network);
    const certified = { bytes, receipt, parties: line.parties.map(agentId) };
    const transition = contractReceipt(receipt)?.transition;
    if (transition !== undefined) {
      this.#latest.set(toHex(transition.termsId), { ...certified, seq: transition.seq });
    }
    return certified;
  }

  /** What they say of a contract when they are asked. */
  latestOf(termsId: Uint8Array): Certified | undefined {
    return this.#latest.get(toHex(termsId));
  }

  /** The entry by which one of them ends a contract whose deadline has passed. */
  expiry(termsId: Uint8Array): { signer: Signer; draft: EntryDraft } {
    const seq = this.#latest.get(toHex(termsId))?.seq ?? 0;
    const content = { termsId, seq, timeMs: this.ledger.now };
    const statements = this.#quorum.map(({ termSigner }) =>
      signNoRelease(this.ledger.ledger.rules, termSigner, content),
    );
    const signer = this.ledger.configs[0]!.termSigner;
    return { signer, draft: { body: { kind: "expire", termsId, seq, statements } } };
  }

  get #quorum() {
    return this.ledger.configs.slice(0, 3);
  }
}
