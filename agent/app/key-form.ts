/** The form of a guest key, and what it asks of the keyring; pure. */
import type { GuestKey } from "../../protocols/access/key.ts";
import { keySentences } from "../../protocols/access/text.ts";
import { portableCrypto } from "../../protocols/crypto/portable.ts";
import { errorCode, SegmentError } from "../../protocols/errors.ts";
import { signerFromSeed } from "../../protocols/identity/keys.ts";
import { keyWish } from "../platform/key-content.ts";
import type { ContentFlags, KeyWish } from "../platform/key-content.ts";
import { zoneFormat } from "../platform/wall-clock.ts";
import type { Zone } from "../platform/wall-clock.ts";
import type { Language } from "./language.ts";

/** As the fields hold it: texts. */
export interface KeyForm {
  who: string;
  by: "link" | "id";
  id: string;
  ends: "until" | "forever" | "parent";
  from: string;
  until: string;
  hours: "always" | "some";
  /** Monday first. */
  days: readonly boolean[];
  start: string;
  end: string;
  uses: string;
  /** "door:open", by what is ticked; empty: as the key of which it is a part. */
  may: readonly string[];
  passOn: string;
  refresh: string;
}

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** As the command line would write it: one reading of times and hours for both. */
export function flagsOf(form: KeyForm, parent: GuestKey | undefined): ContentFlags {
  const days = DAYS.filter((_, at) => form.days[at]);
  const isWhole = parent === undefined;
  return {
    for: form.who,
    ...(form.by === "id" ? { to: form.id.trim() } : {}),
    ...(form.from === "" ? {} : { from: form.from }),
    ...(form.ends === "until" ? { until: form.until } : {}),
    ...(form.ends === "forever" && isWhole ? { forever: true } : {}),
    ...(form.hours === "some" ? { hours: [`${days.join(",")} ${form.start}-${form.end}`] } : {}),
    ...(form.uses.trim() === "" ? {} : { uses: form.uses.trim() }),
    ...(isWhole || form.may.length > 0 ? { may: mayOf(form.may) } : {}),
    passOn: form.passOn,
    ...(isWhole ? { refresh: form.refresh } : {}),
  };
}

/** Actions of one target together. */
function mayOf(ticked: readonly string[]): string[] {
  if (ticked.length === 0) throw new SegmentError("option-invalid", "nothing is allowed", { where: "--may" });
  const targets = new Map<string, string[]>();
  for (const one of ticked) {
    const [target = "", action = ""] = one.split(":");
    targets.set(target, [...(targets.get(target) ?? []), action]);
  }
  return [...targets].map(([target, actions]) => `${target}:${actions.join(",")}`);
}

/** Errors: option-invalid with `where` the field, did-invalid, key-exceeds. */
export function wishOf(form: KeyForm, zone: Zone, now: number, parent?: GuestKey): KeyWish {
  return keyWish(flagsOf(form, parent), zone, now, parent);
}

export interface Preview {
  /** What it would say; empty while something is missing. */
  lines: string[];
  /** What is wrong first: the option's name, or "" where it names none. */
  wrong: string | undefined;
}

/** What the key would say, as the person fills in the form. */
export function previewOf(
  form: KeyForm,
  { zone, now, language }: { zone: Zone; now: number; language: Language },
  parent?: GuestKey,
): Preview {
  try {
    const { content } = wishOf(form, zone, now, parent);
    // Any key of nobody: the sentences name none.
    const { publicKey } = signerFromSeed(portableCrypto, new Uint8Array(32).fill(1));
    const holder: GuestKey["holder"] =
      content.holder === null
        ? { kind: "link", linkKey: publicKey }
        : { kind: "identity", identity: content.holder };
    return {
      lines: keySentences({ ...content, holder }, language, zoneFormat(zone, language)),
      wrong: undefined,
    };
  } catch (error) {
    const where = error instanceof SegmentError ? (error.where ?? "") : "";
    return { lines: [], wrong: errorCode(error) === "did-invalid" ? "--to" : where };
  }
}
