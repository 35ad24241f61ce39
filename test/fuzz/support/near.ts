/** Texts that are nearly right. */
import fc from "fast-check";

/** Texts near valid ones: characters replaced, dropped, doubled, of other scripts; parts exchanged. */
export function near(samples: readonly string[]): fc.Arbitrary<string> {
  const changes = fc.array(fc.tuple(fc.nat(2), fc.nat(1_000), fc.string({ unit: "binary", maxLength: 3 })), {
    maxLength: 3,
  });
  return fc.tuple(fc.nat(samples.length - 1), changes).map(([which, all]) =>
    all.reduce((text, [kind, at, piece]) => {
      const place = text.length === 0 ? 0 : at % text.length;
      return text.slice(0, place) + piece + text.slice(place + kind);
    }, samples[which]!),
  );
}
