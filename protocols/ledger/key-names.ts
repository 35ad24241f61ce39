/**
 * Names of the state's keys that were made lately. Entries name the same devices and accounts again and
 * again, and a name that is the very same string is found in a map ten times as fast as one that has just
 * been put together.
 */

const SLOTS = 1024;

/** `nameOf`, with what it has returned lately kept by the first bytes of `id`. */
export function rememberedPairs(
  nameOf: (id: Uint8Array, currency: string) => string,
): (id: Uint8Array, currency: string) => string {
  const slots = new Array<{ id: Uint8Array; currency: string; name: string } | undefined>(SLOTS);
  return (id, currency) => {
    const slot = ((id[0]! << 8) | id[1]!) % SLOTS;
    const known = slots[slot];
    if (known !== undefined && known.currency === currency && isSame(known.id, id)) return known.name;
    const name = nameOf(id, currency);
    slots[slot] = { id: id.slice(), currency, name };
    return name;
  };
}

/** The same for names of an id alone. */
export function remembered(nameOf: (id: Uint8Array) => string): (id: Uint8Array) => string {
  const paired = rememberedPairs(nameOf);
  return (id) => paired(id, "");
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** `nameOf`, with the last that it has returned kept: nearly all entries move one currency. */
export function rememberedLast(nameOf: (id: string) => string): (id: string) => string {
  let last = { id: "", name: nameOf("") };
  return (id) => {
    if (last.id !== id) last = { id, name: nameOf(id) };
    return last.name;
  };
}
